package sync

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

func TestPhasesWavesAndKindsInOrder(t *testing.T) {
	w := newWorld()
	plan, done := w.drive(t, input(set(
		deployment("web", wave("1")...), config("late", wave("2")...), config("settings", wave("-1")...), thing("", "Service", "web", wave("1")...),
		job("smoke", hook("PostSync")...), job("migrate", hook("PreSync")...), job("cleanup", hook("SyncFail")...), job("never", hook("Skip")...),
	)), forever)
	want := []string{
		"PreSync/0 apply Job migrate",
		"Sync/-1 apply ConfigMap settings",
		"Sync/1 apply Service web",
		"Sync/1 apply Deployment web",
		"Sync/2 apply ConfigMap late",
		"PostSync/0 apply Job smoke",
	}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
	if plan.Phase != argo.OperationSucceeded || plan.Message != "successfully synced (no more tasks)" {
		t.Errorf("ended %s %q", plan.Phase, plan.Message)
	}
	for _, r := range done {
		if r.Status != argo.ResultCodeSynced || r.HookPhase != argo.OperationSucceeded {
			t.Errorf("%s %s is %s %s", r.Kind, r.Name, r.Status, r.HookPhase)
		}
	}
	for id, u := range w.live {
		if len(u.GetFinalizers()) > 0 {
			t.Errorf("%s still has the finalizer", id)
		}
	}
}

func TestOneWaveWithoutHooksEndsWithoutHealth(t *testing.T) {
	w := newWorld()
	plan, _ := w.drive(t, input(set(deployment("web", "test/end", "Progressing"))), forever)
	if plan.Phase != argo.OperationSucceeded || plan.Message != "successfully synced (all tasks run)" {
		t.Errorf("ended %s %q", plan.Phase, plan.Message)
	}
}

func TestMessages(t *testing.T) {
	stuck := []string{"test/end", "Progressing"}
	broken := []string{"test/end", "Degraded"}
	for name, c := range map[string]struct {
		desired *object.Set
		live    []*unstructured.Unstructured
		prune   []object.ID
		change  func(*Input, *world)
		phase   argo.OperationPhase
		message string
	}{
		"waits for a wave's health": {
			desired: set(deployment("web", append(stuck, wave("0")...)...), deployment("web2", append(stuck, wave("0")...)...), config("x", wave("1")...)),
			phase:   argo.OperationRunning, message: "waiting for healthy state of apps/Deployment/web and 1 more resources",
		},
		"waits for a hook": {
			desired: set(job("migrate", hook("PreSync", stuck...)...), config("x")),
			phase:   argo.OperationRunning, message: "waiting for completion of hook batch/Job/migrate",
		},
		"a wave that breaks": {
			desired: set(deployment("web", append(broken, wave("0")...)...), config("x", wave("1")...)),
			phase:   argo.OperationFailed, message: "one or more synchronization tasks completed unsuccessfully, reason: is Degraded",
		},
		"a hook that fails": {
			desired: set(job("migrate", hook("PreSync", broken...)...), config("x")),
			phase:   argo.OperationFailed, message: "one or more synchronization tasks completed unsuccessfully, reason: is Degraded",
		},
		"an apply that is refused": {
			desired: set(config("x"), config("y")),
			change: func(in *Input, w *world) {
				in.Tried.DryRun = true
				w.refuse[object.IDOf(config("x"))] = "no"
			},
			phase: argo.OperationFailed, message: "one or more objects failed to apply, reason: no",
		},
		"a dry run that is refused": {
			desired: set(config("x"), config("y")),
			change:  func(_ *Input, w *world) { w.refuse[object.IDOf(config("x"))] = "no" },
			phase:   argo.OperationFailed, message: "one or more objects failed to apply (dry run), reason: no (dry run)",
		},
		"a kind that is not served": {
			desired: set(thing("x.example", "Widget", "w")),
			change: func(in *Input, _ *world) {
				in.Served = func(schema.GroupKind) (bool, bool) { return false, false }
			},
			phase: argo.OperationFailed,
			message: "one or more synchronization tasks are not valid: The Kubernetes API could not find x.example/Widget for requested resource shop/w. " +
				"Make sure the \"Widget\" CRD is installed on the destination cluster.",
		},
		"an object the project does not permit": {
			desired: set(config("x"), config("y")),
			change: func(in *Input, _ *world) {
				in.Permits = func(object.ID, bool) string { return "namespace shop is not permitted in project 'p'" }
			},
			phase: argo.OperationFailed, message: "one or more synchronization tasks are not valid: namespace shop is not permitted in project 'p'",
		},
		"waits for a confirmation": {
			desired: set(config("x")), live: []*unstructured.Unstructured{config("old", OptionsAnnotation, "Prune=confirm")}, prune: ids(config("old")),
			change: func(in *Input, _ *world) { in.Operation.Prune = true },
			phase:  argo.OperationRunning, message: "waiting for pruning confirmation of /ConfigMap/old",
		},
		"confirmed": {
			desired: set(config("x")), live: []*unstructured.Unstructured{config("old", OptionsAnnotation, "Prune=confirm")}, prune: ids(config("old")),
			change: func(in *Input, _ *world) { in.Operation.Prune, in.Approved = true, start },
			phase:  argo.OperationSucceeded, message: "successfully synced (all tasks run)",
		},
		"a wave that takes too long": {
			desired: set(deployment("web", append(stuck, wave("0")...)...), config("x", wave("1")...)),
			change: func(in *Input, _ *world) {
				in.WaveTimeout, in.Since, in.Now = time.Minute, start, start.Add(2*time.Minute)
			},
			phase: argo.OperationFailed,
			message: "one or more synchronization tasks completed unsuccessfully, reason: timed out after 1m0s waiting for healthy state of " +
				"apps/Deployment/web: Progressing: is Progressing",
		},
		"a hook is not timed": {
			desired: set(job("migrate", hook("PreSync", stuck...)...), config("x")),
			change: func(in *Input, _ *world) {
				in.WaveTimeout, in.Since, in.Now = time.Minute, start, start.Add(time.Hour)
			},
			phase: argo.OperationRunning, message: "waiting for completion of hook batch/Job/migrate",
		},
		"nothing to do": {desired: set(), phase: argo.OperationSucceeded, message: "successfully synced (no more tasks)"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(c.live...)
			in := input(c.desired, c.prune...)
			if c.change != nil {
				c.change(&in, w)
			}
			plan, _ := w.drive(t, in, forever)
			if plan.Phase != c.phase || plan.Message != c.message {
				t.Errorf("%s %q\nwant %s %q", plan.Phase, plan.Message, c.phase, c.message)
			}
		})
	}
}

func TestRefusedDryRunChangesNothing(t *testing.T) {
	w := newWorld(config("old"))
	w.refuse[object.IDOf(config("x"))] = "no"
	in := input(set(config("x"), config("y"), job("migrate", hook("PreSync,SyncFail")...)), ids(config("old"))...)
	in.Operation.Prune = true
	if _, done := w.drive(t, in, forever); len(w.trace) > 0 {
		t.Errorf("something was done: %v, %v", w.story(), done)
	}
}

func TestADryRunNeverChangesAnything(t *testing.T) {
	w := newWorld(config("old"), job("migrate"))
	in := input(set(config("x"), job("migrate", hook("PreSync")...)), ids(config("old"))...)
	in.Options = argo.SyncOptions{"CreateNamespace=true"}
	in.Operation = argo.SyncOperation{Prune: true, DryRun: true}
	plan, done := w.drive(t, in, forever)
	if len(w.trace) > 0 || plan.Phase != argo.OperationSucceeded {
		t.Errorf("%s, and did %v", plan.Phase, w.story())
	}
	for _, r := range done {
		if !strings.HasSuffix(r.Message, " (dry run)") {
			t.Errorf("%s %s says %q", r.Kind, r.Name, r.Message)
		}
	}
	if len(done) != 4 { // the namespace, the hook, x and old
		t.Errorf("%d results", len(done))
	}
	// A process that died after any of these results were recorded still changes nothing.
	for i := range done {
		in.Done, in.Live, in.Tried = done[:i], w.live, Tried{DryRun: true}
		if p := Next(in); p.Step != nil && !p.Step.DryRun {
			t.Errorf("after %d results: %v", i, p.Step)
		}
	}
}

func TestPruning(t *testing.T) {
	old := func(n string, more ...string) *unstructured.Unstructured { return config("old"+n, wave(n, more...)...) }
	w := newWorld(old("0"), old("1"), old("2"), old("3", OptionsAnnotation, "Prune=false"), old("9", OptionsAnnotation, "PruneLast=true"))
	in := input(set(config("a", wave("0")...), config("b", wave("5")...)), ids(old("0"), old("1"), old("2"), old("3"), old("9"))...)
	in.Operation.Prune = true
	_, done := w.drive(t, in, forever)
	want := []string{
		"Sync/0 apply ConfigMap a",
		"Sync/1 prune ConfigMap old2", // old3 counts among the waves that are mirrored, and so does old9
		"Sync/2 prune ConfigMap old1",
		"Sync/5 apply ConfigMap b",
		"Sync/9 prune ConfigMap old0",
		"Sync/10 prune ConfigMap old9",
	}
	got := w.story()
	if len(got) != len(want) || got[len(got)-1] != want[len(want)-1] {
		t.Errorf("got %v", got)
	}
	order := strings.Join(got, "\n")
	if !(strings.Index(order, "old2") < strings.Index(order, "old1") && strings.Index(order, "old1") < strings.Index(order, "old0")) {
		t.Errorf("what was made last does not go first: %v", got)
	}
	for _, r := range done {
		want := "pruned"
		if r.Name == "old3" {
			want = "ignored (no prune)"
		}
		if strings.HasPrefix(r.Name, "old") && r.Message != want {
			t.Errorf("%s: %s %q", r.Name, r.Status, r.Message)
		}
	}
}

func TestWithoutPruneNothingIsDeleted(t *testing.T) {
	w := newWorld(config("old"))
	_, done := w.drive(t, input(set(config("x")), ids(config("old"))...), forever)
	if diff := cmp.Diff([]string{"Sync/0 apply ConfigMap x"}, w.story()); diff != "" {
		t.Error(diff)
	}
	for _, r := range done {
		if r.Name == "old" && (r.Status != argo.ResultCodePruneSkipped || r.Message != "ignored (requires pruning)") {
			t.Errorf("%s %q", r.Status, r.Message)
		}
	}
}

func TestNamespaceAndDefinitionMoveAhead(t *testing.T) {
	ns := thing("", "Namespace", "shop", wave("5")...)
	ns.SetNamespace("")
	crd := thing("apiextensions.k8s.io", "CustomResourceDefinition", "widgets.x.example", wave("5")...)
	crd.SetNamespace("")
	crd.Object["spec"] = map[string]any{"group": "x.example", "scope": "Namespaced", "names": map[string]any{"kind": "Widget"}}
	w := newWorld()
	in := input(set(job("migrate", hook("PreSync")...), thing("x.example", "Widget", "w", wave("2")...), crd, ns))
	in.Served = func(gk schema.GroupKind) (bool, bool) {
		return gk.Kind != "Namespace" && gk.Kind != "CustomResourceDefinition", gk.Kind != "Widget"
	}
	plan, _ := w.drive(t, in, forever)
	want := []string{
		"PreSync/0 apply Namespace shop",
		"PreSync/0 apply Job migrate",
		"Sync/2 apply CustomResourceDefinition widgets.x.example",
		"Sync/2 apply Widget w",
	}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
	if plan.Phase != argo.OperationSucceeded {
		t.Error(plan.Message)
	}
}

func TestCreateNamespace(t *testing.T) {
	in := input(set(config("x"), job("migrate", hook("PreSync", WaveAnnotation, "-5")...)))
	in.Options = argo.SyncOptions{"CreateNamespace=true"}
	in.Managed = &argo.ManagedNamespaceMetadata{Labels: map[string]string{"team": "a"}}
	w := newWorld()
	w.drive(t, in, forever)
	if w.story()[0] != "PreSync/-5 apply Namespace shop" || len(w.trace) != 4 {
		t.Errorf("did %v", w.story())
	}
	ns := w.live[object.ID{Kind: "Namespace", Name: "shop"}]
	if ns.GetLabels()["team"] != "a" || len(ns.GetAnnotations()) > 0 {
		t.Errorf("namespace is %v", ns)
	}
	again := newWorld(ns)
	in.Managed = nil
	again.drive(t, in, forever)
	if strings.Contains(strings.Join(again.story(), " "), "Namespace") {
		t.Errorf("a namespace that is there was touched: %v", again.story())
	}
}

func TestSelectionRunsNoHooksAndTouchesNothingElse(t *testing.T) {
	w := newWorld(config("old"), config("older"))
	in := input(set(config("x"), config("y"), deployment("x"), job("migrate", hook("PreSync")...)), ids(config("old"), config("older"))...)
	in.Operation = argo.SyncOperation{Prune: true, Resources: []argo.SyncOperationResource{
		{Kind: "ConfigMap", Name: "x"}, {Kind: "ConfigMap", Name: "old", Namespace: "shop"}, {Kind: "ConfigMap", Name: "older", Namespace: "bank"}}}
	w.drive(t, in, forever)
	want := []string{"Sync/0 prune ConfigMap old", "Sync/0 apply ConfigMap x"}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
}

func TestApplyStrategyRunsNoHooks(t *testing.T) {
	w := newWorld()
	in := input(set(config("x"), job("migrate", hook("PreSync")...)))
	in.Operation.SyncStrategy = &argo.SyncStrategy{Apply: &argo.SyncStrategyApply{}}
	w.drive(t, in, forever)
	if diff := cmp.Diff([]string{"Sync/0 apply ConfigMap x"}, w.story()); diff != "" {
		t.Error(diff)
	}
}

func TestApplyOutOfSyncOnly(t *testing.T) {
	w := newWorld(config("same"), config("other"))
	in := input(set(config("same"), config("other"), config("new"), job("migrate", hook("PreSync")...)))
	in.Options = argo.SyncOptions{"ApplyOutOfSyncOnly=true"}
	in.OutOfSync = map[object.ID]bool{object.IDOf(config("other")): true}
	w.drive(t, in, forever)
	want := []string{"PreSync/0 apply Job migrate", "Sync/0 apply ConfigMap new", "Sync/0 apply ConfigMap other"}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
}

func TestHookPolicies(t *testing.T) {
	policy := func(p string) []string { return hook("PreSync", HookPolicyAnnotation, p) }
	t.Run("an earlier run's object goes first", func(t *testing.T) {
		w := newWorld(job("migrate", hook("PreSync")...))
		w.drive(t, input(set(job("migrate", hook("PreSync")...))), forever)
		want := []string{"PreSync/0 remove Job migrate", "PreSync/0 apply Job migrate"}
		if diff := cmp.Diff(want, w.story()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("HookSucceeded", func(t *testing.T) {
		w := newWorld()
		w.drive(t, input(set(job("migrate", policy("HookSucceeded,HookFailed")...), config("x"))), forever)
		w.tick()
		if _, there := w.live[object.IDOf(job("migrate"))]; there {
			t.Error("the hook is still there")
		}
	})
	t.Run("HookFailed deletes only after a failure", func(t *testing.T) {
		w := newWorld()
		w.drive(t, input(set(job("migrate", policy("HookFailed")...), config("x"))), forever)
		if w.live[object.IDOf(job("migrate"))] == nil {
			t.Error("the hook was deleted after a success")
		}
		w = newWorld()
		w.drive(t, input(set(job("migrate", append(policy("HookFailed"), "test/end", "Degraded")...), config("x"))), forever)
		w.tick()
		if w.live[object.IDOf(job("migrate"))] != nil {
			t.Error("the hook is still there")
		}
	})
	t.Run("without BeforeHookCreation a lasting object is applied over", func(t *testing.T) {
		w := newWorld(config("seed", policy("HookSucceeded")...))
		w.drive(t, input(set(config("seed", policy("HookSucceeded")...))), forever)
		want := []string{"PreSync/0 apply ConfigMap seed", "PreSync/0 remove ConfigMap seed"}
		if diff := cmp.Diff(want, w.story()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFailureHooks(t *testing.T) {
	w := newWorld()
	plan, _ := w.drive(t, input(set(
		job("migrate", hook("PreSync", "test/end", "Degraded")...), config("x"), job("smoke", hook("PostSync")...), job("alarm", hook("SyncFail")...),
	)), forever)
	want := []string{"PreSync/0 apply Job migrate", "SyncFail/0 apply Job alarm"}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
	if plan.Phase != argo.OperationFailed {
		t.Errorf("ended %s", plan.Phase)
	}
}

func TestOneObjectInTwoPhases(t *testing.T) {
	w := newWorld()
	plan, done := w.drive(t, input(set(job("check", hook("PreSync,PostSync")...), config("x"))), forever)
	want := []string{"PreSync/0 apply Job check", "Sync/0 apply ConfigMap x", "PostSync/0 remove Job check", "PostSync/0 apply Job check"}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
	if plan.Phase != argo.OperationSucceeded || len(done) != 3 {
		t.Errorf("%s with %d results", plan.Phase, len(done))
	}
}

func TestGeneratedNameIsTheSameEachTime(t *testing.T) {
	u := job("", hook("PreSync", "argocd.argoproj.io/tracking-id", "app:batch/Job:shop/")...)
	u.SetGenerateName("migrate-")
	w := newWorld()
	w.drive(t, input(set(u)), forever)
	id := object.ID{Group: "batch", Kind: "Job", Namespace: "shop", Name: "migrate-0123456-presync-1772366400"}
	live := w.live[id]
	if live == nil {
		t.Fatalf("created %v", w.story())
	}
	if got := live.GetAnnotations()["argocd.argoproj.io/tracking-id"]; got != "app:batch/Job:shop/"+id.Name {
		t.Errorf("tracked as %q", got)
	}
}

func TestNoTwoGeneratedNamesAreAlike(t *testing.T) {
	first, second, third := job("", hook("PreSync")...), job("", hook("PreSync")...), job("")
	for _, u := range []*unstructured.Unstructured{first, second, third} {
		u.SetGenerateName("migrate-")
	}
	w := newWorld()
	w.drive(t, input(set(first, second, third)), forever)
	want := []string{
		"PreSync/0 apply Job migrate-0123456-presync-1772366400",
		"PreSync/0 apply Job migrate-0123456-presync-1772366400-2",
		"Sync/0 apply Job migrate-0123456-sync-1772366400",
	}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
}

// What becomes invalid while a hook runs must not end the operation over its head: nobody would let go of the hook's object.
func TestWhatBecomesInvalidWaitsForRunningHooks(t *testing.T) {
	w := newWorld()
	in := input(set(job("migrate", hook("PreSync")...), config("x")))
	in.Tried.DryRun = true
	forbidden := false
	in.Permits = func(id object.ID, _ bool) string {
		if forbidden && id.Kind == "ConfigMap" {
			return "no more"
		}
		return ""
	}
	in.Done = Next(in).Results
	budget := forever
	outcomes, _ := w.do(Next(in).Step, &budget)
	in.Done = Record(in.Done, Next(in).Step, outcomes)
	forbidden = true
	in.Live = maps.Clone(w.live)
	if plan := Next(in); plan.Phase != argo.OperationRunning || plan.Message != "waiting for completion of hook batch/Job/migrate" {
		t.Errorf("%s %q", plan.Phase, plan.Message)
	}
	plan, _ := w.drive(t, in, forever)
	if plan.Phase != argo.OperationFailed || plan.Message != "one or more synchronization tasks are not valid: no more" {
		t.Errorf("ended %s %q", plan.Phase, plan.Message)
	}
	for id, u := range w.live {
		if len(u.GetFinalizers()) > 0 {
			t.Errorf("%s still has the finalizer", id)
		}
	}
}

func TestVanishedHookIsAnError(t *testing.T) {
	in := input(set(job("migrate", hook("PreSync")...), config("x")))
	in.Done = []argo.ResourceResult{{Group: "batch", Version: "v1", Kind: "Job", Namespace: "shop", Name: "migrate", Status: argo.ResultCodeSynced,
		HookType: argo.HookTypePreSync, HookPhase: argo.OperationRunning, SyncPhase: argo.SyncPhasePreSync}}
	plan := Next(in)
	if plan.Phase != argo.OperationFailed || !strings.Contains(plan.Message, "is missing, it might have been deleted") {
		t.Errorf("%s %q", plan.Phase, plan.Message)
	}
}

func TestTerminate(t *testing.T) {
	w := newWorld()
	in := input(set(job("migrate", hook("PreSync", "test/end", "Progressing")...), config("x")))
	_, in.Done = w.drive(t, in, forever)
	in.Terminate = true
	plan, _ := w.drive(t, in, forever)
	w.tick()
	if plan.Phase != argo.OperationFailed || plan.Message != "Operation terminated" {
		t.Errorf("%s %q", plan.Phase, plan.Message)
	}
	if len(w.live) != 0 {
		t.Errorf("left: %v", w.live)
	}
}

func TestARetryRunsHooksAnew(t *testing.T) {
	w := newWorld()
	in := input(set(job("migrate", hook("PreSync", "test/end", "Degraded")...)))
	w.drive(t, in, forever)
	in.Attempt = 1
	w.drive(t, in, forever)
	want := []string{"PreSync/0 apply Job migrate", "PreSync/0 remove Job migrate", "PreSync/0 apply Job migrate"}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
}

func TestApplyOptions(t *testing.T) {
	option := func(o string) []string { return []string{OptionsAnnotation, o} }
	for name, c := range map[string]struct {
		own  []string
		app  argo.SyncOptions
		want ApplyOptions
	}{
		"server-side by default":       {nil, nil, ApplyOptions{ServerSide: true}},
		"switched off for all":         {nil, argo.SyncOptions{"ServerSideApply=false"}, ApplyOptions{}},
		"the object's own word counts": {option("ServerSideApply=true"), argo.SyncOptions{"ServerSideApply=false"}, ApplyOptions{ServerSide: true}},
		"replace beats server-side":    {option("Replace=true, Force=true"), argo.SyncOptions{"ServerSideApply=true"}, ApplyOptions{Replace: true, Force: true}},
		"without validation":           {nil, argo.SyncOptions{"Validate=false", "ClientSideApplyMigration=false"}, ApplyOptions{ServerSide: true, SkipValidation: true, KeepManagers: true}},
	} {
		in := input(set(config("x", c.own...)))
		in.Options, in.Tried.DryRun = c.app, true
		got := Next(in).Step.Groups[0][0].Apply
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRespectIgnoreDifferences(t *testing.T) {
	with := func(replicas int64, more map[string]any) *unstructured.Unstructured {
		u := deployment("web")
		u.Object["spec"] = map[string]any{"replicas": replicas, "list": []any{map[string]any{"a": "b", "c": replicas}}}
		for k, v := range more {
			u.Object[k] = v
		}
		return u
	}
	rule := argo.ResourceIgnoreDifferences{Group: "apps", Kind: "*", JSONPointers: []string{"/spec/replicas", "/spec/list/0/c", "/metadata/annotations/x~1y", "/nowhere/at/all"}}
	apply := func(in Input) Plan {
		in.Tried.DryRun = true
		return Next(in)
	}
	in := input(set(with(1, nil)))
	in.Options, in.Ignore = argo.SyncOptions{"RespectIgnoreDifferences=true"}, []argo.ResourceIgnoreDifferences{rule}
	in.Live = map[object.ID]*unstructured.Unstructured{object.IDOf(deployment("web")): with(7, nil)}
	got := apply(in).Step.Groups[0][0].Object
	if diff := cmp.Diff(with(7, nil).Object, got.Object); diff != "" {
		t.Error(diff)
	}
	in.Live = nil
	if n, _, _ := unstructured.NestedInt64(apply(in).Step.Groups[0][0].Object.Object, "spec", "replicas"); n != 1 {
		t.Errorf("a new object has %d replicas", n)
	}
	in.Live = map[object.ID]*unstructured.Unstructured{object.IDOf(deployment("web")): with(7, nil)}
	in.Ignore[0].JSONPointers, in.Ignore[0].JQPathExpressions = nil, []string{".spec.replicas", ".spec.list[] | select(.a == \"b\").c"}
	if diff := cmp.Diff(with(7, nil).Object, apply(in).Step.Groups[0][0].Object.Object); diff != "" {
		t.Error(diff)
	}
	in.Ignore[0].JQPathExpressions, in.Ignore[0].ManagedFieldsManagers = nil, []string{"hpa"} // without the schema that this takes
	if plan := apply(in); plan.Phase != argo.OperationFailed {
		t.Errorf("a rule that cannot be kept to was not: %s %q", plan.Phase, plan.Message)
	}
}
