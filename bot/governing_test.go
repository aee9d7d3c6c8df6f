package bot

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

func TestWhatGovernsIsKnown(t *testing.T) {
	for _, c := range []struct {
		version, kind string
		want          bool
	}{
		{"argoproj.io/v1alpha1", "Application", true}, {"argoproj.io/v1alpha1", "ApplicationSet", true}, {"argoproj.io/v1alpha1", "AppProject", true},
		{"argoproj.io/v1beta7", "Application", true}, {"slipway.dev/v1alpha1", "Lock", true}, {"slipway.dev/v1alpha1", "PullRequest", true},
		{"argoproj.io/v1alpha1", "Rollout", false}, {"app.k8s.io/v1beta1", "Application", false}, {"v1", "ConfigMap", false},
	} {
		u := &unstructured.Unstructured{}
		u.SetAPIVersion(c.version)
		u.SetKind(c.kind)
		if got := governing(object.Object{Unstructured: u}); got != c.want {
			t.Errorf("%s %s: %v", c.version, c.kind, got)
		}
	}
}

func TestWhatGovernsIsToldToItsEnvironment(t *testing.T) {
	in := &intent{ground: &ground{}, apps: []aim{
		{reach: reach{app: application("root", nil), environment: "staging"}, governs: true},
		{reach: reach{app: application("web", nil), environment: "staging"}},
		{reach: reach{app: application("root-prod", nil), environment: "prod"}, governs: true},
	}}
	if got := in.reviewed(order{}, "staging").Declaring; len(got) != 1 || got[0] != "root" {
		t.Errorf("declaring: %v", got)
	}
}
