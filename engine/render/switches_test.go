package render_test

import (
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/render"
)

// TestToolsThatAreSwitchedOff has what a tool would render taken as plain manifests, as Argo CD takes it.
func TestToolsThatAreSwitchedOff(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, map[string]string{
		"chart/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\nkind: Chart\nmetadata: {name: chart}\n", "chart/templates/a.yaml": cm("a"),
		"over/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: over}\nnamePrefix: x-\nresources: [a.yaml]\n", "over/a.yaml": cm("a"),
		"plain/a.jsonnet": `{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "program"}}`, "plain/b.yaml": cm("b"),
	})
	for _, c := range []struct {
		name     string
		source   argo.ApplicationSource
		switches render.Switches
		tool     string
		objects  int
	}{
		{"a chart", argo.ApplicationSource{Path: "chart"}, render.Switches{}, render.Helm, 1},
		{"a chart without Helm", argo.ApplicationSource{Path: "chart"}, render.Switches{HelmOff: true}, render.Directory, 1},
		{"a helm block without Helm", argo.ApplicationSource{Path: "chart", Helm: &argo.ApplicationSourceHelm{ReleaseName: "x"}}, render.Switches{HelmOff: true}, render.Directory, 1},
		{"a chart without Kustomize", argo.ApplicationSource{Path: "chart"}, render.Switches{KustomizeOff: true}, render.Helm, 1},
		{"an overlay without Kustomize", argo.ApplicationSource{Path: "over"}, render.Switches{KustomizeOff: true}, render.Directory, 2},
		{"a program", argo.ApplicationSource{Path: "plain"}, render.Switches{}, render.Directory, 2},
		{"a program without Jsonnet", argo.ApplicationSource{Path: "plain"}, render.Switches{JsonnetOff: true}, render.Directory, 1},
	} {
		req := request(tree, c.source)
		req.Switches = c.switches
		got, err := r.Render(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if got.Fault != nil || got.Tool != c.tool || len(got.Objects) != c.objects {
			t.Errorf("%s: %s rendered %v, fault %v", c.name, got.Tool, ids(got.Objects), got.Fault)
		}
	}
}
