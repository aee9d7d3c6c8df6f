package change

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/plan"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/source"
)

// lookAt is a side of the change, and what both sides have in common: when they are looked at, and what is known without asking.
type lookAt struct {
	tree *git.Tree
	head bool
	now  time.Time
	// known are the answers that the controller had; nil where they are not for this change.
	known *appset.Known
	// opened are the repositories that the base names, or has its generators read.
	opened map[repository]bool
}

// repository is another one at a revision.
type repository struct{ url, revision string }

func (l lookAt) base(tree *git.Tree) lookAt {
	l.tree = tree
	return l
}

func (l lookAt) merged(tree *git.Tree) lookAt {
	l.tree, l.head = tree, true
	return l
}

// known are the answers to what a set asks at its base.
func (w *walk) known(g generated) *appset.Known {
	switch {
	case w.p.deps.Answers == nil || !w.in.Trusted:
		return nil
	case g.before == nil:
		return &appset.Known{Base: g.after} // none
	}
	return &appset.Known{Answers: w.p.deps.Answers(g.before), Base: g.before}
}

// generate makes a set's applications from this repository's side, from the clusters that are registered, from what its controller was
// told when it last asked, and from the repositories that the set reads at its base: what only the head names is asked for nowhere.
func (w *walk) generate(ctx context.Context, g generated, set *argo.ApplicationSet, at lookAt) (map[key]*argo.Application, error) {
	made := map[key]*argo.Application{}
	if set == nil {
		return made, nil
	}
	traced := at.tree.Traced()
	world := appset.World{Now: at.now, Known: at.known, Tree: func(repoURL, revision string) (fs.FS, error) {
		if plan.Follows(argo.ApplicationSource{RepoURL: repoURL, TargetRevision: revision}, w.in.Scope) {
			return traced, nil
		}
		return w.other(ctx, g.before, repository{repoURL, revision}, at)
	}}
	if w.p.deps.Registered != nil && w.in.Trusted {
		world.Clusters = func() ([]appset.Cluster, error) { return w.p.deps.Registered(ctx) }
	}
	if w.p.deps.PullRequests != nil && w.in.Trusted {
		world.PullRequests = func(q *argo.PullRequestGenerator) ([]appset.PullRequest, error) {
			return w.pullRequests(ctx, q)
		}
	}
	apps, err := appset.Generate(set, world)
	w.read[set.Name] = append(w.read[set.Name], traced.Trace()...)
	var needs *appset.NeedsWorld
	if errors.As(err, &needs) {
		return nil, w.explained(needs, at)
	}
	for _, app := range apps {
		made[keyOf(app)] = app
	}
	return made, err
}

// pullRequests are those that a set lists of this repository, whose pull requests its writers see anyway; others are asked for nowhere, whatever
// credentials the set names. They are asked for once, so that one that is opened meanwhile is no difference.
func (w *walk) pullRequests(ctx context.Context, q *argo.PullRequestGenerator) ([]appset.PullRequest, error) {
	repository := appset.Pull{Generator: q}.Repository()
	if !w.in.Scope.Same(repository + ".git") {
		return nil, &appset.NeedsWorld{Generator: "pullRequest", Reason: "it lists those of " + repository + ", and only the server asks other repositories"}
	}
	text, err := json.Marshal([]any{q.Github, q.GitLab})
	if err != nil {
		return nil, fmt.Errorf("remembering a list of pull requests: %w", err)
	}
	if all, asked := w.pulls[string(text)]; asked {
		return all, nil
	}
	all, err := w.p.deps.PullRequests(ctx, q)
	if err != nil {
		w.p.deps.Log.Warn("pull requests cannot be listed for a report", "repository", repository, "error", err)
		return nil, &appset.NeedsWorld{Generator: "pullRequest", Reason: "the forge does not list its pull requests now"}
	}
	for i := range all {
		if all[i].Held == "" && !w.atHand(ctx, repository+".git", all[i].HeadSHA) {
			all[i].Held = "its head is not at hand here"
		}
	}
	w.pulls[string(text)] = all
	return all, nil
}

// atHand says whether a commit can be rendered: what only the store of pull requests has is not for applications.
func (w *walk) atHand(ctx context.Context, repoURL, revision string) bool {
	if w.p.deps.Trees == nil {
		return false
	}
	_, err := w.p.deps.Trees.At(ctx, source.Query{RepoURL: repoURL, Revision: revision})
	return err == nil
}

// named are the repositories and revisions that git generators of a set name outright.
func named(set *argo.ApplicationSet) map[repository]bool {
	all := map[repository]bool{}
	if set == nil {
		return all
	}
	for _, l := range appset.Leaves(set) {
		if l.Git != nil {
			all[repository{l.Git.RepoURL, l.Git.Revision}] = true
		}
	}
	return all
}

// other opens another repository that a generator reads: at the head those alone that the base's set names or has been reading, at the
// base those that the controller would read for it.
func (w *walk) other(ctx context.Context, set *argo.ApplicationSet, r repository, at lookAt) (fs.FS, error) {
	if w.p.deps.Trees == nil || w.in.Scope.Same(r.url) || at.head && !at.opened[r] {
		return nil, &appset.NeedsWorld{Generator: "git", Reason: fmt.Sprintf("it reads %s at %q, and only %s of this repository is read here", r.url, r.revision, w.in.Scope.BaseBranch)}
	}
	if err := w.mayRead(ctx, set, r.url); err != nil {
		return nil, err
	}
	at.opened[r] = true
	return w.p.deps.Trees.At(ctx, source.Query{RepoURL: r.url, Revision: r.revision})
}

// mayRead says whether the controller would read a repository for a set.
func (w *walk) mayRead(ctx context.Context, set *argo.ApplicationSet, repoURL string) error {
	if w.p.deps.Project == nil || set.Namespace == w.p.deps.ControlNamespace {
		return nil
	}
	var proj *argo.AppProject
	name := project.OfSet(set)
	if name != "" {
		var err error
		if proj, err = w.p.deps.Project(ctx, name); err != nil {
			return fmt.Errorf("reading the project %s: %w", name, err)
		}
	}
	if refused := project.Generates(set, proj, w.p.deps.Scope(name), w.p.deps.ControlNamespace, repoURL); refused != nil {
		return refused
	}
	return nil
}

// explained says of what only the controller is told why that is not at hand.
func (w *walk) explained(needs *appset.NeedsWorld, at lookAt) *appset.NeedsWorld {
	switch {
	case needs.Unanswered && at.head:
		needs.Reason = "it asks for this on the pull request's word alone, by which nobody is asked: what it yields is known after the merge"
	case needs.Unanswered:
		needs.Reason = "only the set's controller asks for what it yields, and Slipway's has had no answer yet"
	case needs.Reason == "" && !w.in.Trusted:
		needs.Reason = "what it yields is shown where the author may write here, and this author may not"
	}
	return needs
}
