package policy_test

import (
	"testing"

	"github.com/slipway-cd/slipway/bot/policy"
)

func TestPeople(t *testing.T) {
	tryGate(t, "people", map[string]outcome{
		"no list":         {change: func(in *policy.Input) {}, allowed: true},
		"a listed user":   {change: func(in *policy.Input) { in.Environment.Allow.Users = []string{"Alice"} }, allowed: true, value: "alice is among"},
		"an unlisted one": {change: func(in *policy.Input) { in.Environment.Allow.Users = []string{"bob"} }, value: "not among", satisfy: "bob"},
		"a team's member": {change: func(in *policy.Input) {
			in.Environment.Allow.Teams, in.Teams = []string{"org/ops"}, []string{"org/ops"}
		}, allowed: true, value: "among"},
		"no member": {change: func(in *policy.Input) {
			in.Environment.Allow.Teams, in.Teams = []string{"org/ops"}, []string{}
		}, value: "not among", satisfy: "org/ops"},
		"teams cannot be read": {change: func(in *policy.Input) { in.Environment.Allow.Teams = []string{"org/ops"} }, value: "teams cannot be read", satisfy: "org/ops"},
	})
}
