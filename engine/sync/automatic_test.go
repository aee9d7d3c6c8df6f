package sync

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

func automated(changes ...func(*argo.Application)) *argo.Application {
	app := &argo.Application{Spec: argo.ApplicationSpec{
		Source:     &argo.ApplicationSource{RepoURL: "https://forge.example/a", Path: ".", TargetRevision: "main"},
		SyncPolicy: &argo.SyncPolicy{Automated: &argo.SyncPolicyAutomated{}},
	}}
	for _, change := range changes {
		if change != nil {
			change(app)
		}
	}
	return app
}

// after is an operation that ended at start with revision a.
func after(phase argo.OperationPhase, change func(*argo.OperationState)) *argo.OperationState {
	s := &argo.OperationState{
		Phase: phase, Message: "because", Operation: argo.Operation{Sync: &argo.SyncOperation{Revision: "a"}},
		FinishedAt: &metav1.Time{Time: start},
		SyncResult: &argo.SyncOperationResult{Revision: "a", Source: argo.ApplicationSource{RepoURL: "https://forge.example/a", Path: "."}},
	}
	if change != nil {
		change(s)
	}
	return s
}

func drifted() Observed {
	return Observed{Revisions: []string{"a"}, Status: argo.SyncStatusCodeOutOfSync, Now: start.Add(time.Second), Resources: []argo.ResourceStatus{
		{Kind: "ConfigMap", Namespace: "shop", Name: "x", Status: argo.SyncStatusCodeOutOfSync},
		{Kind: "ConfigMap", Namespace: "shop", Name: "y", Status: argo.SyncStatusCodeSynced},
	}}
}

func TestAutomate(t *testing.T) {
	extra := argo.ResourceStatus{Kind: "ConfigMap", Name: "old", Status: argo.SyncStatusCodeOutOfSync, RequiresPruning: true}
	for name, c := range map[string]struct {
		app   func(*argo.Application)
		seen  func(*Observed)
		sync  bool
		part  int
		error string
		wait  time.Duration
	}{
		"a first sync": {sync: true},
		"automation off": {app: func(a *argo.Application) {
			off := false
			a.Spec.SyncPolicy.Automated.Enabled = &off
		}},
		"no policy":             {app: func(a *argo.Application) { a.Spec.SyncPolicy = nil }},
		"being deleted":         {app: func(a *argo.Application) { a.DeletionTimestamp = &metav1.Time{Time: start} }},
		"an operation is asked": {app: func(a *argo.Application) { a.Operation = &argo.Operation{} }},
		"an operation runs":     {app: func(a *argo.Application) { a.Status.OperationState = after(argo.OperationRunning, nil) }},
		"in sync":               {seen: func(o *Observed) { o.Status = argo.SyncStatusCodeSynced }},
		"unknown":               {seen: func(o *Observed) { o.Status = argo.SyncStatusCodeUnknown }},
		"a failed revision is not tried again": {
			app:   func(a *argo.Application) { a.Status.OperationState = after(argo.OperationFailed, nil) },
			error: "Failed last sync attempt to a: because"},
		"a new revision is tried after a failure": {
			app:  func(a *argo.Application) { a.Status.OperationState = after(argo.OperationFailed, nil) },
			seen: func(o *Observed) { o.Revisions = []string{"b"} }, sync: true},
		"a changed source is tried after a failure": {
			app: func(a *argo.Application) {
				a.Status.OperationState = after(argo.OperationFailed, nil)
				a.Spec.Source.Path = "elsewhere"
			}, sync: true},
		"drift without self-heal": {app: func(a *argo.Application) { a.Status.OperationState = after(argo.OperationSucceeded, nil) }},
		"drift with self-heal": {
			app: func(a *argo.Application) {
				a.Status.OperationState = after(argo.OperationSucceeded, nil)
				a.Spec.SyncPolicy.Automated.SelfHeal = true
			}, sync: true, part: 1},
		"drift that keeps coming back waits": {
			app: func(a *argo.Application) {
				a.Status.OperationState = after(argo.OperationSucceeded, func(s *argo.OperationState) { s.Operation.Sync.SelfHealAttemptsCount = 2 })
				a.Spec.SyncPolicy.Automated.SelfHeal = true
			}, wait: 5 * time.Second},
		"drift at a fixed pace": {
			app: func(a *argo.Application) {
				a.Status.OperationState = after(argo.OperationSucceeded, func(s *argo.OperationState) { s.Operation.Sync.SelfHealAttemptsCount = 9 })
				a.Spec.SyncPolicy.Automated.SelfHeal = true
			}, seen: func(o *Observed) { o.Healing = Healing{First: 10 * time.Second, Factor: 1} }, wait: 9 * time.Second},
		"drift without a pause": {
			app: func(a *argo.Application) {
				a.Status.OperationState = after(argo.OperationSucceeded, func(s *argo.OperationState) { s.Operation.Sync.SelfHealAttemptsCount = 9 })
				a.Spec.SyncPolicy.Automated.SelfHeal = true
			}, seen: func(o *Observed) { o.Healing.First = -1 }, sync: true, part: 1},
		"drift after a long time does not wait": {
			app: func(a *argo.Application) {
				a.Status.OperationState = after(argo.OperationSucceeded, func(s *argo.OperationState) { s.Operation.Sync.SelfHealAttemptsCount = 9 })
				a.Spec.SyncPolicy.Automated.SelfHeal = true
			}, seen: func(o *Observed) { o.Now = start.Add(time.Hour) }, sync: true, part: 1},
		"a partial sync by hand is no attempt": {
			app: func(a *argo.Application) {
				a.Status.OperationState = after(argo.OperationSucceeded, func(s *argo.OperationState) {
					s.Operation.Sync.Resources = []argo.SyncOperationResource{{Kind: "ConfigMap", Name: "y"}}
				})
			}, sync: true},
		"only extras, no prune": {seen: func(o *Observed) { o.Resources = []argo.ResourceStatus{extra} }},
		"never empties": {
			app:   func(a *argo.Application) { a.Spec.SyncPolicy.Automated.Prune = true },
			seen:  func(o *Observed) { o.Resources = []argo.ResourceStatus{extra, {Kind: "Job", Hook: true}} },
			error: "Skipping sync attempt to a: auto-sync will wipe out all resources"},
		"empties when allowed": {
			app: func(a *argo.Application) {
				a.Spec.SyncPolicy.Automated.Prune, a.Spec.SyncPolicy.Automated.AllowEmpty = true, true
			},
			seen: func(o *Observed) { o.Resources = []argo.ResourceStatus{extra} }, sync: true},
	} {
		t.Run(name, func(t *testing.T) {
			seen := drifted()
			if c.seen != nil {
				c.seen(&seen)
			}
			got := Automate(automated(c.app), seen)
			if (got.Operation != nil) != c.sync || got.Error != c.error || got.Wait != c.wait {
				t.Fatalf("got %+v", got)
			}
			if c.sync && len(got.Operation.Sync.Resources) != c.part {
				t.Errorf("syncs %v", got.Operation.Sync.Resources)
			}
		})
	}
}

func TestAutomatedOperation(t *testing.T) {
	app := automated(func(a *argo.Application) {
		a.Spec.SyncPolicy.Automated.Prune = true
		a.Spec.SyncPolicy.SyncOptions = argo.SyncOptions{"CreateNamespace=true"}
	})
	want := &argo.Operation{
		InitiatedBy: argo.OperationInitiator{Automated: true}, Retry: argo.RetryStrategy{Limit: 5},
		Sync: &argo.SyncOperation{Revision: "a", Prune: true, SyncOptions: argo.SyncOptions{"CreateNamespace=true"}},
	}
	if diff := cmp.Diff(want, Automate(app, drifted()).Operation); diff != "" {
		t.Error(diff)
	}
}

func TestLockedApplicationsAreOnlyHealed(t *testing.T) {
	seen := drifted()
	locked := *automated(nil).Spec.Source
	locked.TargetRevision = "a"
	seen.HeldSources, seen.OnlyHeal = []argo.ApplicationSource{locked}, true
	policy := func(a *argo.Application) {
		a.Spec.SyncPolicy.Automated.Prune, a.Spec.SyncPolicy.Automated.SelfHeal = true, true
	}
	if got := Automate(automated(policy), seen); got.Operation != nil || got.Error != "" {
		t.Errorf("before the request was carried out: %+v", got)
	}
	op := Automate(automated(func(a *argo.Application) {
		policy(a)
		a.Status.OperationState = after(argo.OperationSucceeded, nil)
	}), seen).Operation
	if op == nil || op.Sync.Source == nil || op.Sync.Source.TargetRevision != "a" || op.Sync.Prune || len(op.Sync.Resources) != 1 {
		t.Errorf("heals by %+v", op)
	}
}

func TestRetry(t *testing.T) {
	factor := int64(3)
	backoff := &argo.Backoff{Duration: "10", Factor: &factor, MaxDuration: "1m"}
	for _, c := range []struct {
		strategy argo.RetryStrategy
		count    int64
		wait     time.Duration
		again    bool
	}{
		{argo.RetryStrategy{}, 0, 0, false},
		{argo.RetryStrategy{Limit: 2}, 0, 5 * time.Second, true},
		{argo.RetryStrategy{Limit: 2}, 1, 10 * time.Second, true},
		{argo.RetryStrategy{Limit: 2}, 2, 0, false},
		{argo.RetryStrategy{Limit: -1}, 100, 3 * time.Minute, true},
		{argo.RetryStrategy{Limit: 9, Backoff: backoff}, 0, 10 * time.Second, true},
		{argo.RetryStrategy{Limit: 9, Backoff: backoff}, 1, 30 * time.Second, true},
		{argo.RetryStrategy{Limit: 9, Backoff: backoff}, 2, time.Minute, true},
		{argo.RetryStrategy{Limit: 9, Backoff: &argo.Backoff{Duration: strings.Repeat("9", 30), MaxDuration: "soon"}}, 0, 5 * time.Second, true},
	} {
		if wait, again := Retry(c.strategy, c.count); wait != c.wait || again != c.again {
			t.Errorf("%+v after %d: %s %v", c.strategy, c.count, wait, again)
		}
	}
}
