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

// plot is a random sync: what is wanted, what is there, what may be pruned.
type plot struct {
	in   Input
	live []*unstructured.Unstructured
}

func randomPlot(r *rand.Rand) plot {
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	var wanted, live []*unstructured.Unstructured
	for i := range r.IntN(7) {
		u := thing("", pick("ConfigMap", "Service"), "w"+strconv.Itoa(i), wave(pick("-1", "0", "0", "1", "5"))...)
		if r.IntN(2) == 0 {
			u = deployment("w"+strconv.Itoa(i), append(wave(pick("-1", "0", "2")), "test/end", pick("Healthy", "Healthy", "Healthy", "Degraded"))...)
		}
		wanted = append(wanted, u)
		if r.IntN(3) == 0 {
			live = append(live, u)
		}
	}
	for i := range r.IntN(5) {
		annotations := hook(pick("PreSync", "Sync", "PostSync", "SyncFail", "PreSync,PostSync"), WaveAnnotation, pick("0", "0", "1"),
			HookPolicyAnnotation, pick("", "HookSucceeded", "HookFailed", "BeforeHookCreation", "HookSucceeded,HookFailed"),
			"test/end", pick("Healthy", "Healthy", "Healthy", "Healthy", "Degraded"))
		u := thing(pick("batch", ""), "Job", "h"+strconv.Itoa(i), annotations...)
		wanted = append(wanted, u)
		if r.IntN(3) == 0 {
			live = append(live, u)
		}
	}
	var prunable []object.ID
	for i := range r.IntN(5) {
		u := config("old"+strconv.Itoa(i), wave(pick("-1", "0", "1", "3"), OptionsAnnotation, pick("", "", "PruneLast=true", "Prune=false"))...)
		live = append(live, u)
		prunable = append(prunable, object.IDOf(u))
	}
	live = append(live, config("bystander"))
	in := input(set(wanted...), prunable...)
	in.Operation.Prune = r.IntN(4) > 0
	if r.IntN(3) == 0 {
		in.Options = argo.SyncOptions{"CreateNamespace=true"}
	}
	return plot{in, live}
}

// laws is the full count of cases that a law is tried with.
const laws = 2000

func TestStepsNeverDeleteWhatTheyWereNotAskedTo(t *testing.T) {
	for seed := range soak.Times(t, laws) {
		p := randomPlot(rand.New(rand.NewPCG(uint64(seed), 1)))
		w := newWorld(p.live...)
		w.drive(t, p.in, forever)
		for _, a := range w.trace {
			switch {
			case a.Verb == Prune && (!p.in.Operation.Prune || !slices.Contains(p.in.Prunable, a.ID)):
				t.Errorf("seed %d: pruned %s", seed, a.ID)
			case a.Verb == Remove && a.Hook == "":
				t.Errorf("seed %d: removed %s, which is no hook", seed, a.ID)
			case a.Verb != Apply && a.UID == "":
				t.Errorf("seed %d: %s of %s whatever it is by then", seed, a.Verb, a.ID)
			}
		}
		for _, name := range []string{"bystander", "old0", "old1", "old2", "old3", "old4"} {
			id := object.ID{Kind: "ConfigMap", Namespace: "shop", Name: name}
			before := slices.IndexFunc(p.live, func(u *unstructured.Unstructured) bool { return object.IDOf(u) == id })
			if before < 0 {
				continue
			}
			mayGo := p.in.Operation.Prune && name != "bystander" && Setting(p.live[before], nil, "Prune") != "false"
			if !mayGo && w.live[id] == nil {
				t.Errorf("seed %d: %s is gone", seed, id)
			}
		}
	}
}

func TestEveryOrderRespectsPhasesAndWaves(t *testing.T) {
	for seed := range soak.Times(t, laws) {
		p := randomPlot(rand.New(rand.NewPCG(uint64(seed), 2)))
		w := newWorld(p.live...)
		plan, done := w.drive(t, p.in, forever)
		if !plan.Phase.Completed() {
			t.Errorf("seed %d: did not end: %s", seed, plan.Message)
		}
		last := key{phase: argo.SyncPhasePreSync, wave: -100}
		pruned := map[int64]bool{}
		for _, a := range w.trace {
			if a.Verb == Release || a.Verb == Remove || a.ID.Kind == "Namespace" {
				continue // deletions of hooks come at their end
			}
			k := key{a.Phase, a.Wave}
			if k.compare(last) < 0 {
				t.Errorf("seed %d: %v after %v", seed, k, last)
			}
			last = k
			pruned[a.Wave] = pruned[a.Wave] || a.Verb == Prune
		}
		for _, r := range done {
			if plan.Phase == argo.OperationSucceeded && (r.Status == "" || r.Status == argo.ResultCodeSyncFailed) {
				t.Errorf("seed %d: succeeded with %s %s %q", seed, r.Kind, r.Name, r.Status)
			}
		}
	}
}

// A process may die before or after any action, with what it recorded before the step at hand. Whoever goes on from what was
// persisted and from the cluster reaches the same end by the same remaining steps, and no hook runs twice.
func TestAnInterruptedSyncGoesOn(t *testing.T) {
	for seed := range soak.Times(t, laws/4) {
		p := randomPlot(rand.New(rand.NewPCG(uint64(seed), 3)))
		whole := newWorld(p.live...)
		wantPlan, wantDone := whole.drive(t, p.in, forever)
		whole.tick()
		for cut := 0; ; cut++ {
			w := newWorld(p.live...)
			plan, done := w.drive(t, p.in, cut)
			if plan.Phase != "dead" {
				break
			}
			in := p.in
			in.Done = done
			plan, done = w.drive(t, in, forever)
			w.tick()
			if plan.Phase != wantPlan.Phase {
				t.Errorf("seed %d cut %d: ended %s %q, want %s %q", seed, cut, plan.Phase, plan.Message, wantPlan.Phase, wantPlan.Message)
			}
			// A failure may be seen before the rest of an interrupted wave was attempted, so only successes are told in full.
			if plan.Phase == argo.OperationSucceeded {
				compareEnds(t, fmt.Sprintf("seed %d cut %d", seed, cut), whole, w)
				if diff := cmp.Diff(outcome(wantDone), outcome(done)); diff != "" || plan.Message != wantPlan.Message {
					t.Errorf("seed %d cut %d: %q, want %q %s", seed, cut, plan.Message, wantPlan.Message, diff)
				}
			}
			for run, n := range w.created {
				if n > 1 {
					t.Errorf("seed %d cut %d: %s created %d times", seed, cut, run, n)
				}
			}
			if t.Failed() {
				t.Logf("whole: %q\nmended: %q", whole.story(), w.story())
				return
			}
		}
	}
}

func compareEnds(t *testing.T, where string, want, got *world) {
	t.Helper()
	names := func(w *world) []string {
		var all []string
		for id := range maps.Keys(w.live) {
			all = append(all, id.String())
		}
		slices.Sort(all)
		return all
	}
	if diff := cmp.Diff(names(want), names(got)); diff != "" {
		t.Errorf("%s: %s", where, diff)
	}
	// What is done again is what was under way; without repeats the stories are one.
	if diff := cmp.Diff(once(want.story()), once(got.story())); diff != "" {
		t.Errorf("%s: %s", where, diff)
	}
}

func once(story []string) []string {
	var out []string
	for _, line := range story {
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

// outcome is what a user reads in the results.
func outcome(done []argo.ResourceResult) map[string]string {
	m := map[string]string{}
	for _, r := range done {
		m[fmt.Sprint(resultID(r), r.SyncPhase)] = fmt.Sprint(r.Status, r.HookPhase)
	}
	return m
}
