package controller_test

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// child is the manifest of an Application of the folder shop, which takes its objects along when it goes.
func (w *world) child(name, annotations string) string {
	return fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: %s
  namespace: %s
  annotations: {%s}
  finalizers: [resources-finalizer.argocd.argoproj.io]
spec:
  project: default
  source: {repoURL: "%s", path: shop, targetRevision: main}
  destination: {server: "https://kubernetes.default.svc", namespace: %s}
  syncPolicy: {automated: {prune: true, selfHeal: true}}
`, w.name(name), w.control, annotations, w.repo, w.target)
}

func (w *world) isGone(name string) bool {
	w.Helper()
	err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.control, Name: w.name(name)}, &argo.Application{})
	if err != nil && !apierrors.IsNotFound(err) {
		w.Fatal(err)
	}
	return err != nil
}

// A parent renames its child: in one sync it prunes the old Application, whose finalizer takes all objects along, and makes the new one.
func TestARenamedApplicationKeepsItsObjects(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{
		"apps/child.yaml": w.child("old", ""), "shop/web.yaml": shop["shop/web.yaml"], "shop/settings.yaml": shop["shop/settings.yaml"],
		"shop/unwanted.yaml": strings.ReplaceAll(shop["shop/late.yaml"], "late", "unwanted"),
	}
	w.commit(files)
	w.start(options(), -1, false)
	w.application("parent", "apps", automated(argo.SyncPolicyAutomated{Prune: true}))
	w.until("the parent's first sync", "parent", func(app *argo.Application) bool {
		return ended(app) && app.Status.Sync.Status == argo.SyncStatusCodeSynced
	})
	w.until("the child's first sync", "old", settled)
	web, unwanted := w.live("apps/v1", "Deployment", "web"), w.live("v1", "ConfigMap", "unwanted")

	w.commit(map[string]string{"apps/child.yaml": w.child("new", slipway.AdoptFromAnnotation+": "+w.name("old")), "shop/unwanted.yaml": ""})
	w.change("parent", refresh)
	w.eventually("the old application to go", func() bool { return w.isGone("old") })
	app := w.until("the new application", "new", settled)
	if len(app.Status.Conditions) != 0 {
		t.Error(told(app))
	}
	now := w.live("apps/v1", "Deployment", "web")
	if now == nil || now.GetUID() != web.GetUID() || toJSON(t, now.Object["spec"]) != toJSON(t, web.Object["spec"]) {
		t.Error("the Deployment is another one now")
	}
	if now != nil && !strings.HasPrefix(now.GetAnnotations()["argocd.argoproj.io/tracking-id"], w.name("new")+":") {
		t.Errorf("tracked as %s", now.GetAnnotations()["argocd.argoproj.io/tracking-id"])
	}
	if u := w.live("v1", "ConfigMap", "unwanted"); u == nil || u.GetUID() != unwanted.GetUID() {
		t.Error("something was deleted by the move")
	}
}

// Whoever may make applications in a project of his own gets nothing of another's by naming it: neither does the other stand still nor
// do its objects outlive it.
func TestAdoptionFromAnotherProjectIsRefused(t *testing.T) {
	w := newWorld(t)
	w.commit(colour("blue"))
	w.start(options(), -1, false)
	proj := &argo.AppProject{Spec: argo.AppProjectSpec{SourceRepos: []string{"*"}, Destinations: []argo.ApplicationDestination{{Server: "*", Namespace: "*"}}}}
	proj.Name, proj.Namespace = "team", w.control
	must(t, w.client.Create(w.ctx, proj))
	w.application("shop", "shop", automated(argo.SyncPolicyAutomated{SelfHeal: true}), func(app *argo.Application) {
		app.Spec.Project, app.Finalizers = "team", []string{"resources-finalizer.argocd.argoproj.io"}
	})
	w.until("the first sync", "shop", settled)
	w.application("thief", "shop", automated(argo.SyncPolicyAutomated{SelfHeal: true, Prune: true}), func(app *argo.Application) {
		app.Annotations = map[string]string{slipway.AdoptFromAnnotation: w.name("shop")}
	})
	thief := w.until("the refusal", "thief", hasCondition("InvalidSpecError", "is in project team and this one in default"))
	if thief.Operation != nil || thief.Status.OperationState != nil {
		t.Error(told(thief))
	}
	must(t, w.client.Patch(w.ctx, w.live("v1", "ConfigMap", "settings"), rawMerge(`{"data":{"colour":"black"}}`)))
	w.eventually("the drift to be healed", func() bool { return w.is("blue") })
	if id := w.live("v1", "ConfigMap", "settings").GetAnnotations()["argocd.argoproj.io/tracking-id"]; !strings.HasPrefix(id, w.name("shop")+":") {
		t.Errorf("tracked as %s", id)
	}
	app := w.until("the end of healing", "shop", settled)
	if hasCondition("AdoptedWarning", "")(app) {
		t.Error(told(app))
	}

	t.Log("named by the other, it may")
	w.change("shop", func(app *argo.Application) {
		metav1.SetMetaDataAnnotation(&app.ObjectMeta, slipway.AdoptedByAnnotation, w.name("thief"))
	})
	w.change("thief", refresh)
	w.until("the sync", "thief", settled)
	w.until("the warning", "shop", hasCondition("AdoptedWarning", "takes over the objects of this one"))

	t.Log("and no longer when that is taken back: then the deletion takes along what is left to it")
	w.change("shop", func(app *argo.Application) { delete(app.Annotations, slipway.AdoptedByAnnotation) })
	w.eventually("the first to take its objects back", func() bool {
		return strings.HasPrefix(w.live("v1", "ConfigMap", "settings").GetAnnotations()["argocd.argoproj.io/tracking-id"], w.name("shop")+":")
	})
	must(t, w.client.Delete(w.ctx, w.read("shop")))
	w.eventually("the application to go", func() bool { return w.isGone("shop") })
	if w.live("v1", "ConfigMap", "settings") != nil {
		t.Error("the objects outlive their application, for the thief's sake")
	}
}
