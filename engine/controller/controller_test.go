package controller_test

import (
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

var shop = map[string]string{
	"shop/settings.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, annotations: {argocd.argoproj.io/sync-wave: "-1"}}
data: {colour: blue}
`,
	"shop/web.yaml": `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.test/web:1"}]}
`,
	"shop/late.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: {name: late, annotations: {argocd.argoproj.io/sync-wave: "2"}}
data: {a: b}
`,
	"shop/migrate.yaml": `
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {argocd.argoproj.io/hook: PreSync}}
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: m, image: "example.test/migrate:1"}]}}
`,
}

func TestManualSync(t *testing.T) {
	w := newWorld(t)
	sha := w.commit(shop)
	w.start(options(), -1, false)
	w.application("shop", "shop")
	app := w.until("the first comparison", "shop", func(app *argo.Application) bool { return app.Status.Sync.Status == argo.SyncStatusCodeOutOfSync })
	if app.Status.Sync.Revision != sha || app.Status.ReconciledAt == nil || app.Status.SourceType != argo.ApplicationSourceTypeDirectory {
		t.Error(told(app))
	}
	w.sync("shop", argo.SyncOperation{})
	app = w.until("the sync", "shop", settled)
	state := app.Status.OperationState
	if state.Phase != argo.OperationSucceeded || state.Message != "successfully synced (all tasks run)" || state.SyncResult.Revision != sha {
		t.Error(told(app))
	}
	if len(app.Status.History) != 1 || app.Status.History[0].Revision != sha || app.Status.History[0].InitiatedBy.Username != "github:alice" {
		t.Errorf("history is %+v", app.Status.History)
	}
	if len(app.Status.Summary.Images) != 1 {
		t.Errorf("images are %v", app.Status.Summary.Images)
	}
}

func automated(a argo.SyncPolicyAutomated) func(*argo.Application) {
	return func(app *argo.Application) { app.Spec.SyncPolicy = &argo.SyncPolicy{Automated: &a} }
}

func TestAutomatedSyncPrunesHealsAndFollows(t *testing.T) {
	w := newWorld(t)
	w.commit(shop)
	w.start(options(), -1, false)
	w.application("shop", "shop", automated(argo.SyncPolicyAutomated{Prune: true, SelfHeal: true}))
	app := w.until("the first sync", "shop", settled)
	if op := app.Status.OperationState.Operation; !op.InitiatedBy.Automated || len(app.Status.History) != 1 {
		t.Errorf("synced by %+v", op.InitiatedBy)
	}

	t.Log("drift")
	u := w.live("v1", "ConfigMap", "settings")
	must(t, unstructured.SetNestedField(u.Object, "red", "data", "colour"))
	must(t, w.client.Update(w.ctx, u))
	app = w.until("the drift to be healed", "shop", func(app *argo.Application) bool {
		healed := app.Status.OperationState.Operation.Sync.SelfHealAttemptsCount == 1 && settled(app)
		return healed
	})
	colour, _, _ := unstructured.NestedString(w.live("v1", "ConfigMap", "settings").Object, "data", "colour")
	if n := len(app.Status.OperationState.Operation.Sync.Resources); colour != "blue" || n != 1 || len(app.Status.History) != 1 {
		t.Errorf("colour is %s after healing %d resources, history %d", colour, n, len(app.Status.History))
	}

	t.Log("drift again, which is healed after a pause")
	u = w.live("v1", "ConfigMap", "settings")
	must(t, unstructured.SetNestedField(u.Object, "green", "data", "colour"))
	must(t, w.client.Update(w.ctx, u))
	w.until("the drift to be healed again", "shop", func(app *argo.Application) bool {
		return app.Status.OperationState.Operation.Sync.SelfHealAttemptsCount == 2 && settled(app)
	})

	t.Log("a commit that removes one and adds one")
	sha := w.commit(map[string]string{"shop/late.yaml": "", "shop/new.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: new}\n"})
	w.change("shop", func(app *argo.Application) {
		app.Annotations = map[string]string{"argocd.argoproj.io/refresh": "normal"}
	})
	app = w.until("the commit to be synced", "shop", func(app *argo.Application) bool { return settled(app) && app.Status.Sync.Revision == sha })
	if w.live("v1", "ConfigMap", "late") != nil || w.live("v1", "ConfigMap", "new") == nil {
		t.Error("the cluster is not as the commit says")
	}
	if len(app.Annotations) != 0 || len(app.Status.History) != 2 {
		t.Errorf("annotations %v, history %d", app.Annotations, len(app.Status.History))
	}
}

func TestFailures(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]string{
		"broken/x.yaml":  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: [\n",
		"unknown/x.yaml": "apiVersion: nowhere.example/v1\nkind: Widget\nmetadata: {name: x}\n",
		"refused/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n",
		"refused/b.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99999}]}\n",
		"fine/x.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fine}\n",
	})
	w.start(options(), -1, false)
	w.application("broken", "broken")
	app := w.until("the broken file to be named", "broken", hasCondition("ComparisonError", "x.yaml"))
	if app.Status.Sync.Status != argo.SyncStatusCodeUnknown || app.Status.Health.Status != argo.HealthStatusUnknown {
		t.Error(told(app))
	}
	w.sync("broken", argo.SyncOperation{})
	app = w.until("its sync to end", "broken", ended)
	if s := app.Status.OperationState; s.Phase != argo.OperationError || !strings.Contains(s.Message, "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1") {
		t.Error(told(app))
	}

	w.application("nowhere", "fine", func(app *argo.Application) { app.Spec.Destination.Server = "https://nowhere.example" })
	w.until("the unknown cluster to be named", "nowhere", hasCondition("InvalidSpecError", "there are no clusters with this server"))
	w.application("stranger", "fine", func(app *argo.Application) { app.Spec.Project = "none" })
	w.until("the missing project to be named", "stranger", hasCondition("InvalidSpecError", "Application referencing project none which does not exist"))

	w.application("unknown", "unknown", automated(argo.SyncPolicyAutomated{}), func(app *argo.Application) {
		app.Spec.SyncPolicy.Retry = &argo.RetryStrategy{Limit: 1, Backoff: &argo.Backoff{Duration: "1s"}}
	})
	app = w.until("the sync of an unknown kind to fail for good", "unknown", func(app *argo.Application) bool {
		return ended(app) && hasCondition("SyncError", "Failed last sync attempt to")(app)
	})
	if s := app.Status.OperationState; s.Phase != argo.OperationFailed || s.RetryCount != 1 || !strings.Contains(s.Message, "one or more synchronization tasks are not valid") {
		t.Error(told(app))
	}

	w.application("refused", "refused")
	w.sync("refused", argo.SyncOperation{})
	app = w.until("the refused sync to end", "refused", ended)
	if s := app.Status.OperationState; s.Phase != argo.OperationFailed || !strings.Contains(s.Message, "one or more objects failed to apply (dry run)") {
		t.Error(told(app))
	}
	if w.live("v1", "ConfigMap", "good") != nil {
		t.Error("a refused dry run has changed something")
	}
}

func TestProjectLimits(t *testing.T) {
	w := newWorld(t)
	w.commit(map[string]string{"x/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: default}\n"})
	w.start(options(), -1, false)
	proj := &argo.AppProject{Spec: argo.AppProjectSpec{
		SourceRepos:  []string{w.repo},
		Destinations: []argo.ApplicationDestination{{Server: "https://kubernetes.default.svc", Namespace: w.target}},
	}}
	proj.Name, proj.Namespace = "team", w.control
	must(t, w.client.Create(w.ctx, proj))
	w.application("x", "x", func(app *argo.Application) { app.Spec.Project = "team" })
	w.sync("x", argo.SyncOperation{})
	app := w.until("the sync to end", "x", ended)
	if s := app.Status.OperationState; s.Phase != argo.OperationFailed || !strings.Contains(s.Message, "namespace default is not permitted in project 'team'") {
		t.Error(told(app))
	}
	if w.live("v1", "ConfigMap", "x") != nil {
		t.Error("a sync that is not valid has changed something")
	}
	defaults := &argo.AppProject{}
	must(t, w.client.Get(w.ctx, client.ObjectKey{Namespace: w.control, Name: "default"}, defaults))
}

func TestHooksAndTermination(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{}
	for k, v := range shop {
		files[k] = v
	}
	files["shop/migrate.yaml"] = strings.Replace(shop["shop/migrate.yaml"], "spec:\n  template: {spec:",
		"spec:\n  backoffLimit: 0\n  template: {metadata: {annotations: {sandbox.slipway.dev/exit-code: \"1\"}}, spec:", 1)
	w.commit(files)
	w.start(options(), -1, false)
	w.application("shop", "shop")
	w.sync("shop", argo.SyncOperation{})
	app := w.until("the sync to fail", "shop", ended)
	if s := app.Status.OperationState; s.Phase != argo.OperationFailed || !strings.Contains(s.Message, "one or more synchronization tasks completed unsuccessfully") {
		t.Error(told(app))
	}
	if w.live("v1", "ConfigMap", "settings") != nil {
		t.Error("something was applied after a PreSync hook that failed")
	}

	t.Log("a hook that does not end is terminated")
	w.commit(map[string]string{"shop/migrate.yaml": strings.Replace(shop["shop/migrate.yaml"], "spec:\n", "spec:\n  suspend: true\n", 1)})
	w.sync("shop", argo.SyncOperation{})
	w.until("the hook to be awaited", "shop", func(app *argo.Application) bool {
		return app.Status.OperationState.Message == "waiting for completion of hook batch/Job/migrate"
	})
	w.change("shop", func(app *argo.Application) { app.Status.OperationState.Phase = argo.OperationTerminating })
	app = w.until("the end", "shop", ended)
	if s := app.Status.OperationState; s.Phase != argo.OperationFailed || s.Message != "Operation terminated" {
		t.Error(told(app))
	}
}

func TestDeletionTakesObjectsAlong(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"shop/kept.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, annotations: {argocd.argoproj.io/sync-options: Delete=false}}\n"}
	for k, v := range shop {
		files[k] = v
	}
	w.commit(files)
	w.start(options(), -1, false)
	w.application("shop", "shop", automated(argo.SyncPolicyAutomated{}), func(app *argo.Application) {
		app.Finalizers = []string{"resources-finalizer.argocd.argoproj.io"}
	})
	app := w.until("the sync", "shop", settled)
	must(t, w.client.Delete(w.ctx, app))
	for gone := false; !gone; {
		err := w.client.Get(w.ctx, client.ObjectKeyFromObject(app), &argo.Application{})
		if gone = apierrors.IsNotFound(err); !gone {
			must(t, err)
			time.Sleep(20 * time.Millisecond)
		}
	}
	for _, name := range []string{"settings", "late"} {
		if w.live("v1", "ConfigMap", name) != nil {
			t.Errorf("%s is still there", name)
		}
	}
	if w.live("apps/v1", "Deployment", "web") != nil || w.live("batch/v1", "Job", "migrate") != nil {
		t.Error("the Deployment or the hook's Job is still there")
	}
	if w.live("v1", "ConfigMap", "kept") == nil {
		t.Error("what asked to be kept is gone")
	}
}

func TestALockedApplicationStaysAtItsRevision(t *testing.T) {
	w := newWorld(t)
	first := w.commit(shop)
	w.start(options(), -1, false)
	w.application("shop", "shop", automated(argo.SyncPolicyAutomated{SelfHeal: true}))
	w.until("the first sync", "shop", settled)
	lock := &slipway.Lock{Spec: slipway.LockSpec{
		Application: &slipway.ApplicationRef{Namespace: w.control, Name: w.name("shop")}, Revision: first, AcquiredAt: metav1.NowMicro(),
		Owner: slipway.LockOwner{Forge: "github", Host: "forge.example", RepositoryID: 1, Number: 7, URL: "https://forge.example/acme/shop/pull/7"},
	}}
	lock.Name, lock.Namespace = "shop", w.control
	must(t, w.client.Create(w.ctx, lock))
	w.until("the condition", "shop", func(app *argo.Application) bool {
		return len(app.Status.Conditions) == 1 && app.Status.Conditions[0].Type == "LockedWarning"
	})
	second := w.commit(map[string]string{"shop/late.yaml": strings.Replace(shop["shop/late.yaml"], "a: b", "a: c", 1)})
	before := w.read("shop").Status.ReconciledAt
	w.change("shop", func(app *argo.Application) {
		app.Annotations = map[string]string{"argocd.argoproj.io/refresh": "normal"}
	})
	app := w.until("a comparison", "shop", func(app *argo.Application) bool { return len(app.Annotations) == 0 })
	if app.Status.Sync.Revision != first || app.Status.Sync.Status != argo.SyncStatusCodeSynced || len(app.Status.History) != 1 {
		t.Errorf("%s (before: %s)", told(app), before)
	}
	must(t, w.client.Delete(w.ctx, lock))
	app = w.until("the base revision", "shop", func(app *argo.Application) bool { return settled(app) && app.Status.Sync.Revision == second })
	if len(app.Status.Conditions) != 0 || len(app.Status.History) != 2 {
		t.Error(told(app))
	}
}

func TestASyncOfOtherSourcesLeavesTheSpecAlone(t *testing.T) {
	w := newWorld(t)
	w.commit(shop)
	w.start(options(), -1, false)
	w.application("shop", "shop")
	w.sync("shop", argo.SyncOperation{})
	w.until("the first sync", "shop", settled)
	spec := w.read("shop").Spec
	second := w.commit(map[string]string{"shop/late.yaml": strings.Replace(shop["shop/late.yaml"], "a: b", "a: c", 1)})
	source := *spec.Source
	source.TargetRevision = second
	w.sync("shop", argo.SyncOperation{Source: &source})
	app := w.until("the sync", "shop", func(app *argo.Application) bool { return ended(app) && len(app.Status.History) == 2 })
	if app.Spec.Source.TargetRevision != "main" || app.Status.OperationState.SyncResult.Revision != second {
		t.Error(told(app))
	}
}

func TestSyncWindowsHoldSyncsUp(t *testing.T) {
	w := newWorld(t)
	w.commit(shop)
	w.start(options(), -1, false)
	proj := &argo.AppProject{Spec: argo.AppProjectSpec{
		SourceRepos: []string{"*"}, Destinations: []argo.ApplicationDestination{{Server: "*", Namespace: "*"}},
		SyncWindows: argo.SyncWindows{{Kind: "deny", Schedule: "* * * * *", Duration: "1h", Applications: []string{"*"}}},
	}}
	proj.Name, proj.Namespace = "team", w.control
	must(t, w.client.Create(w.ctx, proj))
	team := func(app *argo.Application) { app.Spec.Project = "team" }
	w.application("asked", "shop", team)
	w.application("automated", "shop", team, automated(argo.SyncPolicyAutomated{}))
	w.sync("asked", argo.SyncOperation{})
	w.until("the request to be held up", "asked", func(app *argo.Application) bool {
		s := app.Status.OperationState
		return s != nil && s.Phase == argo.OperationRunning && strings.HasPrefix(s.Message, "Sync operation blocked by sync window")
	})
	app := w.until("a comparison", "automated", func(app *argo.Application) bool { return app.Status.ReconciledAt != nil })
	if app.Status.OperationState != nil || app.Operation != nil {
		t.Error(told(app))
	}
	if w.live("v1", "ConfigMap", "settings") != nil {
		t.Error("something was applied in spite of the window")
	}
	old := proj.DeepCopy()
	proj.Spec.SyncWindows = nil
	must(t, w.client.Patch(w.ctx, proj, client.MergeFrom(old)))
	w.until("the request to be done", "asked", func(app *argo.Application) bool {
		return ended(app) && app.Status.OperationState.Phase == argo.OperationSucceeded
	})
	w.until("the automated sync", "automated", ended)
}
