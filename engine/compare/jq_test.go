package compare

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// The expressions that Argo CD's guides and its users' applications have.
func TestFieldsChosenByJQ(t *testing.T) {
	const from = `
spec:
  replicas: 3
  template:
    spec:
      initContainers: [{name: injected-init-container, image: a}, {name: own, image: b}]
      containers: [{name: web, env: [{name: A, value: "1"}, {name: B, value: "2"}], resources: {cpu: 1}}, {name: istio-proxy}]
  data: [{remoteRef: {key: k, conversionStrategy: Default}}, {remoteRef: {key: l, conversionStrategy: Default}}]
webhooks: [{name: a, clientConfig: {caBundle: x, service: s}}, {name: b, clientConfig: {url: u}}]
big: 9007199254740993
list: [a, b, c, d, e]
`
	for expression, want := range map[string]string{
		`.spec.replicas`: "/spec/replicas",
		`.spec.template.spec.initContainers[] | select(.name == "injected-init-container")`:                                   "/spec/template/spec/initContainers/0",
		`.webhooks[]?.clientConfig.caBundle`:                                                                                  "/webhooks/0/clientConfig/caBundle",
		`.spec.data[].remoteRef.conversionStrategy`:                                                                           "/spec/data/0/remoteRef/conversionStrategy /spec/data/1/remoteRef/conversionStrategy",
		`.spec.template.spec.containers[] | select(.name == "web").env[] | select(.name == "A" or (.name | startswith("B")))`: "/spec/template/spec/containers/0/env/1 /spec/template/spec/containers/0/env/0",
		`.spec.template.spec.containers[].resources`:                                                                          "/spec/template/spec/containers/0/resources",
		`.nothing.here[] | select(.x)`:                                                                                        "",
		`.spec.replicas[]`:                                                                                                    "", // del() fails, and nothing is left out
		`.list[1:3]`:                                                                                                          "/list/1 /list/1",
		`.list[-1]`:                                                                                                           "/list/4",
		`.list[0], .list[2]`:                                                                                                  "/list/2 /list/0",
		`.. | select(type == "object" and has("caBundle")).caBundle`:                                                          "/webhooks/0/clientConfig/caBundle",
		`.spec | .replicas, .data`:                                                                                            "/spec/data /spec/replicas",
		`select(.big == 9007199254740993).big`:                                                                                "/big",
	} {
		t.Run(expression, func(t *testing.T) {
			u, wanted := parse(t, from), parse(t, from)
			for pointer := range strings.FieldsSeq(want) {
				tokens, err := parsePointer(pointer)
				if err != nil {
					t.Fatal(err)
				}
				removePointer(wanted.Object, tokens)
			}
			if err := withoutFields(u.Object, argo.ResourceIgnoreDifferences{JQPathExpressions: []string{expression}}); err != nil {
				t.Fatal(err)
			}
			if expression == `.spec.replicas[]` || want == "" {
				wanted = parse(t, from)
			}
			if diff := cmp.Diff(wanted.Object, u.Object); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHostileExpressionsAreRefused(t *testing.T) {
	deep := any("x")
	for range 200 {
		deep = []any{deep, deep}
	}
	for name, expression := range map[string]string{
		"a loop":              `[range(1e12)] | .[0]`,
		"runs forever":        `last(range(infinite))`,
		"builds by reduce":    `reduce range(60) as $i ("x"; . + .)`,
		"calls itself":        `def f: f; f`,
		"doubles":             `. + . | . + . | . + .`,
		"repeats":             `"x" * 1000000000`,
		"a huge list":         `.a[100000000] = 1`,
		"reads the machine":   `env.HOME`,
		"an input":            `input`,
		"no jq":               `.spec[`,
		"interpolates":        `"\(.)\(.)" | "\(.)\(.)" | "\(.)\(.)"`,
		"encodes":             `@base64`,
		"is long":             "." + strings.Repeat("a", jqLength),
		"recurses by a rule":  `recurse(.)`,
		"says so many fields": `.list[] , .list[] , (range(100000) as $i | .list[0])`,
	} {
		u := map[string]any{"list": []any{"a", "b"}, "a": []any{}}
		if _, err := jqSelects(expression, u); err == nil || !strings.Contains(err.Error(), "ignoreDifferences: jqPathExpressions") {
			t.Errorf("%s: %v", name, err)
		}
	}
	large := make([]any, 300_000)
	for i := range large {
		large[i] = int64(i)
	}
	for _, expression := range []string{`. as $a | .list[] | select(($a.list | sort | length) == 1)`, `.list | [range(1000000)] | .[] as $x | sort`, `.list[] | select([.] == $__prog_args)`, `. as $a | .list[] | select($a == $a)`} {
		if _, err := jqSelects(expression, map[string]any{"list": large}); err == nil {
			t.Errorf("%s is done for a large object", expression)
		}
	}
	rule := argo.ResourceIgnoreDifferences{Kind: "*", Group: "*", JQPathExpressions: []string{"def f: f; f"}}
	desired := parse(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n")
	live := parse(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: c}\n")
	if s := drift(t, desired, live, Options{Schema: builtIns, Ignore: []argo.ResourceIgnoreDifferences{rule}}); s.Status != "Unknown" {
		t.Errorf("a rule that cannot be followed passed for one that was: %+v", s)
	}
}

func TestRespectKeepsWhatIsIgnored(t *testing.T) {
	const desired = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, annotations: {a/b: ours, own: x}}
spec:
  replicas: 1
  list: [a, b]
  template: {spec: {containers: [{name: web, image: "web:2", env: [{name: A, value: ours}]}, {name: side, image: "side:2"}]}}
`
	const live = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, annotations: {a/b: theirs}}
spec:
  replicas: 7
  list: [c]
  template: {spec: {containers: [{name: injected, image: "i:1"}, {name: side, image: "side:1"}, {name: web, image: "web:1", env: [{name: Z, value: z}, {name: A, value: theirs}]}]}}
status: {replicas: 7}
`
	change := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(desired) }
	for name, c := range map[string]struct {
		rule argo.ResourceIgnoreDifferences
		want string
	}{
		"a pointer":                        {argo.ResourceIgnoreDifferences{JSONPointers: []string{"/spec/replicas"}}, change("replicas: 1", "replicas: 7")},
		"a pointer with a slash":           {argo.ResourceIgnoreDifferences{JSONPointers: []string{"/metadata/annotations/a~1b"}}, change("a/b: ours", "a/b: theirs")},
		"a field that live has not":        {argo.ResourceIgnoreDifferences{JSONPointers: []string{"/metadata/annotations/own"}}, change(", own: x", "")},
		"nowhere":                          {argo.ResourceIgnoreDifferences{JSONPointers: []string{"/spec/x/y/z", "/status/replicas", "/status"}}, desired},
		"a path that goes through a list":  {argo.ResourceIgnoreDifferences{JSONPointers: []string{"/spec/template/spec/containers/0/image"}}, change("web:2", "web:1")},
		"jq":                               {argo.ResourceIgnoreDifferences{JQPathExpressions: []string{".spec.replicas"}}, change("replicas: 1", "replicas: 7")},
		"jq by name in another order":      {argo.ResourceIgnoreDifferences{JQPathExpressions: []string{`.spec.template.spec.containers[] | select(.name == "side").image`}}, change("side:2", "side:1")},
		"jq by name, deep":                 {argo.ResourceIgnoreDifferences{JQPathExpressions: []string{`.spec.template.spec.containers[].env[] | select(.name == "A").value`}}, desired},
		"jq by name, deep, where there is": {argo.ResourceIgnoreDifferences{JQPathExpressions: []string{`.spec.template.spec.containers[].env[]? | select(.name == "A").value`}}, change("value: ours", "value: theirs")},
		"another kind":                     {argo.ResourceIgnoreDifferences{Kind: "StatefulSet", JSONPointers: []string{"/spec/replicas"}}, desired},
	} {
		t.Run(name, func(t *testing.T) {
			c.rule.Group = "apps"
			if c.rule.Kind == "" {
				c.rule.Kind = "*"
			}
			d := parse(t, desired)
			got, err := Respect(d, parse(t, live), []argo.ResourceIgnoreDifferences{c.rule}, builtIns)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parse(t, c.want).Object, got.Object); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(parse(t, desired).Object, d.Object); diff != "" {
				t.Errorf("desired was changed: %s", diff)
			}
		})
	}
	rule := argo.ResourceIgnoreDifferences{Group: "apps", Kind: "*", JSONPointers: []string{"/spec/replicas"}}
	if got, err := Respect(parse(t, desired), nil, []argo.ResourceIgnoreDifferences{rule}, nil); err != nil || got.Object["spec"].(map[string]any)["replicas"] != int64(1) {
		t.Errorf("a new object is not applied in full: %v %v", got, err)
	}
}

func TestRespectKeepsWhatManagersOwn(t *testing.T) {
	const owned = `{"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"sidecar\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}}`
	live := parse(t, strings.Replace(ownedBy(strings.Replace(liveWeb, "replicas: 2\n  rev", "replicas: 5\n  rev", 1), Manager, "Apply"), "  managedFields:\n",
		"  managedFields:\n  - {manager: hpa, operation: Update, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: "+owned+"}\n", 1))
	rule := []argo.ResourceIgnoreDifferences{{Group: "apps", Kind: "Deployment", ManagedFieldsManagers: []string{"hpa"}}}
	got, err := Respect(parse(t, desiredWeb), live, rule, builtIns)
	if err != nil {
		t.Fatal(err)
	}
	if n, _, _ := unstructured.NestedInt64(got.Object, "spec", "replicas"); n != 5 {
		t.Errorf("%d replicas", n)
	}
	if _, err := Respect(parse(t, desiredWeb), live, rule, nil); err == nil {
		t.Error("a rule that cannot be followed passed for one that was")
	}
}

// No pointer, expression or object makes the rules fail otherwise than by an error, and what is left out of one object leaves the rest.
func FuzzIgnoring(f *testing.F) {
	f.Add("/spec/replicas", ".spec.list[] | select(.a)", `{"spec":{"replicas":1,"list":[{"a":1},2]}}`, `{"spec":{"list":[{"a":2}]}}`)
	f.Add("/a~1b/-1", ".[1:]", `{"a/b":[1]}`, `{"a":[null]}`)
	f.Add("//", "..", `{"":{"":[[]]}}`, `{}`)
	f.Add("/metadata/annotations", "path(..) , .x[-1]", `{"metadata":{"annotations":[]}}`, `{"metadata":3}`)
	f.Fuzz(func(t *testing.T, pointer, expression, a, b string) {
		one, two := &unstructured.Unstructured{}, &unstructured.Unstructured{}
		wrap := func(s string) []byte {
			return []byte(`{"apiVersion":"x.y/v1","kind":"T","metadata":{"name":"n"},"spec":` + s + `}`)
		}
		if one.UnmarshalJSON(wrap(a)) != nil || two.UnmarshalJSON(wrap(b)) != nil {
			return
		}
		rules := []argo.ResourceIgnoreDifferences{{Group: "*", Kind: "*", JSONPointers: []string{pointer}, JQPathExpressions: []string{expression}}}
		id := object.IDOf(one)
		first, err := Drift(id, one, two, Options{Ignore: rules})
		if err != nil && object.IDOf(one) == object.IDOf(two) {
			t.Fatal(err)
		}
		again, err := Drift(id, one, two, Options{Ignore: rules})
		if err == nil && first.Status != again.Status {
			t.Errorf("%s, then %s", first.Status, again.Status)
		}
		if _, err := Respect(one, two, rules, nil); err != nil && !strings.Contains(err.Error(), "ignoreDifferences") {
			t.Error(err)
		}
	})
}
