package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/forge"
)

// friday is a Friday evening.
var friday = time.Date(2026, 5, 8, 18, 0, 0, 0, time.UTC)

func weekend(t *testing.T) policy.Freeze {
	t.Helper()
	c, err := project.ParseCalendar("0 16 * * fri", 64*time.Hour, "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return policy.Freeze{Name: "weekend", Environments: []string{"staging"}, Calendar: &c, Reason: "nobody is on call",
		Override: policy.People{Users: []string{"carol"}, Teams: []string{"org/ops"}}}
}

func TestFreeze(t *testing.T) {
	holidays := policy.Freeze{Name: "holidays", From: friday.Add(-time.Hour), To: friday.Add(time.Hour)}
	at := func(when time.Time, change func(*policy.Input), freezes ...policy.Freeze) func(*policy.Input) {
		return func(in *policy.Input) {
			in.Now, in.Freezes = when, freezes
			if change != nil {
				change(in)
			}
		}
	}
	override := func(in *policy.Input) { in.Command.Override, in.Teams = "weekend", []string{"org/ops"} }
	tryGate(t, "freeze", map[string]outcome{
		"none is on":                {change: at(friday.Add(-5*time.Hour), nil, weekend(t)), allowed: true, value: "none is on"},
		"the first minute":          {change: at(time.Date(2026, 5, 8, 14, 0, 0, 0, time.UTC), nil, weekend(t)), value: `"weekend" is on: nobody is on call`, satisfy: "--override weekend"},
		"the last minute":           {change: at(time.Date(2026, 5, 11, 5, 59, 0, 0, time.UTC), nil, weekend(t)), value: "weekend", satisfy: `"weekend" ends`},
		"it is over":                {change: at(time.Date(2026, 5, 11, 6, 0, 0, 0, time.UTC), nil, weekend(t)), allowed: true},
		"of another environment":    {change: at(friday, func(in *policy.Input) { in.Environment.Name = "dev" }, weekend(t)), allowed: true},
		"overridden by name":        {change: at(friday, override, weekend(t)), allowed: true, value: "alice overrides weekend"},
		"overridden by no member":   {change: at(friday, func(in *policy.Input) { in.Command.Override = "weekend" }, weekend(t)), value: "weekend", satisfy: "one of carol, org/ops"},
		"a member who forgot":       {change: at(friday, func(in *policy.Input) { in.Teams = []string{"org/ops"} }, weekend(t)), value: "weekend", satisfy: "--override"},
		"one of two overridden":     {change: at(friday, override, weekend(t), holidays), value: `"holidays" is on`, satisfy: "2026-05-08 19:00 UTC"},
		"nobody may override":       {change: at(friday, func(in *policy.Input) { in.Command.Override = "holidays" }, holidays), value: "holidays", satisfy: "ends on"},
		"a span that has not begun": {change: at(friday.Add(-2*time.Hour), nil, holidays), allowed: true},
		"a freeze there is not":     {change: at(friday, func(in *policy.Input) { in.Command.Override = "xmas" }), value: `no freeze "xmas"`, satisfy: "without --override"},
		"of a freeze not on now":    {change: at(friday.Add(-5*time.Hour), override, weekend(t)), allowed: true},
	})
}

func TestApprovers(t *testing.T) {
	ops := func(change func(*policy.Input)) func(*policy.Input) {
		return func(in *policy.Input) {
			in.Environment.Requires.Approvers = policy.People{Users: []string{"carol"}, Teams: []string{"org/ops"}}
			change(in)
		}
	}
	tryGate(t, "approval", map[string]outcome{
		"not among them": {change: ops(func(*policy.Input) {}), value: "bob is not among those", satisfy: "by carol, org/ops, but not alice"},
		"by team":        {change: ops(func(in *policy.Input) { in.ReviewerTeams = map[int64][]string{bob.ID: {"org/ops"}} }), allowed: true, value: "1 of 1 (bob)"},
		"another's team": {change: ops(func(in *policy.Input) { in.ReviewerTeams = map[int64][]string{carol.ID: {"org/ops"}} }), value: "0 of 1", satisfy: "carol"},
		"by name":        {change: ops(func(in *policy.Input) { in.Reviews[0].User = carol }), allowed: true, value: "carol"},
	})
}

func TestOrderOfEnvironments(t *testing.T) {
	first := func(all ...policy.Earlier) func(*policy.Input) {
		return func(in *policy.Input) {
			in.Environment.Requires.After, in.Earlier = []string{"dev"}, all
		}
	}
	web := policy.Earlier{Environment: "dev", Application: "web-dev", Same: true, Health: "Healthy"}
	other, sick := web, web
	other.Same, sick.Health = false, "Degraded"
	tryGate(t, "order", map[string]outcome{
		"no rule":              {change: func(in *policy.Input) { in.Earlier = []policy.Earlier{other} }, allowed: true},
		"there and healthy":    {change: first(web), allowed: true, value: "deployed and healthy in dev"},
		"nothing of it there":  {change: first(), allowed: true, value: "nothing that can be looked at changes in dev"},
		"not there yet":        {change: first(web, other), value: "web-dev does not have it yet in dev", satisfy: "healthy in dev"},
		"there, and not well":  {change: first(sick), value: "web-dev is Degraded in dev", satisfy: "healthy in dev"},
		"each is told of once": {change: first(sick, other), value: "web-dev is Degraded in dev; web-dev does not have it yet", satisfy: "healthy in dev"},
	})
}

func TestChecks(t *testing.T) {
	need := func(r policy.Requires, all ...forge.Check) func(*policy.Input) {
		return func(in *policy.Input) { in.Environment.Requires, in.Checks = r, all }
	}
	ended := func(name string, c forge.Conclusion) forge.Check {
		return forge.Check{Name: name, Status: forge.Completed, Conclusion: c}
	}
	tests := policy.Requires{Checks: []string{"test"}}
	every := policy.Requires{AllChecks: true}
	tryGate(t, "checks", map[string]outcome{
		"no rule":              {change: need(policy.Requires{}, ended("test", forge.Failure)), allowed: true},
		"green":                {change: need(tests, ended("test", forge.Success), ended("lint", forge.Failure)), allowed: true, value: "1 check green"},
		"skipped is green":     {change: need(tests, ended("test", forge.Skipped)), allowed: true},
		"red":                  {change: need(tests, ended("test", forge.Failure)), value: "test is failure", satisfy: "1111111111"},
		"under way":            {change: need(tests, forge.Check{Name: "test", Status: forge.InProgress}), value: "test is in_progress", satisfy: "end well"},
		"not there":            {change: need(tests, ended("lint", forge.Success)), value: "test is not there", satisfy: "end well"},
		"all, one of them red": {change: need(every, ended("test", forge.Success), ended("lint", forge.Cancelled)), value: "lint is cancelled", satisfy: "end well"},
		"they cannot be read": {change: func(in *policy.Input) {
			in.Environment.Requires, in.ChecksUnread = every, "the App is given statuses: read"
		}, value: "cannot be read", satisfy: "statuses: read"},
		"all, ours aside": {change: need(every, ended("test", forge.Success), forge.Check{Name: "slipway/prod", Status: forge.InProgress},
			ended("slipway/staging", forge.Failure)), allowed: true, value: "1 check green"},
		"all, one with a name like ours": {change: need(every, ended("slipway-lint", forge.Failure)), value: "slipway-lint is failure", satisfy: "end well"},
		"all, and there is none":         {change: need(every), allowed: true, value: "0 checks green"},
	})
}

func TestUpToDate(t *testing.T) {
	tryGate(t, "up to date", map[string]outcome{
		"no rule":   {change: func(*policy.Input) {}, allowed: true},
		"it is":     {change: func(in *policy.Input) { in.Environment.Requires.UpToDate, in.UpToDate = true, true }, allowed: true, value: "contains"},
		"it is not": {change: func(in *policy.Input) { in.Environment.Requires.UpToDate = true }, value: "lacks commits", satisfy: "rebased"},
		"merged": {change: func(in *policy.Input) {
			in.Environment.Requires.UpToDate, in.PullRequest.State = true, forge.Merged
		}, allowed: true},
	})
}

func TestTeamsOfAnEnvironment(t *testing.T) {
	p, fault := policy.Decode([]byte(`
environments:
  - {name: dev}
  - name: prod
    allow: {teams: [org/dev]}
    requires: {approvers: {teams: [org/leads, org/dev]}}
freezes:
  - {name: x, schedule: "0 0 * * *", duration: 1h, override: {teams: [org/ops]}}
`))
	if fault != nil {
		t.Fatal(fault)
	}
	if got := p.Teams("prod"); len(got) != 3 || got[0] != "org/dev" || got[1] != "org/leads" || got[2] != "org/ops" {
		t.Errorf("teams: %v", got)
	}
}

func TestExplainTellsOfStatuses(t *testing.T) {
	p, fault := policy.Decode([]byte("statuses: true\nenvironments:\n- {name: dev, beforeMerge: true}\n- {name: prod}"))
	if fault != nil {
		t.Fatal(fault)
	}
	for environment, want := range map[string]string{"dev": "a merge needs a sync first", "prod": "must not require it", "": ""} {
		got := ""
		for _, r := range p.Explain(environment) {
			if r.Name == "status" {
				got = r.Text
			}
		}
		if (want == "") != (got == "") || !strings.Contains(got, want) || want != "" && !strings.HasPrefix(got, "slipway/"+environment+" ") {
			t.Errorf("%q: %q", environment, got)
		}
	}
}

func TestExplain(t *testing.T) {
	p, fault := policy.Decode([]byte(`
environments:
  - {name: dev}
  - name: prod
    beforeMerge: true
    requires: {approvals: 2, approvers: {teams: [org/leads]}, after: [dev], checks: [ci, lint], upToDate: true}
    allow: {permission: maintain, users: [bob]}
freezes:
  - {name: weekend, environments: [prod], schedule: "0 16 * * fri", duration: 64h, timeZone: Europe/Berlin, reason: rest, override: {users: [carol]}}
`))
	if fault != nil {
		t.Fatal(fault)
	}
	guards := policy.Rule{Name: "guards", Text: "kinds, removed-apis block; project, schema, destructive, dry-run, images, deprecated-apis warn"}
	want := map[string][]policy.Rule{
		"dev": {{"when", "after the merge"}, {"who", "whoever has write permission"}, guards},
		"prod": {{"when", "before and after the merge"}, {"who", "whoever has maintain permission and is one of bob"},
			{"approvals", "2, by org/leads, but nobody who wrote or pushed the head"}, {"order", "what is deployed must be deployed and healthy in dev"},
			{"checks", "ci, lint green"}, {"up to date", "before the merge the head contains the tip of its base branch"},
			{"freeze", `weekend recurs by "0 16 * * fri" for 64h0m0s (Europe/Berlin) (rest); carol may give the command with --override weekend`},
			guards, {"locks", "a sync before the merge holds its applications for 24h"}},
	}
	for environment, rules := range want {
		if diff := cmp.Diff(rules, p.Explain(environment)); diff != "" {
			t.Errorf("%s: %s", environment, diff)
		}
	}
}
