package controller_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/controller"
)

// metricsOf are those of the test, of which a controller's clusters are a part.
func (w *world) metricsOf(clusters *cluster.Clusters) controller.Metrics {
	m := w.metrics
	if m.Registry != nil {
		m.Clusters = clusters.States
	}
	return m
}

// measured are the series of a registry, one a line and in order; those whose value is a time have their count in its place.
func measured(t *testing.T, r *prometheus.Registry) []string {
	t.Helper()
	all, err := r.Gather()
	must(t, err)
	var out []string
	for _, f := range all {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%s", l.GetName(), l.GetValue()))
			}
			value := fmt.Sprint(m.GetGauge().GetValue() + m.GetCounter().GetValue())
			if h := m.GetHistogram(); h != nil {
				value = fmt.Sprint(h.GetSampleCount())
			}
			out = append(out, f.GetName()+"{"+strings.Join(labels, ",")+"} "+value)
		}
	}
	slices.Sort(out)
	return out
}

func of(all []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !strings.HasPrefix(s, name+"{") })
}

// What dashboards and alerts for Argo CD ask for is answered, by the same names and labels.
func TestMetricsHaveTheNamesOfArgoCDs(t *testing.T) {
	w := newWorld(t)
	registry := prometheus.NewRegistry()
	w.metrics = controller.Metrics{Registry: registry, Labels: []string{"team/name"}, SetLabels: []string{"tier"}, Conditions: []string{"ComparisonError"}}
	w.sets = &controller.Sets{}
	w.commit(map[string]string{"web/a.yaml": configMap("web")})
	w.application("bad", "nowhere")
	p := w.start(options(), -1, false)
	w.set("set", `generators: [{list: {elements: [{k: web}]}}]
template:
  metadata: {name: 'PREFIX{{k}}', labels: {team/name: shop}}
  spec:
    project: default
    source: {repoURL: REPO, path: web, targetRevision: main}
    destination: {server: https://kubernetes.default.svc, namespace: TARGET}
    syncPolicy: {automated: {}}
`, func(s *argo.ApplicationSet) { s.Labels = map[string]string{"tier": "gold"} })
	w.expectNames("made", "bad web")
	w.until("a sync", "web", settled)
	w.until("an error", "bad", hasCondition("ComparisonError", "nowhere"))
	w.eventually("the set", func() bool { return w.readSet("set").Status.ResourcesCount == 1 })

	id := func(name string) string { return "name=" + w.name(name) + ",namespace=" + w.control }
	const server = "dest_server=https://kubernetes.default.svc"
	repo := strings.ToLower(strings.TrimSuffix(w.repo, ".git"))
	for name, want := range map[string][]string{
		"argocd_app_info": {
			"argocd_app_info{autosync_enabled=false,dest_namespace=" + w.target + "," + server + ",health_status=Unknown," + id("bad") + ",operation=,project=default,repo=" + repo + ",sync_status=Unknown} 1",
			"argocd_app_info{autosync_enabled=true,dest_namespace=" + w.target + "," + server + ",health_status=Healthy," + id("web") + ",operation=,project=default,repo=" + repo + ",sync_status=Synced} 1",
		},
		"argocd_app_sync_total":            {"argocd_app_sync_total{" + server + ",dry_run=false," + id("web") + ",phase=Succeeded,project=default} 1"},
		"argocd_app_labels":                {"argocd_app_labels{label_team_name=," + id("bad") + ",project=default} 1", "argocd_app_labels{label_team_name=shop," + id("web") + ",project=default} 1"},
		"argocd_app_condition":             {"argocd_app_condition{condition=ComparisonError," + id("bad") + ",project=default} 1"},
		"argocd_appset_info":               {"argocd_appset_info{" + id("set") + ",resource_update_status=ApplicationSetUpToDate} 1"},
		"argocd_appset_owned_applications": {"argocd_appset_owned_applications{" + id("set") + "} 1"},
		"argocd_appset_labels":             {"argocd_appset_labels{label_tier=gold," + id("set") + "} 1"},
	} {
		var last []string
		t.Cleanup(func() {
			if diff := cmp.Diff(want, last); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		})
		w.eventually(name, func() bool { // the cache may be behind
			last = of(measured(t, registry), name)
			return slices.Equal(want, last)
		})
	}
	all := measured(t, registry)
	for _, begins := range []string{"argocd_app_reconcile{" + server + ",namespace=" + w.control + "} ", "argocd_appset_reconcile{" + id("set") + "} ",
		"argocd_app_sync_duration_seconds_total{" + server + "," + id("web") + ",project=default} ", "argocd_cluster_info{k8s_version=v1.",
		"argocd_cluster_connection_status{k8s_version=v1.", "argocd_cluster_api_resources{server=", "argocd_cluster_api_resource_objects{server="} {
		if n := slices.IndexFunc(all, func(s string) bool { return strings.HasPrefix(s, begins) }); n < 0 || strings.HasSuffix(all[n], " 0") && !strings.Contains(begins, "duration") {
			t.Errorf("%s is missing or 0 in:\n%s", begins, strings.Join(all, "\n"))
		}
	}

	// What is gone has no series.
	w.changeSet("set", func(s *argo.ApplicationSet) { s.Spec.Generators[0].List.Elements = nil })
	w.expectNames("taken out of the set", "bad")
	must(t, w.client.Delete(w.ctx, w.readSet("set")))
	w.eventually("no series of what is gone", func() bool {
		now := strings.Join(measured(t, registry), "\n")
		return !strings.Contains(now, w.name("web")) && !strings.Contains(now, w.name("set"))
	})
	p.kill()
	if left := of(measured(t, registry), "argocd_app_info"); len(left) > 0 {
		t.Errorf("after the controller's end there is %v", left)
	}
}
