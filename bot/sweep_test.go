package bot

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

func TestSweepLooksOnlyWhereSomethingMayHaveHappened(t *testing.T) {
	looked := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		change func(*slipway.PullRequestStatus, *forge.PullRequest)
		after  time.Duration // since the last look
		tip    string
		want   bool
	}{
		"nothing happened":          {after: 10 * time.Minute, tip: "base"},
		"the base moved":            {after: 10 * time.Minute, tip: "moved", want: true},
		"the base cannot be read":   {after: 10 * time.Minute, want: true},
		"not looked at for long":    {after: 2 * time.Hour, tip: "base", want: true},
		"a push was lost":           {after: 10 * time.Minute, tip: "base", want: true, change: func(_ *slipway.PullRequestStatus, p *forge.PullRequest) { p.Head.SHA = "newer" }},
		"it goes to another branch": {after: 10 * time.Minute, tip: "base", want: true, change: func(_ *slipway.PullRequestStatus, p *forge.PullRequest) { p.Base.Name = "release" }},
		"a comment was lost":        {after: 10 * time.Minute, tip: "base", want: true, change: func(_ *slipway.PullRequestStatus, p *forge.PullRequest) { p.UpdatedAt = looked.Add(time.Minute) }},
		"a comment within the skew": {after: 10 * time.Minute, tip: "base", want: true, change: func(_ *slipway.PullRequestStatus, p *forge.PullRequest) { p.UpdatedAt = looked.Add(-time.Minute) }},
		"we thought it closed":      {after: 10 * time.Minute, tip: "base", want: true, change: func(s *slipway.PullRequestStatus, _ *forge.PullRequest) { s.State = slipway.StateClosed }},
		"no report yet":             {after: 10 * time.Minute, tip: "base", want: true, change: func(s *slipway.PullRequestStatus, _ *forge.PullRequest) { s.Report = nil }},
		"the check never ended":     {after: 10 * time.Minute, tip: "base", want: true, change: func(s *slipway.PullRequestStatus, _ *forge.PullRequest) { s.CheckState = slipway.CheckPending }},
		"the last look failed":      {after: 10 * time.Minute, tip: "base", want: true, change: func(s *slipway.PullRequestStatus, _ *forge.PullRequest) { s.LastError = "x" }},
		"a command is under way": {after: 10 * time.Minute, tip: "base", want: true, change: func(s *slipway.PullRequestStatus, _ *forge.PullRequest) {
			s.Commands = []slipway.Command{{Phase: slipway.CommandRunning}}
		}},
		"it waits for trust, base moved": {after: 10 * time.Minute, tip: "moved", change: func(s *slipway.PullRequestStatus, _ *forge.PullRequest) { s.Report.Base = "" }},
	} {
		t.Run(name, func(t *testing.T) {
			res := &slipway.PullRequest{Status: slipway.PullRequestStatus{State: slipway.StateOpen, HeadSHA: "head", BaseRef: "main", CheckState: slipway.CheckSuccess,
				Report: &slipway.Report{Base: "base", Head: "head"}, ObservedAsked: metav1.NewMicroTime(looked)}}
			p := forge.PullRequest{State: forge.Open, Head: forge.Ref{SHA: "head"}, Base: forge.Ref{Name: "main"}, UpdatedAt: looked.Add(-time.Hour)}
			if c.change != nil {
				c.change(&res.Status, &p)
			}
			if got := missed(res, p, c.tip, looked.Add(c.after)); got != c.want {
				t.Errorf("looks: %t", got)
			}
		})
	}
}
