package compare

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    spec: {containers: [{name: web, image: "web:1"}]}
`

func TestResourceShowsWhatChanges(t *testing.T) {
	before := parse(t, deployment)
	after := parse(t, strings.NewReplacer("replicas: 2", "replicas: 3", "web:1", "web:2", "labels: {app: web}", "labels: {app: web, tier: front}").Replace(deployment))
	d := Resource(object.IDOf(before), before, after)
	want := `@@ -5,8 +5,9 @@
   namespace: shop
   labels:
     app: web
+    tier: front
 spec:
-  replicas: 2
+  replicas: 3
   selector:
     matchLabels:
       app: web
@@ -14,4 +15,4 @@
     spec:
       containers:
       - name: web
-        image: web:1
+        image: web:2
`
	if diff := cmp.Diff(want, d.Text); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"metadata.labels", "spec.replicas", "spec.template"}, d.Fields); diff != "" {
		t.Error(diff)
	}
	if d.Kind != Changed || d.Added != 3 || d.Removed != 2 {
		t.Errorf("kind %s, +%d -%d", d.Kind, d.Added, d.Removed)
	}
}

func TestResourceAddedAndRemoved(t *testing.T) {
	u := parse(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
	added := Resource(object.IDOf(u), nil, u)
	if diff := cmp.Diff("@@ -0,0 +1,4 @@\n+apiVersion: v1\n+kind: ConfigMap\n+metadata:\n+  name: a\n", added.Text); diff != "" || added.Kind != Added {
		t.Error(added.Kind, diff)
	}
	removed := Resource(object.IDOf(u), u, nil)
	if diff := cmp.Diff("@@ -1,4 +0,0 @@\n-apiVersion: v1\n-kind: ConfigMap\n-metadata:\n-  name: a\n", removed.Text); diff != "" || removed.Kind != Removed {
		t.Error(removed.Kind, diff)
	}
	if d := Resource(object.ID{}, nil, nil); d.Kind != Unchanged {
		t.Error(d.Kind)
	}
}

func TestWhatTheServerWritesIsNoDifference(t *testing.T) {
	before := parse(t, deployment)
	after := parse(t, deployment)
	after.SetUID("1")
	after.SetResourceVersion("2")
	after.SetGeneration(4)
	after.SetAnnotations(map[string]string{lastApplied: "{}", TrackingAnnotation: "a:b/c:d/e"})
	after.Object["status"] = map[string]any{"replicas": int64(2)}
	if d := Resource(object.IDOf(before), before, after); d.Kind != Unchanged || d.Text != "" {
		t.Error(d.Kind, d.Text)
	}
}

func TestSetsPairsByIdentity(t *testing.T) {
	at := func(text, file string) object.Object {
		return object.Object{Unstructured: parse(t, text), Place: object.Place{File: file}}
	}
	config := func(name, value string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: a}\ndata: {k: %s}\n", name, value)
	}
	job := func(image string) string {
		return "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: seed-, namespace: a, annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}}\nspec: {image: " + image + "}\n"
	}
	before := object.NewSet(at(config("same", "v"), "1"), at(config("gone", "v"), "1"), at(config("other", "v"), "1"), at(job("a"), "j"), at(job("b"), "j"))
	after := object.NewSet(at(config("same", "v"), "2"), at(config("new", "v"), "2"), at(config("other", "w"), "2"), at(job("a"), "j"), at(job("c"), "j"))
	var got []string
	for _, d := range Sets(before, after) {
		got = append(got, fmt.Sprintf("%s %s %s %s", d.Kind, d.ID, d.Place.File, d.Hook))
	}
	want := []string{"Removed ConfigMap a/gone 1 ", "Added ConfigMap a/new 2 ", "Changed ConfigMap a/other 2 ", "Changed batch/Job a/seed-* j PreSync"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(Sets(before, before)) != 0 || len(Sets(nil, nil)) != 0 {
		t.Error("equal sets differ")
	}
}

// A unified diff applied to the text it was made from gives the other text.
func TestUnifiedDiffLeadsFromOneTextToTheOther(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		var b strings.Builder
		for range r.IntN(30) {
			fmt.Fprintf(&b, "line %d\n", r.IntN(8))
		}
		return b.String()
	}
	for range 2000 {
		before, after := text(), text()
		diff, added, removed := unified(before, after)
		if got := patch(t, before, diff); got != after {
			t.Fatalf("from\n%s\nto\n%s\ngot\n%s\nby\n%s", before, after, got, diff)
		}
		if strings.Count(after, "\n")-strings.Count(before, "\n") != added-removed {
			t.Fatalf("+%d -%d from\n%s\nto\n%s", added, removed, before, after)
		}
	}
}

func TestUnifiedOfManyDifferentLinesIsStillADiff(t *testing.T) {
	var a, b strings.Builder
	for i := range exactLines {
		fmt.Fprintf(&a, "a%d\n", i)
		fmt.Fprintf(&b, "b%d\n", i)
	}
	before, after := "head\n"+a.String()+"tail\n", "head\n"+b.String()+"tail\n"
	diff, _, _ := unified(before, after)
	if patch(t, before, diff) != after {
		t.Error("the diff does not apply")
	}
}

// patch is a strict reader of unified diffs.
func patch(t *testing.T, text, diff string) string {
	t.Helper()
	old := strings.SplitAfter(text, "\n")
	old = old[:len(old)-1]
	var out strings.Builder
	at := 0
	for l := range strings.Lines(diff) {
		if strings.HasPrefix(l, "@@") {
			from, count := 0, 1
			if n, _ := fmt.Sscanf(l, "@@ -%d,%d", &from, &count); n == 0 {
				t.Fatalf("bad hunk %q", l)
			}
			if count > 0 {
				from--
			}
			for ; at < from; at++ {
				out.WriteString(old[at])
			}
			continue
		}
		if l[0] != '+' {
			if at >= len(old) || old[at] != l[1:] {
				t.Fatalf("hunk does not fit at %d: %q in\n%s", at, l, diff)
			}
			at++
		}
		if l[0] != '-' {
			out.WriteString(l[1:])
		}
	}
	return out.String() + strings.Join(old[at:], "")
}

func TestTracking(t *testing.T) {
	role := "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:x'}\n"
	long := strings.Repeat("a", 62) + "-b"
	for name, c := range map[string]struct {
		tracking Tracking
		app      string
		object   string
		change   func(*unstructured.Unstructured)
		mark     string
		want     string
	}{
		"annotation":            {app: "shop", object: deployment, mark: "shop:apps/Deployment:shop/web", want: "shop"},
		"core group":            {app: "ns_shop", object: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n", mark: "ns_shop:/ConfigMap:dest/c", want: "ns_shop"},
		"cluster-scoped, colon": {app: "shop", object: role, mark: "shop:rbac.authorization.k8s.io/ClusterRole:dest/system:x", want: "shop"},
		"copied to another name": {app: "shop", object: deployment, mark: "shop:apps/Deployment:shop/web",
			change: func(u *unstructured.Unstructured) { u.SetName("copy") }},
		"copied to another namespace": {app: "shop", object: deployment, mark: "shop:apps/Deployment:shop/web",
			change: func(u *unstructured.Unstructured) { u.SetNamespace("copy") }},
		"label":       {tracking: Tracking{Method: MethodLabel}, app: "shop", object: deployment, want: "shop"},
		"both, long":  {tracking: Tracking{Method: MethodBoth}, app: long, object: deployment, mark: long + ":apps/Deployment:shop/web", want: long},
		"definitions": {app: "shop", object: "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\n"},
		"another installation": {tracking: Tracking{InstallationID: "a"}, app: "shop", object: deployment, mark: "shop:apps/Deployment:shop/web",
			change: func(u *unstructured.Unstructured) { annotate(u, InstallationAnnotation, "b") }},
		"same installation": {tracking: Tracking{InstallationID: "a"}, app: "shop", object: deployment, mark: "shop:apps/Deployment:shop/web", want: "shop"},
	} {
		t.Run(name, func(t *testing.T) {
			u := parse(t, c.object)
			c.tracking.Track(u, c.app, "dest")
			if got := u.GetAnnotations()[TrackingAnnotation]; got != c.mark {
				t.Errorf("mark %q, want %q", got, c.mark)
			}
			if c.change != nil {
				c.change(u)
			}
			if got, ok := c.tracking.TrackedBy(u); got != c.want && ok || ok != (c.want != "") {
				t.Errorf("tracked by %q %v, want %q", got, ok, c.want)
			}
		})
	}
	u := parse(t, deployment)
	Tracking{Method: MethodBoth}.Track(u, long, "")
	if got := u.GetLabels()[InstanceLabel]; got != strings.Repeat("a", 62) {
		t.Errorf("label %q", got)
	}
}
