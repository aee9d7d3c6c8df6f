package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// shown is a status whose report shows two applications of staging and one of prod.
func shown(change func(s *slipway.PullRequestStatus)) *slipway.PullRequestStatus {
	s := &slipway.PullRequestStatus{State: slipway.StateOpen, HeadSHA: headA, Report: &slipway.Report{
		Base: headB, Head: headA, Merged: merged, PostedAt: metav1.NewMicroTime(noon), Applications: []slipway.ReportedApplication{
			{Namespace: "argocd", Name: "web-staging", Environment: "staging", Digest: "w"},
			{Namespace: "argocd", Name: "api-staging", Environment: "staging", Digest: "a"},
			{Namespace: "argocd", Name: "web-prod", Environment: "prod", Digest: "p"},
		}}}
	if change != nil {
		change(s)
	}
	return s
}

// commanded is a command of bob's about both applications of staging, said after the report.
func commanded(text string, phase slipway.CommandPhase) slipway.Command {
	return slipway.Command{ID: 9, Text: text, Author: "bob", Phase: phase, CreatedAt: metav1.NewMicroTime(noon.Add(time.Minute)),
		Applications: []string{"argocd/web-staging", "argocd/api-staging"}}
}

func synced(more ...slipway.Command) func(s *slipway.PullRequestStatus) {
	return func(s *slipway.PullRequestStatus) {
		s.Commands = append([]slipway.Command{commanded("/sync staging", slipway.CommandDone)}, more...)
	}
}

func mergedWith(web, api slipway.FollowedApplication, more ...slipway.Command) func(s *slipway.PullRequestStatus) {
	return func(s *slipway.PullRequestStatus) {
		s.State, s.Commands = slipway.StateMerged, more
		s.Conditions = []metav1.Condition{{Type: conditionFollowed, Reason: reasonUnderWay}}
		web.Namespace, web.Name, api.Namespace, api.Name = "argocd", "web-staging", "argocd", "api-staging"
		s.Applications = []slipway.FollowedApplication{web, api, {Namespace: "argocd", Name: "web-prod", Phase: phaseManual}}
	}
}

func TestWhatStatusesSay(t *testing.T) {
	well, waits := slipway.FollowedApplication{Phase: phaseHealthy}, slipway.FollowedApplication{Phase: phaseManual}
	sick := slipway.FollowedApplication{Phase: phaseDegraded, Message: "web: image\ncannot be\u202e pulled"}
	given := func(s *standing) { s.held = nil }
	failed := commanded("/sync staging", slipway.CommandFailed)
	failed.Unwell = map[string]string{"argocd/api-staging": "Degraded: crash loop"}
	for name, c := range map[string]struct {
		status func(*slipway.PullRequestStatus)
		facts  func(*standing)
		want   string // of staging
	}{
		"planned":      {nil, nil, "pending 2 applications to be deployed: web-staging, api-staging"},
		"a sync waits": {func(s *slipway.PullRequestStatus) { s.Commands = []slipway.Command{{Text: "/sync staging"}} }, nil, "pending 2 applications to be deployed"},
		"a sync runs": {func(s *slipway.PullRequestStatus) {
			s.Commands = []slipway.Command{commanded("/sync staging", slipway.CommandRunning)}
		}, nil, "pending web-staging: /sync staging by bob is under way (and 1 more)"},
		"synced":                  {synced(), nil, "success 2 applications synced and healthy: web-staging, api-staging"},
		"synced, then tried only": {synced(commanded("/sync staging --dry-run", slipway.CommandFailed)), nil, "success 2 applications"},
		"synced, then a part":     {synced(commanded("/sync staging --resource apps:Deployment:web", slipway.CommandDone)), nil, "success 2 applications"},
		"synced, then refused":    {synced(commanded("/sync staging", slipway.CommandRefused)), nil, "success 2 applications"},
		"synced, then an action":  {synced(commanded("/action restart deploy/web", slipway.CommandDone)), nil, "success 2 applications"},
		"synced and given back":   {synced(), given, "pending 2 applications to be deployed"},
		"synced, rolled back":     {synced(commanded("/rollback staging --now", slipway.CommandDone)), nil, "pending 2 applications to be deployed"},
		"synced again, badly":     {synced(failed), nil, "failure api-staging: Degraded: crash loop"},
		"a dry run alone": {func(s *slipway.PullRequestStatus) {
			s.Commands = []slipway.Command{commanded("/sync staging --dry-run", slipway.CommandDone)}
		}, nil, "pending 2 applications to be deployed"},
		"synced, then a guard": {func(s *slipway.PullRequestStatus) { synced()(s); s.Report.Applications[0].Blocked = []string{"schema"} }, nil, "failure web-staging: the guard schema stands in its way"},
		"a guard, overridden": {func(s *slipway.PullRequestStatus) {
			synced()(s)
			s.Report.Applications[0].Blocked = []string{"schema"}
			s.Overrides = []slipway.Override{{Guard: "schema", Head: headA}}
		}, nil, "success"},
		"it cannot be rendered":        {func(s *slipway.PullRequestStatus) { s.Report.Applications[1].Broken = true }, nil, "failure api-staging: it cannot be rendered"},
		"conflicts":                    {func(s *slipway.PullRequestStatus) { s.Report.Merged, s.Report.Applications = "", nil }, nil, "failure the pull request conflicts"},
		"nothing changes":              {func(s *slipway.PullRequestStatus) { s.Report.Applications = s.Report.Applications[2:] }, nil, "success nothing changes here"},
		"a set is broken":              {func(s *slipway.PullRequestStatus) { s.Report.Applications, s.Report.Incomplete = nil, true }, nil, "failure an ApplicationSet cannot be generated"},
		"closed":                       {func(s *slipway.PullRequestStatus) { s.State = slipway.StateClosed }, nil, "error the pull request was closed without being merged"},
		"closed, nothing changes":      {func(s *slipway.PullRequestStatus) { s.State, s.Report.Applications = slipway.StateClosed, nil }, nil, "success nothing changes here"},
		"merged this moment":           {func(s *slipway.PullRequestStatus) { s.State = slipway.StateMerged }, nil, "pending web-staging: merged; its deployment begins (and 1 more)"},
		"merged, syncing":              {mergedWith(slipway.FollowedApplication{Phase: phaseSyncing}, well), nil, "pending web-staging: merged; syncing"},
		"merged, healthy":              {mergedWith(well, slipway.FollowedApplication{Phase: phaseSuspended}), nil, "success 2 applications synced and healthy: web-staging, api-staging"},
		"merged, degraded":             {mergedWith(sick, waits), nil, "failure web-staging: Degraded: web: image cannot be pulled"},
		"merged, waits for a person":   {mergedWith(waits, well), nil, "pending web-staging: merged; it waits for a sync by command"},
		"merged, brought by another":   {mergedWith(waits, well), func(s *standing) { s.landed = map[string]bool{"argocd/web-staging": true} }, "success"},
		"merged, a sync runs":          {mergedWith(waits, well, commanded("/sync staging", slipway.CommandRunning)), nil, "pending web-staging: /sync staging by bob is under way"},
		"merged, synced":               {mergedWith(well, well, commanded("/sync staging", slipway.CommandDone)), nil, "success"},
		"merged, rolled back":          {mergedWith(well, well, commanded("/rollback staging --now", slipway.CommandDone)), nil, "failure web-staging: rolled back by bob"},
		"merged, rolled back, and let": {mergedWith(well, well, commanded("/rollback staging --now", slipway.CommandDone), commanded("/rollback staging --release", slipway.CommandDone)), nil, "success"},
		"merged, removed with it": {func(s *slipway.PullRequestStatus) {
			mergedWith(well, well)(s)
			s.Applications, s.Report.Applications[1].Removed = s.Applications[:1], true
		}, nil, "success web-staging: synced and healthy"},
	} {
		t.Run(name, func(t *testing.T) {
			v := looking(nil)
			s := standing{status: shown(c.status), environments: []string{"staging", "prod"}, deed: v.deed,
				held: map[string]bool{"argocd/web-staging": true, "argocd/api-staging": true}}
			if c.facts != nil {
				c.facts(&s)
			}
			all := environmentStatuses(s)
			if len(all) != 2 || all[0].Environment != "staging" || all[0].SHA != headA {
				t.Fatalf("statuses: %+v", all)
			}
			if got := all[0].State + " " + all[0].Description; !strings.HasPrefix(got, c.want) {
				t.Errorf("it says %q, want %q", got, c.want)
			}
		})
	}
}

func TestANewHeadIsNotWhatWasSynced(t *testing.T) {
	for name, c := range map[string]struct{ digest, want string }{
		"that renders the same":   {"w", "success"},
		"that renders otherwise":  {"other", "pending"},
		"that cannot be rendered": {"", "pending"},
	} {
		s := shown(synced())
		s.Report.Applications = s.Report.Applications[:1]
		next := *s.Report.DeepCopy()
		next.Head, next.PostedAt, next.Applications[0].Digest = headB, metav1.NewMicroTime(noon.Add(time.Hour)), c.digest
		s.HeadSHA = headB
		s.AddReport(next)
		all := environmentStatuses(standing{status: s, deed: looking(nil).deed, held: map[string]bool{"argocd/web-staging": true}})
		if len(all) != 1 || all[0].State != c.want || all[0].SHA != headB {
			t.Errorf("%s: %+v", name, all)
		}
	}
}

func TestWhichEnvironmentsHaveAStatus(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*slipway.PullRequestStatus)
		policy []string
		want   []string
	}{
		"those of the policy, then others": {nil, []string{"dev", "prod"}, []string{"dev", "prod", "staging"}},
		"one that was touched before": {func(s *slipway.PullRequestStatus) {
			s.Statuses = []slipway.EnvironmentStatus{{Environment: "eu", SHA: headA}, {Environment: "us", SHA: headB}}
		}, nil, []string{"staging", "prod", "eu"}},
		"applications of none":     {func(s *slipway.PullRequestStatus) { s.Report.Applications[2].Environment = "" }, nil, []string{"staging"}},
		"a head that is not known": {func(s *slipway.PullRequestStatus) { s.HeadSHA = headB }, []string{"prod"}, nil},
		"a head without trust":     {func(s *slipway.PullRequestStatus) { s.Report.Base = "" }, []string{"prod"}, nil},
		"no report":                {func(s *slipway.PullRequestStatus) { s.Report = nil }, []string{"prod"}, nil},
	} {
		var got []string
		for _, s := range environmentStatuses(standing{status: shown(c.change), environments: c.policy, deed: looking(nil).deed}) {
			got = append(got, s.Environment)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
