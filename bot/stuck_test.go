package bot

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// TestWhatIsStuckIsAskedNowAndThen has a cluster asked about what is not well alone, and not at every look.
func TestWhatIsStuckIsAskedNowAndThen(t *testing.T) {
	var asked [][]object.ID
	now := noon
	v := looking(func(v *visit) {
		v.Now = func() time.Time { return now }
		v.Stuck = func(_ context.Context, _ *argo.Application, unwell []object.ID) ([]string, error) {
			asked = append(asked, unwell)
			return []string{"Pod web-1: ErrImagePull: not found"}, nil
		}
	})
	app := &argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "web"}}
	app.Status.Resources = []argo.ResourceStatus{
		{Kind: "Service", Namespace: "shop", Name: "web", Health: &argo.HealthStatus{Status: argo.HealthStatusHealthy}},
		{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web", Health: &argo.HealthStatus{Status: argo.HealthStatusProgressing}},
		{Kind: "ConfigMap", Namespace: "shop", Name: "web"},
	}
	want := []string{"Pod web-1: ErrImagePull: not found"}
	for _, wait := range []time.Duration{0, time.Second, time.Second, glanceEvery} {
		now = now.Add(wait)
		if diff := cmp.Diff(want, v.stuck(t.Context(), app)); diff != "" {
			t.Errorf("%s later: %s", wait, diff)
		}
	}
	unwell := []object.ID{{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}}
	if diff := cmp.Diff([][]object.ID{unwell, unwell}, asked); diff != "" {
		t.Errorf("what was asked: %s", diff)
	}
	app.Status.Resources = app.Status.Resources[:1]
	if found := v.stuck(t.Context(), app); found != nil || len(asked) != 2 {
		t.Errorf("an application that is well: %q, asked %d times", found, len(asked))
	}
}
