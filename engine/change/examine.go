package change

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
	"github.com/slipway-cd/slipway/engine/sync"
)

// examine makes an Application of an outcome: the difference of its renders, what is live, and what the guards say.
func (p *Pipeline) examine(ctx context.Context, in Input, c changes, o outcome) Application {
	app := o.app()
	a := Application{
		Namespace: app.Namespace, Name: app.Name, Project: app.Spec.ProjectName(), Parent: o.parent,
		Cluster: clusterName(app.Spec.Destination), Destination: app.Spec.Destination.Namespace,
		Automated: app.Spec.SyncPolicy.IsAutomated(),
		Before:    side(o.beforeTarget), After: side(o.afterTarget), Unseen: o.unseen != "",
	}
	a.After.Fault = gone(a.Before.Fault, a.After.Fault)
	if in.Environment != nil {
		a.Environment = in.Environment(app)
	}
	if o.live != nil {
		a.Health, a.HealthMessage, a.Sync = string(o.live.Status.Health.Status), o.live.Status.Health.Message, string(o.live.Status.Sync.Status)
	}
	before := o.beforeTarget.Objects
	if a.After.Fault == nil && o.unseen == "" { // what is not rendered changes nothing that we could know of
		if a.Moves = o.moves(); a.Moves != "" {
			before = object.NewSet() // nothing of it is there
		}
		a.Differences = compare.Sets(before, o.afterTarget.Objects, p.deps.Compare().Hide...)
	}
	a.Kind = kind(o, a)
	a.Why = why(c, o, a)
	a.Findings = notes(o)

	dest, err := p.cluster(ctx, app.Spec.Destination)
	if err != nil {
		a.Live = err.Error()
	}
	if dest != nil {
		p.examineLive(ctx, in, o, dest, &a)
	}
	facts := p.guarded(ctx, in, o, &a)
	a.Findings = append(a.Findings, in.located(guard.Check(facts))...)
	p.ask(ctx, in, o, facts, &a)
	return a
}

// examineLive fills in drift and foreign objects. Live content is looked at only where it is tracked by this application and its
// project, as it stands in the cluster, permits the object.
func (p *Pipeline) examineLive(ctx context.Context, in Input, o outcome, dest Cluster, a *Application) {
	app := o.app()
	v, err := p.look(ctx, dest, app, ids(o.beforeTarget.Objects, o.afterTarget.Objects), hints(o.live))
	if err != nil {
		a.Live = err.Error()
		return
	}
	if v.unreadable != nil {
		a.Live = v.unreadable.Error()
	}
	if in.Project != nil {
		if proj, ok := in.Project(app.Spec.ProjectName()); ok {
			v.actFor(p.rules(proj), app, p.deps.Impersonation())
		}
	}
	instance, permitted := p.Instance(app), p.permits(in, app, dest)
	ours := func(id object.ID, u *unstructured.Unstructured) bool {
		owner, tracked := dest.Tracking().TrackedBy(u)
		return o.live != nil && tracked && owner == instance && permitted(id)
	}
	for id, u := range v.live {
		if _, wanted := o.afterTarget.Objects.Find(id); wanted && !ours(id, u) {
			a.Foreign = append(a.Foreign, id)
		}
	}
	sortIDs(a.Foreign)
	if o.live == nil || o.beforeTarget.Fault != nil {
		return
	}
	if a.Undeployed = v.unreadable == nil && undeployed(o.beforeTarget.Objects, v.live); a.Undeployed {
		return
	}
	a.Drift = drift(ctx, v, o.beforeTarget.Objects, ours)
}

// gone says of a source whose folder is no more that it was there before.
func gone(before, after *object.Fault) *object.Fault {
	if before != nil || after == nil || after.Field != "spec.source.path" || after.Hint != "" {
		return after
	}
	f := *after
	f.Hint = "the folder is there at the base: change the Application too, or remove it first"
	return &f
}

// moves names the cluster that an application goes to, or "" where it stays.
func (u unit) moves() string {
	if u.before == nil || u.after == nil || !elsewhere(u.before.Spec.Destination, u.after.Spec.Destination) {
		return ""
	}
	return clusterName(u.after.Spec.Destination)
}

// undeployed says whether nothing of what the base wants is there.
func undeployed(base *object.Set, live map[object.ID]*unstructured.Unstructured) bool {
	for _, id := range ids(base) {
		if live[id] != nil {
			return false
		}
	}
	return base.Len() > 0
}

// permits says whether the application's project lets it have an object.
func (p *Pipeline) permits(in Input, app *argo.Application, dest Cluster) func(object.ID) bool {
	if in.Project == nil {
		return func(object.ID) bool { return true }
	}
	proj, ok := in.Project(app.Spec.ProjectName())
	if !ok {
		return func(object.ID) bool { return false }
	}
	rules, where := p.rules(proj), known(app.Spec.Destination, dest)
	return func(id object.ID) bool { return rules.Object(id, namespaced(dest, id.GroupKind()), where) == "" }
}

// kind says what the change does to the application as a whole.
func kind(o outcome, a Application) Kind {
	switch {
	case o.before == nil:
		return Added
	case o.after == nil:
		return Removed
	case len(a.Differences) > 0, a.Before.Digest != a.After.Digest, faultChanged(a):
		return Changed
	}
	return Unchanged
}

func faultChanged(a Application) bool {
	return (a.Before.Fault == nil) != (a.After.Fault == nil) ||
		a.After.Fault != nil && a.Before.Fault.Error() != a.After.Fault.Error()
}

// why explains what brings the application here: its specification, or the changed files that its renders read.
func why(c changes, o outcome, a Application) []plan.Reason {
	var reasons []plan.Reason
	if o.respecified {
		reasons = append(reasons, respecified(o.unit, a.Kind))
	}
	reasons = append(reasons, c.why(slices.Concat(o.beforeTarget.Trace, o.afterTarget.Trace))...)
	if len(reasons) == 0 && a.Kind != Unchanged {
		reasons = append(reasons, plan.Reason{Text: "its render depends on the commit"})
	}
	return reasons
}

// respecified says what becomes of a specification, and by whom.
func respecified(u unit, k Kind) plan.Reason {
	said := func(text string, names ...string) plan.Reason { return plan.Reason{Text: text, Names: names} }
	switch {
	case u.parent == "" && k == Added: // on a laptop manifests speak for themselves
		return said("its manifest is new")
	case u.parent == "" && k == Removed:
		return said("its manifest goes")
	case u.parent == "":
		return said("its specification changes")
	case u.former != "":
		return said(fmt.Sprintf("it moves from %s to %s", u.former, u.parent), u.former, u.parent)
	case k == Added:
		return said(u.parent+" "+u.verb+" it anew", u.parent)
	case k == Removed:
		return said(u.parent+" no longer "+u.verb+" it", u.parent)
	}
	return said("its specification changes in "+u.parent, u.parent)
}

func notes(o outcome) []guard.Finding {
	var found []guard.Finding
	remarks := slices.Clone(o.notes)
	if o.unseen != "" {
		remarks = append(remarks, o.unseen)
	}
	if o.former != "" {
		remarks = append(remarks, fmt.Sprintf("it moves from %s to %s: where %s is synced with pruning before %s is synced, it is deleted first", o.former, o.parent, o.former, o.parent))
	}
	for _, n := range remarks {
		found = append(found, guard.Finding{Check: "specification", Severity: guard.Warn, Message: n,
			ID: object.ID{Group: "argoproj.io", Kind: "Application", Namespace: o.app().Namespace, Name: o.app().Name}})
	}
	return found
}

// drift compares what is live and ours with what the base wants: what a sync of the base would put back.
func drift(ctx context.Context, v view, base *object.Set, ours func(object.ID, *unstructured.Unstructured) bool) []compare.Difference {
	var out []compare.Difference
	for _, o := range base.All() {
		id := o.ID()
		u := v.live[id]
		if sync.IsHook(o.Unstructured) || u != nil && !ours(id, u) {
			continue
		}
		s := v.settle(ctx, o.Unstructured, u)
		if s.Status != compare.OutOfSync || s.Difference.Kind == compare.Unchanged {
			continue // what cannot be compared is the controller's to report; the page speaks of the change
		}
		s.Difference.ID, s.Difference.Place = id, o.Place
		out = append(out, s.Difference)
	}
	for id, u := range v.live {
		if _, wanted := base.Find(id); !wanted && ours(id, u) && !sync.IsHook(u) && u.GetDeletionTimestamp() == nil {
			out = append(out, compare.Resource(id, u, nil, v.opts.Hide...))
		}
	}
	sortDifferences(out)
	return out
}

func side(t Target) Side {
	return Side{Revisions: t.Revisions, Digest: t.Digest, Tools: t.SourceTypes, Objects: t.Objects.Len(), Fault: t.Fault,
		Warnings: t.Warnings, Cached: t.Cached, Elapsed: t.Elapsed}
}

// hints are the identities that the controller has seen as the application's; what was tracked once may still be live.
func hints(app *argo.Application) []object.ID {
	if app == nil {
		return nil
	}
	var out []object.ID
	for _, r := range app.Status.Resources {
		out = append(out, object.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
	}
	return out
}
