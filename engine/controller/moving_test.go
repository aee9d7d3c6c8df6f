package controller_test

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

const movingWeb = `apiVersion: apps/v1
kind: Deployment
metadata: {name: KIND-web}
spec:
  replicas: 1
  selector: {matchLabels: {app: KIND-web}}
  template:
    metadata: {labels: {app: KIND-web}}
    spec: {containers: [{name: web, image: "registry.example/web:1", env: [{name: A, value: "1"}]}]}
`

const movingSettings = `apiVersion: v1
kind: ConfigMap
metadata: {name: KIND-settings}
data: {kept: "1"DROPPED}
`

func parsed(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	must(t, yaml.Unmarshal([]byte(text), &u.Object))
	return u
}

// Applications come from kubectl, and from Argo CD by its ways of applying and tracking. The first comparison finds what has left Git and
// nothing else, the first sync takes it away, and no pod is made anew.
func TestMovingOverRestartsNothing(t *testing.T) {
	const lastApplied, tracking, instance = "kubectl.kubernetes.io/last-applied-configuration", "argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"
	w := newWorld(t)
	clientSide := func(manager string) func(*unstructured.Unstructured) {
		return func(u *unstructured.Unstructured) {
			applied, err := json.Marshal(u.Object)
			must(t, err)
			u.SetAnnotations(merged(u.GetAnnotations(), lastApplied, string(applied)))
			must(t, w.client.Create(w.ctx, u, client.FieldOwner(manager)))
		}
	}
	serverSide := func(u *unstructured.Unstructured) {
		must(t, w.client.Apply(w.ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("argocd-controller"), client.ForceOwnership))
	}
	tracked := func(kind string, u *unstructured.Unstructured) {
		group := u.GroupVersionKind().Group
		u.SetAnnotations(merged(nil, tracking, w.name(kind)+":"+group+"/"+u.GetKind()+":"+w.target+"/"+u.GetName()))
	}
	cases := map[string]struct {
		mark  func(kind string, u *unstructured.Unstructured)
		apply func(*unstructured.Unstructured)
		// marked says that Argo CD's marks are ours, so that an object that is as Git has it is Synced.
		marked bool
	}{
		"kubectl":     {nil, clientSide("kubectl-client-side-apply"), false},
		"client-side": {tracked, clientSide("argocd-controller"), true},
		"server-side": {tracked, serverSide, true},
		"labels": {func(kind string, u *unstructured.Unstructured) {
			u.SetLabels(map[string]string{instance: w.name(kind)})
		}, clientSide("argocd-controller"), false},
	}
	files := map[string]string{}
	for kind, c := range cases {
		files[kind+"/web.yaml"] = strings.ReplaceAll(movingWeb, "KIND", kind)
		files[kind+"/settings.yaml"] = strings.NewReplacer("KIND", kind, "DROPPED", "").Replace(movingSettings)
		for _, text := range []string{movingWeb, strings.ReplaceAll(movingSettings, "DROPPED", `, dropped: "1"`)} {
			u := parsed(t, strings.ReplaceAll(text, "KIND", kind))
			u.SetNamespace(w.target)
			if c.mark != nil {
				c.mark(kind, u)
			}
			c.apply(u)
		}
	}
	stray := parsed(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: stray}}")
	stray.SetNamespace(w.target)
	stray.SetLabels(map[string]string{instance: w.name("labels")})
	must(t, w.client.Create(w.ctx, stray))
	before := map[string]*unstructured.Unstructured{}
	for kind := range cases {
		w.eventually("the pods of "+kind, func() bool {
			before[kind] = w.live("apps/v1", "Deployment", kind+"-web")
			n, _, _ := unstructured.NestedInt64(before[kind].Object, "status", "availableReplicas")
			return n == 1
		})
	}
	w.commit(files)
	w.start(options(), -1, false)
	for kind, c := range cases {
		w.application(kind, kind)
		app := w.until("the first comparison of "+kind, kind, func(app *argo.Application) bool { return app.Status.Sync.Status == argo.SyncStatusCodeOutOfSync })
		for _, r := range app.Status.Resources {
			if want := r.Kind == "ConfigMap" || !c.marked; (r.Status == argo.SyncStatusCodeOutOfSync) != want {
				t.Errorf("%s: %s %s is %s at first", kind, r.Kind, r.Name, r.Status)
			}
		}
		w.sync(kind, argo.SyncOperation{Prune: true})
	}
	for kind := range cases {
		w.until("the sync of "+kind, kind, settled)
		now, was := w.live("apps/v1", "Deployment", kind+"-web"), before[kind]
		if now == nil || now.GetUID() != was.GetUID() || toJSON(t, now.Object["spec"]) != toJSON(t, was.Object["spec"]) {
			t.Errorf("%s: the Deployment is another one", kind)
			continue
		}
		if kind == "server-side" && now.GetGeneration() != was.GetGeneration() {
			t.Errorf("%s: generation %d was %d, and nothing has changed", kind, now.GetGeneration(), was.GetGeneration())
		}
		if revision := now.GetAnnotations()["deployment.kubernetes.io/revision"]; revision != "1" {
			t.Errorf("%s: the pods are those of revision %s", kind, revision)
		}
		for _, u := range []*unstructured.Unstructured{now, w.live("v1", "ConfigMap", kind+"-settings")} {
			if !strings.HasPrefix(u.GetAnnotations()[tracking], w.name(kind)+":") || u.GetLabels()[instance] != "" {
				t.Errorf("%s: %s has labels %v and annotations %v", kind, u.GetName(), u.GetLabels(), u.GetAnnotations())
			}
			for _, m := range u.GetManagedFields() {
				if m.Manager == "kubectl-client-side-apply" || m.Manager == "argocd-controller" && m.Operation == "Update" {
					t.Errorf("%s: %s still has fields of %s %s", kind, u.GetName(), m.Manager, m.Operation)
				}
			}
		}
		if data := toJSON(t, w.live("v1", "ConfigMap", kind+"-settings").Object["data"]); data != `{"kept":"1"}` {
			t.Errorf("%s: the settings are %s", kind, data)
		}
	}
	if w.live("v1", "ConfigMap", "stray") == nil {
		t.Error("an object was pruned for its label, which anybody may have written")
	}
}

func merged(m map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range m {
		out[k] = v
	}
	return out
}
