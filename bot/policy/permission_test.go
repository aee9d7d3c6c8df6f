package policy_test

import (
	"testing"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/forge"
)

func TestPermission(t *testing.T) {
	tryGate(t, "permission", map[string]outcome{
		"write":       {change: func(in *policy.Input) {}, allowed: true, value: "alice has write"},
		"admin":       {change: func(in *policy.Input) { in.Permission = forge.Admin }, allowed: true, value: "admin"},
		"triage":      {change: func(in *policy.Input) { in.Permission = forge.Triage }, value: "alice has triage", satisfy: "write permission"},
		"none":        {change: func(in *policy.Input) { in.Permission = forge.None }, value: "alice has none", satisfy: "write"},
		"maintainers": {change: func(in *policy.Input) { in.Environment.Allow.Permission = forge.Maintain }, value: "write", satisfy: "maintain"},
		"a rule that asks for less": {change: func(in *policy.Input) {
			in.Environment.Allow.Permission, in.Permission = forge.Read, forge.Read
		}, value: "alice has read", satisfy: "write"},
	})
}

func TestPermissionOfCommandsThatOnlyShow(t *testing.T) {
	for name, c := range map[string]struct {
		verb    command.Verb
		user    forge.User
		perm    forge.Permission
		private bool
		allowed bool
	}{
		"diff by a writer":              {verb: command.Diff, user: bob, perm: forge.Write, allowed: true},
		"diff by the author":            {verb: command.Diff, user: alice, perm: forge.Read, allowed: true},
		"diff by a stranger":            {verb: command.Diff, user: mallo, perm: forge.Read},
		"status by a stranger":          {verb: command.Status, user: mallo, perm: forge.Read},
		"status by a writer":            {verb: command.Status, user: bob, perm: forge.Write, allowed: true},
		"help by a stranger":            {verb: command.Help, user: mallo, perm: forge.Read},
		"help by a reader in private":   {verb: command.Help, user: carol, perm: forge.Read, private: true, allowed: true},
		"ok-to-test by a writer":        {verb: command.OKToTest, user: bob, perm: forge.Write, allowed: true},
		"ok-to-test by the author":      {verb: command.OKToTest, user: alice, perm: forge.Read},
		"ok-to-test by a stranger":      {verb: command.OKToTest, user: mallo, perm: forge.Triage},
		"unlock by a stranger":          {verb: command.Unlock, user: mallo, perm: forge.Read},
		"unlock by a writer":            {verb: command.Unlock, user: bob, perm: forge.Write, allowed: true},
		"nobody is not the author, too": {verb: command.Diff, user: forge.User{}, perm: forge.None},
	} {
		t.Run(name, func(t *testing.T) {
			in := ready()
			in.Command.Verb, in.User, in.Permission = c.verb, c.user, c.perm
			in.PullRequest.Repository.Private = c.private
			if got := policy.Evaluate(in); got.Allowed != c.allowed {
				t.Errorf("allowed %v: %+v", got.Allowed, got.Gates)
			}
		})
	}
}
