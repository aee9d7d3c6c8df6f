package cluster_test

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

func TestApplyTakesOverFromKubectl(t *testing.T) {
	w := begin(t)
	w.apply(config, cluster.ApplyOptions{ClientSide: true, Manager: "kubectl-client-side-apply"})
	fewer := strings.Replace(config, `, b: "2"`, "", 1)
	id := object.IDOf(w.parse(config))
	live, err := w.c.Get(w.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	s, err := compare.Drift(id, w.parse(fewer), live, compare.Options{Schema: w.c.Schema()})
	if err != nil || s.Status != compare.OutOfSync || !strings.Contains(s.Difference.Text, "-  b: \"2\"") {
		t.Errorf("%v %s\n%s", err, s.Status, s.Difference.Text)
	}
	applied := w.apply(fewer, cluster.ApplyOptions{})
	if _, kept, _ := unstructured.NestedString(applied.Object.Object, "data", "b"); kept {
		t.Error("what was removed from the repository is still there")
	}
	if len(applied.Object.GetAnnotations()) != 0 {
		t.Errorf("annotations %v", applied.Object.GetAnnotations())
	}
	if want := "configmap/settings serverside-applied"; applied.Message != want {
		t.Errorf("message %q", applied.Message)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	w := begin(t)
	a := w.apply(config, cluster.ApplyOptions{DryRun: true})
	if a.Message != "configmap/settings serverside-applied (server dry run)" || a.Object == nil {
		t.Errorf("%+v", a)
	}
	if _, err := w.c.Get(w.ctx, object.IDOf(w.parse(config))); !apierrors.IsNotFound(err) {
		t.Errorf("it is there, or %v", err)
	}
}

func TestApplyWaysAndRefusals(t *testing.T) {
	w := begin(t)
	if a := w.apply(config, cluster.ApplyOptions{ClientSide: true}); a.Message != "configmap/settings created" {
		t.Error(a.Message)
	}
	if a := w.apply(config, cluster.ApplyOptions{ClientSide: true}); a.Message != "configmap/settings unchanged" {
		t.Error(a.Message)
	}
	if a := w.apply(strings.Replace(config, `"1"`, `"3"`, 1), cluster.ApplyOptions{ClientSide: true}); a.Message != "configmap/settings configured" {
		t.Error(a.Message)
	}
	if a := w.apply(config, cluster.ApplyOptions{Replace: true}); a.Message != "configmap/settings replaced" {
		t.Error(a.Message)
	}
	twice := strings.Replace(web, "image:", "env: [{name: A, value: '1'}, {name: A, value: '2'}], image:", 1)
	if a := w.apply(twice, cluster.ApplyOptions{}); len(a.Warnings) == 0 || !strings.Contains(a.Warnings[0], "client-side") {
		t.Errorf("%+v", a)
	}
	job := "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: seed-, namespace: NAMESPACE}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'c:1'}]}}}\n"
	first, second := w.apply(job, cluster.ApplyOptions{}), w.apply(job, cluster.ApplyOptions{})
	if first.Object.GetName() == second.Object.GetName() || !strings.HasPrefix(first.Message, "job.batch/seed-") {
		t.Errorf("%s, %s", first.Message, second.Message)
	}
	_, err := w.c.Apply(w.ctx, w.parse(strings.Replace(web, "replicas: 2", "replicas: 2\n  replicaCount: 3", 1)), cluster.ApplyOptions{})
	if err == nil || !strings.Contains(err.Error(), "replicaCount") {
		t.Errorf("an unknown field: %v", err)
	}
	_, err = w.c.Apply(w.ctx, w.parse("apiVersion: x.y/v1\nkind: Thing\nmetadata: {name: a}\n"), cluster.ApplyOptions{})
	if err == nil || !strings.Contains(err.Error(), "CustomResourceDefinition") {
		t.Errorf("an unknown kind: %v", err)
	}
	_, err = w.c.Apply(w.ctx, w.parse("apiVersion: apps/v1beta9\nkind: Deployment\nmetadata: {name: a, namespace: NAMESPACE}\n"), cluster.ApplyOptions{})
	if err == nil || !strings.Contains(err.Error(), "apps/v1]") {
		t.Errorf("an unknown version: %v", err)
	}
}

func TestForceReplacesWhatCannotChange(t *testing.T) {
	w := begin(t)
	before := w.apply(web, cluster.ApplyOptions{})
	other := strings.ReplaceAll(web, "app: web", "app: other")
	_, err := w.c.Apply(w.ctx, w.parse(other), cluster.ApplyOptions{})
	if !apierrors.IsInvalid(err) {
		t.Fatalf("an immutable field: %v", err)
	}
	after := w.apply(other, cluster.ApplyOptions{Force: true})
	if after.Object.GetUID() == before.Object.GetUID() || after.Message != "deployment.apps/web replaced" {
		t.Errorf("%s, same object %v", after.Message, after.Object.GetUID() == before.Object.GetUID())
	}
}

// What the server would not take either way replaces nothing.
func TestForceKeepsWhatItCannotReplace(t *testing.T) {
	w := begin(t)
	before := w.apply(web, cluster.ApplyOptions{})
	wrong := strings.NewReplacer("app: web", "app: other", "name: web, image", "name: Not_A_Name, image").Replace(web)
	for name, o := range map[string]cluster.ApplyOptions{"forced": {Force: true}, "replaced by force": {Force: true, Replace: true}} {
		_, err := w.c.Apply(w.ctx, w.parse(wrong), o)
		if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "the live object stays") || !strings.Contains(err.Error(), "Not_A_Name") {
			t.Errorf("%s: %v", name, err)
		}
		live, err := w.c.Get(w.ctx, object.IDOf(before.Object))
		if err != nil || live.GetUID() != before.Object.GetUID() {
			t.Errorf("%s: the live object is gone, or another: %v", name, err)
		}
	}
}

// Of a Service no second one can be tried beside the first: it is put back.
func TestForcePutsBackWhatItCannotReplace(t *testing.T) {
	w := begin(t)
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: NAMESPACE, labels: {of: the-old-one}}\nspec: {clusterIP: None, ports: [{port: 80}]}\n"
	before := w.apply(service, cluster.ApplyOptions{})
	wrong := strings.NewReplacer("clusterIP: None", "clusterIP: 10.0.0.999", "the-old-one", "the-new-one").Replace(service)
	_, err := w.c.Apply(w.ctx, w.parse(wrong), cluster.ApplyOptions{Force: true})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "was put back") {
		t.Errorf("%v", err)
	}
	live, err := w.c.Get(w.ctx, object.IDOf(before.Object))
	if err != nil || live.GetLabels()["of"] != "the-old-one" {
		t.Errorf("%v %v", err, live)
	}
}

func TestErrorsOfSecretsDoNotQuoteThem(t *testing.T) {
	w := begin(t)
	for _, text := range []string{
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: NAMESPACE}\ndata: {k: {HUSH: HUSH}}\n",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: NAMESPACE}\ndata: {k: 'HUSH!'}\n",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: NAMESPACE}\nHUSH: 5\n",
	} {
		if _, err := w.c.Apply(w.ctx, w.parse(text), cluster.ApplyOptions{}); err == nil || strings.Contains(err.Error(), "HUSH") {
			t.Errorf("%v", err)
		}
	}
}

func TestDeleteOnlyWhatWasSeen(t *testing.T) {
	w := begin(t)
	w.apply(config, cluster.ApplyOptions{})
	id := object.IDOf(w.parse(config))
	if err := w.c.Delete(w.ctx, id, cluster.DeleteOptions{UID: "another"}); !apierrors.IsConflict(err) {
		t.Errorf("another object's UID: %v", err)
	}
	if _, err := w.c.Get(w.ctx, id); err != nil {
		t.Error(err)
	}
}

func TestRemoveFinalizer(t *testing.T) {
	w := begin(t)
	a := w.apply(strings.Replace(config, "name: settings", "finalizers: [example.com/ours, example.com/theirs], name: settings", 1), cluster.ApplyOptions{})
	id := object.IDOf(a.Object)
	for range 2 { // the second time there is nothing to do
		if err := w.c.RemoveFinalizer(w.ctx, id, a.Object.GetUID(), "example.com/ours"); err != nil {
			t.Fatal(err)
		}
	}
	u, err := w.c.Get(w.ctx, id)
	if err != nil || strings.Join(u.GetFinalizers(), ",") != "example.com/theirs" {
		t.Errorf("%v %v", err, u.GetFinalizers())
	}
	if err := w.c.RemoveFinalizer(w.ctx, id, "another", "example.com/theirs"); err != nil {
		t.Error(err)
	}
	if err := w.c.RemoveFinalizer(w.ctx, id, "", "example.com/theirs"); err != nil {
		t.Error(err)
	}
}
