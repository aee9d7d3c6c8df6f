package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
	"github.com/slipway-cd/slipway/engine/project"
)

// Input is a change to a repository and what surrounds it.
type Input struct {
	Scope plan.Scope
	// Head is the commit that was proposed; BaseTree and MergedTree are what is compared.
	Head                 string
	BaseTree, MergedTree *git.Tree
	// Files are the paths that differ between the trees.
	Files []string
	// Applications are those of the cluster; on a laptop, those the base tree declares.
	Applications []*argo.Application
	// Proposed are, on a laptop, the applications that the merged tree declares. With a cluster it is nil: there a specification
	// changes only through an application that renders it.
	Proposed []*argo.Application
	// ApplicationSets are those of the cluster; what the two trees make of them is compared. On a laptop they are those that the trees
	// declare, whose applications are among the others already.
	ApplicationSets []*argo.ApplicationSet
	// Project finds an AppProject as it stands in the cluster; what it inherits from global ones is added here. Nil (a laptop) means that nothing is judged.
	Project func(name string) (*argo.AppProject, bool)
	// Environment names the environment of an application as the cluster has it, or "".
	Environment func(*argo.Application) string
	// Order are the environments in the order in which they are deployed; others come after them.
	Order []string
	// Trusted is whether the head was written by someone with write permission, or approved by one.
	Trusted bool
	// Seed makes random template functions repeatable.
	Seed []byte
	// Guards is what the base branch wants of the guards in an environment; nil is their defaults.
	Guards func(environment string) guard.Policy
	// KubeVersion is the release that destinations are taken to have where there is no cluster to ask, such as "v1.36.0"; or empty.
	KubeVersion string

	// brought is what the change brings to each destination.
	brought map[string]*guard.Brought
}

// maxDepth bounds how deep applications may declare applications.
const maxDepth = 10

// PullRequest finds out what merging would do. Faults of the repository are in the Change, application by application; the error is
// for faults of the world and for a cancelled context.
func (p *Pipeline) PullRequest(ctx context.Context, in Input) (Change, error) {
	start := time.Now()
	c := Change{Base: string(in.BaseTree.Commit()), Head: in.Head, Merged: string(in.MergedTree.Commit()), Files: in.Files}
	in.Project = p.inheriting(in.Project)
	w := newWalk(p, in)
	for units := w.first(ctx); len(units) > 0; units = w.next(ctx) {
		if err := w.render(ctx, units); err != nil {
			return c, err
		}
	}
	c.Timings.Render = time.Since(start)

	outcomes, quiet := w.outcomes()
	in.brought = broughtTo(outcomes)
	compared := time.Now()
	c.Applications = make([]Application, len(outcomes))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(p.deps.Parallel)
	for i, o := range outcomes {
		group.Go(func() error {
			c.Applications[i] = p.examine(gctx, in, w.changes, o)
			return gctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return c, fmt.Errorf("comparing: %w", err)
	}
	c.Timings.Compare = time.Since(compared)
	shown := map[key]bool{}
	for _, a := range c.Applications {
		shown[key{a.Namespace, a.Name}] = true
	}
	pinned := slices.DeleteFunc(w.misses, func(m plan.Miss) bool { return shown[key{m.Namespace, m.Name}] })
	c.Misses, c.Considered, c.Sets = append(pinned, quiet...), w.considered, w.sets
	c.Timings.Renders, c.Timings.Reused = w.renders, w.reused
	c.Applications = slices.DeleteFunc(c.Applications, func(a Application) bool { return untouched(&c, a) })
	c.Reach = w.changes.reach(c.Applications, w.read)
	slices.SortFunc(c.Applications, func(a, b Application) int {
		return cmp.Or(cmp.Compare(in.rank(a.Environment), in.rank(b.Environment)), cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Cluster, b.Cluster),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	slices.SortFunc(c.Sets, func(a, b Set) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace)) })
	slices.SortFunc(c.Misses, func(a, b plan.Miss) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	c.Timings.Total = time.Since(start)
	return c, nil
}

// rank is the place of an environment; applications of none come first.
func (in Input) rank(environment string) int {
	if environment == "" {
		return -1
	}
	if i := slices.Index(in.Order, environment); i >= 0 {
		return i
	}
	return len(in.Order)
}

// untouched moves an application that the change cannot reach to the misses. One that was faulty before and still is, in the
// same way and without a changed file, is such a one too.
func untouched(c *Change, a Application) bool {
	if a.Kind != Unchanged || len(a.Why) > 0 {
		return false
	}
	c.Misses = append(c.Misses, miss(a.Namespace, a.Name, a.Before.Fault))
	return true
}

func miss(namespace, name string, fault *object.Fault) plan.Miss {
	reason := "reads none of the changed files"
	if fault != nil {
		reason = "cannot be rendered, before and after alike: " + fault.Error()
	}
	return plan.Miss{Namespace: namespace, Name: name, Reason: reason}
}

// inheriting finds projects with what they inherit from global ones.
func (p *Pipeline) inheriting(find func(string) (*argo.AppProject, bool)) func(string) (*argo.AppProject, bool) {
	globals := p.deps.Globals()
	if find == nil || len(globals) == 0 {
		return find
	}
	return func(name string) (*argo.AppProject, bool) {
		proj, ok := find(name)
		if !ok || proj == nil {
			return proj, ok
		}
		whole, err := project.Inherit(proj, globals, func(name string) (*argo.AppProject, error) {
			global, _ := find(name)
			return global, nil
		})
		return whole, err == nil
	}
}
