package sync

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Observed is what a comparison found, as far as automated sync asks.
type Observed struct {
	// Revisions are the commits compared, one for each source.
	Revisions []string
	Status    argo.SyncStatusCode
	// Resources are the application's objects; hooks do not matter here.
	Resources []argo.ResourceStatus
	// HeldSources, where not nil, take the place of the spec's: the application is kept at a revision that somebody asked for, and nothing
	// is pruned.
	HeldSources []argo.ApplicationSource
	// OnlyHeal says that bringing it to that revision in the first place is the affair of a request: only drift from it is healed.
	OnlyHeal bool
	// Adopting says that objects are still another application's, which are to be taken over; nothing is pruned then.
	Adopting bool
	// Adopted says that another application takes this one's objects over; then it does nothing by itself.
	Adopted bool
	Healing Healing
	Now     time.Time
}

// Automatic is what automated sync does after a comparison.
type Automatic struct {
	// Operation to start; nil for none.
	Operation *argo.Operation
	// Error is the text of a SyncError condition, or "".
	Error string
	// Wait, if not 0, is how long until another look is due.
	Wait time.Duration
	// Reason says why nothing is started, for the log.
	Reason string
}

// Healing is how long an application is left alone that drifts again and again: First after the first healing, Factor times as long after
// each one, up to Max. The zero value is Argo CD's: 2 s, 3 times, 5 minutes. A negative First is no wait at all.
type Healing struct {
	First, Max time.Duration
	Factor     int64
}

// healForget is added to the longest wait: without drift for so long, it starts anew.
const healForget = 30 * time.Second

func (h Healing) withDefaults() Healing {
	if h.First == 0 {
		h.First = 2 * time.Second
	}
	if h.Factor <= 0 {
		h.Factor = 3
	}
	if h.Max <= 0 {
		h.Max = 5 * time.Minute
	}
	return h
}

// Automate decides whether an application syncs by itself. A revision that failed is not tried again, one that succeeded only to
// heal drift, and a sync never empties an application unless that is allowed.
func Automate(app *argo.Application, seen Observed) Automatic {
	if reason := idle(app, seen); reason != "" {
		return Automatic{Reason: reason}
	}
	policy := app.Spec.SyncPolicy.Automated
	if seen.prunes(policy) && empties(policy, seen.Resources) {
		return Automatic{Error: fmt.Sprintf("Skipping sync attempt to %s: auto-sync will wipe out all resources", revisionText(seen.Revisions))}
	}
	op := automatedOperation(app, seen)
	last := app.Status.OperationState
	switch first := !attempted(last, op, app); {
	case first && seen.OnlyHeal:
		return Automatic{Reason: "the application is held at a revision that was not synced yet"}
	case first:
		return Automatic{Operation: op}
	}
	if !last.Phase.Successful() {
		return Automatic{Error: fmt.Sprintf("Failed last sync attempt to %s: %s", revisionText(seen.Revisions), last.Message)}
	}
	if !policy.SelfHeal {
		return Automatic{Reason: "the revision was synced and self-heal is off"}
	}
	return heal(op, last, seen)
}

// prunes reports whether an automated sync may delete.
func (o Observed) prunes(policy *argo.SyncPolicyAutomated) bool {
	return policy.Prune && o.HeldSources == nil && !o.Adopting
}

// idle names the first reason to do nothing.
func idle(app *argo.Application, seen Observed) string {
	switch {
	case !app.Spec.SyncPolicy.IsAutomated():
		return "automated sync is off"
	case app.Operation != nil || app.Status.OperationState != nil && app.Status.OperationState.Phase.Running():
		return "another operation is in progress"
	case app.DeletionTimestamp != nil:
		return "the application is being deleted"
	case seen.Adopted:
		return "another application takes its objects over"
	case seen.Status != argo.SyncStatusCodeOutOfSync:
		return "the application is " + string(seen.Status)
	}
	differs := func(r argo.ResourceStatus) bool { return !r.Hook && r.Status != argo.SyncStatusCodeSynced }
	if !slices.ContainsFunc(seen.Resources, differs) {
		return "nothing is left that a sync could change"
	}
	if !seen.prunes(app.Spec.SyncPolicy.Automated) && !slices.ContainsFunc(seen.Resources, func(r argo.ResourceStatus) bool {
		return differs(r) && !r.RequiresPruning
	}) {
		return "only pruning is left, which is off"
	}
	return ""
}

// empties reports whether a sync would delete all that the application has.
func empties(policy *argo.SyncPolicyAutomated, resources []argo.ResourceStatus) bool {
	if policy.AllowEmpty {
		return false
	}
	kept := slices.ContainsFunc(resources, func(r argo.ResourceStatus) bool { return !r.RequiresPruning && !r.Hook })
	return !kept && slices.ContainsFunc(resources, func(r argo.ResourceStatus) bool { return r.RequiresPruning })
}

func automatedOperation(app *argo.Application, seen Observed) *argo.Operation {
	policy := app.Spec.SyncPolicy
	op := &argo.Operation{
		Sync:        &argo.SyncOperation{Prune: seen.prunes(policy.Automated), SyncOptions: policy.SyncOptions},
		InitiatedBy: argo.OperationInitiator{Automated: true},
		Retry:       argo.RetryStrategy{Limit: DefaultRetryLimit},
	}
	if policy.Retry != nil {
		op.Retry = *policy.Retry
	}
	if app.Spec.HasMultipleSources() {
		op.Sync.Revisions = seen.Revisions
	} else if len(seen.Revisions) > 0 {
		op.Sync.Revision = seen.Revisions[0]
	}
	switch {
	case seen.HeldSources != nil && app.Spec.HasMultipleSources():
		op.Sync.Sources = seen.HeldSources
	case len(seen.HeldSources) > 0:
		op.Sync.Source = &seen.HeldSources[0]
	}
	return op
}

// attempted reports whether the last operation was for the same revisions and the same sources.
func attempted(last *argo.OperationState, op *argo.Operation, app *argo.Application) bool {
	if last == nil || last.Operation.Sync == nil || last.SyncResult == nil || last.Operation.Sync.DryRun {
		return false
	}
	if s := last.Operation.Sync; len(s.Resources) > 0 && s.SelfHealAttemptsCount == 0 {
		return false // someone synced a part of it
	}
	r := last.SyncResult
	want := op.Sync.Sources
	if want == nil && app.Spec.HasMultipleSources() {
		want = app.Spec.Sources
	}
	if app.Spec.HasMultipleSources() {
		return slices.Equal(r.Revisions, op.Sync.Revisions) && sameSources(r.Sources, want)
	}
	single := op.Sync.Source
	if single == nil {
		list := app.Spec.SourceList()
		if len(list) == 0 {
			return false
		}
		single = &list[0]
	}
	return r.Revision == op.Sync.Revision && sameSources([]argo.ApplicationSource{r.Source}, []argo.ApplicationSource{*single})
}

// sameSources compares sources but for their target revisions: a branch renamed onto the same commit is nothing new.
func sameSources(a, b []argo.ApplicationSource) bool {
	return slices.EqualFunc(a, b, func(x, y argo.ApplicationSource) bool {
		x.TargetRevision, y.TargetRevision = "", ""
		return equality.Semantic.DeepEqual(x, y)
	})
}

// heal syncs only what has drifted, with a wait that grows while the same drift keeps coming back.
func heal(op *argo.Operation, last *argo.OperationState, seen Observed) Automatic {
	attempts := last.Operation.Sync.SelfHealAttemptsCount
	pace := seen.Healing.withDefaults()
	if last.FinishedAt != nil {
		if seen.Now.Sub(last.FinishedAt.Time) > pace.Max+healForget {
			attempts = 0
		}
		due := last.FinishedAt.Add(pace.wait(attempts))
		if wait := due.Sub(seen.Now); wait > 0 {
			return Automatic{Wait: wait, Reason: "waiting to heal again"}
		}
	}
	op.Sync.SelfHealAttemptsCount = attempts + 1
	for _, r := range seen.Resources {
		if r.Status != argo.SyncStatusCodeSynced && !r.Hook {
			op.Sync.Resources = append(op.Sync.Resources, argo.SyncOperationResource{
				Group: r.Group, Kind: r.Kind, Name: r.Name, Namespace: r.Namespace})
		}
	}
	return Automatic{Operation: op}
}

// wait is the least time between the end of the last operation and the next healing. The first is at once.
func (h Healing) wait(attempts int64) time.Duration {
	if attempts == 0 || h.First < 0 {
		return 0
	}
	wait := h.First
	for range attempts - 1 {
		if wait *= time.Duration(h.Factor); wait >= h.Max || h.Factor == 1 {
			break
		}
	}
	return min(wait, h.Max)
}

func revisionText(revisions []string) string {
	switch len(revisions) {
	case 0:
		return ""
	case 1:
		return revisions[0]
	default:
		return "[" + strings.Join(revisions, " ") + "]"
	}
}
