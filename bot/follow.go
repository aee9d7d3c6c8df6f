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
func wellbeing(app *argo.Application, finished *metav1.Time) condition {
	h := app.Status.Health
	if finished != nil && stale(app.Status, finished.Time) {
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

// stale says whether a status was compared before a moment. Statuses count in whole seconds.
func stale(s argo.ApplicationStatus, moment time.Time) bool {
	return s.ReconciledAt != nil && s.ReconciledAt.Time.Before(moment.Truncate(time.Second))
}

// arrival says how far an application that syncs by itself has come with a merge. contains says whether a revision has the merge
// in it.
func arrival(app *argo.Application, contains func(revision string) bool) condition {
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
		return wellbeing(app, state.FinishedAt)
	case compared && app.Status.Sync.Status == argo.SyncStatusCodeSynced:
		return wellbeing(app, nil)
	case compared:
		return condition{phase: phaseWaiting, message: "out of sync; its automated sync is to come"}
	}
	return condition{phase: phaseWaiting, message: "the controller has not seen the merge yet"}
}
