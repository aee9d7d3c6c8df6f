package sync

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/fixtures/soak"
)

// driveDeletion runs the hooks of a deletion until they are done, fail, wait without an end, or the process dies after budget actions.
func (w *world) driveDeletion(t *testing.T, in Input, hook argo.HookType, budget int) Plan {
	t.Helper()
	idle := 0
	for range 200 {
		in.Live = maps.Clone(w.live)
		plan := AtDeletion(in, hook)
		if plan.Step != nil {
			if _, whole := w.do(plan.Step, &budget); !whole {
				return Plan{Phase: "dead"}
			}
			w.tick()
		}
		switch {
		case plan.Phase.Completed():
			return plan
		case plan.Step == nil:
			if idle++; idle > 5 {
				return plan
			}
			w.tick()
		}
	}
	t.Fatal("the deletion goes round in circles")
	return Plan{}
}

func TestHooksOfADeletion(t *testing.T) {
	wanted := set(config("settings"), job("second", hook("PreDelete", WaveAnnotation, "1")...), job("first", hook("PreDelete")...),
		job("last", hook("PostDelete")...), job("migrate", hook("PreSync")...), config("note", hook("PreDelete,PostDelete")...))
	w := newWorld()
	if plan := w.driveDeletion(t, input(wanted), argo.HookTypePreDelete, forever); plan.Phase != argo.OperationSucceeded {
		t.Errorf("%s %q", plan.Phase, plan.Message)
	}
	want := []string{"PreDelete/0 apply ConfigMap note", "PreDelete/0 apply Job first", "PreDelete/1 apply Job second"}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
	if ids := DeletionHooks(input(wanted), argo.HookTypePostDelete); len(ids) != 2 {
		t.Errorf("hooks after the deletion: %v", ids)
	}
}

func TestAHookOfADeletionThatFailsIsRunAgain(t *testing.T) {
	wanted := set(job("backup", hook("PreDelete", "test/end", "Degraded")...))
	w := newWorld()
	plan := w.driveDeletion(t, input(wanted), argo.HookTypePreDelete, forever)
	if plan.Phase != argo.OperationFailed || plan.Message != "PreDelete hook batch/Job/backup failed, reason: is Degraded" {
		t.Errorf("%s %q", plan.Phase, plan.Message)
	}
	if len(w.live) != 0 {
		t.Errorf("the failed hook is still there: %v", w.live)
	}
	w.driveDeletion(t, input(wanted), argo.HookTypePreDelete, forever)
	if diff := cmp.Diff([]string{
		"PreDelete/0 apply Job backup", "PreDelete/0 remove Job backup", "PreDelete/0 apply Job backup", "PreDelete/0 remove Job backup",
	}, w.story()); diff != "" {
		t.Error(diff)
	}
}

// A hook that an earlier deletion of an application of this name left is not taken for this one's.
func TestAHookOfAnEarlierDeletionIsMadeAnew(t *testing.T) {
	old := marked(job("backup", hook("PreDelete")...), mark{"2020-01-01T00:00:00Z", "PreDelete/0"})
	old.Object["status"] = map[string]any{"health": "Healthy"}
	w := newWorld(old)
	w.driveDeletion(t, input(set(job("backup", hook("PreDelete")...))), argo.HookTypePreDelete, forever)
	if diff := cmp.Diff([]string{"PreDelete/0 remove Job backup", "PreDelete/0 apply Job backup"}, w.story()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatTheProjectForbidsStopsADeletion(t *testing.T) {
	in := input(set(job("backup", hook("PreDelete")...)))
	in.Permits = func(object.ID, bool) string { return "not permitted" }
	if plan := AtDeletion(in, argo.HookTypePreDelete); plan.Phase != argo.OperationFailed || plan.Step != nil {
		t.Errorf("%s %q", plan.Phase, plan.Message)
	}
}

func randomHooks(r *rand.Rand) []*unstructured.Unstructured {
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	var all []*unstructured.Unstructured
	for i := range 1 + r.IntN(5) {
		annotations := hook(pick("PreDelete", "PreDelete", "PreDelete,PostDelete", "PostDelete"), WaveAnnotation, pick("-1", "0", "0", "2"),
			HookPolicyAnnotation, pick("", "HookSucceeded", "HookFailed", "BeforeHookCreation"))
		all = append(all, thing(pick("batch", ""), pick("Job", "ConfigMap"), "h"+strconv.Itoa(i), annotations...))
	}
	return append(all, config("settings"))
}

// Whenever the process dies, the deletion goes on: each hook is made once, waves are kept, and nothing keeps our finalizer.
func TestAnInterruptedDeletionGoesOn(t *testing.T) {
	for seed := range soak.Times(t, laws/4) {
		hooks := randomHooks(rand.New(rand.NewPCG(uint64(seed), 4)))
		in := input(set(hooks...))
		for cut := 0; ; cut++ {
			w := newWorld()
			if w.driveDeletion(t, in, argo.HookTypePreDelete, cut).Phase != "dead" {
				break
			}
			if plan := w.driveDeletion(t, in, argo.HookTypePreDelete, forever); plan.Phase != argo.OperationSucceeded {
				t.Errorf("seed %d cut %d: %s %q", seed, cut, plan.Phase, plan.Message)
			}
			for run, n := range w.created {
				if n > 1 {
					t.Errorf("seed %d cut %d: %s created %d times", seed, cut, run, n)
				}
			}
			in.Live = maps.Clone(w.live)
			if s := AfterDeletion(in, argo.HookTypePreDelete); s != nil {
				budget := forever
				w.do(s, &budget)
				w.tick()
			}
			checkHooksGoneOrFree(t, fmt.Sprintf("seed %d cut %d", seed, cut), w)
			if t.Failed() {
				t.Fatal(w.story())
			}
		}
	}
}

func checkHooksGoneOrFree(t *testing.T, where string, w *world) {
	t.Helper()
	for id, u := range w.live {
		if slices.Contains(u.GetFinalizers(), HookFinalizer) {
			t.Errorf("%s: %s keeps the finalizer", where, id)
		}
		if slices.Contains(Policies(u), HookSucceeded) {
			t.Errorf("%s: %s is still there", where, id)
		}
	}
}

// Whenever somebody terminates a sync, it ends: nothing more is applied or pruned, and no hook of it is left running.
func TestATerminatedSyncEndsAtOnce(t *testing.T) {
	for seed := range soak.Times(t, laws/4) {
		p := randomPlot(rand.New(rand.NewPCG(uint64(seed), 5)))
		for cut := 0; ; cut++ {
			w := newWorld(p.live...)
			plan, done := w.drive(t, p.in, cut)
			if plan.Phase != "dead" {
				break
			}
			before := len(w.trace)
			in := p.in
			in.Done, in.Terminate = done, true
			if plan, _ = w.drive(t, in, forever); plan.Phase != argo.OperationFailed || plan.Message != messageTerminated {
				t.Fatalf("seed %d cut %d: %s %q", seed, cut, plan.Phase, plan.Message)
			}
			for _, a := range w.trace[before:] {
				if a.Verb == Apply || a.Verb == Prune {
					t.Errorf("seed %d cut %d: %s of %s after the termination", seed, cut, a.Verb, a.ID)
				}
			}
			for id, u := range w.live {
				h := healthOf(u)
				if markOf(u).started != "" && h != nil && h.Status == argo.HealthStatusProgressing && u.GetDeletionTimestamp() == nil {
					t.Errorf("seed %d cut %d: hook %s still runs", seed, cut, id)
				}
			}
			if t.Failed() {
				t.Fatal(w.story())
			}
		}
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	for seed := range soak.Times(t, laws/4) {
		p := randomPlot(rand.New(rand.NewPCG(uint64(seed), 6)))
		p.in.Operation.DryRun = true
		w := newWorld(p.live...)
		plan, _ := w.drive(t, p.in, forever)
		if !plan.Phase.Successful() || len(w.trace) > 0 {
			t.Fatalf("seed %d: %s %q after %q", seed, plan.Phase, plan.Message, w.story())
		}
	}
}

func TestNothingIsPrunedWithoutItsConfirmation(t *testing.T) {
	for seed := range soak.Times(t, laws/4) {
		p := randomPlot(rand.New(rand.NewPCG(uint64(seed), 7)))
		for i, u := range p.live {
			if i%2 == 0 && slices.Contains(p.in.Prunable, object.IDOf(u)) {
				u.SetAnnotations(map[string]string{OptionsAnnotation: "Prune=confirm"})
			}
		}
		p.in.Approved = start.Add(-1)
		w := newWorld(p.live...)
		w.drive(t, p.in, forever)
		for _, a := range w.trace {
			if a.Verb != Prune {
				continue
			}
			i := slices.IndexFunc(p.live, func(u *unstructured.Unstructured) bool { return object.IDOf(u) == a.ID })
			if Setting(p.live[i], nil, "Prune") == "confirm" {
				t.Errorf("seed %d: %s was pruned", seed, a.ID)
			}
		}
	}
}
