package bot

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/command"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

func ordered(line string) order {
	started := metav1.NewMicroTime(noon)
	return order{Command: &slipway.Command{Text: line, OperationID: "key", StartedAt: &started}, user: forge.User{Login: "bob"},
		cmd: command.Parse(line, command.Options{})[0]}
}

func TestOperationBeforeTheMergePinsWhatFollowsTheBranch(t *testing.T) {
	v := looking(nil)
	app := application("web", func(a *argo.Application) {
		a.Spec.Source = nil
		a.Spec.Sources = argo.ApplicationSources{
			{RepoURL: "https://forge.example/team/shop", Path: "web", TargetRevision: "main"},
			{RepoURL: "https://forge.example/team/shop", Path: "old", TargetRevision: "v1"},
			{RepoURL: "https://charts.example", Chart: "redis", TargetRevision: "1.x"},
		}
	})
	got := v.operation(ordered("/sync staging"), intent{revision: merged}, aim{reach: reach{app: app}, revisions: []string{merged, headB, "1.2.3"}})
	want := argo.Operation{
		InitiatedBy: argo.OperationInitiator{Username: "github:bob"},
		Info:        []argo.Info{{Name: infoCommand, Value: "key"}, {Name: infoPullRequest, Value: "https://forge.example/team/shop/pull/3"}},
		Sync: &argo.SyncOperation{
			Revisions: []string{merged, headB, "1.2.3"},
			Sources: argo.ApplicationSources{
				{RepoURL: "https://forge.example/team/shop", Path: "web", TargetRevision: merged},
				{RepoURL: "https://forge.example/team/shop", Path: "old", TargetRevision: "v1"},
				{RepoURL: "https://charts.example", Chart: "redis", TargetRevision: "1.x"},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if app.Spec.Sources[0].TargetRevision != "main" {
		t.Error("the specification was changed")
	}
}

func TestOperationAfterTheMerge(t *testing.T) {
	v := looking(func(v *visit) { v.pull.State = forge.Merged })
	app := application("web", func(a *argo.Application) {
		a.Spec.SyncPolicy = &argo.SyncPolicy{SyncOptions: argo.SyncOptions{"CreateNamespace=true"}, Retry: &argo.RetryStrategy{Limit: 2}}
	})
	got := v.operation(ordered(`/sync staging --prune --dry-run --resource apps:Deployment:shop/web --reason "hot fix"`),
		intent{revision: merged}, aim{reach: reach{app: app}, revisions: []string{merged}})
	want := &argo.SyncOperation{Revision: merged, Prune: true, DryRun: true, SyncOptions: argo.SyncOptions{"CreateNamespace=true"},
		Resources: []argo.SyncOperationResource{{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}}}
	if diff := cmp.Diff(want, got.Sync); diff != "" {
		t.Error(diff)
	}
	if got.Retry.Limit != 2 || got.Info[2].Value != "hot fix" {
		t.Errorf("retry %+v, info %+v", got.Retry, got.Info)
	}
}

func TestForceAndReplaceReachTheOperation(t *testing.T) {
	v := looking(func(v *visit) { v.pull.State = forge.Merged })
	app := application("web", func(a *argo.Application) {
		a.Spec.SyncPolicy = &argo.SyncPolicy{SyncOptions: argo.SyncOptions{"Validate=false"}}
	})
	got := v.operation(ordered("/sync staging --force --replace"), intent{revision: merged}, aim{reach: reach{app: app}, revisions: []string{merged}}).Sync
	if got.SyncStrategy == nil || got.SyncStrategy.Hook == nil || !got.SyncStrategy.Hook.Force || !slices.Contains(got.SyncOptions, "Replace=true") {
		t.Errorf("got %+v", got)
	}
	if len(app.Spec.SyncPolicy.SyncOptions) != 1 {
		t.Error("the specification was changed")
	}
}

func TestASyncNeverPrunesUnasked(t *testing.T) {
	for _, state := range []forge.State{forge.Open, forge.Merged} {
		v := looking(func(v *visit) { v.pull.State = state })
		app := application("web", func(a *argo.Application) {
			a.Spec.SyncPolicy = &argo.SyncPolicy{Automated: &argo.SyncPolicyAutomated{Prune: true}}
		})
		if v.operation(ordered("/sync staging"), intent{revision: merged}, aim{reach: reach{app: app}, revisions: []string{merged}}).Sync.Prune {
			t.Errorf("%s: it prunes", state)
		}
	}
}

func state(key string, phase argo.OperationPhase, finished time.Time) *argo.OperationState {
	s := &argo.OperationState{Phase: phase, Message: "words", Operation: argo.Operation{Info: []argo.Info{{Name: infoCommand, Value: key}}},
		SyncResult: &argo.SyncOperationResult{Revision: merged}}
	if phase.Completed() {
		f := metav1.NewTime(finished)
		s.FinishedAt = &f
	}
	return s
}

func TestStep(t *testing.T) {
	asked := func(a *argo.Application) { a.Annotations = map[string]string{annotationCommands: "key,older"} }
	healthy := argo.HealthStatus{Status: argo.HealthStatusHealthy}
	for name, c := range map[string]struct {
		change     func(a *argo.Application)
		line       string
		now        time.Time
		phase      string
		over, good bool
	}{
		"not asked yet": {func(a *argo.Application) {}, "", noon, "Waiting", false, false},
		"busy with another": {func(a *argo.Application) { a.Status.OperationState = state("other", argo.OperationRunning, noon) },
			"", noon, "Waiting", false, false},
		"asked": {func(a *argo.Application) {
			a.Operation = &argo.Operation{Info: []argo.Info{{Name: infoCommand, Value: "key"}}}
		}, "", noon, "Waiting", false, false},
		"running": {func(a *argo.Application) { a.Status.OperationState = state("key", argo.OperationRunning, noon) }, "", noon, "Running", false, false},
		"failed":  {func(a *argo.Application) { a.Status.OperationState = state("key", argo.OperationFailed, noon) }, "", noon, "Failed", true, false},
		"synced, not healthy yet": {func(a *argo.Application) {
			a.Status.OperationState, a.Status.Health.Status = state("key", argo.OperationSucceeded, noon), argo.HealthStatusProgressing
		}, "", noon, "Progressing", false, false},
		"synced and healthy": {func(a *argo.Application) {
			a.Status.OperationState, a.Status.Health = state("key", argo.OperationSucceeded, noon), healthy
		}, "", noon, "Healthy", true, true},
		"synced, its health was judged before": {func(a *argo.Application) {
			before := metav1.NewTime(noon.Add(-time.Minute))
			a.Status.OperationState, a.Status.Health, a.Status.ReconciledAt = state("key", argo.OperationSucceeded, noon), healthy, &before
		}, "", noon, "Progressing", false, false},
		"synced and degraded": {func(a *argo.Application) {
			a.Status.OperationState, a.Status.Health.Status = state("key", argo.OperationSucceeded, noon), argo.HealthStatusDegraded
		}, "", noon.Add(10 * time.Second), "Degraded", true, false},
		"degraded right after its sync": {func(a *argo.Application) {
			a.Status.OperationState, a.Status.Health.Status = state("key", argo.OperationSucceeded, noon), argo.HealthStatusDegraded
		}, "", noon.Add(time.Second), "Progressing", false, false},
		"synced, never healthy": {func(a *argo.Application) {
			a.Status.OperationState, a.Status.Health.Status = state("key", argo.OperationSucceeded, noon), argo.HealthStatusProgressing
		}, "", noon.Add(11 * time.Minute), "Timed out", true, false},
		"dry run": {func(a *argo.Application) { a.Status.OperationState = state("key", argo.OperationSucceeded, noon) },
			"/sync staging --dry-run", noon, "Succeeded", true, true},
		"replaced by another before anybody looked": {func(a *argo.Application) {
			asked(a)
			a.Status.OperationState, a.Status.Health = state("other", argo.OperationRunning, noon), healthy
		}, "", noon, "Healthy", true, true},
		"asked long ago": {func(a *argo.Application) { a.Status.OperationState = state("other", argo.OperationRunning, noon) },
			"", noon.Add(2 * time.Hour), "Timed out", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := looking(func(v *visit) { v.Now = func() time.Time { return c.now } })
			line := c.line
			if line == "" {
				line = "/sync staging"
			}
			app := application("web", c.change)
			app.Status.Sync.Status = argo.SyncStatusCodeSynced
			got := v.step(app, ordered(line))
			if got.Phase != c.phase || got.over != c.over || got.good != c.good {
				t.Errorf("got %q over %v good %v (%s), want %q %v %v", got.Phase, got.over, got.good, got.Message, c.phase, c.over, c.good)
			}
		})
	}
}

func TestAnOperationIsWrittenOnce(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*argo.Application)
		carries bool
		busy    bool
	}{
		"untouched": {func(*argo.Application) {}, false, false},
		"asked": {func(a *argo.Application) {
			a.Operation = &argo.Operation{Info: []argo.Info{{Name: infoCommand, Value: "key"}}}
		}, true, true},
		"asked by another":  {func(a *argo.Application) { a.Operation = &argo.Operation{} }, false, true},
		"running":           {func(a *argo.Application) { a.Status.OperationState = state("key", argo.OperationRunning, noon) }, true, true},
		"done":              {func(a *argo.Application) { a.Status.OperationState = state("key", argo.OperationSucceeded, noon) }, true, false},
		"done and replaced": {func(a *argo.Application) { a.Annotations = map[string]string{annotationCommands: "newer,key"} }, true, false},
		"another was done":  {func(a *argo.Application) { a.Status.OperationState = state("other", argo.OperationSucceeded, noon) }, false, false},
		"a longer key":      {func(a *argo.Application) { a.Annotations = map[string]string{annotationCommands: "key-2"} }, false, false},
	} {
		app := application("web", c.change)
		if carries(app, "key") != c.carries || busy(app) != c.busy {
			t.Errorf("%s: carries %v, busy %v", name, carries(app, "key"), busy(app))
		}
	}
}

func TestArrival(t *testing.T) {
	contains := func(r string) bool { return strings.HasPrefix(r, "c") }
	done := func(a *argo.Application, phase argo.OperationPhase) {
		a.Status.OperationState = state("", phase, noon)
		a.Status.Sync.Status = argo.SyncStatusCodeSynced
		a.Status.Sync.Revision = merged
	}
	for name, c := range map[string]struct {
		change  func(*argo.Application)
		phase   string
		settled bool
	}{
		"nothing seen yet": {func(a *argo.Application) { a.Status.Sync.Revision = headA }, phaseWaiting, false},
		"healthy, but of before": {func(a *argo.Application) {
			a.Status.Sync = argo.SyncStatus{Revision: headA, Status: argo.SyncStatusCodeSynced}
			a.Status.OperationState, a.Status.Health.Status = state("", argo.OperationSucceeded, noon), argo.HealthStatusHealthy
			a.Status.OperationState.SyncResult.Revision = headA
		}, phaseWaiting, false},
		"out of sync with the merge": {func(a *argo.Application) {
			a.Status.Sync = argo.SyncStatus{Revision: merged, Status: argo.SyncStatusCodeOutOfSync}
		}, phaseWaiting, false},
		"asked":   {func(a *argo.Application) { a.Operation = &argo.Operation{} }, phaseSyncing, false},
		"syncing": {func(a *argo.Application) { done(a, argo.OperationRunning) }, phaseSyncing, false},
		"failed":  {func(a *argo.Application) { done(a, argo.OperationFailed) }, phaseFailed, true},
		"progressing": {func(a *argo.Application) {
			done(a, argo.OperationSucceeded)
			a.Status.Health.Status = argo.HealthStatusProgressing
		}, phaseProgressing, false},
		"healthy": {func(a *argo.Application) {
			done(a, argo.OperationSucceeded)
			a.Status.Health.Status = argo.HealthStatusHealthy
		}, phaseHealthy, true},
		"healthy, but nobody has looked since": {func(a *argo.Application) {
			done(a, argo.OperationSucceeded)
			a.Status.Health.Status, a.Status.Sync.Status = argo.HealthStatusHealthy, argo.SyncStatusCodeOutOfSync
		}, phaseProgressing, false},
		"left out of sync": {func(a *argo.Application) {
			done(a, argo.OperationSucceeded)
			long := metav1.NewTime(noon.Add(-time.Minute))
			a.Status.Health.Status, a.Status.Sync.Status, a.Status.OperationState.FinishedAt = argo.HealthStatusHealthy, argo.SyncStatusCodeOutOfSync, &long
		}, phaseHealthy, true},
		"degraded": {func(a *argo.Application) {
			done(a, argo.OperationSucceeded)
			a.Status.Health.Status = argo.HealthStatusDegraded
		}, phaseDegraded, true},
		"nothing to sync": {func(a *argo.Application) {
			a.Status.Sync = argo.SyncStatus{Revision: merged, Status: argo.SyncStatusCodeSynced}
			a.Status.Health.Status = argo.HealthStatusHealthy
		}, phaseHealthy, true},
		"several sources": {func(a *argo.Application) {
			a.Status.OperationState = state("", argo.OperationSucceeded, noon)
			a.Status.OperationState.SyncResult.Revision, a.Status.OperationState.SyncResult.Revisions = "", []string{"1.2.3", merged}
			a.Status.Sync = argo.SyncStatus{Revisions: []string{"1.2.3", merged}, Status: argo.SyncStatusCodeSynced}
			a.Status.Health.Status = argo.HealthStatusHealthy
		}, phaseHealthy, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := arrival(application("web", c.change), noon.Add(time.Second), contains); got.phase != c.phase || got.settled != c.settled {
				t.Errorf("got %+v, want %s %v", got, c.phase, c.settled)
			}
		})
	}
}
