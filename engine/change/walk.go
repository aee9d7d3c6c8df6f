package change

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
	"github.com/slipway-cd/slipway/engine/render"
)

// key names an Application within a control plane.
type key struct{ namespace, name string }

func keyOf(a *argo.Application) key { return key{a.Namespace, a.Name} }

// unit is one application with its specification before and after the merge; either may be missing.
type unit struct {
	before, after *argo.Application
	// live is the Application in the cluster, or nil.
	live *argo.Application
	// parent is what declares or generates it, and verb which of the two it does; both are empty where nothing is known to.
	parent, verb string
	// former is the parent that lets it go, when it moves to this one.
	former string
	depth  int
	// respecified is whether the merge changes the specification itself.
	respecified bool
	// notes are remarks on the specification for the reviewer.
	notes []string
	// fault says why the specification of the head is refused; unseen why it is left alone until the merge.
	fault  *object.Fault
	unseen string
}

// app is the side that names the application: what the cluster and the base say, else the head.
func (u unit) app() *argo.Application {
	if u.before != nil {
		return u.before
	}
	return u.after
}

// outcome is a unit with its renders.
type outcome struct {
	unit
	beforeTarget, afterTarget Target
	// same is whether the change cannot reach it; then it is examined no further, and its targets may be left out.
	same bool
}

// walk goes through the applications of a change: first those nobody declares, then, level by level, those that their renders
// declare, so that a child is rendered under its old and its new specification.
type walk struct {
	p          *Pipeline
	in         Input
	live       map[key]*argo.Application
	candidates []plan.Candidate
	misses     []plan.Miss
	considered int
	visited    map[key]bool
	respecify  map[key]bool // visited under a specification that the merge changes
	level      []outcome    // the level rendered last
	all        map[key]outcome
	added      int                             // applications that only the head has
	unfolded   map[key]bool                    // sets that were looked into
	sets       []Set                           // and those that could not be
	read       map[string]git.Trace            // what sets read of the repository, by their names
	pulls      map[string][]appset.PullRequest // what they list of it, by their questions
	changes    changes
	mu         sync.Mutex
	renders    int
	reused     int
}

func newWalk(p *Pipeline, in Input) *walk {
	in.Scope.Same = remember(in.Scope.Same)
	w := &walk{p: p, in: in, changes: newChanges(in), live: map[key]*argo.Application{}, visited: map[key]bool{}, respecify: map[key]bool{}, all: map[key]outcome{}, unfolded: map[key]bool{}, read: map[string]git.Trace{}, pulls: map[string][]appset.PullRequest{}}
	if in.Proposed != nil {
		for _, set := range in.ApplicationSets {
			w.unfolded[keyOfSet(set)], w.unfolded[key{name: set.Name}] = true, true
		}
	}
	if in.Proposed == nil {
		for _, app := range in.Applications {
			w.live[keyOf(app)] = app
		}
	}
	w.candidates, w.misses = plan.Select(in.Applications, in.Scope)
	w.considered = len(w.candidates) + len(w.misses)
	return w
}

// first are the candidates that no other candidate is known to declare; on a laptop, all that either tree declares.
func (w *walk) first(ctx context.Context) []unit {
	if w.in.Proposed != nil {
		return w.proposed()
	}
	declared := map[key]bool{}
	names := map[string]bool{}
	for _, c := range w.candidates {
		names[w.p.Instance(c.App)] = true
	}
	for _, c := range w.candidates {
		if parent, ok := parentOf(c.App); ok && names[parent] && parent != w.p.Instance(c.App) {
			declared[keyOf(c.App)] = true
		}
	}
	var roots entrants
	roots.enter(w, w.rootSets(ctx, func(instance string) bool { return names[instance] }))
	return append(roots.units, w.take(func(c plan.Candidate) bool { return !declared[keyOf(c.App)] })...)
}

// proposed pairs the applications that the two trees declare.
func (w *walk) proposed() []unit {
	before, after := byKey(w.in.Applications), byKey(w.in.Proposed)
	var units []unit
	for _, app := range append(slices.Clone(w.in.Applications), w.in.Proposed...) {
		k := keyOf(app)
		u := unit{before: before[k], after: after[k]}
		u.respecified = u.before == nil || u.after == nil || !reflect.DeepEqual(u.before.Spec, u.after.Spec)
		if w.visited[k] || !w.moves(u.before) && !w.moves(u.after) && !(u.respecified && (packaged(u.before) || packaged(u.after))) {
			continue
		}
		w.visited[k] = true
		if u.respecified || w.follows(u.before) { // else it is a miss, pinned to what does not move
			units = append(units, u)
		}
	}
	w.candidates = nil // all of them are here
	w.misses = slices.DeleteFunc(w.misses, func(m plan.Miss) bool {
		return slices.ContainsFunc(units, func(u unit) bool { return keyOf(u.app()) == key{m.Namespace, m.Name} })
	})
	return units
}

// follows says whether a source of the application moves with the branch.
func (w *walk) follows(app *argo.Application) bool {
	moved, _ := plan.Moved(&app.Spec, w.in.Scope)
	return len(moved) > 0
}

// packaged says whether an application has a chart of a repository: a new version of it is a change that no file but the manifest shows.
func packaged(app *argo.Application) bool {
	return app != nil && slices.ContainsFunc(app.Spec.SourceList(), func(src argo.ApplicationSource) bool { return src.Chart != "" })
}

func byKey(apps []*argo.Application) map[key]*argo.Application {
	m := make(map[key]*argo.Application, len(apps))
	for _, app := range apps {
		m[keyOf(app)] = app
	}
	return m
}

// next are the applications that the last level declares; when it declares none, the candidates that nobody turned out to declare.
func (w *walk) next(ctx context.Context) []unit {
	var born entrants
	for _, o := range w.level {
		if o.depth < maxDepth {
			born.enter(w, w.children(ctx, o))
		}
	}
	if len(born.units) > 0 {
		return born.units
	}
	return w.take(func(plan.Candidate) bool { return true })
}

// entrants are the units of a level that is still to be rendered, each application once.
type entrants struct {
	units []unit
	at    map[key]int
}

// enter adds children. One that was rendered before its parent was known to change it is rendered again, as changed; one that a parent
// lets go and another takes is one that moves.
func (e *entrants) enter(w *walk, children []unit) {
	if e.at == nil {
		e.at = map[key]int{}
	}
	for _, child := range children {
		k := keyOf(child.app())
		if i, ok := e.at[k]; ok {
			e.units[i] = joined(e.units[i], child)
			continue
		}
		if w.visited[k] {
			earlier := w.all[k]
			if gone := earlier.after == nil && child.after != nil; gone {
				child = joined(earlier.unit, child)
			} else if !child.respecified || w.respecify[k] {
				continue
			}
		}
		w.visited[k], w.respecify[k] = true, child.respecified
		w.bound(&child)
		e.at[k] = len(e.units)
		e.units = append(e.units, child)
	}
}

// joined is one application of which two parents speak. Where one lets it go and the other takes it, it moves; else the first is heard,
// unless only the other changes it.
func joined(a, b unit) unit {
	from, to := a, b
	switch {
	case a.after == nil && b.after != nil:
	case a.after != nil && b.after == nil:
		from, to = b, a
	case !a.respecified && b.respecified:
		return b
	default:
		return a
	}
	if to.before == nil {
		to.before, to.live = from.before, from.live
	}
	to.former, to.respecified = from.parent, true
	return to
}

// maxNew bounds the applications of one change that are neither in the cluster nor declared by the base. A chart that declares itself
// under ever new names would have no end.
const maxNew = 300

// bound refuses to render what a head declares beyond the bound.
func (w *walk) bound(u *unit) {
	if u.before != nil || u.live != nil || u.fault != nil {
		return
	}
	if w.added++; w.added > maxNew {
		u.fault = &object.Fault{Message: fmt.Sprintf("a change may bring at most %d new applications; this one is not looked at", maxNew),
			Hint: "bring them in several pull requests"}
	}
}

// take makes units of the candidates that were not visited yet; their specification does not change.
func (w *walk) take(want func(plan.Candidate) bool) []unit {
	var units []unit
	for _, c := range w.candidates {
		if k := keyOf(c.App); !w.visited[k] && want(c) {
			w.visited[k] = true
			units = append(units, unit{before: c.App, after: c.App, live: c.App})
		}
	}
	return units
}

// remember keeps what a function says of a URL; a thousand applications name but a few.
func remember(same func(string) bool) func(string) bool {
	var known sync.Map
	return func(url string) bool {
		if v, ok := known.Load(url); ok {
			return v.(bool)
		}
		is := same(url)
		known.Store(url, is)
		return is
	}
}

// render renders the units, all at once; the renderer's workers are the limit.
func (w *walk) render(ctx context.Context, units []unit) error {
	w.level = make([]outcome, len(units))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(w.p.deps.Parallel)
	for i, u := range units {
		group.Go(func() (err error) {
			w.level[i], err = w.both(gctx, u)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, o := range w.level {
		w.all[keyOf(o.app())] = o
	}
	return nil
}

// both renders a unit's two sides, the base first: what the merge has in common with it need not be rendered again.
func (w *walk) both(ctx context.Context, u unit) (outcome, error) {
	o := outcome{unit: u}
	var named naming
	if u.before != nil {
		// What stands in the base was merged by someone who may write; only the merged tree carries the head's words.
		base, err := w.side(ctx, TargetRequest{App: u.before, Tree: w.tree(w.in.BaseTree), Own: w.own(w.in.BaseTree), Named: named.note, Trusted: true, Seed: w.in.Seed})
		if err != nil {
			return o, err
		}
		if quiet, ok := w.quiet(u, base); ok {
			w.count(true)
			return quiet, nil
		}
		o.beforeTarget = w.p.assemble(base)
	}
	switch {
	case u.after == nil:
	case u.fault != nil || u.unseen != "":
		o.afterTarget = Target{Fault: u.fault, Objects: object.NewSet()}
	default:
		r := TargetRequest{App: u.after, Tree: w.tree(w.in.MergedTree), Own: w.own(w.in.MergedTree), Trusted: w.in.Trusted, Seed: w.in.Seed}
		if w.in.Project != nil {
			r.Named = named.has
		}
		merge, err := w.side(ctx, r)
		var only unseen
		switch {
		case errors.As(err, &only):
			o.unseen, o.afterTarget = only.Error(), Target{Objects: object.NewSet()}
		case err != nil:
			return o, err
		default:
			o.afterTarget = w.p.assemble(merge)
		}
	}
	return o, nil
}

func (w *walk) side(ctx context.Context, r TargetRequest) (draft, error) {
	var d draft
	dest, err := w.p.cluster(ctx, r.App.Spec.Destination)
	if err != nil {
		err = fmt.Errorf("destination of %s: %w", r.App.Name, err)
	} else {
		d, err = w.p.draft(ctx, r, dest)
	}
	var nowhere *cluster.DestinationError
	if errors.As(err, &nowhere) { // a cluster that does not exist is for its author to mend, and no reason to hide the others
		d, err = draft{app: r.App, fault: &object.Fault{Field: "spec.destination", Message: nowhere.Message}}, nil
	}
	var only unseen
	var away *render.UnreachableError
	if !errors.As(err, &only) && errors.As(err, &away) && ctx.Err() == nil { // nor is a chart repository that is down
		d, err = draft{app: r.App, fault: away.Fault()}, nil
	}
	w.count(d.cached())
	return d, err
}

func (w *walk) count(reused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.renders++
	if reused {
		w.reused++
	}
}

// tree gives sources that move with the change their side's tree.
func (w *walk) tree(side *git.Tree) func(int, argo.ApplicationSource) *git.Tree {
	return func(_ int, src argo.ApplicationSource) *git.Tree {
		if plan.Follows(src, w.in.Scope) {
			return side
		}
		return nil
	}
}

// own gives remotes that name this repository, where it moves with the change, their side's tree.
func (w *walk) own(side *git.Tree) func(repoURL, revision string) *git.Tree {
	return func(repoURL, revision string) *git.Tree {
		if plan.Follows(argo.ApplicationSource{RepoURL: repoURL, TargetRevision: revision}, w.in.Scope) {
			return side
		}
		return nil
	}
}

// outcomes are those that the change may reach, in no order, and the others as misses.
func (w *walk) outcomes() (reached []outcome, quiet []plan.Miss) {
	for _, o := range w.all {
		if o.same {
			quiet = append(quiet, miss(o.app().Namespace, o.app().Name, o.beforeTarget.Fault))
		} else {
			reached = append(reached, o)
		}
	}
	return reached, quiet
}
