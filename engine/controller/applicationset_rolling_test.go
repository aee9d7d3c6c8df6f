package controller_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/controller"
)

// Steps are synced one after the other, each by one operation, and go in the reverse order.
func TestSetsRollAndGoInOrder(t *testing.T) {
	w := newWorld(t)
	w.sets = &controller.Sets{}
	w.commit(map[string]string{"dev/a.yaml": configMap("dev"), "prod/a.yaml": configMap("prod")})
	w.start(options(), -1, false)
	w.set("set", `generators: [{list: {elements: [{env: dev}, {env: prod}]}}]
strategy:
  type: RollingSync
  deletionOrder: Reverse
  rollingSync: {steps: [{matchExpressions: [{key: env, operator: In, values: [dev]}]}, {matchExpressions: [{key: env, operator: In, values: [prod]}]}]}
template:
  metadata: {name: 'PREFIX{{env}}', labels: {env: '{{env}}'}}
  spec:
    project: default
    source: {repoURL: REPO, path: '{{env}}', targetRevision: main}
    destination: {server: https://kubernetes.default.svc, namespace: TARGET}
    syncPolicy: {automated: {prune: true}, syncOptions: [CreateNamespace=false]}
`)
	w.eventually("the rollout", func() bool {
		s := w.readSet("set")
		return conditionOf(s, "RolloutProgressing").Message == "ApplicationSet Rollout has completed" && len(s.Status.ApplicationStatus) == 2
	})
	dev, prod := w.read("dev"), w.read("prod")
	for _, app := range []*argo.Application{dev, prod} {
		o := app.Status.OperationState
		if o == nil || o.Operation.InitiatedBy.Username != "applicationset-controller" || !o.Operation.Sync.Prune || o.Operation.Retry.Limit != 5 || len(app.Status.History) != 1 {
			t.Fatalf("%s was synced by %+v, %d times", app.Name, o, len(app.Status.History))
		}
		if a := app.Spec.SyncPolicy.Automated; a.Enabled == nil || *a.Enabled {
			t.Errorf("%s syncs itself: %v", app.Name, a)
		}
	}
	if prod.Status.OperationState.StartedAt.Before(dev.Status.OperationState.FinishedAt) {
		t.Errorf("prod began at %v, before dev ended at %v", prod.Status.OperationState.StartedAt, dev.Status.OperationState.FinishedAt)
	}

	// While prod is held up, dev stays.
	w.change("prod", func(app *argo.Application) { app.Finalizers = append(app.Finalizers, "example.com/hold") })
	w.eventually("the set's own finalizer", func() bool { return len(w.readSet("set").Finalizers) == 1 })
	set := w.readSet("set")
	must(t, w.client.Delete(w.ctx, set))
	w.eventually("prod to be deleted", func() bool { return !w.read("prod").DeletionTimestamp.IsZero() })
	if !w.read("dev").DeletionTimestamp.IsZero() {
		t.Error("dev goes before prod has gone")
	}
	w.change("prod", func(app *argo.Application) {
		app.Finalizers = strings.Fields(strings.ReplaceAll(strings.Join(app.Finalizers, " "), "example.com/hold", ""))
	})
	w.eventually("all to be gone", func() bool {
		err := w.client.Get(w.ctx, client.ObjectKeyFromObject(set), &argo.ApplicationSet{})
		return apierrors.IsNotFound(err) && w.live("v1", "ConfigMap", "dev") == nil && w.live("v1", "ConfigMap", "prod") == nil
	})
}

// Clusters come and go by their Secrets, and a plugin answers with its token.
func TestSetsFollowClustersAndPlugins(t *testing.T) {
	w := newWorld(t)
	var broken atomic.Bool
	service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var asked struct {
			ApplicationSetName string                                 `json:"applicationSetName"`
			Input              struct{ Parameters map[string]string } `json:"input"`
		}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.URL.Path != "/base/api/v1/getparams.execute" || r.Header.Get("Authorization") != "Bearer hush" ||
			asked.ApplicationSetName != w.name("set") || broken.Load() {
			http.Error(rw, "no", http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(rw, `{"output": {"parameters": [{"app": "%s"}]}}`, asked.Input.Parameters["name"])
	}))
	t.Cleanup(service.Close)
	w.sets = &controller.Sets{Plugins: service.Client(), Options: controller.SetOptions{Confirm: time.Second}}
	w.commit(map[string]string{"web/a.yaml": configMap("web")})
	object := func(o client.Object, name string) {
		o.SetName(name)
		o.SetNamespace(w.control)
		must(t, w.client.Create(w.ctx, o))
	}
	object(&corev1.Secret{StringData: map[string]string{"key": "hush"}}, "plugin-token")
	object(&corev1.ConfigMap{Data: map[string]string{"baseUrl": service.URL + "/base/", "token": "$plugin-token:key", "requestTimeout": "20"}}, "plugin")
	w.start(options(), -1, false)
	w.set("set", `generators:
- matrix:
    generators:
    - plugin: {configMapRef: {name: plugin}, input: {parameters: {name: web}}}
    - clusters: {}
template:
  metadata: {name: 'PREFIX{{app}}-{{nameNormalized}}'}
  spec:
    project: default
    source: {repoURL: REPO, path: web, targetRevision: main}
    destination: {server: '{{server}}', namespace: TARGET}
`)
	w.expectNames("the control plane's own cluster", "web-in-cluster")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"argocd.argoproj.io/secret-type": "cluster"}},
		StringData: map[string]string{"name": "home", "server": "https://kubernetes.default.svc", "config": "{}"}}
	object(secret, "home")
	w.expectNames("the same cluster by its registered name", "web-home")
	broken.Store(true)
	w.refresh("set")
	w.eventually("the plugin's failure", func() bool {
		return strings.Contains(conditionOf(w.readSet("set"), "ErrorOccurred").Message, "the plugin plugin answers 500 Internal Server Error")
	})
	if got := w.names(); got != "web-home" {
		t.Errorf("a plugin that fails left %q", got)
	}
}
