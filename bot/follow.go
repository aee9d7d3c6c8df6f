package bot

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// The phases of an application that is followed after a merge, as reports show them.
const (
	phaseWaiting     = "Waiting"
	phaseManual      = "Manual" // it waits for a person
	phaseSyncing     = "Syncing"
	phaseProgressing = "Progressing"
	phaseHealthy     = "Healthy"
	phaseSuspended   = "Suspended"
	phaseDegraded    = "Degraded"
	phaseFailed      = "Failed"
	phaseTimedOut    = "Timed out"
)

// ended says whether nothing more is expected of an application.
func ended(phase string) bool {
	return slices.Contains([]string{phaseManual, phaseHealthy, phaseSuspended, phaseDegraded, phaseFailed, phaseTimedOut}, phase)
}

// condition is how an application is.
type condition struct {
	phase, message string
	// settled is whether it will stay so as far as anybody can tell.
	settled bool
}

// wellbeing reads an application's health after an operation that ended at finished (nil: whatever it is now). Health that was
// judged before that says nothing about it.
func wellbeing(app *argo.Application, finished *metav1.Time, now time.Time) condition {
	h := app.Status.Health
	if finished != nil && unseen(app.Status, finished.Time, now) {
		return condition{phase: phaseProgressing, message: "synced; its health is being looked at"}
	}
	switch h.Status {
	case argo.HealthStatusHealthy:
		return condition{phaseHealthy, h.Message, true}
	case argo.HealthStatusSuspended:
		return condition{phaseSuspended, h.Message, true}
	case argo.HealthStatusDegraded:
		return condition{phaseDegraded, h.Message, true}
	}
	return condition{phaseProgressing, h.Message, false}
}

// afterthought is how long a comparison may take to follow an operation that leaves an application out of sync, as one does that prunes
// nothing.
const afterthought = 10 * time.Second

// unseen says whether a status may be of before an operation that ended at a moment. Statuses count in whole seconds, but what is synced
// was out of sync before; so long as it is said to be, nobody has looked again.
func unseen(s argo.ApplicationStatus, moment, now time.Time) bool {
	if s.ReconciledAt != nil && s.ReconciledAt.Time.Before(moment.Truncate(time.Second)) {
		return true
	}
	return s.Sync.Status != argo.SyncStatusCodeSynced && now.Sub(moment) < afterthought
}

// arrival says how far an application that syncs by itself has come with a merge. contains says whether a revision has the merge
// in it.
func arrival(app *argo.Application, now time.Time, contains func(revision string) bool) condition {
	has := func(one string, many []string) bool { return slices.ContainsFunc(nonEmpty(one, many), contains) }
	state := app.Status.OperationState
	ours := state != nil && state.SyncResult != nil && has(state.SyncResult.Revision, state.SyncResult.Revisions)
	compared := has(app.Status.Sync.Revision, app.Status.Sync.Revisions)
	switch {
	case app.Operation != nil, state != nil && state.Phase.Running():
		message := "a sync is under way"
		if ours && state.Message != "" {
			message = state.Message
		}
		return condition{phase: phaseSyncing, message: message}
	case ours && !state.Phase.Successful():
		return condition{phaseFailed, state.Message, true}
	case ours && compared:
		return wellbeing(app, state.FinishedAt, now)
	case compared && app.Status.Sync.Status == argo.SyncStatusCodeSynced:
		return wellbeing(app, nil, now)
	case compared:
		return condition{phase: phaseWaiting, message: "out of sync; its automated sync is to come"}
	}
	return condition{phase: phaseWaiting, message: "the controller has not seen the merge yet"}
}

// patience is how long after a sync Degraded is not believed: what was broken before it takes a moment to be judged anew.
const patience = 5 * time.Second

// believed is a condition as it may be told: an application that is Degraded right after its sync is still on its way.
func believed(how condition, app *argo.Application, now time.Time) condition {
	state := app.Status.OperationState
	if how.phase == phaseDegraded && state != nil && state.FinishedAt != nil && now.Sub(state.FinishedAt.Time) < patience {
		return condition{phase: phaseProgressing, message: how.message}
	}
	return how
}

// over says whether a followed application needs no more looks. One that is Degraded may get well until the time is up.
func over(phase string, late bool) bool {
	return ended(phase) && (late || phase != phaseDegraded)
}
