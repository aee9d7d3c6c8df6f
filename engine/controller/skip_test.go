package controller_test

import (
	"sync/atomic"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/settings"
)

// The applications of a cluster whose Secret carries Argo CD's annotation are left as they are, as in Argo CD.
func TestTheApplicationsOfAClusterThatIsSkipped(t *testing.T) {
	w := newWorld(t)
	var skipped atomic.Bool
	skipped.Store(true)
	w.registered = func(d argo.ApplicationDestination) (settings.Cluster, error) {
		return settings.Cluster{Name: d.Name, Server: d.Server, SkipReconcile: d.Name != "" && skipped.Load()}, nil
	}
	w.commit(map[string]string{"app/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\n"})
	w.start(options(), -1, false)
	byName := func(app *argo.Application) {
		app.Spec.Destination.Server, app.Spec.Destination.Name = "", settings.InClusterName
	}
	w.application("left", "app", byName)
	w.application("other", "app")
	compared := func(app *argo.Application) bool { return app.Status.ReconciledAt != nil }
	w.until("the one of the other cluster", "other", compared)
	if app := w.read("left"); app.Status.ReconciledAt != nil || app.Status.Sync.Status != "" {
		t.Error(told(app))
	}
	skipped.Store(false)
	w.change("left", refresh)
	w.until("the one that was left alone", "left", compared)
}
