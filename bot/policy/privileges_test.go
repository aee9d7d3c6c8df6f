package policy_test

import (
	"testing"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/forge"
)

func TestCodeOwnersGate(t *testing.T) {
	needed := func(in *policy.Input, owners ...string) {
		in.Environment.Requires.CodeOwners = true
		in.Owners = policy.Ownership{File: "CODEOWNERS", Changed: []policy.Owned{{Path: "web/a.yaml", Owners: owners}}}
	}
	tryGate(t, "code owners", map[string]outcome{
		"not asked for":   {func(*policy.Input) {}, true, "", ""},
		"approved by one": {func(in *policy.Input) { needed(in, "@carol", "@Bob") }, true, "has approved", ""},
		"approved by a team": {func(in *policy.Input) {
			needed(in, "@org/web")
			in.ReviewerTeams = map[int64][]string{bob.ID: {"org/web"}}
		}, true, "has approved", ""},
		"approved by another": {func(in *policy.Input) { needed(in, "@carol") }, false, "web/a.yaml", "approved by @carol (CODEOWNERS)"},
		"of another team":     {func(in *policy.Input) { needed(in, "@org/web") }, false, "web/a.yaml", "@org/web"},
		"an e-mail address":   {func(in *policy.Input) { needed(in, "bob@example.com") }, false, "web/a.yaml", "bob@example.com"},
		"the author owns it": {func(in *policy.Input) {
			needed(in, "@alice")
			in.Reviews = append(in.Reviews, forge.Review{User: alice, State: forge.Approved, SHA: head})
		}, false, "web/a.yaml", "@alice"},
		"one file of two": {func(in *policy.Input) {
			needed(in, "@bob")
			in.Owners.Changed = append(in.Owners.Changed, policy.Owned{Path: "infra/b.yaml", Owners: []string{"@carol", "@org/infra"}})
		}, false, "1 file without an owner's approval: infra/b.yaml", "@carol or @org/infra"},
		"nothing is owned": {func(in *policy.Input) {
			in.Environment.Requires.CodeOwners, in.Owners.File = true, "CODEOWNERS"
		}, true, "no changed file has owners", ""},
		"there is no file": {func(in *policy.Input) { in.Environment.Requires.CodeOwners = true }, false, "has no CODEOWNERS", "has one"},
		"cannot be told":   {func(in *policy.Input) { needed(in, "@bob"); in.Owners.Unread = "too large" }, false, "too large", "mended"},
	})
}

func TestForceGate(t *testing.T) {
	force := func(in *policy.Input) { in.Command.Force = true }
	tryGate(t, "force", map[string]outcome{
		"nobody may":  {force, false, "nobody may use --force in staging", "allow: {force:"},
		"one who may": {func(in *policy.Input) { force(in); in.Environment.Allow.Force.Users = []string{"alice"} }, true, "alice may use --force", ""},
		"one of a team": {func(in *policy.Input) {
			in.Command.Replace, in.Teams = true, []string{"org/sre"}
			in.Environment.Allow.Force.Teams = []string{"org/sre"}
		}, true, "--replace", ""},
		"another": {func(in *policy.Input) { force(in); in.Environment.Allow.Force.Users = []string{"bob"} }, false, "alice may not use --force", "one of: bob"},
	})
}

func TestUnlockByForce(t *testing.T) {
	taking := func(in *policy.Input) {
		in.Command = command.Command{Verb: command.Unlock, Force: true}
		in.Locks = []policy.Held{{Application: "web", Owner: "https://forge/pull/3"}}
	}
	tryGate(t, "force", map[string]outcome{
		"a writer":        {taking, false, "alice may not take", "admin permission"},
		"an admin":        {func(in *policy.Input) { taking(in); in.Permission = forge.Admin }, true, "alice may take", ""},
		"one listed":      {func(in *policy.Input) { taking(in); in.Environment.Allow.Unlock.Users = []string{"alice"} }, true, "alice may take", ""},
		"another":         {func(in *policy.Input) { taking(in); in.Environment.Allow.Unlock.Users = []string{"bob"} }, false, "alice may not", "one of: bob"},
		"nothing to take": {func(in *policy.Input) { taking(in); in.Locks = nil }, true, "", ""},
	})
}

func TestActionGate(t *testing.T) {
	asked := func(actions ...string) func(in *policy.Input) {
		return func(in *policy.Input) {
			in.Command = command.Command{Verb: command.Action, Name: "restart", Object: command.Resource{Kind: "Deployment", Name: "web"}}
			in.Environment.Allow.Actions = actions
		}
	}
	tryGate(t, "action", map[string]outcome{
		"no list":       {asked(), true, "", ""},
		"listed":        {asked("restart"), true, "Deployment/restart is allowed in staging", ""},
		"by kind":       {asked("Deployment/*"), true, "is allowed", ""},
		"another":       {asked("pause", "StatefulSet/*"), false, "is not among the actions of staging: pause, StatefulSet/*", "actions"},
		"an empty list": {func(in *policy.Input) { asked()(in); in.Environment.Allow.Actions = []string{} }, false, "none", "actions"},
	})
}

func TestOverrideGate(t *testing.T) {
	asked := func(rules ...policy.Overrule) func(in *policy.Input) {
		return func(in *policy.Input) {
			in.Command, in.Overrules = command.Command{Verb: command.Override, Name: "pvc-removed", Reason: "x"}, rules
		}
	}
	tryGate(t, "override", map[string]outcome{
		"nobody may":    {asked(), false, "nobody may override pvc-removed", "guards: [pvc-removed]"},
		"another guard": {asked(policy.Overrule{Guards: []string{"dry-run"}, By: policy.People{Users: []string{"alice"}}}), false, "nobody may", "overrides"},
		"listed":        {asked(policy.Overrule{Guards: []string{"pvc-*"}, By: policy.People{Users: []string{"alice"}}}), true, "alice may override", ""},
		"misspelt": {func(in *policy.Input) {
			asked(policy.Overrule{Guards: []string{"*"}, By: policy.People{Users: []string{"alice"}}})(in)
			in.Overridable = []string{"schema", "pvc-remove"}
		}, false, "no guard or rule is called pvc-removed", "did you mean /override pvc-remove?"},
		"no guard at all": {func(in *policy.Input) {
			asked()(in)
			in.Overridable = []string{"schema", "images"}
		}, false, "no guard or rule", "one of: schema, images"},
		"others are, somewhere": {asked(policy.Overrule{Guards: []string{"*"}, Environments: []string{"dev"}, By: policy.People{Users: []string{"bob"}}},
			policy.Overrule{Guards: []string{"*"}, By: policy.People{Teams: []string{"org/sre"}}}), false, "may not override", "one of: bob (in dev), org/sre"},
		"others are": {asked(policy.Overrule{Guards: []string{"*"}, By: policy.People{Teams: []string{"org/sre"}}}), false, "teams cannot be read", "one of: org/sre"},
	})
}

func TestOverridesSayWhere(t *testing.T) {
	p := policy.Policy{Overrules: []policy.Overrule{
		{Guards: []string{"pvc-removed"}, Environments: []string{"staging"}, By: policy.People{Users: []string{"alice"}}},
		{Guards: []string{"*"}, By: policy.People{Users: []string{"bob"}}},
	}}
	if got, may := p.Overrides("pvc-removed", policy.Input{User: alice}); !may || len(got) != 1 || got[0] != "staging" {
		t.Errorf("alice: %v %v", got, may)
	}
	if got, may := p.Overrides("pvc-removed", policy.Input{User: bob}); !may || got != nil {
		t.Errorf("bob: %v %v", got, may)
	}
	if _, may := p.Overrides("dry-run", policy.Input{User: alice}); may {
		t.Error("alice may override what is not hers")
	}
}

func TestOverridesAreDecoded(t *testing.T) {
	p, fault := policy.Decode([]byte("environments:\n- name: a\noverrides:\n- {guards: [x], environments: [a], by: {teams: [o/t]}}\n"))
	if fault != nil || len(p.Overrules) != 1 || p.Overrules[0].By.Teams[0] != "o/t" {
		t.Fatalf("%+v, %v", p, fault)
	}
	for _, bad := range []string{"overrides: [{guards: [x]}]", "overrides: [{by: {users: [a]}}]", "overrides: [{guards: ['['], by: {users: [a]}}]",
		"overrides: [{guards: [x], environments: [b], by: {users: [a]}}]"} {
		if _, fault := policy.Decode([]byte(bad)); fault == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
