package bot

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// retargeted is a visit of a pull request that went into main, where it was reported and a guard was let pass, and that somebody has pointed at
// a branch of their own since, with whatever rules stand there.
func retargeted(back bool) *visit {
	v := looking(func(v *visit) {
		s := &v.res.Status
		s.BaseRef = "main"
		s.AddReport(slipway.Report{Base: merged, Head: headA, PostedAt: metav1.NewMicroTime(noon), Applications: []slipway.ReportedApplication{
			{Namespace: "argocd", Name: "web", Environment: "prod", Digest: "1"}}})
		s.AddOverride(slipway.Override{Guard: "schema", Head: headA, By: "mallory"})
		v.apps = []*argo.Application{application("web", nil)}
	})
	moves := []string{"lax"}
	if back {
		moves = append(moves, "main")
	}
	for i, branch := range moves {
		v.Now = func() time.Time { return noon.Add(time.Duration(i+1) * time.Minute) }
		v.pull.Base.Name = branch
		v.note()
	}
	return v
}

// TestAnotherBaseIsAnotherWord tries to have what was said about one merge count for another, by the rules of a branch that whoever may push
// made for it.
func TestAnotherBaseIsAnotherWord(t *testing.T) {
	for name, back := range map[string]bool{"pointed at a branch of one's own": false, "and back again": true} {
		t.Run(name, func(t *testing.T) {
			v := retargeted(back)
			s := &v.res.Status
			if !v.force {
				t.Error("no new report is asked for")
			}
			if r := s.ReportBefore(noon.Add(time.Hour)); r != nil {
				t.Errorf("a command is bound to the report about the other branch: %+v", r)
			}
			reach, err := v.reachable(t.Context(), s.CurrentReport(), policy.Policy{})
			if err != nil || len(reach) != 0 {
				t.Errorf("a command reaches %d applications (%v)", len(reach), err)
			}
			if s.Overridden("schema", "prod", headA) != nil {
				t.Error("the guard that somebody let pass by other rules passes still")
			}
			old := s.Report.PostedAt
			v.remember(slipway.Report{Base: merged, Head: headA, Applications: s.Report.Applications})
			if r := s.ReportBefore(noon.Add(time.Hour)); r == nil || !r.PostedAt.After(old.Time) {
				t.Errorf("what is reported now is bound to nothing new: %+v", r)
			}
		})
	}
}

// TestAnApprovalIsOfOneMerge has a small change into a branch approved that holds the rest of it already, and the pull request pointed at the
// real one then: the commit is the same.
func TestAnApprovalIsOfOneMerge(t *testing.T) {
	v := retargeted(false)
	bob := forge.User{ID: 2, Login: "bob"}
	for name, c := range map[string]struct {
		at      time.Time
		allowed bool
	}{"before": {noon, false}, "since": {noon.Add(2 * time.Minute), true}} {
		in := policy.Input{PullRequest: v.pull, Reviewers: map[int64]forge.Permission{2: forge.Write}, Since: v.res.Status.BaseSince.Time,
			Environment: policy.Environment{Name: "prod", Requires: policy.Requires{Approvals: 1}},
			Reviews:     []forge.Review{{User: bob, State: forge.Approved, SHA: headA, SubmittedAt: c.at}}}
		in.Command.Verb = "sync"
		for _, g := range policy.Evaluate(in).Gates {
			if g.Name == "approval" && g.Passed != c.allowed {
				t.Errorf("%s: %+v", name, g)
			}
		}
	}
}
