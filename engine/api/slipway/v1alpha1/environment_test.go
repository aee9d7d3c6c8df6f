package v1alpha1_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// What somebody's word ended goes at once; what only lacks a label, in a list that may be wrong, waits.
func TestWhetherSomebodyStoppedAPreview(t *testing.T) {
	now := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	env := func(phase v1alpha1.PreviewPhase, expires *metav1.Time) *v1alpha1.PreviewEnvironment {
		return &v1alpha1.PreviewEnvironment{Phase: phase, Expires: expires}
	}
	for name, c := range map[string]struct {
		status v1alpha1.PullRequestStatus
		want   bool
	}{
		"nothing":                     {v1alpha1.PullRequestStatus{}, false},
		"ready, with a time":          {v1alpha1.PullRequestStatus{Environment: env(v1alpha1.PreviewReady, &now)}, false},
		"without a label":             {v1alpha1.PullRequestStatus{Environment: env(v1alpha1.PreviewEnding, nil)}, false},
		"its time is up":              {v1alpha1.PullRequestStatus{Environment: env(v1alpha1.PreviewEnding, &now)}, true},
		"stopped":                     {v1alpha1.PullRequestStatus{Environment: env(v1alpha1.PreviewEnding, nil), Preview: &v1alpha1.PreviewRequest{}}, true},
		"stopped, and not yet seen":   {v1alpha1.PullRequestStatus{Environment: env(v1alpha1.PreviewReady, nil), Preview: &v1alpha1.PreviewRequest{}}, false},
		"wanted, and without a label": {v1alpha1.PullRequestStatus{Environment: env(v1alpha1.PreviewEnding, nil), Preview: &v1alpha1.PreviewRequest{Wanted: true}}, false},
		"refused from the beginning":  {v1alpha1.PullRequestStatus{Environment: env(v1alpha1.PreviewRefused, nil)}, false},
	} {
		if got := c.status.PreviewStopped(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
