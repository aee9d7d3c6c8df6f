package appset_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
)

// rollout plays a rolling sync: applications are what a controller makes of the operations that are begun for them.
type rollout struct {
	*testing.T
	set  *argo.ApplicationSet
	apps []*argo.Application
	now  time.Time
}

func newRollout(t *testing.T, steps []argo.ApplicationSetRolloutStep, envs ...string) *rollout {
	r := &rollout{T: t, set: &argo.ApplicationSet{}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	r.set.Spec.Strategy = &argo.ApplicationSetStrategy{Type: argo.StrategyRollingSync, RollingSync: &argo.ApplicationSetRolloutStrategy{Steps: steps}}
	for i, env := range envs {
		app := &argo.Application{}
		app.Name, app.Labels = fmt.Sprintf("%s-%d", env, i), map[string]string{"env": env}
		app.Spec.Source = &argo.ApplicationSource{RepoURL: "r", Path: "p"}
		app.Status.Sync = argo.SyncStatus{Status: argo.SyncStatusCodeOutOfSync, Revision: "one", ComparedTo: argo.ComparedTo{Source: *app.Spec.Source}}
		app.Status.Health.Status = argo.HealthStatusMissing
		r.apps = append(r.apps, app)
	}
	return r
}

// look is one reconcile; what it begins is what is told.
func (r *rollout) look() (begun string, out appset.Rollout) {
	r.now = r.now.Add(time.Second)
	out = appset.Rolling{Set: r.set, Generated: r.apps, Current: r.apps, Now: r.now, Changed: func(_, _ *argo.Application) bool { return false }}.Rollout()
	r.set.Status.ApplicationStatus = out.Status
	for _, app := range r.apps {
		since, turn := out.Sync[app.Name]
		if turn && !appset.Begun(app, since) {
			app.Status.OperationState = &argo.OperationState{Phase: argo.OperationRunning, StartedAt: since,
				Operation: argo.Operation{Info: []argo.Info{{Name: appset.RolloutKey, Value: appset.Turn(since)}}}}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(out.Sync)), " "), out
}

// done lets the operations end, and the applications get well.
func (r *rollout) done(well bool) {
	for _, app := range r.apps {
		if s := app.Status.OperationState; s != nil && s.Phase == argo.OperationRunning {
			s.Phase = argo.OperationSucceeded
			app.Status.Sync.Status, app.Status.Health.Status = argo.SyncStatusCodeSynced, argo.HealthStatusHealthy
			if !well {
				app.Status.Health.Status = argo.HealthStatusDegraded
			}
		}
	}
}

func step(limit *intstr.IntOrString, operator string, envs ...string) argo.ApplicationSetRolloutStep {
	return argo.ApplicationSetRolloutStep{MaxUpdate: limit, MatchExpressions: []argo.ApplicationMatchExpression{{Key: "env", Operator: operator, Values: envs}}}
}

func TestStepsFollowEachOther(t *testing.T) {
	r := newRollout(t, []argo.ApplicationSetRolloutStep{step(nil, "In", "dev"), step(nil, "In", "prod")}, "dev", "prod", "dev")
	if begun, out := r.look(); begun != "dev-0 dev-2" || out.Conditions[0].Message != "ApplicationSet is performing rollout of step 1" {
		t.Fatalf("first %q, %v", begun, out.Conditions)
	}
	if begun, _ := r.look(); begun != "" { // they progress
		t.Fatalf("before they are healthy %q", begun)
	}
	r.done(true)
	if begun, _ := r.look(); begun != "prod-1" {
		t.Fatalf("then %q: %v", begun, r.set.Status.ApplicationStatus)
	}
	r.look()
	r.done(true)
	_, out := r.look()
	if c := out.Conditions[0]; c.Status != "False" || c.Message != "ApplicationSet Rollout has completed" {
		t.Errorf("at the end %v", c)
	}
	if c := out.Conditions[1]; c.Status != "False" || c.Message != "Rolling Sync Configured correctly" {
		t.Errorf("of the steps it is said %v", c)
	}
	// A new commit begins anew, with the first step.
	for _, app := range r.apps {
		app.Status.Sync.Revision, app.Status.Sync.Status = "two", argo.SyncStatusCodeOutOfSync
	}
	if begun, out := r.look(); begun != "dev-0 dev-2" || out.Status[2].Status != argo.ProgressiveSyncWaiting ||
		out.Status[2].Message != "Application has pending changes, setting status to Waiting" {
		t.Errorf("after a commit %q, %v", begun, out.Status)
	}
}

func TestAStepThatIsNotHealthyHoldsTheNext(t *testing.T) {
	r := newRollout(t, []argo.ApplicationSetRolloutStep{step(nil, "In", "dev"), step(nil, "NotIn", "dev")}, "dev", "prod")
	r.look()
	r.look()
	r.done(false)
	for range 3 {
		if begun, _ := r.look(); begun != "" {
			t.Fatalf("%q was begun: %v", begun, r.set.Status.ApplicationStatus)
		}
	}
	r.apps[0].Status.Health.Status = argo.HealthStatusHealthy
	if begun, _ := r.look(); begun != "prod-1" {
		t.Errorf("then %q", begun)
	}
}

func TestHowManyOfAStepAtATime(t *testing.T) {
	number, share, little, none, wrong := intstr.FromInt32(1), intstr.FromString("50%"), intstr.FromString("10%"), intstr.FromInt32(0), intstr.FromString("half")
	for name, c := range map[string]struct {
		limit *intstr.IntOrString
		want  int
	}{"no limit": {nil, 5}, "one": {&number, 1}, "a share, rounded down": {&share, 2}, "a small share is one": {&little, 1}, "none": {&none, 0}, "what cannot be read": {&wrong, 0}} {
		r := newRollout(t, []argo.ApplicationSetRolloutStep{step(c.limit, "In", "dev")}, "dev", "dev", "dev", "dev", "dev")
		_, out := r.look()
		if len(out.Sync) != c.want {
			t.Errorf("%s: %d at a time, want %d", name, len(out.Sync), c.want)
		}
		if name == "what cannot be read" && out.Conditions[1].Message != "Step 1 has an invalid maxUpdate value: half" {
			t.Errorf("it is said %v", out.Conditions[1])
		}
	}
}

// Whatever is already synced needs no operation; what was compared before the specification changed says nothing.
func TestWhatIsSyncedIsNotSyncedAgain(t *testing.T) {
	r := newRollout(t, []argo.ApplicationSetRolloutStep{step(nil, "In", "dev")}, "dev", "dev")
	for _, app := range r.apps {
		app.Status.Sync.Status, app.Status.Health.Status = argo.SyncStatusCodeSynced, argo.HealthStatusHealthy
	}
	r.apps[1].Spec.Source.Path = "another"
	begun, out := r.look()
	if begun != "dev-1" || out.Status[0].Status != argo.ProgressiveSyncHealthy {
		t.Errorf("begun %q: %v", begun, out.Status)
	}
}

func TestStepsThatAreWrongAreTold(t *testing.T) {
	for want, steps := range map[string][]argo.ApplicationSetRolloutStep{
		"Step 1 has invalid matchExpression operators: Like. Supported Operators are 'In' and 'NotIn'": {step(nil, "Like", "dev"), step(nil, "In", "dev", "prod")},
		"Application 'dev-0' is selected by multiple steps: (1-2)":                                     {step(nil, "In", "dev"), step(nil, "In", "dev", "prod")},
		"Steps [2] have no applications matching their criteria":                                       {step(nil, "In", "dev", "prod"), step(nil, "In", "moon")},
		"No step selects application 'prod-1': nothing syncs it":                                       {step(nil, "In", "dev")},
	} {
		_, out := newRollout(t, steps, "dev", "prod").look()
		if c := out.Conditions[1]; c.Status != "True" || c.Message != want {
			t.Errorf("said %q, want %q", c.Message, want)
		}
	}
}

func TestAnOperationIsBegunOnceForATurn(t *testing.T) {
	since := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	app := &argo.Application{}
	if appset.Begun(app, since) {
		t.Error("nothing has begun")
	}
	app.Status.OperationState = &argo.OperationState{StartedAt: since}
	if appset.Begun(app, since) {
		t.Error("one of the same second may be an older one")
	}
	app.Status.OperationState.Operation.Info = []argo.Info{{Name: appset.RolloutKey, Value: appset.Turn(since)}}
	if !appset.Begun(app, since) {
		t.Error("its own key was passed over")
	}
	app.Status.OperationState = &argo.OperationState{StartedAt: metav1.NewTime(since.Add(time.Second))}
	if !appset.Begun(app, since) {
		t.Error("a later one, by whomever, counts")
	}
}

// An operation that fails and is mended within a second is no reason to take the mended one for begun.
func TestATurnIsNotTakenForTheLastOneOfTheSameSecond(t *testing.T) {
	for name, clock := range map[string]time.Duration{"the same second": 0, "by a clock that is ahead": 3 * time.Second} {
		t.Run(name, func(t *testing.T) {
			r := newRollout(t, []argo.ApplicationSetRolloutStep{step(nil, "In", "dev")}, "dev")
			r.look()
			app := r.apps[0]
			if app.Status.OperationState == nil {
				t.Fatal("nothing was begun")
			}
			first := app.Status.OperationState
			first.Phase, first.StartedAt = argo.OperationFailed, metav1.NewTime(first.StartedAt.Add(clock))
			for range 3 {
				r.now = r.now.Add(-time.Second)
				r.look()
			}
			app.Status.Sync.Revision = "two" // who mended it was quick
			for range 3 {
				r.now = r.now.Add(-time.Second)
				r.look()
			}
			if app.Status.OperationState == first {
				t.Errorf("what was mended is not synced: %+v", r.set.Status.ApplicationStatus)
			}
		})
	}
}

func TestTheLastStepGoesFirst(t *testing.T) {
	r := newRollout(t, []argo.ApplicationSetRolloutStep{step(nil, "In", "dev"), step(nil, "In", "prod")}, "dev", "prod", "other", "prod")
	var names []string
	for _, app := range appset.DeletionOrder(r.set, r.apps) {
		names = append(names, app.Name)
	}
	if got := strings.Join(names, " "); got != "prod-1 prod-3 dev-0" {
		t.Errorf("they go as %s", got)
	}
}
