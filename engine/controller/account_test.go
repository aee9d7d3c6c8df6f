package controller_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
)

// accountMay lets the ServiceAccount "deployer" of the destination namespace do all with some core resources there, and nothing else.
func (w *world) accountMay(resources ...string) {
	w.Helper()
	place := metav1.ObjectMeta{Namespace: w.target, Name: "deployer"}
	if w.live("v1", "ServiceAccount", "deployer") == nil {
		must(w.T, w.client.Create(w.ctx, &corev1.ServiceAccount{ObjectMeta: place}))
		must(w.T, w.client.Create(w.ctx, &rbacv1.Role{ObjectMeta: place}))
		must(w.T, w.client.Create(w.ctx, &rbacv1.RoleBinding{ObjectMeta: place, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "deployer"},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "deployer", Namespace: w.target}}}))
	}
	role := &rbacv1.Role{ObjectMeta: place, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: resources,
		Verbs: []string{"get", "list", "watch", "create", "patch", "update", "delete"}}}}
	must(w.T, w.client.Update(w.ctx, role))
}

// project makes an AppProject that permits everything, but for changes.
func (w *world) project(name string, changes ...func(*argo.AppProject)) {
	w.Helper()
	p := project.Default(w.control)
	p.Name = name
	for _, change := range changes {
		change(p)
	}
	must(w.T, w.client.Create(w.ctx, p))
}

// ends syncs an application and gives how that ended: its phase, its message, and those of its resources.
func (w *world) ends(name string, sync argo.SyncOperation) (argo.OperationPhase, string) {
	w.Helper()
	before := w.read(name).Status.OperationState
	w.sync(name, sync)
	app := w.until("the end of the sync", name, func(app *argo.Application) bool {
		return ended(app) && (before == nil || !app.Status.OperationState.StartedAt.Equal(&before.StartedAt))
	})
	state := app.Status.OperationState
	text := state.Message
	if state.SyncResult != nil {
		for _, r := range state.SyncResult.Resources {
			text += "\n" + r.Kind + " " + r.Name + ": " + r.Message
		}
	}
	return state.Phase, text
}

// An application that is synced as a service account gets the API server's refusal of whatever that account may not do, though we could:
// applying, trying, pruning, hooks, and deleting with the application.
func TestSyncsActAsTheProjectsAccount(t *testing.T) {
	w := newWorld(t)
	w.impersonation = project.Impersonation{Enabled: true, Enforced: true}
	w.accountMay("configmaps")
	w.project("tenant", func(p *argo.AppProject) {
		p.Spec.DestinationServiceAccounts = []argo.ApplicationDestinationServiceAccount{
			{Server: "https://elsewhere", Namespace: "*", DefaultServiceAccount: "mighty"},
			{Server: "https://kubernetes.*", Namespace: w.target, DefaultServiceAccount: "deployer"},
			{Server: "*", Namespace: "*", DefaultServiceAccount: "kube-system:namespace-controller"},
		}
	})
	w.project("nameless")
	w.commit(map[string]string{
		"app/map.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: b}\n",
		"app/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n",
		"none/map.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n",
		"hook/map.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: h}\n",
		"hook/hook.yaml":  "apiVersion: v1\nkind: Secret\nmetadata:\n  name: hook\n  annotations: {argocd.argoproj.io/hook: PreSync}\n",
	})
	in := func(name string) func(*argo.Application) {
		return func(app *argo.Application) { app.Spec.Project = name }
	}
	w.application("app", "app", in("tenant"), func(app *argo.Application) { app.Finalizers = []string{"resources-finalizer.argocd.argoproj.io"} })
	w.application("none", "none", in("nameless"))
	w.application("hook", "hook", in("tenant"))
	w.start(options(), -1, false)

	refused := func(name string, sync argo.SyncOperation, words ...string) {
		t.Helper()
		phase, text := w.ends(name, sync)
		for _, word := range append(words, "forbidden") {
			if phase.Successful() || !strings.Contains(text, word) {
				t.Errorf("the sync of %s ended in %s, without %q:\n%s", name, phase, word, text)
			}
		}
	}
	account := `User "system:serviceaccount:` + w.target + `:deployer"`
	refused("app", argo.SyncOperation{DryRun: true}, account, "secrets")
	refused("app", argo.SyncOperation{}, account, "secrets")
	if w.live("v1", "Secret", "s") != nil {
		t.Error("the secret was made although the account may not make it")
	}
	refused("hook", argo.SyncOperation{}, account, "secrets")
	if w.live("v1", "Secret", "hook") != nil || w.live("v1", "ConfigMap", "h") != nil {
		t.Error("the sync went on although its hook was refused")
	}
	phase, text := w.ends("none", argo.SyncOperation{})
	if want := "no matching service account found for destination server https://kubernetes.default.svc and namespace " + w.target; phase != argo.OperationError || text != want {
		t.Errorf("without an account the sync ended in %s: %s", phase, text)
	}

	w.accountMay("configmaps", "secrets")
	if phase, text := w.ends("app", argo.SyncOperation{}); !phase.Successful() {
		t.Fatalf("what the account may do failed: %s", text)
	}
	w.accountMay("configmaps")
	w.commit(map[string]string{"app/secret.yaml": ""})
	refused("app", argo.SyncOperation{Prune: true}, account, "secrets")
	must(t, w.client.Delete(w.ctx, w.read("app")))
	w.until("the deletion to be refused", "app", hasCondition(argo.ApplicationConditionDeletionError, account))
	if w.live("v1", "Secret", "s") == nil {
		t.Error("the secret was deleted although the account may not delete it")
	}
}
