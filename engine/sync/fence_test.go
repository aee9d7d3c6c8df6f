package sync

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

var fenced = map[string]string{slipway.PreviewAnnotation: "true", slipway.PreviewQuotaAnnotation: "limits.memory=4Gi, pods=20",
	slipway.PreviewNetworkAnnotation: "isolated,from=ingress-nginx"}

func TestFencesComeBeforeAllElse(t *testing.T) {
	w := newWorld()
	in := input(set(deployment("web", wave("-3")...), job("migrate", append(hook("PreSync"), wave("-2")...)...)))
	in.Options, in.Namespace = argo.SyncOptions{"CreateNamespace=true"}, "shop"
	in.Fences, in.FenceProblem = Fences(fenced, "shop")
	in.Permits = func(id object.ID, _ bool) string {
		if id.Kind == "ResourceQuota" || id.Kind == "NetworkPolicy" {
			return "the project denies it"
		}
		return ""
	}
	plan, _ := w.drive(t, in, forever)
	if plan.Phase != argo.OperationSucceeded {
		t.Fatalf("ended %s %q", plan.Phase, plan.Message)
	}
	want := []string{
		"PreSync/-2 apply Namespace shop",
		"PreSync/-2 apply NetworkPolicy slipway-preview",
		"PreSync/-2 apply ResourceQuota slipway-preview",
		"PreSync/-2 apply Job migrate",
		"Sync/-3 apply Deployment web",
	}
	if diff := cmp.Diff(want, w.story()); diff != "" {
		t.Error(diff)
	}
}

// What the repository says of an object of that name is not heard.
func TestNoManifestMovesTheFences(t *testing.T) {
	w := newWorld()
	own := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ResourceQuota",
		"metadata": map[string]any{"name": FenceName, "namespace": "shop"}, "spec": map[string]any{"hard": map[string]any{"pods": "1000"}}}}
	in := input(set(config("settings"), own))
	in.Namespace = "shop"
	in.Fences, _ = Fences(fenced, "shop")
	w.drive(t, in, forever)
	live := w.live[object.ID{Kind: "ResourceQuota", Namespace: "shop", Name: FenceName}]
	if live == nil {
		t.Fatal("there is no quota")
	}
	if pods, _, _ := unstructured.NestedString(live.Object, "spec", "hard", "pods"); pods != "20" {
		t.Errorf("%s pods", pods)
	}
}

func TestFencesThatCannotBeRead(t *testing.T) {
	for _, annotations := range []map[string]string{
		{slipway.PreviewQuotaAnnotation: "pods"}, {slipway.PreviewQuotaAnnotation: "pods=many"}, {slipway.PreviewQuotaAnnotation: "=1"},
		{slipway.PreviewNetworkAnnotation: "open"}, {slipway.PreviewNetworkAnnotation: "isolated,from=A_B"}, {slipway.PreviewNetworkAnnotation: "isolated,to=x"},
	} {
		annotations[slipway.PreviewAnnotation] = "true"
		w := newWorld()
		in := input(set(config("settings")))
		if in.Fences, in.FenceProblem = Fences(annotations, "shop"); in.FenceProblem == "" {
			t.Errorf("%v: nothing is wrong", annotations)
		}
		plan, _ := w.drive(t, in, forever)
		if plan.Phase != argo.OperationFailed || !strings.Contains(plan.Message, "annotation slipway.dev/preview-") || len(w.story()) > 0 {
			t.Errorf("%v: ended %s %q after %v", annotations, plan.Phase, plan.Message, w.story())
		}
	}
	if fences, problem := Fences(map[string]string{slipway.PreviewQuotaAnnotation: "pods=1"}, "shop"); len(fences) > 0 || problem != "" {
		t.Error("an application that is no preview is fenced in")
	}
}

// What is made around a preview is left alone for a moment, no longer: nobody but the API server's own controllers has to notice it.
func TestThePauseAfterWhatIsMadeAround(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		hook  bool
		after time.Duration
		goes  bool
	}{
		{"at once", false, 0, false},
		{"after a moment", false, moment, true},
		{"with a hook of the repository, after a moment", true, moment, false},
		{"with a hook of the repository, after the delay", true, 2 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			in := input(set(deployment("web")))
			if c.hook {
				in = input(set(deployment("web"), job("migrate", hook("PreSync")...)))
			}
			in.Options, in.Namespace, in.WaveDelay = argo.SyncOptions{"CreateNamespace=true"}, "shop", 2*time.Second
			in.Fences, in.FenceProblem = Fences(fenced, "shop")
			budget := forever
			for plan := Next(in); plan.Step != nil && (plan.Step.DryRun || plan.Step.Phase != argo.SyncPhaseSync); plan = Next(in) {
				outcomes, _ := w.do(plan.Step, &budget)
				in.Tried.DryRun = in.Tried.DryRun || plan.Step.DryRun
				in.Done, in.Since, in.Now = Record(plan.Results, plan.Step, outcomes), start, start
				w.tick()
				in.Live = maps.Clone(w.live)
			}
			in.Now = start.Add(c.after)
			if plan := Next(in); (plan.Step != nil) != c.goes {
				t.Errorf("%s %q", plan.Phase, plan.Message)
			}
		})
	}
}
