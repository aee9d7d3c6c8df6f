package main

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/source"
)

// charts are what a laptop reads beside its checkout, where it needs no credentials: charts, artifacts, and whatever a render needs from
// elsewhere. Applications of other Git repositories are left alone.
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
	case !packed && !q.Lent:
		return nil, &object.Fault{Message: "source " + q.RepoURL + " is another repository, which is not read here"}
	case c.sources == nil:
		what := q.RepoURL
		if u, err := url.Parse(what); err == nil {
			u.User, u.RawQuery = nil, "" // either may hold a token
			what = u.String()
		}
		if q.Chart != "" {
			what = "chart " + q.Chart + " of " + what
		}
		return nil, &object.Fault{Message: what + " is not fetched", Hint: "leave --offline out"}
	}
	return c.sources.At(ctx, q)
}

// registered is the URL of the repository that the user's own helm knows by a name, as change.Deps.Repository wants it.
func (c charts) registered(_ context.Context, name, _ string) (string, bool) {
	file := os.Getenv("HELM_REPOSITORY_CONFIG")
	if file == "" {
		dir := os.Getenv("HELM_CONFIG_HOME")
		if config, err := os.UserConfigDir(); dir == "" && err == nil {
			dir = filepath.Join(config, "helm")
		}
		file = filepath.Join(dir, "repositories.yaml")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	var known struct {
		Repositories []struct{ Name, URL string }
	}
	if err := yaml.Unmarshal(text, &known); err != nil {
		return "", false
	}
	for _, r := range known.Repositories {
		if r.Name == name {
			return r.URL, true
		}
	}
	return "", false
}

func (c charts) close() {
	if c.store != nil {
		c.store.Close()
	}
}
