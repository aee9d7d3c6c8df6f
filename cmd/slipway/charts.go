package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/source"
)

// charts are what a laptop reads beside its checkout: charts and artifacts that need no credentials. Other Git repositories are left alone.
type charts struct {
	store   *git.Store
	sources *source.Sources // nil: offline
}

// openCharts keeps what is fetched in the user's cache folder, or in scratch where there is none.
func openCharts(scratch string, offline bool) (charts, error) {
	if offline {
		return charts{}, nil
	}
	dir := filepath.Join(scratch, "charts")
	if cache, err := os.UserCacheDir(); err == nil && os.MkdirAll(filepath.Join(cache, "slipway"), 0o700) == nil {
		dir = filepath.Join(cache, "slipway", "charts")
	}
	store, err := git.NewStore(git.Options{Dir: dir})
	if err != nil {
		return charts{}, err
	}
	sources, err := source.New(source.Deps{Store: store, Network: source.Network{AllowedHosts: gate{}.check}})
	return charts{store: store, sources: sources}, err
}

// At implements change.Trees.
func (c charts) At(ctx context.Context, q source.Query) (*git.Tree, error) {
	packed := q.Chart != "" || strings.HasPrefix(q.RepoURL, "oci://")
	switch {
	case !packed:
		return nil, &object.Fault{Message: "source " + q.RepoURL + " is another repository, which is not read here"}
	case c.sources == nil:
		return nil, &object.Fault{Message: strings.TrimSpace("chart "+q.Chart) + " of " + q.RepoURL + " is not fetched", Hint: "leave --offline out"}
	}
	return c.sources.At(ctx, q)
}

func (c charts) close() {
	if c.store != nil {
		c.store.Close()
	}
}
