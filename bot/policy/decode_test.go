package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/forge"
)

const whole = `
version: 1
lockTimeout: 2h
environments:
  - name: dev
    match:
      applications: ["*-dev"]
  - name: staging
    match:
      labels: {tier: stage}
    beforeMerge: true
    requires: {approvals: 1}
  - name: prod
    production: true
    requires:
      approvals: 2
    allow:
      permission: maintain
      users: ["@alice", bob]
      teams: [org/ops]
`

func TestDecode(t *testing.T) {
	got, fault := policy.Decode([]byte(whole))
	if fault != nil {
		t.Fatal(fault)
	}
	want := policy.Policy{LockTimeout: 2 * time.Hour, Environments: []policy.Environment{
		{Name: "dev", Match: policy.Match{Applications: []string{"*-dev"}}, Allow: policy.Allow{Permission: forge.Write}},
		{Name: "staging", Match: policy.Match{Labels: map[string]string{"tier": "stage"}}, BeforeMerge: true,
			Requires: policy.Requires{Approvals: 1}, Allow: policy.Allow{Permission: forge.Write}},
		{Name: "prod", Production: true, Requires: policy.Requires{Approvals: 2},
			Allow: policy.Allow{Permission: forge.Maintain, People: policy.People{Users: []string{"alice", "bob"}, Teams: []string{"org/ops"}}}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeNothing(t *testing.T) {
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		got, fault := policy.Decode([]byte(empty))
		if fault != nil {
			t.Errorf("%q: %v", empty, fault)
		}
		if env := got.Named("prod"); env.BeforeMerge || env.Allow.Permission != forge.Write || got.Holds() != policy.DefaultLockTimeout {
			t.Errorf("%q: got %+v", empty, env)
		}
	}
}

func TestDecodeNamesTheLineOfAFault(t *testing.T) {
	for name, c := range map[string]struct {
		text, field, message string
		line                 int
	}{
		"misspelt field":      {"environments:\n  - name: a\n    beforMerge: true\n", "environments[0].beforMerge", "no such field", 3},
		"unknown at the top":  {"envs: []\n", "envs", "no such field", 1},
		"twice":               {"version: 1\nversion: 1\n", "version", "twice", 2},
		"not a list":          {"environments: prod\n", "environments", "a list", 1},
		"not yes or no":       {"environments:\n- name: a\n  beforeMerge: sometimes\n", "environments[0].beforeMerge", "true or false", 3},
		"no name":             {"environments:\n- beforeMerge: true\n", "environments[0].name", "name", 2},
		"name twice":          {"environments:\n- name: a\n- name: a\n", "environments[1].name", "twice", 3},
		"less than write":     {"environments:\n- name: a\n  allow:\n    permission: read\n", "environments[0].allow.permission", "write, maintain or admin", 4},
		"negative":            {"environments:\n- name: a\n  requires: {approvals: -1}\n", "environments[0].requires.approvals", "between", 3},
		"a word for a number": {"environments:\n- name: a\n  requires: {approvals: two}\n", "environments[0].requires.approvals", "whole number", 3},
		"bad glob":            {"environments:\n- name: a\n  match: {applications: ['[']}\n", "environments[0].match.applications[0]", "no glob", 3},
		"a team's form":       {"environments:\n- name: a\n  allow: {teams: [ops]}\n", "environments[0].allow.teams[0]", "org/team", 3},
		"alias":               {"x: &a {name: b}\nenvironments:\n- *a\n", "x", "no such field", 1},
		"alias of a list":     {"environments: &a\n- name: b\n  match: *a\n", "", "", 0},
		"not YAML":            {"environments:\n\t- name: a\n", "", "not YAML", 2},
		"other version":       {"version: 2\n", "version", "must be 1", 1},
		"unknown first":       {"environments:\n- name: a\n  requires:\n    after: [b]\n", "environments[0].requires.after[0]", "no other environment", 4},
		"after itself":        {"environments:\n- name: a\n  requires: {after: [a]}\n", "environments[0].requires.after[0]", "no other environment", 3},
		"checks of a word":    {"environments:\n- name: a\n  requires: {checks: some}\n", "environments[0].requires.checks", "must be all", 3},
		"checks of ours":      {"environments:\n- name: a\n  requires:\n    checks: [ci, slipway/b]\n", "environments[0].requires.checks[1]", "never counts", 4},
		"our one check":       {"environments:\n- name: a\n  requires: {checks: [slipway]}\n", "environments[0].requires.checks[0]", "never counts", 3},
		"no approvers":        {"environments:\n- name: a\n  requires: {approvers: {}}\n", "environments[0].requires.approvers", "nobody", 3},
		"a bad schedule":      {"freezes:\n- {name: a, schedule: '0 25 * * *', duration: 1h}\n", "freezes[0]", "hour", 2},
		"a bad zone":          {"freezes:\n- {name: a, schedule: '0 5 * * *', duration: 1h, timeZone: Mars}\n", "freezes[0]", "no time zone", 2},
		"a freeze of neither": {"freezes:\n- {name: a}\n", "freezes[0]", "either schedule", 2},
		"a freeze of both":    {"freezes:\n- {name: a, schedule: '0 5 * * *', duration: 1h, from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z'}\n", "freezes[0]", "either schedule", 2},
		"a freeze backwards":  {"freezes:\n- {name: a, from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z'}\n", "freezes[0]", "after from", 2},
		"a freeze of nothing": {"freezes:\n- {name: a, environments: [b], schedule: '0 5 * * *', duration: 1h}\n", "freezes[0].environments[0]", "no other environment", 2},
		"a freeze twice":      {"freezes:\n- {name: a, schedule: '0 5 * * *', duration: 1h}\n- {name: a, schedule: '0 5 * * *', duration: 1h}\n", "freezes[1].name", "twice", 3},
		"previews of nothing": {"previews:\n  limit: 0\n", "previews.limit", "at least 1", 2},
		"an image's braces":   {"previews:\n  image: web:{{sha}}\n", "previews.image", "head_sha", 2},
		"another comment":     {"comment: never\n", "comment", "always or changes", 1},
		"short lock":          {"lockTimeout: 1s\n", "lockTimeout", "between", 1},
	} {
		t.Run(name, func(t *testing.T) {
			_, fault := policy.Decode([]byte(c.text))
			if fault == nil {
				t.Fatal("no fault")
			}
			if c.line == 0 {
				return
			}
			if fault.File != policy.File || fault.Line != c.line || fault.Field != c.field || !strings.Contains(fault.Message, c.message) {
				t.Errorf("got %v, want line %d, field %q, %q", fault, c.line, c.field, c.message)
			}
		})
	}
}

func TestEnvironmentOfAnApplication(t *testing.T) {
	p, fault := policy.Decode([]byte(whole))
	if fault != nil {
		t.Fatal(fault)
	}
	for name, c := range map[string]struct {
		labels map[string]string
		want   string
	}{
		"web-dev":     {nil, "dev"},
		"web":         {map[string]string{"environment": "prod"}, "prod"},
		"both":        {map[string]string{"environment": "prod", "slipway.dev/environment": "staging"}, "staging"},
		"api-dev":     {map[string]string{"environment": "prod"}, "prod"}, // a group takes nothing away from a label
		"by label":    {map[string]string{"tier": "stage"}, "staging"},
		"in no group": {map[string]string{"tier": "other"}, ""},
	} {
		if got := p.Environment(name, c.labels); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(whole)
	f.Add("environments:\n- *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, fault := policy.Decode([]byte(text))
		for _, e := range p.Environments {
			if fault != nil {
				t.Fatal("a faulty file grants something")
			}
			if e.Allow.Permission < forge.Write || e.Requires.Approvals < 0 || e.Name == "" {
				t.Fatalf("%q decodes to %+v", text, e)
			}
		}
	})
}
