package controller_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/controller"
	"github.com/slipway-cd/slipway/engine/settings"
)

// Applications in other namespaces are looked after where the installation serves the namespace and their project permits it; what they apply
// is marked with their namespace, and may not be taken for that of an application of the same name elsewhere.
func TestApplicationsInOtherNamespaces(t *testing.T) {
	w := newWorld(t)
	served, foreign := "team-"+w.target, "foreign-"+w.target
	for _, ns := range []string{served, foreign} {
		must(t, w.client.Create(w.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
	}
	w.elsewhere = []string{served, foreign}
	w.project("open", func(p *argo.AppProject) { p.Spec.SourceNamespaces = []string{"team-*"} })
	w.project("shut")
	w.commit(map[string]string{
		"app/map.yaml":  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\n",
		"ours/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ours}\n",
	})
	automated := func(app *argo.Application) {
		app.Spec.SyncPolicy = &argo.SyncPolicy{Automated: &argo.SyncPolicyAutomated{}}
	}
	in := func(namespace, project string) func(*argo.Application) {
		return func(app *argo.Application) { app.Namespace, app.Spec.Project = namespace, project }
	}
	w.application("app", "app", automated, in(served, "open"))
	w.application("app", "ours", automated)
	w.application("shut", "app", automated, in(served, "shut"))
	w.application("foreign", "app", automated, in(foreign, "open"))
	o := options()
	o.Namespaces = []string{"/^team-/"}
	w.start(o, -1, false)

	read := func(namespace, name string) *argo.Application {
		app := &argo.Application{}
		must(t, w.client.Get(w.ctx, client.ObjectKey{Namespace: namespace, Name: w.name(name)}, app))
		return app
	}
	w.eventually("the application of the served namespace", func() bool {
		return read(served, "app").Status.Sync.Status == argo.SyncStatusCodeSynced && w.live("v1", "ConfigMap", "theirs") != nil
	})
	w.until("the one of the control namespace", "app", settled)
	for name, owner := range map[string]string{"theirs": served + "_" + w.name("app"), "ours": w.name("app")} {
		if got, want := w.live("v1", "ConfigMap", name).GetAnnotations()["argocd.argoproj.io/tracking-id"], owner+":/ConfigMap:"+w.target+"/"+name; got != want {
			t.Errorf("%s is tracked as %q, want %q", name, got, want)
		}
	}
	const refusal = "is not permitted to use project 'shut'"
	w.eventually("the refusal of the other project", func() bool {
		return hasCondition(argo.ApplicationConditionInvalidSpecError, "application '"+w.name("shut")+"' in namespace '"+served+"' "+refusal)(read(served, "shut"))
	})
	if app := read(foreign, "foreign"); app.Status.ReconciledAt != nil || app.Status.OperationState != nil {
		t.Errorf("an application of a namespace that is not served was looked at:\n%s", told(app))
	}
	// What changes live is brought to the application of its own namespace.
	must(t, w.client.Delete(w.ctx, w.live("v1", "ConfigMap", "theirs")))
	deadline := time.Now().Add(time.Minute)
	w.eventually("the loss to be seen", func() bool {
		return read(served, "app").Status.Sync.Status == argo.SyncStatusCodeOutOfSync || time.Now().After(deadline)
	})
	if read(served, "app").Status.Sync.Status != argo.SyncStatusCodeOutOfSync {
		t.Error("the loss of its object was not told to the application")
	}
}

// Sets in other namespaces make applications there, in projects that take them from there, and read no repository that their project does
// not permit: its credentials are not theirs to use.
func TestSetsInOtherNamespaces(t *testing.T) {
	w := newWorld(t)
	served, foreign := "team-"+w.target, "foreign-"+w.target
	for _, ns := range []string{served, foreign} {
		must(t, w.client.Create(w.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}))
	}
	w.elsewhere = []string{served, foreign}
	w.sets = &controller.Sets{Settings: func(context.Context) settings.Settings {
		now := settings.Defaults()
		now.Sets.Namespaces = []string{"/^team-/"}
		return now
	}}
	w.project("open", func(p *argo.AppProject) { p.Spec.SourceNamespaces = []string{"team-*"} })
	w.project("narrow", func(p *argo.AppProject) {
		p.Spec.SourceNamespaces, p.Spec.SourceRepos = []string{"team-*"}, []string{"https://git.example.com/theirs.git"}
	})
	w.project("shut")
	w.commit(map[string]string{"apps/web/map.yaml": configMap("web")})
	o := options()
	o.Namespaces = []string{"team-*"}
	w.start(o, -1, false)
	in := func(namespace, project string) func(*argo.ApplicationSet) {
		return func(s *argo.ApplicationSet) { s.Namespace, s.Spec.Template.Spec.Project = namespace, project }
	}
	const folders = "generators: [{git: {repoURL: REPO, revision: main, directories: [{path: apps/*}]}}]"
	const one = "generators: [{list: {elements: [{k: one}]}}]"
	w.set("open", folders+fmt.Sprintf(left, "{{path.basename}}", "{{path}}"), in(served, "open"))
	w.set("narrow", folders+fmt.Sprintf(left, "narrow", "{{path}}"), in(served, "narrow"))
	w.set("shut", folders+fmt.Sprintf(left, "shut", "{{path}}"), in(served, "shut"))
	w.set("late", folders+fmt.Sprintf(left, "late", "{{path}}"), in(served, "{{path.basename}}"))
	w.set("listed", one+fmt.Sprintf(left, "listed", "apps/web"), in(served, "shut"))
	w.set("foreign", one+fmt.Sprintf(left, "foreign", "apps/web"), in(foreign, "open"))
	read := func(namespace, name string) *argo.ApplicationSet {
		set := &argo.ApplicationSet{}
		must(t, w.client.Get(w.ctx, client.ObjectKey{Namespace: namespace, Name: w.name(name)}, set))
		return set
	}
	for name, want := range map[string]string{
		"open": "", "narrow": "is not permitted in project \"narrow\"", "shut": "are not allowed to use project \"shut\"", "late": "names its project outright",
		"listed": "is not permitted to use project 'shut'",
	} {
		w.eventually("what is said of "+name, func() bool {
			c := conditionOf(read(served, name), argo.ApplicationSetConditionErrorOccurred)
			return want == "" && c.Status == "False" || want != "" && c.Status == "True" && strings.Contains(c.Message, want)
		})
	}
	var made argo.ApplicationList
	must(t, w.client.List(w.ctx, &made, client.InNamespace(served)))
	if len(made.Items) != 1 || made.Items[0].Name != w.name("web") || metav1.GetControllerOf(&made.Items[0]).Name != w.name("open") {
		t.Errorf("there are %v", made.Items)
	}
	w.eventually("the application of a set to be compared", func() bool {
		app := &argo.Application{}
		return w.client.Get(w.ctx, client.ObjectKey{Namespace: served, Name: w.name("web")}, app) == nil && app.Status.Sync.Status == argo.SyncStatusCodeOutOfSync
	})
	if s := read(foreign, "foreign"); len(s.Status.Conditions) > 0 {
		t.Errorf("a set of a namespace that is not served was looked at: %v", s.Status.Conditions)
	}
}
