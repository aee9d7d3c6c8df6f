package policy_test

import (
	"testing"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

func TestState(t *testing.T) {
	tryGate(t, "merged", map[string]outcome{
		"open, before the merge": {change: func(in *policy.Input) {}, allowed: true, value: "may be deployed before the merge"},
		"open, not before":       {change: func(in *policy.Input) { in.Environment.BeforeMerge = false }, value: "is open", satisfy: "beforeMerge: true for staging"},
		"no rules":               {change: func(in *policy.Input) { in.Environment = policy.Policy{}.Named("") }, value: "is open", satisfy: "is merged"},
		"merged": {change: func(in *policy.Input) {
			in.PullRequest.State, in.Environment.BeforeMerge, in.Reviews = forge.Merged, false, nil
		}, allowed: true, value: "is merged"},
		"closed": {change: func(in *policy.Input) { in.PullRequest.State = forge.Closed }, value: "is closed", satisfy: "opened again"},
	})
}

func TestTrust(t *testing.T) {
	tryGate(t, "trusted head", map[string]outcome{
		"trusted":         {change: func(in *policy.Input) {}, allowed: true, value: "trusted"},
		"untrusted":       {change: func(in *policy.Input) { in.Trusted = false }, value: "no write", satisfy: "/ok-to-test"},
		"after the merge": {change: func(in *policy.Input) { in.Trusted, in.PullRequest.State = false, forge.Merged }, allowed: true},
	})
}

func TestAFaultyFileClosesEverything(t *testing.T) {
	tryGate(t, "policy", map[string]outcome{
		"whole": {change: func(in *policy.Input) {}, allowed: true},
		"faulty": {change: func(in *policy.Input) {
			in.Fault = &object.Fault{Place: object.Place{File: policy.File, Line: 3}, Message: "there is no such field"}
		}, value: ".slipway.yaml:3", satisfy: "mended"},
	})
}
