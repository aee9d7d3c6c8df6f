package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/source"
)

// series describes gauges of the same name.
type series struct{ desc *prometheus.Desc }

func newSeries(name, help string, labels ...[]string) series {
	return series{prometheus.NewDesc(name, help, slices.Concat(labels...), nil)}
}

func (s series) gauge(value float64, labels ...string) prometheus.Metric {
	m, err := prometheus.NewConstMetric(s.desc, prometheus.GaugeValue, value, labels...)
	if err != nil {
		return prometheus.NewInvalidMetric(s.desc, err)
	}
	return m
}

// collected is read when somebody asks for metrics.
type collected struct {
	series []series
	read   func(out chan<- prometheus.Metric)
}

func (c collected) Describe(out chan<- *prometheus.Desc) {
	for _, s := range c.series {
		out <- s.desc
	}
}

func (c collected) Collect(out chan<- prometheus.Metric) { c.read(out) }

// collect has the manager answer for what can be read of resources and clusters, in the replica that reconciles.
func collect(mgr ctrl.Manager, d Deps) error {
	if d.Metrics.Registry == nil {
		return nil
	}
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		collectors := []collected{d.Metrics.applications(ctx, mgr.GetClient(), d)}
		if d.Sets != nil {
			collectors = append(collectors, d.Metrics.sets(ctx, mgr.GetClient(), d))
		}
		if d.Metrics.Clusters != nil {
			collectors = append(collectors, clusterSeries(d.Metrics.Clusters))
		}
		for _, c := range collectors {
			if err := d.Metrics.Registry.Register(c); err != nil {
				return fmt.Errorf("registering metrics: %w", err)
			}
			defer d.Metrics.Registry.Unregister(c)
		}
		<-ctx.Done()
		return nil
	}))
}

func (m Metrics) applications(ctx context.Context, r client.Reader, d Deps) collected {
	info := newSeries("argocd_app_info", "An application.", ofApplication,
		[]string{"autosync_enabled", "repo", "dest_server", "dest_namespace", "sync_status", "health_status", "operation"})
	labels := newSeries("argocd_app_labels", "Labels of an application.", ofApplication, labelled(m.Labels))
	conditions := newSeries("argocd_app_condition", "Conditions of an application, by their type.", ofApplication, []string{"condition"})
	return collected{[]series{info, labels, conditions}, func(out chan<- prometheus.Metric) {
		var all argo.ApplicationList
		if err := r.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
			d.Log.Warn("applications cannot be listed for metrics", "error", err)
			return
		}
		for i := range all.Items {
			app := &all.Items[i]
			if !d.counts(app.Namespace) {
				continue
			}
			of := []string{app.Namespace, app.Name, app.Spec.ProjectName()}
			out <- info.gauge(1, append(of, appInfo(app, m.serverOf(app.Spec.Destination))...)...)
			if len(m.Labels) > 0 {
				out <- labels.gauge(1, append(of, valuesOf(app.Labels, m.Labels)...)...)
			}
			for _, of := range m.Conditions {
				n := 0
				for _, c := range app.Status.Conditions {
					if c.Type == of {
						n++
					}
				}
				if n > 0 {
					out <- conditions.gauge(float64(n), app.Namespace, app.Name, app.Spec.ProjectName(), of)
				}
			}
		}
	}}
}

func (m Metrics) serverOf(d argo.ApplicationDestination) string {
	if m.Server == nil {
		return d.Server
	}
	return m.Server(d)
}

// appInfo are the values of argocd_app_info's labels after those that say whose it is.
func appInfo(app *argo.Application, server string) []string {
	automated, repo, operation := false, "", ""
	if s := app.Spec.SyncPolicy; s != nil && s.Automated != nil {
		automated = s.Automated.Enabled == nil || *s.Automated.Enabled
	}
	if app.Spec.Source != nil {
		repo = app.Spec.Source.RepoURL
	} else if len(app.Spec.Sources) > 0 {
		repo = app.Spec.Sources[0].RepoURL
	}
	switch {
	case !app.DeletionTimestamp.IsZero():
		operation = "delete"
	case app.Operation != nil && app.Operation.Sync != nil:
		operation = "sync"
	}
	sync, health := string(app.Status.Sync.Status), string(app.Status.Health.Status)
	if sync == "" {
		sync = string(argo.SyncStatusCodeUnknown)
	}
	if health == "" {
		health = string(argo.HealthStatusUnknown)
	}
	return []string{fmt.Sprint(automated), source.NormalizeURL(repo), server, app.Spec.Destination.Namespace, sync, health, operation}
}

func valuesOf(labels map[string]string, names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = labels[name]
	}
	return out
}

func (m Metrics) sets(ctx context.Context, r client.Reader, d Deps) collected {
	info := newSeries("argocd_appset_info", "An application set.", ofSet, []string{"resource_update_status"})
	owned := newSeries("argocd_appset_owned_applications", "Applications that an application set owns.", ofSet)
	labels := newSeries("argocd_appset_labels", "Labels of an application set.", ofSet, labelled(m.SetLabels))
	return collected{[]series{info, owned, labels}, func(out chan<- prometheus.Metric) {
		var all argo.ApplicationSetList
		if err := r.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
			d.Log.Warn("application sets cannot be listed for metrics", "error", err)
			return
		}
		known := d.Sets.Settings(ctx).Sets
		for i := range all.Items {
			set := &all.Items[i]
			if !setsCount(known, d.ControlNamespace, set.Namespace) {
				continue
			}
			out <- info.gauge(1, set.Namespace, set.Name, updateStatus(set))
			out <- owned.gauge(float64(set.Status.ResourcesCount), set.Namespace, set.Name)
			if len(m.SetLabels) > 0 {
				out <- labels.gauge(1, append([]string{set.Namespace, set.Name}, valuesOf(set.Labels, m.SetLabels)...)...)
			}
		}
	}}
}

// updateStatus is the reason of the condition ResourcesUpToDate.
func updateStatus(set *argo.ApplicationSet) string {
	for _, c := range set.Status.Conditions {
		if c.Type == argo.ApplicationSetConditionResourcesUpToDate {
			return c.Reason
		}
	}
	return "Unknown"
}

func clusterSeries(states func() []cluster.State) collected {
	info := newSeries("argocd_cluster_info", "A cluster.", []string{"server", "name", "k8s_version"})
	status := newSeries("argocd_cluster_connection_status", "Whether a cluster answers that was asked.", []string{"server", "k8s_version"})
	kinds := newSeries("argocd_cluster_api_resources", "Kinds that are followed in a cluster.", []string{"server"})
	objects := newSeries("argocd_cluster_api_resource_objects", "Objects of a cluster that are known.", []string{"server"})
	return collected{[]series{info, status, kinds, objects}, func(out chan<- prometheus.Metric) {
		for _, s := range states() {
			out <- info.gauge(1, s.Server, s.Name, s.KubeVersion)
			if !s.Asked {
				continue
			}
			connected := 0.0
			if s.Connected {
				connected = 1
			}
			out <- status.gauge(connected, s.Server, s.KubeVersion)
			out <- kinds.gauge(float64(s.Kinds), s.Server)
			out <- objects.gauge(float64(s.Objects), s.Server)
		}
	}}
}
