package controller_test

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

const database = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "example.test/db:1"}]}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {selector: {app: db}, ports: [{port: 5432}]}
`

func named(apiVersion, kind, namespace, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	u.SetNamespace(namespace)
	u.SetName(name)
	return u
}

// isLeaving reports whether an object is gone, or is going.
func (w *world) isLeaving(u *unstructured.Unstructured) bool {
	w.Helper()
	u = u.DeepCopy()
	err := w.client.Get(w.ctx, client.ObjectKeyFromObject(u), u)
	if err != nil && !apierrors.IsNotFound(err) {
		w.Fatal(err)
	}
	return err != nil || u.GetDeletionTimestamp() != nil
}

// The namespace of a preview goes with it, where it was made for it and nothing of others is there.
func TestThePreviewsNamespaceGoesWithIt(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]string{"db/db.yaml": database})
	w.start(options(), -1, false)
	space := func(name string) string { return w.target + "-" + name }
	preview := func(name string) func(*argo.Application) {
		return func(app *argo.Application) {
			app.Spec.Destination.Namespace = space(name)
			app.Spec.SyncPolicy = &argo.SyncPolicy{
				Automated: &argo.SyncPolicyAutomated{}, SyncOptions: argo.SyncOptions{"CreateNamespace=true"},
				// Nobody makes a namespace his own by writing our mark.
				ManagedNamespaceMetadata: &argo.ManagedNamespaceMetadata{
					Labels: map[string]string{"team": "shop"}, Annotations: map[string]string{slipway.CreatedForAnnotation: w.name(name)}},
			}
			app.Annotations = map[string]string{slipway.PreviewAnnotation: "7", slipway.PreviewQuotaAnnotation: "pods=20", slipway.PreviewNetworkAnnotation: "isolated"}
			app.Finalizers = []string{"resources-finalizer.argocd.argoproj.io"}
		}
	}
	must(t, w.client.Create(w.ctx, named("v1", "Namespace", "", space("there"))))
	w.application("made", "db", preview("made"))
	w.application("there", "db", preview("there"))
	w.application("shared", "db", preview("shared"))
	w.application("lasting", "db", preview("lasting"), func(app *argo.Application) { app.Annotations = nil })
	names := []string{"made", "there", "shared", "lasting"}
	for _, name := range names {
		w.until("the sync", name, func(app *argo.Application) bool {
			return ended(app) && app.Status.Sync.Status == argo.SyncStatusCodeSynced
		})
		claim := named("v1", "PersistentVolumeClaim", space(name), "data-db-0")
		w.eventually("the claim", func() bool { return !w.isLeaving(claim) })
	}
	ns := named("v1", "Namespace", "", space("made"))
	must(t, w.client.Get(w.ctx, client.ObjectKeyFromObject(ns), ns))
	if ns.GetLabels()["team"] != "shop" || ns.GetAnnotations()[slipway.CreatedForAnnotation] != w.name("made") {
		t.Errorf("the namespace has labels %v, annotations %v", ns.GetLabels(), ns.GetAnnotations())
	}
	for _, around := range []*unstructured.Unstructured{named("v1", "ResourceQuota", space("made"), "slipway-preview"), named("networking.k8s.io/v1", "NetworkPolicy", space("made"), "slipway-preview")} {
		if w.isLeaving(around) {
			t.Errorf("there is no %s around the preview", around.GetKind())
		}
	}
	must(t, w.client.Create(w.ctx, named("v1", "ConfigMap", space("shared"), "by-hand")))
	for _, name := range names {
		must(t, w.client.Delete(w.ctx, w.read(name)))
	}
	for _, name := range names {
		w.eventually(name+" to go", func() bool { return w.isGone(name) })
		if goes := w.isLeaving(named("v1", "Namespace", "", space(name))); goes != (name == "made") {
			t.Errorf("namespace of %s: goes %v", name, goes)
		}
	}
	w.eventually("the reason to be told", func() bool {
		return strings.Contains(w.told(), "stays: ConfigMap by-hand in it are not this application's")
	})
}

// told are the messages of the events in the control namespace.
func (w *world) told() string {
	w.Helper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("events.k8s.io/v1")
	list.SetKind("EventList")
	must(w.T, w.client.List(w.ctx, list, client.InNamespace(w.control)))
	var b strings.Builder
	for _, e := range list.Items {
		note, _, _ := unstructured.NestedString(e.Object, "note")
		reason, _, _ := unstructured.NestedString(e.Object, "reason")
		b.WriteString(reason + ": " + note + "\n")
	}
	return b.String()
}
