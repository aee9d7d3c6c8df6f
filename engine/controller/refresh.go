package controller

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

const (
	refreshAnnotation          = "argocd.argoproj.io/refresh"
	refreshTimestampAnnotation = "argocd.argoproj.io/refresh-timestamp"

	// retryAfter is when a comparison that failed for the world's fault is tried again.
	retryAfter = 15 * time.Second
)

// finding is what a comparison found. Exactly one of its three forms holds: something is wrong (conditions with an error), the
// world was in the way (err), or a comparison.
type finding struct {
	level      level
	sources    []argo.ApplicationSource
	conditions []argo.ApplicationCondition
	err        error
	target     change.Target
	comparison *change.Comparison
	adopting   bool // objects are still marked as another application's that are to be taken over
	// sight is that of the live objects just before they were compared, if there was one.
	sight   uint64
	sighted bool
	orphans int // in the destination namespace, where the project looks for them
}

// refresh compares if that is due, and writes what was found. It says after how long the next is due.
func (p *pass) refresh(ctx context.Context) (time.Duration, error) {
	asked := p.memo.take(p.now())
	if asked == levelNone && p.untilHard() >= 0 && p.unmoved() {
		if p.Options.Period < 0 || p.untilDue() > 0 {
			return p.untilNext(), nil
		}
		if p.still(ctx) {
			p.memo.compared = p.now()
			return p.untilNext(), nil
		}
	}
	sources := p.sources()
	digest := p.digest(sources)
	level := max(asked, p.due(sources, digest))
	if level == levelNone {
		return p.untilNext(), nil
	}
	began := p.now()
	found := p.look(ctx, level, sources)
	if ctx.Err() != nil {
		p.memo.ask(level)
		return 0, ctx.Err()
	}
	if found.err != nil && p.tolerates(found) {
		p.log.Warn("cannot compare, keeping the last status for now", "error", found.err)
		p.memo.owe(level, p.now().Add(retryAfter))
		return retryAfter, nil
	}
	if found.comparison != nil && p.lags(ctx, liveOf(found.comparison)) {
		p.memo.ask(level)
		return settleAfter, nil
	}
	if found.err == nil {
		p.memo.made(level)
	}
	old := p.app.DeepCopy()
	auto := p.settle(found)
	p.looked(old)
	if err := p.patch(ctx, old); err != nil {
		p.memo.ask(level)
		return 0, err
	}
	p.meters.compare(p.app, p.now().Sub(began))
	p.memo.spec = digest
	if level == levelFresh {
		p.memo.hard = p.now()
	}
	if level != levelLive {
		p.memo.compared = p.now()
	}
	p.settled(found)
	if state := old.Status.OperationState; state != nil && state.FinishedAt != nil {
		p.memo.followed = state.FinishedAt.Time
	}
	p.announce(old, auto)
	switch {
	case found.err != nil:
		p.memo.owe(level, p.now().Add(retryAfter))
	case auto.Wait > 0: // for the next healing, or for a window to open; what waited is found by another look
		p.memo.owe(levelLive, p.now().Add(auto.Wait))
	}
	return p.untilNext(), nil
}

// mostAsked bounds how many objects of those that a cache does not show are asked for at once.
const mostAsked = 20

// lags reports whether what a cache shows is older than what we have just done. What it does not show at all somebody else may have taken
// away by now: that the API server knows.
func (p *pass) lags(ctx context.Context, live map[object.ID]*unstructured.Unstructured) bool {
	late := p.memo.recent.behind(live, p.now())
	missing := slices.DeleteFunc(slices.Clone(late), func(id object.ID) bool { return live[id] != nil || p.memo.recent[id].deleted })
	if len(missing) == 0 || len(missing) > mostAsked {
		return len(late) > 0
	}
	dest, err := p.Clusters(ctx, p.app.Spec.Destination)
	if err != nil {
		return true
	}
	gone := 0
	for _, id := range missing {
		if _, err := dest.Get(ctx, id); apierrors.IsNotFound(err) {
			delete(p.memo.recent, id)
			gone++
		}
	}
	return gone < len(late)
}

// untilNext is the time until something is due that nothing will bring.
func (p *pass) untilNext() time.Duration {
	return soonest(soonest(p.untilDue(), p.untilHard()), p.memo.wait(p.now()))
}

// due is the level that the application itself asks for.
func (p *pass) due(sources []argo.ApplicationSource, digest string) level {
	switch {
	case p.app.Annotations[refreshAnnotation] != "", p.untilHard() < 0:
		return levelFresh
	case p.app.Status.ReconciledAt == nil, p.memo.spec != "" && p.memo.spec != digest, p.memo.spec == "" && p.differs(sources):
		return levelLatest
	case p.memo.compared.IsZero(), p.Options.Period > 0 && p.untilDue() <= 0, p.followsOperation():
		return levelLatest // what happened before this process came nobody has told it
	}
	return levelNone
}

// untilHard is the time until remotes are asked without being asked for it; 0 where that never is.
func (p *pass) untilHard() time.Duration {
	if p.Options.HardPeriod <= 0 {
		return 0
	}
	if p.memo.hard.IsZero() {
		p.memo.hard = p.now() // what this process has not seen is not known to be old
	}
	if left := p.memo.hard.Add(p.Options.HardPeriod).Sub(p.now()); left != 0 {
		return left
	}
	return -1
}

// followsOperation reports whether the last operation has ended since the last comparison, perhaps in another process's time.
func (p *pass) followsOperation() bool {
	state, at := p.app.Status.OperationState, p.app.Status.ReconciledAt
	return state != nil && state.FinishedAt != nil && state.Phase.Completed() && !state.FinishedAt.Time.Equal(p.memo.followed) &&
		!at.After(state.FinishedAt.Time)
}

// differs reports whether status was compared to another specification than the present.
func (p *pass) differs(sources []argo.ApplicationSource) bool {
	want := comparedTo(&p.app.Spec, sources)
	return !equality.Semantic.DeepEqual(want, p.app.Status.Sync.ComparedTo)
}

// untilDue is the time until the next comparison that nothing asks for, never 0 while there will be one. Applications are spread
// over the jitter by their UID.
func (p *pass) untilDue() time.Duration {
	if p.Options.Period < 0 {
		return 0
	}
	last := p.comparedAt()
	if last.IsZero() {
		return p.Options.Period
	}
	period := p.Options.Period
	if j := p.Options.Jitter; j > 0 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(p.app.UID)) // a hash takes everything
		period += time.Duration(h.Sum64() % uint64(j))
	}
	left := last.Add(period).Sub(p.now())
	if left == 0 {
		left = -1
	}
	return left
}

// digest is over all that a comparison depends on and that the application, its hold, its lock and its adopter say.
func (p *pass) digest(sources []argo.ApplicationSource) string {
	data, err := json.Marshal([]any{p.app.Spec, sources, p.app.Annotations["argocd.argoproj.io/compare-options"],
		p.app.Annotations[slipway.AdoptFromAnnotation], p.taker()})
	if err != nil {
		return "" // never the same as before
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// look compares the application with its cluster.
func (p *pass) look(ctx context.Context, level level, sources []argo.ApplicationSource) finding {
	found := finding{level: level, sources: sources}
	if found.conditions, found.err = p.specErrors(ctx, sources); len(found.conditions) > 0 || found.err != nil {
		return found
	}
	request := change.TargetRequest{App: p.app, Sources: sources, Fresh: level == levelFresh, Trusted: true}
	if level <= levelCached {
		request.Revisions = p.comparedRevisions(sources)
	}
	target, err := p.Pipeline.Target(ctx, request)
	switch {
	case err != nil:
		found.err = fmt.Errorf("%s: %w", noManifest(len(sources)), err)
		return found
	case target.Fault != nil:
		found.conditions = append(found.conditions, condition(argo.ApplicationConditionComparisonError,
			noManifest(len(sources))+": "+target.Fault.Error()))
		found.target = target
		return found
	}
	found.sight, found.sighted = p.Pipeline.Sight(ctx, p.app, wantedIDs(target.Objects))
	comparison, err := p.Pipeline.Compare(ctx, p.app, p.proj, target)
	if err != nil {
		found.err = err
		return found
	}
	found.target, found.comparison, found.adopting = target, &comparison, p.takeOver(&comparison)
	found.conditions = append(found.conditions, repeated(target.Objects.Repeated())...)
	found.conditions = append(found.conditions, shared(p.Pipeline.Instance(p.app), comparison.Shared)...)
	found.conditions = append(found.conditions, unknowns(&comparison)...)
	if found.orphans, err = p.orphans(ctx, wantedIDs(target.Objects)); err != nil {
		p.log.Warn("orphaned resources cannot be counted", "error", err)
	}
	found.conditions = append(found.conditions, p.orphaned(found.orphans)...)
	return found
}

// comparedRevisions are those of the last comparison, if it was of these sources.
func (p *pass) comparedRevisions(sources []argo.ApplicationSource) []string {
	if p.differs(sources) {
		return nil
	}
	return p.app.Status.Sync.RevisionList()
}

// specErrors says what is wrong with the application before anything is fetched. The error is the world's.
func (p *pass) specErrors(ctx context.Context, sources []argo.ApplicationSource) ([]argo.ApplicationCondition, error) {
	if p.proj == nil {
		return []argo.ApplicationCondition{condition(argo.ApplicationConditionInvalidSpecError, p.noProject())}, nil
	}
	var all []argo.ApplicationCondition
	if _, err := p.heldSources(); err != nil {
		all = append(all, condition(argo.ApplicationConditionInvalidSpecError, err.Error()))
	}
	violations, err := p.violations(ctx, p.withSources(sources))
	if err != nil {
		return nil, err
	}
	for _, v := range violations {
		all = append(all, condition(argo.ApplicationConditionInvalidSpecError, v.Message))
	}
	return all, nil
}

func (p *pass) noProject() string {
	return fmt.Sprintf("Application referencing project %s which does not exist", p.app.Spec.ProjectName())
}

// violations checks an application, whose sources may be an operation's, against its project. The error is of a cluster that cannot
// be reached.
func (p *pass) violations(ctx context.Context, app *argo.Application) ([]project.Violation, error) {
	permits := p.permits()
	if !permits.SourceNamespace(app.Namespace, p.ControlNamespace) {
		return []project.Violation{{Field: "metadata.namespace", Message: fmt.Sprintf(
			"application '%s' in namespace '%s' is not permitted to use project '%s'", app.Name, app.Namespace, p.proj.Name)}}, nil
	}
	if found := project.Spec(&app.Spec); len(found) > 0 {
		return found, nil
	}
	dest, err := p.Clusters(ctx, app.Spec.Destination)
	var unknown *cluster.DestinationError
	if errors.As(err, &unknown) {
		return []project.Violation{{Field: "spec.destination", Message: unknown.Message}}, nil
	}
	if err != nil {
		return nil, err
	}
	if found := permits.CheckIn(app, place(dest, app.Spec.Destination.Namespace)); len(found) > 0 {
		return found, nil
	}
	return p.adoption(ctx, app)
}

func place(d Destination, namespace string) project.Destination {
	return project.Destination{Server: d.Server(), Name: d.Name(), Namespace: namespace}
}

// tolerates reports whether a failure is so young that status is left as it was. What a person asked for is answered at once.
func (p *pass) tolerates(found finding) bool {
	now := p.now()
	if p.memo.failing.IsZero() {
		p.memo.failing = now
	}
	asked := p.app.Annotations[refreshAnnotation] != "" || p.app.Status.ReconciledAt == nil
	return !asked && now.Sub(p.memo.failing) < p.Options.Grace && !errors.Is(found.err, context.Canceled)
}

// settle writes what was found into the status of p.app, and says what automated sync does about it.
func (p *pass) settle(found finding) engine.Automatic {
	now := metav1.NewTime(p.now().Truncate(time.Second))
	status := &p.app.Status
	conditions := found.conditions
	delete(p.app.Annotations, refreshAnnotation)
	delete(p.app.Annotations, refreshTimestampAnnotation)
	if found.err != nil {
		conditions = append(conditions, condition(argo.ApplicationConditionComparisonError, found.err.Error()))
	} else {
		p.memo.failing = time.Time{}
	}
	conditions = append(conditions, p.keepers()...)
	status.Sync.ComparedTo = comparedTo(&p.app.Spec, found.sources)
	status.ControllerNamespace = p.ControlNamespace
	var auto engine.Automatic
	if found.comparison == nil {
		status.Sync.Status = argo.SyncStatusCodeUnknown
		setHealth(status, argo.HealthStatusUnknown, now)
	} else {
		fill(status, found, p.app.Spec.HasMultipleSources(), now)
		p.app.Finalizers = withHookFinalizers(p.app.Finalizers, found.target.Objects)
		auto = p.automate(found)
		if auto.Error != "" {
			conditions = append(conditions, condition(argo.ApplicationConditionSyncError, auto.Error))
		}
		p.app.Operation = firstOperation(p.app.Operation, auto.Operation)
	}
	status.Conditions = mergeConditions(status.Conditions, conditions, now)
	if found.level != levelLive {
		status.ReconciledAt = &now
	}
	return auto
}

func firstOperation(present, started *argo.Operation) *argo.Operation {
	if present != nil {
		return present
	}
	return started
}

// automate decides about an automated sync.
func (p *pass) automate(found finding) engine.Automatic {
	seen := engine.Observed{
		Revisions: found.target.Revisions, Status: p.app.Status.Sync.Status, Resources: lasting(found.comparison, p.app.Status.Resources), Now: p.now(),
	}
	seen.Healing = p.Options.Healing
	seen.Adopting, seen.Adopted = found.adopting, p.taken != nil
	if p.kept() {
		seen.HeldSources, seen.OnlyHeal = found.sources, p.locked != nil
	}
	auto := engine.Automate(p.app, seen)
	if auto.Operation != nil {
		if reason := p.permits().Blocked(project.Attempt{App: p.app, Now: p.now()}); reason != "" {
			auto = engine.Automatic{Reason: reason, Wait: windowAfter}
		}
	}
	if auto.Operation != nil {
		p.log.Info("starting an automated sync", "revisions", found.target.Revisions)
	} else if auto.Reason != "" {
		p.log.Debug("no automated sync", "reason", auto.Reason)
	}
	return auto
}

// lasting leaves out objects that are being deleted already: nothing more can be asked of them.
func lasting(c *change.Comparison, resources []argo.ResourceStatus) []argo.ResourceStatus {
	leaving := map[object.ID]bool{}
	for _, r := range c.Resources {
		leaving[r.ID] = r.RequiresPruning && r.Live.GetDeletionTimestamp() != nil
	}
	return slices.DeleteFunc(slices.Clone(resources), func(s argo.ResourceStatus) bool {
		return leaving[object.ID{Group: s.Group, Kind: s.Kind, Namespace: s.Namespace, Name: s.Name}]
	})
}

func liveOf(c *change.Comparison) map[object.ID]*unstructured.Unstructured {
	live := make(map[object.ID]*unstructured.Unstructured, len(c.Resources))
	for _, r := range c.Resources {
		if r.Live != nil {
			live[r.ID] = r.Live
		}
	}
	return live
}

// announce tells what has changed by events.
func (p *pass) announce(old *argo.Application, auto engine.Automatic) {
	was, is := &old.Status, &p.app.Status
	if was.Sync.Status != is.Sync.Status {
		p.event(eventUpdated, "UpdateStatus", fmt.Sprintf("Updated sync status: %s -> %s", was.Sync.Status, is.Sync.Status))
	}
	if was.Health.Status != is.Health.Status {
		p.event(eventUpdated, "UpdateStatus", fmt.Sprintf("Updated health status: %s -> %s", was.Health.Status, is.Health.Status))
	}
	if auto.Operation != nil && old.Operation == nil {
		p.event(eventStarted, "Sync", fmt.Sprintf("Initiated automated sync to '%s'", revisionOf(auto.Operation.Sync)))
	}
}

// noManifest is the beginning of Argo CD's sentence, which automation knows.
func noManifest(sources int) string {
	return fmt.Sprintf("Failed to load target state: failed to generate manifest for source 1 of %d", max(sources, 1))
}

func repeated(ids []object.ID) []argo.ApplicationCondition {
	times := map[object.ID]int{}
	var order []object.ID
	for _, id := range ids {
		if times[id] == 0 {
			order = append(order, id)
		}
		times[id]++
	}
	var all []argo.ApplicationCondition
	for _, id := range order {
		all = append(all, condition(argo.ApplicationConditionRepeatedResourceWarning,
			fmt.Sprintf("Resource %s/%s/%s/%s appeared %d times among application resources.", id.Group, id.Kind, id.Namespace, id.Name, times[id]+1)))
	}
	return all
}
