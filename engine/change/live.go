package change

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/sync"
)

// Comparison is an application's target held against its cluster, as status.sync and status.health tell it.
type Comparison struct {
	Sync          argo.SyncStatusCode
	Health        argo.HealthStatusCode
	HealthMessage string
	Resources     []Resource // in ID order; hooks among them
	// Shared are objects of the target that another application tracks, with that application's name.
	Shared map[object.ID]string
	// Unreadable are the kinds that could not be read, each with the reason: "Secret: secrets is forbidden: ...".
	Unreadable []string
	// Ignored are the rules of the installation and the application for what comparisons leave out, and Schema is the cluster's, as of
	// this comparison.
	Ignored []argo.ResourceIgnoreDifferences
	Schema  compare.Schema
}

// Resource is one object that is wanted, live, or both.
type Resource struct {
	ID      object.ID
	Version string
	// Desired and Live are the object as it would be applied and as it is; nil where it is not.
	Desired, Live *unstructured.Unstructured
	Place         object.Place
	Status        argo.SyncStatusCode
	// Reason says why Status is Unknown, or what differs.
	Reason string
	// Health is nil for kinds that have none and for objects that are not live.
	Health          *health.Health
	Hook            bool
	RequiresPruning bool
	Wave            int64
}

// Compare holds a target against the cluster. Objects that the project, as given, does not permit are Unknown when wanted and hidden
// when only live. The error is for faults of the world.
func (p *Pipeline) Compare(ctx context.Context, app *argo.Application, proj *argo.AppProject, t Target) (Comparison, error) {
	return p.survey(ctx, app, proj, t, wanted)
}

// Survey is Compare without its verdicts, and without a question to the API server: which objects are there, whose they are and what is
// to be pruned. Sync, Status and Health of what is wanted mean nothing in it.
func (p *Pipeline) Survey(ctx context.Context, app *argo.Application, proj *argo.AppProject, t Target) (Comparison, error) {
	return p.survey(ctx, app, proj, t, func(_ context.Context, v view, o object.Object) Resource { return pair(v, o) })
}

// survey pairs a target with what is live, and has each of its objects judged.
func (p *Pipeline) survey(ctx context.Context, app *argo.Application, proj *argo.AppProject, t Target, judge judge) (Comparison, error) {
	dest, err := p.cluster(ctx, app.Spec.Destination)
	if err != nil {
		return Comparison{}, fmt.Errorf("destination of %s: %w", app.Name, err)
	}
	if dest == nil {
		return Comparison{}, fmt.Errorf("comparing %s: no clusters are configured", app.Name)
	}
	v, err := p.look(ctx, dest, app, ids(t.Objects), hints(app))
	if err != nil {
		return Comparison{}, fmt.Errorf("failed to load live state: %w", err)
	}
	rules, where := p.rules(proj), known(app.Spec.Destination, dest)
	v.actFor(rules, app, p.deps.Impersonation())
	permitted := func(id object.ID) bool {
		return rules.Object(id, namespaced(dest, id.GroupKind()), where) == ""
	}
	c := Comparison{Shared: map[object.ID]string{}, Ignored: v.opts.Ignore, Schema: v.opts.Schema}
	if v.unreadable != nil {
		for gk, err := range v.unreadable.Kinds {
			c.Unreadable = append(c.Unreadable, fmt.Sprintf("%s: %v", gk, err))
		}
		slices.Sort(c.Unreadable)
	}
	if c.Resources, err = p.judgeAll(ctx, v, t.Objects, judge); err != nil {
		return Comparison{}, fmt.Errorf("comparing %s: %w", app.Name, err)
	}
	instance, denied := p.Instance(app), false
	for i := range c.Resources {
		r := &c.Resources[i]
		if !permitted(r.ID) {
			denied = denied || !r.Hook
			r.Status, r.Reason, r.Live, r.Health = argo.SyncStatusCodeUnknown, "not permitted in project "+app.Spec.ProjectName(), nil, nil
		}
		if r.Live != nil {
			if owner, tracked := dest.Tracking().TrackedBy(r.Live); tracked && owner != instance {
				c.Shared[r.ID] = owner
			}
		}
	}
	for id, u := range v.live {
		owner, tracked := dest.Tracking().TrackedBy(u)
		if _, isWanted := t.Objects.Find(id); isWanted || !tracked || owner != instance || !permitted(id) {
			continue
		}
		c.Resources = append(c.Resources, extra(ctx, v, id))
	}
	slices.SortFunc(c.Resources, func(a, b Resource) int { return a.ID.Compare(b.ID) })
	if c.Sync = syncStatus(c.Resources); denied {
		c.Sync = argo.SyncStatusCodeOutOfSync // what is wanted and not permitted is missing, whatever is there
	}
	c.Health, c.HealthMessage = appHealth(app, c.Resources)
	return c, nil
}

// judge says of an object of the target how it stands.
type judge func(context.Context, view, object.Object) Resource

// judgeAll judges each object of the target, side by side, because some comparisons ask the API server.
func (p *Pipeline) judgeAll(ctx context.Context, v view, target *object.Set, judge judge) ([]Resource, error) {
	resources := make([]Resource, target.Len())
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(p.deps.Parallel)
	for i, o := range target.All() {
		group.Go(func() error {
			resources[i] = judge(gctx, v, o)
			return gctx.Err()
		})
	}
	return resources, group.Wait()
}

// pair puts an object of the target beside what is live of it.
func pair(v view, o object.Object) Resource {
	id := o.ID()
	return Resource{ID: id, Version: o.GroupVersionKind().Version, Desired: o.Unstructured, Live: v.live[id], Place: o.Place,
		Hook: sync.IsHook(o.Unstructured), Wave: sync.Wave(o.Unstructured)}
}

// wanted compares one object of the target with what is live.
func wanted(ctx context.Context, v view, o object.Object) Resource {
	r := pair(v, o)
	if r.Live != nil {
		r.Health = v.health.Of(ctx, r.Live)
	}
	if r.Hook {
		r.Status = argo.SyncStatusCodeSynced // hooks are run, not kept
		return r
	}
	s := v.settle(ctx, o.Unstructured, r.Live)
	r.Status, r.Reason = argo.SyncStatusCode(s.Status), s.Reason
	return r
}

// extra is a tracked live object that the target does not want.
func extra(ctx context.Context, v view, id object.ID) Resource {
	u := v.live[id]
	r := Resource{ID: id, Version: u.GroupVersionKind().Version, Live: u, Health: v.health.Of(ctx, u), Hook: sync.IsHook(u), Wave: sync.Wave(u),
		Status: argo.SyncStatusCodeSynced}
	if !r.Hook {
		r.Status, r.RequiresPruning, r.Reason = argo.SyncStatusCodeOutOfSync, true, "requires pruning"
	}
	return r
}

// syncStatus is the application's, by the rules of Argo CD: hooks and what asks to be ignored do not count. One resource that cannot
// be compared makes itself Unknown, not the application.
func syncStatus(resources []Resource) argo.SyncStatusCode {
	for _, r := range resources {
		if r.Hook || r.RequiresPruning && hasOption(r.Live, "argocd.argoproj.io/compare-options", "IgnoreExtraneous") {
			continue
		}
		if r.Status == argo.SyncStatusCodeOutOfSync {
			return argo.SyncStatusCodeOutOfSync
		}
	}
	return argo.SyncStatusCodeSynced
}

// appHealth is the worst health among the managed resources; missing ones count only when all are missing. An application that manages
// itself is not among them: as ill as it was once it would be for ever.
func appHealth(app *argo.Application, resources []Resource) (argo.HealthStatusCode, string) {
	var all []health.Resource
	for _, r := range resources {
		itself := r.Live != nil && app.UID != "" && r.Live.GetUID() == app.UID
		if r.Hook || itself || health.Ignored(r.Live) {
			continue
		}
		all = append(all, health.Resource{ID: r.ID, Live: r.Live != nil, Wanted: r.Desired != nil, Health: r.Health})
	}
	h := health.Application(all)
	return argo.HealthStatusCode(h.Status), h.Message
}

// Diagnose explains the resources of an application that are not well, worst first. Without any it is empty. What the application does
// not track is somebody else's, and not explained.
func (p *Pipeline) Diagnose(ctx context.Context, app *argo.Application, resources []object.ID) ([]cluster.Finding, error) {
	dest, err := p.cluster(ctx, app.Spec.Destination)
	if err != nil {
		return nil, fmt.Errorf("destination of %s: %w", app.Name, err)
	}
	live, err := dest.Live(ctx, p.Instance(app), resources, nil)
	var unreadable *cluster.UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		return nil, fmt.Errorf("reading what is live of %s: %w", app.Name, err)
	}
	var all []cluster.Finding
	for _, id := range resources {
		if u := live[id]; u == nil || !p.tracks(app, dest, u) {
			continue
		}
		found, err := dest.Diagnose(ctx, id)
		if err != nil {
			return all, fmt.Errorf("diagnosing %s: %w", id, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

func (p *Pipeline) tracks(app *argo.Application, dest Cluster, u *unstructured.Unstructured) bool {
	owner, tracked := dest.Tracking().TrackedBy(u)
	return tracked && owner == p.Instance(app)
}

func hasOption(u *unstructured.Unstructured, annotation, option string) bool {
	return u != nil && slices.ContainsFunc(strings.Split(u.GetAnnotations()[annotation], ","), func(s string) bool {
		return strings.TrimSpace(s) == option
	})
}
