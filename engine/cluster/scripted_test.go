package cluster

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
)

// A change of status alone is news of a kind that the installation's scripts judge, and of no other unless its health changes.
func TestStatusOfScriptedKindsIsNews(t *testing.T) {
	now := settings.Settings{TrackingMethod: "annotation", Customizations: map[string]settings.Customization{
		"example.com/Judged": {Health: "return {}"}, "*.example.org/*": {Health: "return {}"}, "example.com/Acted": {Actions: "definitions: []"},
	}}
	r, err := newRecorder(trackingOf(now), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.scripted = scripted(now)
	sum := func(version, kind, progress string) uint64 {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": "x", "namespace": "ns"},
			"status": map[string]any{"progress": progress}}}
		u.SetAnnotations(map[string]string{compare.TrackingAnnotation: "web:" + u.GroupVersionKind().Group + "/" + kind + ":ns/x"})
		made, err := r.record(u, false)
		if err != nil {
			t.Fatal(err)
		}
		if made.app != "web" {
			t.Fatalf("%s is not tracked", kind)
		}
		return made.sum
	}
	for _, c := range []struct {
		version, kind string
		news          bool
	}{{"example.com/v1", "Judged", true}, {"a.example.org/v1", "Any", true}, {"example.com/v1", "Acted", false}, {"example.com/v1", "Other", false}} {
		if got := sum(c.version, c.kind, "10%") != sum(c.version, c.kind, "20%"); got != c.news {
			t.Errorf("%s: news %v, want %v", c.kind, got, c.news)
		}
	}
	if scripted(settings.Defaults()) != nil {
		t.Error("without scripts there is something to ask")
	}
}

// What belongs to an application only through another object is judged by the installation's scripts as well, once for each form of
// it; a script that does not end takes the tree's time, not more.
func TestTreesAreJudgedByScripts(t *testing.T) {
	const group = "example.com"
	now := settings.Settings{TrackingMethod: "annotation", Customizations: map[string]settings.Customization{group + "/Part": {Health: "return {}"}}}
	keeps, err := newRecorder(trackingOf(now), nil)
	if err != nil {
		t.Fatal(err)
	}
	keeps.scripted = scripted(now)
	c := &Cluster{shared: &shared{}}
	c.cache.recorder = keeps
	part := func(version, phase string) *record {
		made, err := keeps.record(&unstructured.Unstructured{Object: map[string]any{"apiVersion": group + "/v1", "kind": "Part", "status": map[string]any{"phase": phase},
			"metadata": map[string]any{"name": "x", "namespace": "ns", "uid": "u", "resourceVersion": version}}}, false)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	asked := 0
	rules := func(script string) *health.Rules {
		all, errs := health.New(map[string]health.Customization{group + "/Part": {Health: script}}, func() time.Time { asked++; return time.Unix(0, 0) })
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		return all
	}
	judge := func(ctx context.Context, o *record, by *health.Rules) string {
		m := &member{o, resource{GroupVersionKind: schema.GroupVersionKind{Group: group, Version: "v1", Kind: "Part"}}}
		h := c.judged(ctx, []Node{m.node(object.ID{})}, by)[0].Health
		if h == nil {
			return "none"
		}
		return string(h.Status) + " " + h.Message
	}
	counting := rules(`require("os").time() return {status = "Degraded", message = obj.status.phase}`)
	first, second := part("1", "one"), part("2", "two")
	for i, step := range []struct {
		of    *record
		by    *health.Rules
		want  string
		asked int
	}{
		{first, nil, "none", 0}, {first, counting, "Degraded one", 1}, {first, counting, "Degraded one", 1}, {second, counting, "Degraded two", 2},
		{second, rules(`return {status = "Healthy", message = "now"}`), "Healthy now", 2}, {second, counting, "Degraded two", 3},
	} {
		if got := judge(t.Context(), step.of, step.by); got != step.want || asked != step.asked {
			t.Errorf("step %d: %q after %d runs, want %q after %d", i, got, asked, step.want, step.asked)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := judge(over, part("3", "three"), counting); got != "Unknown "+untold {
		t.Errorf("when there is no time left: %q", got)
	}
	other := &record{uid: "o"}
	if nodes := c.judged(t.Context(), []Node{{ID: object.ID{Group: group, Kind: "Other", Name: "o"}, of: other}}, counting); nodes[0].Health != nil {
		t.Error("a kind without a script has health")
	}
}
