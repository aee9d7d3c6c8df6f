package guard_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/guard"
)

// described has the kinds of Kubernetes described as its release does.
func described(t testing.TB, f *guard.Facts) {
	t.Helper()
	document, err := guard.Kubernetes()
	if err != nil {
		t.Fatal(err)
	}
	f.Shapes = func(gvk schema.GroupVersionKind) guard.Shape {
		s, _ := document.Kind(gvk)
		return s
	}
	f.Serves = nil
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: a, namespace: shop, labels: {app: a}, creationTimestamp: null}
spec:
  replicas: 2
  selector: {matchLabels: {app: a}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: a}, annotations: {example.com/a.b: "1"}}
    spec:
      containers:
      - name: web
        image: web:1
        resources: {requests: {cpu: 100m, memory: 1Gi}, limits: {cpu: 1}}
        ports: [{containerPort: 80, name: http}]
        livenessProbe: {httpGet: {path: /, port: http}}
        env: [{name: A, value: b}]
        volumeMounts: [{name: v, mountPath: /v}]
      volumes: [{name: v, emptyDir: {}}]
status: {whatever: 1}
`

func TestSchema(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(deployment, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(deployment, old, new, 1)
	}
	for name, c := range map[string]struct {
		doc  string
		want []string // "field: message"
	}{
		"as it should be": {doc: deployment},
		"a misspelt field": {change("replicas: 2", "replicaz: 2"),
			[]string{"spec.replicaz: there is no such field; did you mean replicas?"}},
		"a field of another level":        {change("image: web:1", "image: web:1\n        replicas: 1"), []string{"spec.template.spec.containers[0].replicas: there is no such field"}},
		"the case of letters":             {change("livenessProbe", "livenessprobe"), []string{"spec.template.spec.containers[0].livenessprobe: there is no such field; did you mean livenessProbe?"}},
		"a word for a number":             {change("replicas: 2", "replicas: two"), []string{"spec.replicas: must be an integer, and is a string"}},
		"a number for a word":             {change("value: b", "value: 8080"), []string{"spec.template.spec.containers[0].env[0].value: must be a string, and is an integer"}},
		"a quoted number":                 {change("containerPort: 80", "containerPort: '80'"), []string{"spec.template.spec.containers[0].ports[0].containerPort: must be an integer, and is a string"}},
		"a mapping for a list":            {change("volumes: [{name: v, emptyDir: {}}]", "volumes: {name: v}"), []string{"spec.template.spec.volumes: must be an array, and is an object"}},
		"truth as a word in labels":       {change("{app: a}, annotations", "{app: true}, annotations"), []string{"spec.template.metadata.labels.app: must be a string, and is a boolean"}},
		"a name with dots":                {change(`example.com/a.b: "1"`, "example.com/a.b: 1"), []string{"spec.template.metadata.annotations[example.com/a.b]: must be a string, and is an integer"}},
		"neither a number nor a word":     {change("maxSurge: 25%", "maxSurge: [1]"), []string{"spec.strategy.rollingUpdate.maxSurge: must be an integer or a string, and is an array"}},
		"a quantity that is a list":       {change("cpu: 100m", "cpu: [1]"), []string{"spec.template.spec.containers[0].resources.requests.cpu: is none of what it may be"}},
		"a missing field":                 {change("  selector: {matchLabels: {app: a}}\n", ""), []string{"spec.selector: is missing"}},
		"a missing name":                  {change("- name: web\n        image", "- image"), []string{"spec.template.spec.containers[0].name: is missing"}},
		"what is null is as if not there": {doc: change("replicas: 2", "replicas: null")},
		"all at once": {change("replicas: 2\n  selector: {matchLabels: {app: a}}", "replicaz: 2"),
			[]string{"spec.selector: is missing", "spec.replicaz: there is no such field; did you mean replicas?"}},
		"another kind without a schema": {doc: "apiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: a}\nspec: {x: 1}\n"},
		"a secret's value is not told":  {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {password: hunter2!}\n", []string{"data.password: must be written in base64"}},
		"words for a secret":            {doc: "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: hunter2!}\ndata: {x: aGk=}\n"},
		"a config map of numbers":       {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {port: 80}\n", []string{"data.port: must be a string, and is an integer"}},
		"a definition and its like":     {doc: gadgets + "apiVersion: acme.example/v1\nkind: Gadget\nmetadata: {name: a, labels: {x: y}}\nspec: {size: 3, color: red, port: 80, extra: {any: thing}, word: x}\n"},
		"faults by a definition of the change": {gadgets + "apiVersion: acme.example/v1\nkind: Gadget\nmetadata: {name: a}\nspec: {size: 0, colour: red, mode: slow, port: [1], word: UP, extra: {any: 1}}\n",
			[]string{"spec.color: is missing", "spec.colour: there is no such field; did you mean color?", "spec.mode: must be one of fast, careful",
				"spec.port: must be an integer or a string, and is an array", "spec.size: must be at least 1", "spec.word: must match ^[a-z]+$"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts(t, "", c.doc)
			described(t, &f)
			var got []string
			for _, found := range guard.Check(f) {
				if found.Check != guard.Schema {
					t.Errorf("%+v", found)
				}
				_, message, _ := strings.Cut(found.Message, ": ")
				got = append(got, message)
				if !strings.HasPrefix(message, found.Field+": ") || strings.Contains(message, "hunter2") {
					t.Errorf("field %q of %q", found.Field, message)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

const gadgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.acme.example}
spec:
  group: acme.example
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          metadata: {type: object}
          spec:
            type: object
            required: [size, color, mode]
            properties:
              size: {type: integer, minimum: 1}
              color: {type: string, enum: [red, blue]}
              mode: {type: string, default: "", enum: [fast, careful]}
              port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
              word: {type: string, pattern: "^[a-z]+$"}
              extra: {type: object, x-kubernetes-preserve-unknown-fields: true}
---
`

// TestWhatThisRepositoryShipsIsAsItShouldBe holds real manifests against the schemas: none of them may be called wrong.
func TestWhatThisRepositoryShipsIsAsItShouldBe(t *testing.T) {
	files, err := filepath.Glob("../../deploy/base/*.yaml")
	crds, err2 := filepath.Glob("../../deploy/crds/*.yaml")
	if err != nil || err2 != nil || len(files) < 3 || len(crds) < 3 {
		t.Fatalf("%d and %d files: %v, %v", len(files), len(crds), err, err2)
	}
	seen := 0
	for _, name := range append(files, crds...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f := facts(t, "", string(text))
		described(t, &f)
		seen += f.After.Len()
		for _, found := range guard.Check(f) {
			if found.Check == guard.Schema {
				t.Errorf("%s: %s", name, found.Message)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d objects were looked at", seen)
	}
}

func TestAFindingIsLocatedWhereTheFileShowsIt(t *testing.T) {
	file := "# a comment\n---\nkind: ConfigMap\nmetadata: {name: a}\n---\n" + strings.Replace(deployment, "image: web:1", "image: 1", 1)
	f := facts(t, "", strings.Replace(deployment, "image: web:1", "image: 1", 1))
	described(t, &f)
	found := guard.Check(f)
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	for name, c := range map[string]struct {
		file string
		want int
	}{
		"its line":                        {file, 18},
		"another document":                {"kind: ConfigMap\nmetadata: {name: a}\n", 1},
		"a template":                      {"kind: Deployment\nmetadata: {name: {{ .Name }}}\n", 1},
		"the object without the field":    {"kind: Deployment\nmetadata: {name: a}\nspec:\n  x: 1\n  template:\n    y: 1\n", 5},
		"an alias, which is not followed": {"x: &x {a: 1}\n---\nkind: Deployment\nmetadata: {name: a}\nspec: *x\n", 5},
		"an item that is not there":       {"kind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: []}}}\n", 3},
	} {
		t.Run(name, func(t *testing.T) {
			if got := found[0].Locate([]byte(c.file)).Line; got != c.want {
				t.Errorf("line %d, want %d", got, c.want)
			}
		})
	}
}

func FuzzLocate(f *testing.F) {
	f.Add([]byte(deployment))
	f.Add([]byte("a: &a [*a]\n"))
	facts := facts(f, "", strings.Replace(deployment, "image: web:1", "image: 1", 1))
	described(f, &facts)
	found := guard.Check(facts)[0]
	f.Fuzz(func(t *testing.T, file []byte) {
		if got := found.Locate(file); got.Line < 1 {
			t.Errorf("line %d", got.Line)
		}
	})
}

func BenchmarkSchema(b *testing.B) {
	f := facts(b, "", deployment)
	described(b, &f)
	b.ReportAllocs()
	for b.Loop() {
		if found := guard.Check(f); len(found) != 0 {
			b.Fatal(fmt.Sprint(found))
		}
	}
}

// BenchmarkThousandApplications is what the guards add to a change of a thousand applications, each of five objects that all change, with
// the schemas of Kubernetes and three rules of a team's own.
func BenchmarkThousandApplications(b *testing.B) {
	docs := deployment + "---\n" + doc("v1", "Service", "a", "spec: {selector: {app: a}, ports: [{port: 80}]}") + doc("v1", "ConfigMap", "a", "data: {a: b}") +
		doc("networking.k8s.io/v1", "Ingress", "a", "spec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]}") +
		doc("policy/v1", "PodDisruptionBudget", "a", "spec: {minAvailable: 1, selector: {matchLabels: {app: a}}}")
	f := facts(b, "", docs)
	described(b, &f)
	for _, expression := range []string{"!has(object.spec) || !has(object.spec.replicas) || object.spec.replicas >= 2", "has(object.metadata.name)", "environment != 'prod' || object.kind != 'Secret'"} {
		f.Policy.Rules = append(f.Policy.Rules, compiled(b, guard.Rule{Expression: expression}))
	}
	b.ReportAllocs()
	for b.Loop() {
		for range 1000 {
			if found := guard.Check(f); len(found) != 0 {
				b.Fatal(told(found))
			}
		}
	}
}
