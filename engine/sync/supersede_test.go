package sync

import (
	"testing"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

func TestSuperseded(t *testing.T) {
	running := func(a *argo.Application) {
		a.Status.OperationState = after(argo.OperationRunning, func(s *argo.OperationState) {
			s.FinishedAt, s.Operation.InitiatedBy.Automated = nil, true
			s.SyncResult.Source = *a.Spec.Source
		})
		a.Status.Sync = argo.SyncStatus{Status: argo.SyncStatusCodeOutOfSync, Revision: "b", ComparedTo: argo.ComparedTo{Source: *a.Spec.Source}}
	}
	for name, c := range map[string]struct {
		change func(*argo.Application)
		want   string
	}{
		"by a newer revision":       {nil, "revision b"},
		"by none":                   {func(a *argo.Application) { a.Status.Sync.Revision = "a" }, ""},
		"before it has pinned":      {func(a *argo.Application) { a.Status.OperationState.SyncResult = nil }, "revision b"},
		"what a person asked for":   {func(a *argo.Application) { a.Status.OperationState.Operation.InitiatedBy.Automated = false }, ""},
		"no comparison was made":    {func(a *argo.Application) { a.Status.Sync.Status = argo.SyncStatusCodeUnknown }, ""},
		"automated sync is off now": {func(a *argo.Application) { a.Spec.SyncPolicy.Automated = nil }, ""},
		"it has ended":              {func(a *argo.Application) { a.Status.OperationState.Phase = argo.OperationFailed }, ""},
		"by another folder": {func(a *argo.Application) {
			a.Status.Sync.Revision, a.Status.Sync.ComparedTo.Source.Path = "a", "elsewhere"
		}, "other sources"},
		"the same branch by another name": {func(a *argo.Application) {
			a.Status.Sync.Revision, a.Status.Sync.ComparedTo.Source.TargetRevision = "a", "trunk"
		}, ""},
		"one of several sources": {func(a *argo.Application) {
			a.Status.OperationState.SyncResult.Revisions = []string{"a", "x"}
			a.Status.Sync.Revisions = []string{"a", "y"}
		}, "revision a, y"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Superseded(automated(running, c.change)); got != c.want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestPatience(t *testing.T) {
	for text, want := range map[string]time.Duration{"30m": 30 * time.Minute, "90": 90 * time.Second, "0": 0, "soon": time.Hour, "-5m": time.Hour, "": time.Hour} {
		if got := Patience(map[string]string{"k": text}, "k", time.Hour); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
	if got := Patience(nil, "k", time.Hour); got != time.Hour {
		t.Error(got)
	}
}
