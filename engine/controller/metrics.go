package controller

import (
	"fmt"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
)

// Metrics says where measurements go. They have the names and labels of Argo CD's, so that dashboards and alerts that were made for those go
// on working.
type Metrics struct {
	// Registry takes them; nil measures nothing.
	Registry prometheus.Registerer
	// Server is the address of a destination's API server; nil takes what the destination says.
	Server func(d argo.ApplicationDestination) string
	// Clusters are how the clusters are; nil leaves them out.
	Clusters func() []cluster.State
	// Labels of Applications and SetLabels of ApplicationSets become labels of series of their own (argocd_app_labels, argocd_appset_labels).
	Labels, SetLabels []string
	// Conditions are the types of an Application's conditions that are counted (argocd_app_condition).
	Conditions []string
}

// meters are what is counted when it happens. What can be read of the resources at any time is collected, see collectors.
type meters struct {
	server       func(d argo.ApplicationDestination) string
	compared     *prometheus.HistogramVec
	synced       *prometheus.CounterVec
	syncing      *prometheus.CounterVec
	orphaned     *prometheus.GaugeVec
	setGenerated *prometheus.HistogramVec
}

// ofApplication are the labels of all series of one Application, ofSet those of one ApplicationSet.
var (
	ofApplication = []string{"namespace", "name", "project"}
	ofSet         = []string{"namespace", "name"}
)

func newMeters(m Metrics) (*meters, error) {
	with := func(labels []string, more ...string) []string {
		return append(labels[:len(labels):len(labels)], more...)
	}
	ms := &meters{
		server: m.Server,
		compared: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "argocd_app_reconcile", Help: "Seconds that comparisons of applications took.",
			Buckets: []float64{0.25, .5, 1, 2, 4, 8, 16}}, []string{"namespace", "dest_server"}),
		synced: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "argocd_app_sync_total", Help: "Operations that have ended."},
			with(ofApplication, "dest_server", "phase", "dry_run")),
		syncing: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "argocd_app_sync_duration_seconds_total", Help: "Seconds that operations took which have succeeded."},
			with(ofApplication, "dest_server")),
		orphaned: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "argocd_app_orphaned_resources_count", Help: "Objects of the destination namespace that no application owns."},
			ofApplication),
		setGenerated: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "argocd_appset_reconcile", Help: "Seconds that reconciles of application sets took."}, ofSet),
	}
	if ms.server == nil {
		ms.server = func(d argo.ApplicationDestination) string { return d.Server }
	}
	if m.Registry == nil {
		return ms, nil
	}
	for _, c := range []prometheus.Collector{ms.compared, ms.synced, ms.syncing, ms.orphaned, ms.setGenerated} {
		if err := m.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("registering a metric: %w", err)
		}
	}
	return ms, nil
}

// compare notes a comparison.
func (m *meters) compare(app *argo.Application, took time.Duration) {
	m.compared.WithLabelValues(app.Namespace, m.server(app.Spec.Destination)).Observe(took.Seconds())
}

// end notes an operation that was written down as ended.
func (m *meters) end(before, app *argo.Application) {
	was, is := before.Status.OperationState, app.Status.OperationState
	if is == nil || !is.Phase.Completed() || was == nil || was.Phase.Completed() || !was.StartedAt.Equal(&is.StartedAt) {
		return
	}
	server, project := m.server(app.Spec.Destination), app.Spec.ProjectName()
	dry := is.Operation.Sync != nil && is.Operation.Sync.DryRun
	m.synced.WithLabelValues(app.Namespace, app.Name, project, server, string(is.Phase), fmt.Sprint(dry)).Inc()
	if is.Phase.Successful() && is.FinishedAt != nil {
		m.syncing.WithLabelValues(app.Namespace, app.Name, project, server).Add(max(is.FinishedAt.Sub(is.StartedAt.Time), 0).Seconds())
	}
}

// orphans notes how many there are.
func (m *meters) orphans(app *argo.Application, count int) {
	m.orphaned.WithLabelValues(app.Namespace, app.Name, app.Spec.ProjectName()).Set(float64(count))
}

// noOrphans notes that nobody looks for them.
func (m *meters) noOrphans(app *argo.Application) {
	m.orphaned.DeleteLabelValues(app.Namespace, app.Name, app.Spec.ProjectName())
}

// forget lets the series of an application go that is gone.
func (m *meters) forget(key types.NamespacedName) {
	of := prometheus.Labels{"namespace": key.Namespace, "name": key.Name}
	m.synced.DeletePartialMatch(of)
	m.syncing.DeletePartialMatch(of)
	m.orphaned.DeletePartialMatch(of)
}

func (m *meters) set(key types.NamespacedName, took time.Duration) {
	m.setGenerated.WithLabelValues(key.Namespace, key.Name).Observe(took.Seconds())
}

func (m *meters) forgetSet(key types.NamespacedName) {
	m.setGenerated.DeleteLabelValues(key.Namespace, key.Name)
}

var notInLabels = regexp.MustCompile(`[^a-zA-Z0-9_]`)

// labelled are names of labels as Prometheus can have them.
func labelled(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = "label_" + notInLabels.ReplaceAllString(name, "_")
	}
	return out
}
