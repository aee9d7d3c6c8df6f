package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/run"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

const (
	approvedAnnotation = "argocd.argoproj.io/deletion-approved"
	// healHooksAnnotation, "true" on an Application, has self-heal run the hooks that every other automated sync runs.
	healHooksAnnotation = "slipway.dev/hooks-on-self-heal"
	// waveTimeoutAnnotation, "30m" on an Application, is how long a wave may take to get healthy; "0" is for ever, as in Argo CD.
	waveTimeoutAnnotation = "slipway.dev/wave-timeout"
)

// desired is what an attempt of an operation wants; it does not change while the attempt lasts.
type desired struct {
	app    *argo.Application // with the operation's sources in the place of the specification's
	target change.Target
}

// gathered is all that the decision about the next step needs.
type gathered struct {
	destination Destination
	actor       run.Cluster // as whom steps are carried out
	permits     project.Permits
	wants       *desired
	comparison  change.Comparison
	live        map[object.ID]*unstructured.Unstructured
	done        []argo.ResourceResult
	adopting    bool // objects are taken over from another application
}

// gather reads what the operation needs to know: what it wants, and what is there.
func (p *pass) gather(ctx context.Context, progress *progress) (*gathered, *failure) {
	if p.proj == nil {
		return nil, &failure{phase: argo.OperationError, message: "InvalidSpecError: " + p.noProject()}
	}
	if p.app.Status.OperationState.Operation.Sync == nil {
		return nil, &failure{phase: argo.OperationFailed, message: "Invalid operation request: no operation specified"}
	}
	if progress.target == nil {
		wants, f := p.want(ctx)
		if f != nil {
			return nil, f
		}
		progress.target = wants
		if err := p.pin(ctx, wants); err != nil {
			return nil, &failure{err: err}
		}
	}
	g := &gathered{wants: progress.target, permits: p.permits(), done: p.results()}
	if f := p.see(ctx, g); f != nil {
		return nil, f
	}
	return g, nil
}

// want renders what the operation is to bring about, at the revisions that it pinned before if it did.
func (p *pass) want(ctx context.Context) (*desired, *failure) {
	state := p.app.Status.OperationState
	app := p.requested()
	violations, err := p.violations(ctx, app)
	if err != nil {
		return nil, p.obstacle("ComparisonError", err)
	}
	if len(violations) > 0 {
		var messages []string
		for _, v := range violations {
			messages = append(messages, "InvalidSpecError: "+v.Message)
		}
		return nil, &failure{phase: argo.OperationError, message: strings.Join(messages, "; ")}
	}
	if len(state.Operation.Sync.Manifests) > 0 {
		return nil, &failure{phase: argo.OperationError, message: "ComparisonError: manifests given with the request are not synced; commit them"}
	}
	// A person may ask for what has only just been pushed; what automated sync asks for was seen by a comparison.
	fresh := state.SyncResult == nil && !state.Operation.InitiatedBy.Automated
	sources := app.Spec.SourceList()
	target, err := p.Pipeline.Target(ctx, change.TargetRequest{App: app, Sources: sources, Revisions: p.pinned(), Fresh: fresh, Trusted: true})
	if err != nil {
		return nil, p.obstacle("ComparisonError: "+noManifest(len(sources)), err)
	}
	if target.Fault != nil {
		return nil, &failure{phase: argo.OperationError, message: "ComparisonError: " + noManifest(len(sources)) + ": " + target.Fault.Error()}
	}
	return &desired{app: app, target: target}, nil
}

// obstacle is a fault of the world. It ends an operation that has done nothing yet, so that whoever waits learns of it and the retry
// strategy applies; one that is under way holds on.
func (p *pass) obstacle(what string, err error) *failure {
	if len(p.results()) > 0 {
		return &failure{err: fmt.Errorf("%s: %w", what, err)}
	}
	return &failure{phase: argo.OperationError, message: what + ": " + err.Error()}
}

// requested is the application with the sources of the operation: its own if it has any, else those of the specification, at which a held
// application only arrives by a request that says so.
func (p *pass) requested() *argo.Application {
	app, s := p.app.DeepCopy(), p.app.Status.OperationState.Operation.Sync
	if held, err := p.heldSources(); held != nil && err == nil && s.Source == nil && len(s.Sources) == 0 && len(s.RevisionList()) == 0 {
		setSources(&app.Spec, held)
	}
	useSources(&app.Spec, s)
	return app
}

// useSources puts an operation's own sources in the place of the specification's. The specification itself is never written.
func useSources(spec *argo.ApplicationSpec, s *argo.SyncOperation) {
	switch {
	case len(s.Sources) > 0:
		spec.Sources, spec.Source = s.Sources, nil
	case s.Source != nil:
		spec.Sources, spec.Source = nil, s.Source
	}
}

// pinned are the revisions of this operation: those of an earlier pass, else those asked for.
func (p *pass) pinned() []string {
	state := p.app.Status.OperationState
	if r := state.SyncResult; r != nil {
		if found := r.RevisionList(); len(found) > 0 {
			return found
		}
	}
	return state.Operation.Sync.RevisionList()
}

// pin records the revisions and sources before anything is applied.
func (p *pass) pin(ctx context.Context, wants *desired) error {
	return p.persist(ctx, func(app *argo.Application) {
		s := app.Status.OperationState
		if s.SyncResult == nil {
			s.SyncResult = &argo.SyncOperationResult{}
		}
		r, spec := s.SyncResult, &wants.app.Spec
		r.Revision, r.Revisions, r.Source, r.Sources = "", nil, argo.ApplicationSource{}, nil
		if spec.HasMultipleSources() {
			r.Revisions, r.Sources = wants.target.Revisions, spec.Sources
		} else {
			r.Revision, r.Source = first(wants.target.Revisions), spec.SourceList()[0]
		}
		if policy := spec.SyncPolicy; policy != nil {
			r.ManagedNamespaceMetadata = policy.ManagedNamespaceMetadata
		}
	})
}

// onlyOutOfSync reports whether the operation leaves alone what is as wanted. Only then does it need to know what is.
func (p *pass) onlyOutOfSync() bool { return p.options().Has("ApplyOutOfSyncOnly=true") }

// see pairs what the operation wants with what is in the cluster, and reads what no watch shows.
func (p *pass) see(ctx context.Context, g *gathered) *failure {
	app := g.wants.app
	var err error
	if g.destination, err = p.Clusters(ctx, app.Spec.Destination); err != nil {
		return p.obstacle("ComparisonError", err)
	}
	if g.actor, err = p.actor(g.destination); err != nil {
		return &failure{phase: argo.OperationError, message: err.Error()}
	}
	survey := p.Pipeline.Survey
	if p.onlyOutOfSync() {
		survey = p.Pipeline.Compare
	}
	if g.comparison, err = survey(ctx, app, p.proj, g.wants.target); err != nil {
		return p.obstacle("ComparisonError", err)
	}
	g.adopting = p.takeOver(&g.comparison)
	if len(g.comparison.Shared) > 0 && p.options().Has("FailOnSharedResource=true") {
		message := shared(p.Pipeline.Instance(app), g.comparison.Shared)[0].Message
		return &failure{phase: argo.OperationFailed, message: "Shared resource found: " + message}
	}
	g.live = map[object.ID]*unstructured.Unstructured{}
	for _, r := range g.comparison.Resources {
		if r.Live != nil {
			g.live[r.ID] = r.Live
		}
	}
	fences, _ := engine.Fences(p.app.Annotations, app.Spec.Destination.Namespace)
	for _, id := range slices.Concat(engine.Wanted(p.options(), app.Spec.Destination.Namespace), identities(fences), engine.Awaited(g.done)) {
		if _, known := g.live[id]; !known || !g.destination.Followed(id.GroupKind()) {
			if err := g.read(ctx, id); err != nil {
				return &failure{err: err}
			}
		}
	}
	return g.catchUp(ctx, p.memo.recent, p.now())
}

// read reads one object past the cache.
func (g *gathered) read(ctx context.Context, id object.ID) error {
	u, err := g.destination.Get(ctx, id)
	switch {
	case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
		delete(g.live, id)
		return nil
	case err != nil:
		return fmt.Errorf("reading %s: %w", id, err)
	}
	g.live[id] = u
	return nil
}

// catchUp looks past the cache at objects that we have just written, until the cache shows them as we left them.
func (g *gathered) catchUp(ctx context.Context, recent recents, now time.Time) *failure {
	for _, id := range recent.behind(g.live, now) {
		if err := g.read(ctx, id); err != nil {
			return &failure{err: err}
		}
	}
	return nil
}

// absorb takes over what actions left behind.
func (g *gathered) absorb(recent recents, outcomes []engine.Outcome, now time.Time) {
	for _, o := range outcomes {
		id := o.Action.ID
		if o.Failed {
			continue
		}
		if o.Live != nil {
			g.live[id] = o.Live
		}
		switch o.Action.Verb {
		case engine.Prune:
			recent[id] = trace{at: now, uid: o.Action.UID, deleted: true}
		case engine.Remove:
			delete(g.live, id) // its end, if it has not come, will be seen
			recent[id] = trace{at: now, uid: o.Action.UID, deleted: true, released: true}
		case engine.Release:
			delete(recent, id)
			if o.Live == nil {
				delete(g.live, id)
			} else {
				recent[id] = trace{at: now, uid: o.Action.UID, version: o.Live.GetResourceVersion(), released: true}
			}
		default:
			if o.Live != nil && !g.isBeside(id) {
				recent[id] = trace{at: now, uid: o.Live.GetUID(), version: o.Live.GetResourceVersion()}
			}
		}
	}
}

// isBeside reports whether an object is the destination namespace, or what fences a preview in there, that no manifest writes. It is no part
// of the application, so that no comparison would ever show that the cache has caught up with it; whoever asks for it asks the API server.
func (g *gathered) isBeside(id object.ID) bool {
	if namespace := id.Group == "" && id.Kind == "Namespace"; !namespace && !engine.IsFence(id) {
		return false
	}
	_, written := g.wants.target.Objects.Find(id)
	return !written
}

// options are the operation's, which the application's policy lends where the request has none.
func (p *pass) options() argo.SyncOptions {
	s := p.app.Status.OperationState.Operation.Sync
	if s.SyncOptions != nil {
		return s.SyncOptions
	}
	return p.app.Spec.SyncPolicy.Options()
}

// input puts together what package sync decides by.
func (g *gathered) input(ctx context.Context, p *pass, progress *progress) engine.Input {
	state := p.app.Status.OperationState
	app := g.wants.app
	in := engine.Input{
		Desired: g.wants.target.Objects, Live: g.live, Namespace: app.Spec.Destination.Namespace,
		Ignore:  g.comparison.Ignored,
		Schema:  g.comparison.Schema,
		Options: p.options(), Operation: *state.Operation.Sync, Revision: first(g.wants.target.Revisions),
		Done: g.done, StartedAt: state.StartedAt.Time, Attempt: state.RetryCount, Approved: approval(p.app),
		Terminate: p.terminates(), Tried: progress.tried,
		Now: p.now(), Since: progress.since, WaveTimeout: engine.Patience(p.app.Annotations, waveTimeoutAnnotation, max(p.Options.WaveTimeout, 0)), WaveDelay: max(p.Options.WaveDelay, 0),
		Served: g.destination.Namespaced, Health: p.judge(ctx),
		Permits: func(id object.ID, namespaced bool) string {
			return g.permits.Object(id, namespaced, place(g.destination, id.Namespace))
		},
	}
	if slipway.IsPreview(p.app.Annotations) {
		in.CreatedFor = p.Pipeline.Instance(p.app)
		in.Fences, in.FenceProblem = engine.Fences(p.app.Annotations, in.Namespace)
	}
	in.Operation.Prune = in.Operation.Prune && !g.adopting
	in.HooksInSelection = state.Operation.Sync.SelfHealAttemptsCount > 0 && app.Annotations[healHooksAnnotation] == "true"
	if policy := app.Spec.SyncPolicy; policy != nil {
		in.Managed = policy.ManagedNamespaceMetadata
	}
	if p.onlyOutOfSync() {
		in.OutOfSync = map[object.ID]bool{}
	}
	for _, r := range g.comparison.Resources {
		if r.RequiresPruning {
			in.Prunable = append(in.Prunable, r.ID)
		}
		if in.OutOfSync != nil && r.Status != argo.SyncStatusCodeSynced {
			in.OutOfSync[r.ID] = true
		}
	}
	slices.SortFunc(in.Prunable, func(a, b object.ID) int { return strings.Compare(a.String(), b.String()) })
	return in
}

// overdue reports whether the operation has taken longer than any may.
func (p *pass) overdue() bool {
	return p.Options.SyncTimeout > 0 && p.now().Sub(p.app.Status.OperationState.StartedAt.Time) > p.Options.SyncTimeout
}

// untilOverdue is how long the running operation may still take; 0 where there is no limit.
func (p *pass) untilOverdue() time.Duration {
	s := p.app.Status.OperationState
	if p.Options.SyncTimeout <= 0 || s == nil || !s.Phase.Running() {
		return 0
	}
	return max(s.StartedAt.Add(p.Options.SyncTimeout).Sub(p.now()), time.Millisecond)
}

// judge is how well a live object is, by the installation's rules and ours. The application itself, where it is among its objects, is not
// waited for: it is under way because of the sync.
func (p *pass) judge(ctx context.Context) func(*unstructured.Unstructured) *argo.HealthStatus {
	var rules *health.Rules
	if p.Health != nil {
		rules = p.Health()
	}
	return func(u *unstructured.Unstructured) *argo.HealthStatus {
		h := rules.Of(ctx, u)
		if h == nil || u.GetUID() == p.app.UID {
			return nil
		}
		return &argo.HealthStatus{Status: h.Status, Message: h.Message}
	}
}

// approval is when a person last approved deletions.
func approval(app *argo.Application) time.Time {
	t, err := time.Parse(time.RFC3339, app.Annotations[approvedAnnotation])
	if err != nil {
		return time.Time{}
	}
	return t
}

func identities(objects []*unstructured.Unstructured) []object.ID {
	ids := make([]object.ID, len(objects))
	for i, u := range objects {
		ids[i] = object.IDOf(u)
	}
	return ids
}
