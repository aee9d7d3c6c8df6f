package sync

import (
	"slices"
	"strings"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Superseded says what takes the place of an application's automated operation that still runs: the revisions, or the sources, of the last
// comparison, where they are others than the operation's. "" is nothing: what a person asked for stays, and so does an operation whose
// application has automated sync no longer.
func Superseded(app *argo.Application) string {
	state, compared := app.Status.OperationState, &app.Status.Sync
	if state == nil || !state.Phase.Running() || state.Operation.Sync == nil || !state.Operation.InitiatedBy.Automated ||
		!app.Spec.SyncPolicy.IsAutomated() || compared.Status == argo.SyncStatusCodeUnknown {
		return ""
	}
	now, running := compared.RevisionList(), state.Operation.Sync.RevisionList()
	if r := state.SyncResult; r != nil && len(r.RevisionList()) > 0 {
		running = r.RevisionList()
	}
	switch {
	case len(now) == 0 || len(running) == 0:
		return ""
	case !slices.Equal(now, running):
		return "revision " + strings.Join(now, ", ")
	case state.SyncResult != nil && !sameSources(sourcesOf(state.SyncResult.Source, state.SyncResult.Sources), sourcesOf(compared.ComparedTo.Source, compared.ComparedTo.Sources)):
		return "other sources"
	}
	return ""
}

func sourcesOf(one argo.ApplicationSource, several argo.ApplicationSources) []argo.ApplicationSource {
	if len(several) > 0 {
		return several
	}
	return []argo.ApplicationSource{one}
}

// AwaitsHooks reports whether an operation with these results has hooks that run.
func AwaitsHooks(done []argo.ResourceResult) bool {
	return slices.ContainsFunc(done, func(r argo.ResourceResult) bool {
		return r.HookType != "" && r.HookPhase == argo.OperationRunning && r.Status != argo.ResultCodeSyncFailed
	})
}

// Patience is a limit of time that an annotation of an application sets: "30m", or a bare number of seconds. "0" is none, for which 0 is
// given; what cannot be read, or is not there, leaves it as it is otherwise.
func Patience(annotations map[string]string, key string, otherwise time.Duration) time.Duration {
	text, set := annotations[key]
	if !set {
		return otherwise
	}
	return duration(strings.TrimSpace(text), otherwise)
}
