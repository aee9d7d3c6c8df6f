package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/source"
)

// neighbours are what the applications of a checkout have beside the trees that are compared: this repository at other revisions, other
// repositories, which are fetched by the user's own git, and charts.
type neighbours struct {
	charts
	checkout *git.Repository
	same     func(repoURL string) bool
	remotes  []git.Remote
	dir      string // of the checkout
	scratch  string
	offline  bool
	notes    io.Writer

	mu     sync.Mutex
	opened map[string]opened
}

// opened is a repository that was fetched, or could not be, in this run.
type opened struct {
	repo *git.Repository
	err  error
}

// ready opens what is kept of charts.
func (n *neighbours) ready(ctx context.Context) (*neighbours, error) {
	var err error
	if n.remotes, err = git.Remotes(ctx, n.dir); err != nil {
		return n, err
	}
	n.charts, err = openCharts(n.scratch, n.offline)
	return n, err
}

// At implements change.Trees.
func (n *neighbours) At(ctx context.Context, q source.Query) (*git.Tree, error) {
	if q.Chart != "" || q.Lent || strings.HasPrefix(q.RepoURL, "oci://") {
		return n.charts.At(ctx, q)
	}
	repo := n.checkout
	if !n.same(q.RepoURL) {
		var err error
		if repo, err = n.open(ctx, q.RepoURL); err != nil {
			return nil, err
		}
	}
	at, err := n.resolve(ctx, repo, q)
	if errors.Is(err, git.ErrUnknownRevision) {
		f := &object.Fault{Message: fmt.Sprintf("%s has no revision %q", q.RepoURL, q.Revision)}
		if repo == n.checkout {
			f.Message, f.Hint = fmt.Sprintf("this checkout has no revision %q", q.Revision), "git fetch it"
		}
		return nil, f
	}
	if err != nil {
		return nil, err
	}
	return repo.Tree(ctx, at)
}

// resolve finds a revision; in the checkout also among the branches that its remotes had when they were fetched.
func (n *neighbours) resolve(ctx context.Context, repo *git.Repository, q source.Query) (git.Hash, error) {
	at, err := repo.ResolveTagged(ctx, q.TagPrefix, q.Revision)
	if repo != n.checkout || !errors.Is(err, git.ErrUnknownRevision) {
		return at, err
	}
	for _, r := range n.remotes {
		if at, other := repo.Resolve(ctx, "refs/remotes/"+r.Name+"/"+strings.TrimPrefix(q.Revision, "refs/heads/")); other == nil {
			return at, nil
		}
	}
	return at, err
}

// open fetches another repository, once a run, and keeps it in the user's cache.
func (n *neighbours) open(ctx context.Context, repoURL string) (*git.Repository, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := hashed(source.NormalizeURL(repoURL))
	if known, ok := n.opened[id]; ok {
		return known.repo, known.err
	}
	repo, err := n.fetch(ctx, repoURL, id)
	if n.opened == nil {
		n.opened = map[string]opened{}
	}
	n.opened[id] = opened{repo, err}
	return repo, err
}

func (n *neighbours) fetch(ctx context.Context, repoURL, id string) (*git.Repository, error) {
	dir := filepath.Join(n.scratch, "repositories", id+".git")
	if cache, err := os.UserCacheDir(); err == nil && os.MkdirAll(filepath.Join(cache, "slipway"), 0o700) == nil {
		dir = filepath.Join(cache, "slipway", "repositories", id+".git")
	}
	if n.offline {
		return nil, &object.Fault{Message: "source " + bare(repoURL) + " is another repository, which is not fetched",
			Hint: "leave --offline out, or say by --repo that it is this one"}
	}
	fmt.Fprintf(n.notes, "slipway: note: fetching %s\n", bare(repoURL))
	if err := git.FetchAsUser(ctx, repoURL, dir); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, &object.Fault{Message: err.Error(), Hint: "--repo says that it is this repository"}
	}
	return git.OpenCheckout(ctx, dir, filepath.Join(n.scratch, id))
}

// bare is a URL without the user that it may name.
func bare(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw // of ssh's own form, which has no password
	}
	u.User = nil
	return u.String()
}

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:12])
}
