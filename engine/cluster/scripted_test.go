package cluster

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/compare"
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
