package policy_test

import (
	"testing"

	"github.com/slipway-cd/slipway/bot/policy"
)

func TestLocks(t *testing.T) {
	tryGate(t, "locks", map[string]outcome{
		"free": {change: func(in *policy.Input) {}, allowed: true, value: "no other"},
		"held": {change: func(in *policy.Input) {
			in.Locks = []policy.Held{{Application: "web-staging", Owner: "https://forge/team/shop/pull/3", User: "bob", Reason: "demo"}}
		}, value: "web-staging is held by https://forge/team/shop/pull/3 for bob: demo", satisfy: "/unlock"},
	})
}
