package source

import (
	"context"
	"fmt"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// maxNesting is how deep submodules may lie in submodules.
const maxNesting = 5

// Access is what the trees of a repository come to beyond its own mirror, for a project: files of Git LFS if they are switched on for the
// repository, and submodules if they are switched on for all. A submodule is read with what is registered for its own URL or, where
// nothing is and it is at the same host, with what its parent is read with, as Argo CD would; but never shown that elsewhere.
func (s *Sources) Access(ctx context.Context, repoURL, project string) git.Access {
	return s.access(ctx, Query{RepoURL: repoURL, Project: project})
}

func (s *Sources) access(ctx context.Context, q Query) git.Access {
	a := git.Access{Auth: func(ctx context.Context) (git.Credential, error) {
		auth, err := s.credential(ctx, q)
		if err != nil || auth == nil {
			return git.Credential{}, err
		}
		return auth(ctx)
	}}
	if s.deps.LFS != nil {
		a.LFS = s.deps.LFS(ctx, q.RepoURL, q.Project)
	}
	if s.deps.Submodules != nil && s.deps.Submodules(ctx) {
		a.Module = func(ctx context.Context, m git.Module) (*git.Tree, error) { return s.module(ctx, q, m) }
	}
	return a
}

// module opens a submodule of what q names.
func (s *Sources) module(ctx context.Context, q Query, m git.Module) (*git.Tree, error) {
	if len(q.within) >= maxNesting {
		return nil, &object.Fault{Field: "spec.source.repoURL", Message: fmt.Sprintf("submodules lie more than %d deep in each other", maxNesting)}
	}
	// A copy, for the siblings' queries must not share it.
	within := append(append([]string(nil), q.within...), q.RepoURL)
	tree, err := s.At(ctx, Query{RepoURL: m.URL, Project: q.Project, Revision: string(m.Commit), within: within})
	if unresolved(err) {
		return nil, &object.Fault{Field: "spec.source.repoURL", Message: fmt.Sprintf("no branch or tag of %s reaches the commit %s", NormalizeURL(m.URL), m.Commit),
			Hint: "is it pushed?"}
	}
	return tree, err
}

func unresolved(err error) bool {
	fault, ok := object.AsFault(err)
	return ok && fault.Field == "spec.source.targetRevision"
}

// credential is what a repository is shown: its own or, for a submodule without any, that of the repositories which it lies within and
// which are at the same host.
func (s *Sources) credential(ctx context.Context, q Query) (git.Auth, error) {
	if s.deps.Credentials == nil {
		return nil, nil
	}
	own, err := s.deps.Credentials(ctx, q.RepoURL, q.Project)
	if err != nil || len(q.within) == 0 {
		return own, err
	}
	return func(ctx context.Context) (git.Credential, error) {
		var c git.Credential
		if own != nil {
			var err error
			if c, err = own(ctx); err != nil || c.Shows() {
				return c, err
			}
		}
		parent := q.within[len(q.within)-1]
		if site(NormalizeURL(parent)) != site(NormalizeURL(q.RepoURL)) {
			return c, nil
		}
		auth, err := s.credential(ctx, Query{RepoURL: parent, Project: q.Project, within: q.within[:len(q.within)-1]})
		if err != nil || auth == nil {
			return c, err
		}
		return auth(ctx)
	}, nil
}
