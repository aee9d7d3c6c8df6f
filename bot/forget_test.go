package bot

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

func TestWhatIsForgotten(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name  string
		state string
		asked time.Duration
		phase slipway.CommandPhase
		want  bool
	}{
		{"merged long ago", slipway.StateMerged, 31 * 24 * time.Hour, slipway.CommandDone, true},
		{"closed long ago", slipway.StateClosed, 31 * 24 * time.Hour, slipway.CommandRefused, true},
		{"merged lately", slipway.StateMerged, 24 * time.Hour, slipway.CommandDone, false},
		{"open for long", slipway.StateOpen, 90 * 24 * time.Hour, slipway.CommandDone, false},
		{"never looked at", "", 90 * 24 * time.Hour, slipway.CommandDone, false},
		{"with a command that waits", slipway.StateMerged, 31 * 24 * time.Hour, slipway.CommandPending, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &slipway.PullRequest{}
			p.Spec.Asked.At = metav1.NewMicroTime(now.Add(-tc.asked))
			p.Status.State = tc.state
			p.Status.Commands = []slipway.Command{{Phase: tc.phase}}
			if got := forgettable(p, now); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestASweepComesBackToWhatALookGaveUpOn(t *testing.T) {
	for _, tc := range []struct {
		name, state, failed string
		want                bool
	}{
		{"merged and reported", slipway.StateMerged, "", true},
		{"closed", slipway.StateClosed, "", true},
		{"merged, and the forge could not be reached", slipway.StateMerged, "fetching the base branch: connection refused", false},
		{"open", slipway.StateOpen, "", false},
		{"never looked at", "", "", false},
	} {
		p := &slipway.PullRequest{}
		p.Status.State, p.Status.LastError = tc.state, tc.failed
		if got := concluded(p); got != tc.want {
			t.Errorf("%s: concluded is %v", tc.name, got)
		}
	}
}
