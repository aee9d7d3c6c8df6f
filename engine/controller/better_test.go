package controller_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/controller"
)

func colour(c string) map[string]string {
	return map[string]string{"shop/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: " + c + "}\n"}
}

// is tells what colour the shop's settings have.
func (w *world) is(c string) bool {
	w.Helper()
	u := w.live("v1", "ConfigMap", "settings")
	return u != nil && strings.Contains(toJSON(w.T, u.Object["data"]), `"`+c+`"`)
}

func refresh(app *argo.Application) {
	if app.Annotations == nil {
		app.Annotations = map[string]string{}
	}
	app.Annotations["argocd.argoproj.io/refresh"] = "normal"
}

func refreshed(app *argo.Application) bool {
	return app.Annotations["argocd.argoproj.io/refresh"] == ""
}

func TestARollbackHoldsUntilItIsReleased(t *testing.T) {
	w := newWorld(t)
	first := w.commit(colour("blue"))
	w.start(options(), -1, false)
	w.application("shop", "shop", automated(argo.SyncPolicyAutomated{SelfHeal: true, Prune: true}))
	w.until("the first sync", "shop", settled)
	second := w.commit(colour("red"))
	w.change("shop", refresh)
	w.until("the second sync", "shop", func(app *argo.Application) bool { return settled(app) && app.Status.Sync.Revision == second })

	t.Log("a request as Argo CD's command line writes it")
	w.change("shop", func(app *argo.Application) { app.Operation = app.RollbackTo(app.Status.History[0], "alice", false) })
	app := w.until("the rollback", "shop", func(app *argo.Application) bool {
		return settled(app) && app.Status.Sync.Revision == first && len(app.Status.Conditions) > 0
	})
	if h, _ := slipway.HoldOf(app.Annotations); len(h.Revisions) != 1 || h.Revisions[0] != first || h.By != "alice" {
		t.Errorf("held by %+v", app.Annotations)
	}
	if c := app.Status.Conditions[0]; c.Type != "HeldWarning" || !strings.HasPrefix(c.Message, "held at "+first+" by alice") {
		t.Error(told(app))
	}
	if !w.is("blue") || app.Spec.Source.TargetRevision != "main" {
		t.Error(told(app))
	}

	t.Log("it stays there: against a new commit, against drift, and for a sync that names no revision")
	third := w.commit(colour("green"))
	w.change("shop", refresh)
	w.until("a comparison", "shop", refreshed)
	must(t, w.client.Patch(w.ctx, w.live("v1", "ConfigMap", "settings"), rawMerge(`{"data":{"colour":"black"}}`)))
	w.eventually("the drift to be healed", func() bool { return w.is("blue") })
	w.until("the end of healing", "shop", settled)
	w.sync("shop", argo.SyncOperation{})
	app = w.until("the sync", "shop", settled)
	if !w.is("blue") || app.Status.Sync.Revision != first || app.Status.OperationState.SyncResult.Revision != first {
		t.Error(told(app))
	}

	t.Log("the annotation alone rolls back, too")
	w.change("shop", func(app *argo.Application) {
		app.Annotations = slipway.Hold{Revisions: []string{second[:10]}, By: "bob", Reason: "red is better"}.Annotate(app.Annotations)
	})
	w.until("the second revision", "shop", func(app *argo.Application) bool { return settled(app) && app.Status.Sync.Revision == second })
	if !w.is("red") {
		t.Error("the settings are not those of the second commit")
	}

	w.change("shop", func(app *argo.Application) { app.Annotations = slipway.Released(app.Annotations) })
	app = w.until("the newest revision", "shop", func(app *argo.Application) bool { return settled(app) && app.Status.Sync.Revision == third })
	if !w.is("green") || len(app.Status.Conditions) != 0 {
		t.Error(told(app))
	}
}

// A hold does not lend what the project denies: who writes the history of an application may name any source there.
func TestAHoldGoesNowhereThatTheProjectDenies(t *testing.T) {
	w := newWorld(t)
	w.commit(colour("blue"))
	w.start(options(), -1, false)
	proj := &argo.AppProject{Spec: argo.AppProjectSpec{
		SourceRepos: []string{w.repo}, Destinations: []argo.ApplicationDestination{{Server: "*", Namespace: w.target}},
	}}
	proj.Name, proj.Namespace = "team", w.control
	must(t, w.client.Create(w.ctx, proj))
	elsewhere := strings.Repeat("e", 40)
	w.application("shop", "shop", automated(argo.SyncPolicyAutomated{}), func(app *argo.Application) {
		app.Spec.Project = "team"
		app.Annotations = slipway.Hold{Revisions: []string{elsewhere}}.Annotate(nil)
		app.Status.History = []argo.RevisionHistory{{Revision: elsewhere, DeployedAt: metav1.Now(), Source: argo.ApplicationSource{RepoURL: "https://elsewhere.example/x", Path: "."}}}
	})
	w.until("the refusal", "shop", func(app *argo.Application) bool {
		return hasCondition("InvalidSpecError", "https://elsewhere.example/x is not permitted in project 'team'")(app)
	})
	w.change("shop", func(app *argo.Application) { app.Annotations[slipway.HoldAnnotation] = "v1,v2" })
	w.until("the other mistake to be told", "shop", hasCondition("InvalidSpecError", "names 2 revisions where the application's sources are 1"))
}

// The settings change while the controller runs.
func TestPollingFollowsTheSettings(t *testing.T) {
	w := newWorld(t)
	w.commit(colour("blue"))
	var hard atomic.Int64
	o := options()
	o.Period = -1
	w.tune = func(o controller.Options) controller.Options {
		o.HardPeriod = time.Duration(hard.Load())
		return o
	}
	w.start(o, -1, false)
	w.application("shop", "shop", automated(argo.SyncPolicyAutomated{}))
	w.until("the first sync", "shop", settled)
	hard.Store(int64(500 * time.Millisecond))
	w.commit(colour("red"))
	w.change("shop", func(app *argo.Application) { app.Labels = map[string]string{"some": "news"} }) // which has the clock looked at
	w.eventually("the new commit to be found by the clock", func() bool { return w.is("red") })
}
