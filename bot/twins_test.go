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
	pulls  []slipway.PullRequest
	groups []slipway.MergeGroup
}

func (l listing) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if repo, ok := into.(*slipway.Repository); ok {
		repo.Status.MergeGroups = l.groups
	}
	return nil
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

// silent is a forge that counts the checks that are set.
type silent struct {
	Forge
	set int
}

func (f *silent) SetCheck(context.Context, forge.Repository, forge.Check) (int64, error) {
	f.set++
	return 5, nil
}

// TestNobodySpeaksForTheMergeQueue opens a pull request, from a fork or not, with the commit that the queue tries, before its check has ended.
func TestNobodySpeaksForTheMergeQueue(t *testing.T) {
	for name, c := range map[string]struct {
		branch string
		fork   bool
		sha    string
		want   int
	}{
		"the queue's own":                  {queueFolder + "main/pr-3-abc", false, headA, 1},
		"a branch with its commit":         {"mine", false, headA, 0},
		"a fork's, named like the queue's": {queueFolder + "main/pr-3-abc", true, headA, 0},
		"another commit":                   {"mine", false, headB, 1},
	} {
		site := &silent{}
		v := looking(func(v *visit) {
			v.Client, v.forge = listing{groups: []slipway.MergeGroup{{SHA: headA, CheckState: slipway.CheckPending}}}, site
			v.pull.Head = forge.Ref{Name: c.branch, SHA: c.sha}
			v.res.Status.CheckHead = c.sha
			if c.fork {
				v.pull.HeadRepository = 8
			}
		})
		if err := v.setCheck(t.Context(), report.Untrusted("mallory", c.sha, "/").Check); err != nil || site.set != c.want {
			t.Errorf("%s: %d checks are set, want %d (%v)", name, site.set, c.want, err)
		}
		if v.res.Status.CheckState != slipway.CheckNeutral {
			t.Errorf("%s: noted as %q", name, v.res.Status.CheckState)
		}
	}
}
