package controller_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
)

func (w *world) configMap(name string, annotations map[string]string) {
	w.Helper()
	must(w.T, w.client.Create(w.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.target, Name: name, Annotations: annotations}}))
}

func (w *world) look(name string) {
	w.Helper()
	w.change(name, func(app *argo.Application) {
		if app.Annotations == nil {
			app.Annotations = map[string]string{}
		}
		app.Annotations["argocd.argoproj.io/refresh"] = "normal"
	})
}

// Objects in the destination namespace that no application owns are warned of where the project says so: not those that it expects, and not
// those that another application owns; but those of an application that is no more.
func TestOrphanedResourcesAreWarnedOf(t *testing.T) {
	w := newWorld(t)
	no := false
	watch := func(warn *bool) func(*argo.AppProject) {
		return func(p *argo.AppProject) {
			p.Spec.OrphanedResources = &argo.OrphanedResourcesMonitorSettings{Warn: warn, Ignore: []argo.OrphanedResourceKey{{Kind: "ConfigMap", Name: "expected-*"}}}
		}
	}
	w.project("watchful", watch(nil))
	w.project("silent", watch(&no))
	w.commit(map[string]string{
		"app/map.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ours}\n",
		"other/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs}\n",
		"quiet/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: quiet}\n",
	})
	w.configMap("nobodys", nil)
	w.configMap("expected-1", nil)
	w.configMap("bereft", map[string]string{"argocd.argoproj.io/tracking-id": w.name("gone") + ":/ConfigMap:" + w.target + "/bereft"})
	w.application("other", "other")
	w.application("quiet", "quiet", func(app *argo.Application) { app.Spec.Project = "silent" })
	w.application("app", "app", func(app *argo.Application) { app.Spec.Project = "watchful" })
	w.start(options(), -1, false)
	for _, name := range []string{"app", "other", "quiet"} {
		if phase, text := w.ends(name, argo.SyncOperation{}); !phase.Successful() {
			t.Fatal(text)
		}
	}
	says := func(count string) func(*argo.Application) bool {
		w.look("app")
		return hasCondition(argo.ApplicationConditionOrphanedResourceWarning, "Application has "+count+" orphaned resources")
	}
	w.eventually("the warning", func() bool { return says("2")(w.read("app")) })
	w.configMap("newcomer", nil)
	w.eventually("the newcomer to be counted", func() bool { return says("3")(w.read("app")) })
	for _, name := range []string{"nobodys", "bereft", "newcomer"} {
		must(t, w.client.Delete(w.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: w.target, Name: name}}))
	}
	any := hasCondition(argo.ApplicationConditionOrphanedResourceWarning, "")
	w.eventually("the warning to go", func() bool { w.look("app"); return !any(w.read("app")) })
	for _, name := range []string{"other", "quiet"} {
		if any(w.read(name)) {
			t.Errorf("%s is warned:\n%s", name, told(w.read(name)))
		}
	}
}

// What the project does not permit is Unknown, and a condition says why.
func TestWhatIsUnknownIsExplained(t *testing.T) {
	w := newWorld(t)
	w.project("narrow", func(p *argo.AppProject) {
		p.Spec.NamespaceResourceBlacklist = []metav1.GroupKind{{Kind: "Secret"}}
	})
	w.commit(map[string]string{
		"app/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n",
		"app/s.yaml":   "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
	})
	w.application("app", "app", func(app *argo.Application) { app.Spec.Project = "narrow" })
	w.start(options(), -1, false)
	app := w.until("the reason", "app", hasCondition(argo.ApplicationConditionComparisonError, "Failed to compare Secret s: not permitted in project narrow"))
	for _, r := range app.Status.Resources {
		if unknown := r.Status == argo.SyncStatusCodeUnknown; unknown != (r.Kind == "Secret") {
			t.Errorf("%s %s is %s", r.Kind, r.Name, r.Status)
		}
	}
	if strings.Contains(told(app), "Failed to compare ConfigMap") {
		t.Error("the ConfigMap is told of")
	}
}

// A project inherits from global ones, and when one of those changes its applications are looked at again.
func TestGlobalProjects(t *testing.T) {
	w := newWorld(t)
	w.globals = func() []project.Global {
		return []project.Global{{Project: "base", Selector: labels.SelectorFromSet(labels.Set{"tier": "prod"})}}
	}
	w.project("base", func(p *argo.AppProject) { p.Spec.NamespaceResourceBlacklist = []metav1.GroupKind{{Kind: "Secret"}} })
	w.project("heir", func(p *argo.AppProject) { p.Labels = map[string]string{"tier": "prod"} })
	w.project("stranger")
	w.commit(map[string]string{
		"heir/s.yaml":     "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
		"stranger/s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: t}\n",
	})
	for _, name := range []string{"heir", "stranger"} {
		w.application(name, name, func(app *argo.Application) { app.Spec.Project = name })
	}
	w.start(options(), -1, false)
	w.until("the inherited denial", "heir", hasCondition(argo.ApplicationConditionComparisonError, "Failed to compare Secret s: not permitted in project heir"))
	permitted := func(app *argo.Application) bool {
		return len(app.Status.Resources) == 1 && app.Status.Resources[0].Status == argo.SyncStatusCodeOutOfSync
	}
	w.until("the comparison", "stranger", permitted)
	base := &argo.AppProject{}
	must(t, w.client.Get(w.ctx, client.ObjectKey{Namespace: w.control, Name: "base"}, base))
	base.Spec.NamespaceResourceBlacklist = nil
	must(t, w.client.Update(w.ctx, base))
	w.until("the denial to go", "heir", permitted)
}
