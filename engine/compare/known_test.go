package compare

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

func TestKnownFields(t *testing.T) {
	const of = "apiVersion: example.com/v1\nkind: Engine\nmetadata: {name: e}\nspec: "
	known, errs := ReadKnownFields([]KnownField{
		{"example.com", "Engine", "spec.pods.template", "core/v1/PodTemplateSpec"},
		{"example.com", "Engine", "spec.size", "core/Quantity"},
		{"example.com", "Engine", "spec.every", "meta/v1/Duration"},
		{"example.com", "Engine", "spec.limits", "core/v1/ResourceList"},
		{"example.com", "Engine", "spec.stages.resources", "core/v1/ResourceRequirements"},
		{"example.com", "Engine", "spec.tolerations", "core/v1/Toleration"},
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for name, c := range map[string]struct {
		desired, live string
		want          argo.SyncStatusCode // with the known fields; without them all are OutOfSync
	}{
		"a quantity":                      {`{size: 1024Mi}`, `{size: 1Gi}`, Synced},
		"another quantity":                {`{size: 1024Mi}`, `{size: 2Gi}`, OutOfSync},
		"a number for a quantity":         {`{size: 2}`, `{size: "2"}`, Synced},
		"a duration":                      {`{every: 60s}`, `{every: 1m0s}`, Synced},
		"another duration":                {`{every: 60s}`, `{every: 2m0s}`, OutOfSync},
		"a map of quantities":             {`{limits: {cpu: 1000m}}`, `{limits: {cpu: "1"}}`, Synced},
		"in a list, by its items":         {`{stages: [{name: a, resources: {requests: {cpu: 0.1}}}, {name: b}]}`, `{stages: [{name: a, resources: {requests: {cpu: 100m}}}, {name: b}]}`, Synced},
		"in a list, beside the field":     {`{stages: [{name: a, resources: {requests: {cpu: 0.1}}}]}`, `{stages: [{name: b, resources: {requests: {cpu: 100m}}}]}`, OutOfSync},
		"a list of it":                    {`{tolerations: [{key: a, operator: Exists, value: ""}]}`, `{tolerations: [{key: a, operator: Exists}]}`, Synced},
		"a pod":                           {`{pods: {template: {spec: {containers: [{name: a, resources: {limits: {cpu: 0.5}}}]}}}}`, `{pods: {template: {metadata: {creationTimestamp: null}, spec: {containers: [{name: a, resources: {limits: {cpu: 500m}}}]}}}}`, Synced},
		"a field that the type has not":   {`{pods: {template: {spec: {containers: [{name: a, turbo: 1}]}}}}`, `{pods: {template: {spec: {containers: [{name: a, turbo: 2}]}}}}`, OutOfSync},
		"a value that is not of the type": {`{size: large}`, `{size: small}`, OutOfSync},
		"another field":                   {`{other: 1024Mi}`, `{other: 1Gi}`, OutOfSync},
	} {
		t.Run(name, func(t *testing.T) {
			desired, live := parse(t, of+c.desired), parse(t, of+c.live)
			if s := drift(t, desired, live, Options{}); s.Status != OutOfSync {
				t.Errorf("without known fields: %s", s.Status)
			}
			if s := drift(t, desired, live, Options{Known: known}); s.Status != c.want {
				t.Errorf("%s, want %s\n%s", s.Status, c.want, s.Difference.Text)
			}
		})
	}
}

func TestRolloutsAreKnown(t *testing.T) {
	const rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: r}\nspec: {template: {spec: {containers: [{name: a, resources: {limits: {cpu: CPU}}}]}}}"
	written := func(cpu string) string { return strings.Replace(rollout, "CPU", cpu, 1) }
	if s := drift(t, parse(t, written("1000m")), parse(t, written(`"1"`)), Options{}); s.Status != Synced {
		t.Errorf("%s\n%s", s.Status, s.Difference.Text)
	}
}

func TestTypesOfKnownFields(t *testing.T) {
	for _, name := range []string{"core/Quantity", "meta/v1/Duration", "core/v1/PodSpec", "core/v1/Container", "core/v1/EnvVar", "core/v1/Affinity", "core/v1/ResourceList", "core/v1/TopologySelectorTerm"} {
		if knownTypes()[name] == nil {
			t.Errorf("%s is not known", name)
		}
	}
	known, errs := ReadKnownFields([]KnownField{{"a.b", "C", "spec.x", "core/v1/None"}, {"a.b", "C", "", "core/Quantity"}, {"a.b", "C", "spec.y", "core/Quantity"}})
	if len(errs) != 2 || !strings.Contains(errs[0].Error(), `C.a.b: "spec.x" of type "core/v1/None"`) {
		t.Errorf("errors: %v", errs)
	}
	if diff := cmp.Diff([]string{"spec.y core/Quantity"}, known.names(parse(t, "apiVersion: a.b/v1\nkind: C\nmetadata: {name: x}").GroupVersionKind().GroupKind())); diff != "" {
		t.Error(diff)
	}
}

// A verdict that was remembered does not hold for other known fields.
func TestMemoKnowsOfKnownFields(t *testing.T) {
	desired := parse(t, "apiVersion: a.b/v1\nkind: C\nmetadata: {name: x}\nspec: {size: 1024Mi}")
	live := parse(t, "apiVersion: a.b/v1\nkind: C\nmetadata: {name: x, uid: u, resourceVersion: '1'}\nspec: {size: 1Gi}")
	known, _ := ReadKnownFields([]KnownField{{"a.b", "C", "spec.size", "core/Quantity"}})
	memo := &Memo{}
	for _, step := range []struct {
		o    Options
		want argo.SyncStatusCode
	}{{Options{Known: known}, Synced}, {Options{}, OutOfSync}, {Options{Known: known}, Synced}} {
		s, err := memo.Drift(object.IDOf(desired), desired, live, step.o)
		if err != nil || s.Status != step.want {
			t.Errorf("%s (%v), want %s", s.Status, err, step.want)
		}
	}
}
