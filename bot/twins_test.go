package bot

import (
	"context"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// listing is a cluster with some pull requests in it.
type listing struct {
	client.Client
	pulls []slipway.PullRequest
}

func (l listing) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	if list, ok := into.(*slipway.PullRequestList); ok {
		list.Items = l.pulls
	}
	return nil
}

// TestACommitIsSaidToBeAsBadAsItIs opens a second pull request with the commit of one whose check fails, so that the check of the second is the
// newest of the commit.
func TestACommitIsSaidToBeAsBadAsItIs(t *testing.T) {
	failing := func(change func(*slipway.PullRequest)) []slipway.PullRequest {
		p := looking(nil).res.DeepCopy()
		p.Name, p.Spec.Number = "the-first", 1
		p.Status = slipway.PullRequestStatus{State: slipway.StateOpen, HeadSHA: headA, CheckHead: headA, CheckState: slipway.CheckFailure, BaseRef: "main",
			Statuses: []slipway.EnvironmentStatus{{Environment: "prod", SHA: headA, State: slipway.CheckFailure, Description: "a guard stands in its way"}}}
		if change != nil {
			change(p)
		}
		return []slipway.PullRequest{*p}
	}
	passed := forge.Check{Name: report.CheckName, SHA: headA, Status: forge.Completed, Conclusion: forge.Success, Title: "Nothing changes", Summary: "the rest"}
	waits := report.Untrusted("mallory", headA, "/").Check
	waits.SHA = headA
	quiet := slipway.EnvironmentStatus{Environment: "prod", SHA: headA, State: slipway.CheckSuccess, Description: "nothing changes here"}
	for name, c := range map[string]struct {
		others []slipway.PullRequest
		check  forge.Check
		hidden bool
	}{
		"the other fails":               {failing(nil), passed, true},
		"the other fails, a stranger's": {failing(nil), waits, true},
		"nobody else has it":            {nil, passed, false},
		"another commit": {failing(func(p *slipway.PullRequest) {
			p.Status.HeadSHA, p.Status.CheckHead, p.Status.Statuses = headB, headB, nil
		}), passed, false},
		"another repository":                {failing(func(p *slipway.PullRequest) { p.Spec.Repository.ID = 8 }), passed, false},
		"the other is closed":               {failing(func(p *slipway.PullRequest) { p.Status.State = slipway.StateClosed }), passed, false},
		"the other was mended":              {failing(func(p *slipway.PullRequest) { p.Status.CheckState, p.Status.Statuses = slipway.CheckSuccess, nil }), passed, false},
		"it is itself":                      {failing(func(p *slipway.PullRequest) { p.Spec.Number = 3 }), passed, false},
		"the other fails because this does": {failing(func(p *slipway.PullRequest) { p.Status.CheckState, p.Status.Statuses = slipway.CheckNeutral, nil }), passed, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := looking(func(v *visit) { v.Client = listing{pulls: c.others} })
			said, err := v.worst(t.Context(), c.check)
			if err != nil || (said.Conclusion == forge.Failure) != c.hidden || !strings.Contains(said.Summary, c.check.Summary) {
				t.Errorf("the check says %s: %s\n%s (%v)", said.Conclusion, said.Title, said.Summary, err)
			}
			if c.hidden && !strings.Contains(said.Title+said.Summary, "pull request 1") {
				t.Errorf("it does not say whose fails: %s\n%s", said.Title, said.Summary)
			}
			status, err := v.worstStatus(t.Context(), quiet)
			if err != nil || (status.State == slipway.CheckFailure) != c.hidden {
				t.Errorf("the status says %+v (%v)", status, err)
			}
		})
	}
}

// TestOthersOfACommitAreWoken tells them once when a check ends otherwise than before.
func TestOthersOfACommitAreWoken(t *testing.T) {
	v := looking(func(v *visit) {
		v.res.Status.State, v.res.Status.CheckHead, v.res.Status.CheckState = slipway.StateOpen, headA, slipway.CheckSuccess
	})
	v.began = standingCheck(v.res.Status)
	v.Client = nil // asking anything would be seen
	if err := v.wakeTwins(t.Context()); err != nil {
		t.Error(err)
	}
	v.res.Status.Report = &slipway.Report{Base: merged, Head: headA}
	for _, trusted := range []bool{true, false} {
		v.res.Status.Trusted = trusted
		if !trusted {
			v.res.Status.Report.Base = ""
		}
		if v.asked.Reason = reasonTwin; !v.stale() {
			t.Errorf("trusted %v: a pull request that is woken says nothing", trusted)
		}
	}
}
