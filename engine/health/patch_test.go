package health

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestPatches(t *testing.T) {
	const before = "{apiVersion: a/v1, kind: B, metadata: {name: x, resourceVersion: '1', labels: {a: b}}, spec: {keep: 1, change: 1, go: 1, list: [1, 2], deep: {a: 1, b: 2}, none: null}, status: {phase: A, paused: true}}"
	for name, c := range map[string]struct{ after, object, status string }{
		"nothing":            {before, "null", "null"},
		"another number":     {"{apiVersion: a/v1, kind: B, metadata: {name: x, resourceVersion: '9', labels: {a: b}}, spec: {keep: 1, change: 2, list: [2], deep: {a: 1, b: 3}, new: {c: d}}, status: {phase: A, paused: true}}", "{spec: {change: 2, go: null, list: [2], deep: {b: 3}, new: {c: d}}}", "null"},
		"the status alone":   {"{apiVersion: a/v1, kind: B, metadata: {name: x, labels: {a: b}}, spec: {keep: 1, change: 1, go: 1, list: [1, 2], deep: {a: 1, b: 2}}, status: {phase: A}}", "null", "{status: {paused: null}}"},
		"an annotation":      {"{apiVersion: a/v1, kind: B, metadata: {name: x, labels: {a: b}, annotations: {k: v}}, spec: {keep: 1, change: 1, go: 1, list: [1, 2], deep: {a: 1, b: 2}}, status: {phase: A, paused: true}}", "{metadata: {annotations: {k: v}}}", "null"},
		"of another kind":    {"{apiVersion: a/v1, kind: B, metadata: {name: x, labels: {a: b}}, spec: 5, status: {phase: A, paused: true}}", "{spec: 5}", "null"},
		"nothing but a name": {"{apiVersion: a/v1, kind: B, metadata: {name: x}}", "{metadata: {labels: null}, spec: null}", "{status: null}"},
	} {
		t.Run(name, func(t *testing.T) {
			live := parse(t, before)
			object, status := Impact{Patch, parse(t, c.after)}.Patches(live.Object)
			for _, p := range []struct {
				what string
				got  map[string]any
				want string
			}{{"object", object, c.object}, {"status", status, c.status}} {
				var want map[string]any
				if err := yaml.Unmarshal([]byte(p.want), &want); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(numbers(want), numbers(p.got)); diff != "" {
					t.Errorf("%s: %s", p.what, diff)
				}
			}
			if diff := cmp.Diff(parse(t, before).Object, live.Object); diff != "" {
				t.Errorf("the live object was changed: %s", diff)
			}
		})
	}
}

// numbers makes whole numbers one type, as JSON has them.
func numbers(m map[string]any) any {
	if m == nil {
		return nil
	}
	return (&unstructured.Unstructured{Object: whole(m).(map[string]any)}).Object
}

func whole(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, item := range v {
			out[k] = whole(item)
		}
		return out
	case []any:
		var out []any
		for _, item := range v {
			out = append(out, whole(item))
		}
		return out
	case float64:
		return int64(v)
	}
	return v
}

// The law of patches: what an action makes of any object is what its patches make of the live one.
func TestPatchesOfActionsDoAsTheActions(t *testing.T) {
	r := rulesOf(t, nil)
	for _, text := range []string{
		"{apiVersion: apps/v1, kind: Deployment, spec: {paused: true, template: {spec: {}}}}",
		"{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {generation: 1}, spec: {paused: true, strategy: {canary: {steps: [{}]}}}, status: {abort: true, pauseConditions: [{}], currentStepIndex: 0, observedGeneration: '1'}}",
		"{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, metadata: {annotations: {cnpg.io/reconciliationLoop: disabled}}, status: {instancesStatus: {healthy: [a, b]}}}",
		"{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {annotations: {autoscaling.keda.sh/paused: 'true'}}}",
	} {
		u := parse(t, text)
		all, err := r.Actions(t.Context(), u)
		if err != nil || len(all) == 0 {
			t.Fatalf("%v %v", all, err)
		}
		for _, a := range all {
			impacts, err := r.Act(t.Context(), u, a.Name, map[string]string{"replicas": "2", "instance": "any"})
			if err != nil {
				t.Fatal(err)
			}
			object, status := impacts[0].Patches(u.Object)
			got := merged(merged(u.DeepCopy().Object, object), status)
			if diff := cmp.Diff(impacts[0].Object.Object, got); diff != "" {
				t.Errorf("%s of %s: %s", a.Name, u.GetKind(), diff)
			}
		}
	}
}

// merged is RFC 7396.
func merged(m, patch map[string]any) map[string]any {
	for key, v := range patch {
		inner, ok := v.(map[string]any)
		switch {
		case v == nil:
			delete(m, key)
		case ok:
			old, _ := m[key].(map[string]any)
			if old == nil {
				old = map[string]any{}
			}
			m[key] = merged(old, inner)
		default:
			m[key] = v
		}
	}
	return m
}
