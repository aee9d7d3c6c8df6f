package policy_test

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/forge"
)

func TestApproval(t *testing.T) {
	reviews := func(r ...forge.Review) func(*policy.Input) {
		return func(in *policy.Input) { in.Reviews = r }
	}
	tryGate(t, "approval", map[string]outcome{
		"by another":          {change: func(in *policy.Input) {}, allowed: true, value: "1 of 1 (bob)"},
		"none":                {change: reviews(), value: "0 of 1", satisfy: "1 approval of commit 1111111111 by others than alice"},
		"by the author":       {change: reviews(forge.Review{User: alice, State: forge.Approved, SHA: head}), value: "author's own", satisfy: "others than alice"},
		"by who pushed to it": {change: func(in *policy.Input) { in.Writers = []forge.User{alice, bob} }, value: "0 of 1; bob has a hand in the head", satisfy: "whoever else wrote or pushed it"},
		"of an older head":    {change: reviews(forge.Review{User: bob, State: forge.Approved, SHA: older}), value: "another commit", satisfy: "1111111111"},
		"of no known head":    {change: reviews(forge.Review{User: bob, State: forge.Approved}), value: "cannot be told to be of this commit", satisfy: "1111111111"},
		"dismissed":           {change: reviews(forge.Review{User: bob, State: forge.Dismissed, SHA: head}), value: "0 of 1", satisfy: "approval"},
		"only commented":      {change: reviews(forge.Review{User: bob, State: forge.Commented, SHA: head}), value: "0 of 1", satisfy: "approval"},
		"by a stranger":       {change: reviews(forge.Review{User: mallo, State: forge.Approved, SHA: head}), value: "mallory has no write", satisfy: "approval"},
		"of another merge": {change: func(in *policy.Input) {
			in.PullRequest.Base.Name, in.Since, in.Reviews[0].SubmittedAt = "main", in.Now.Add(time.Minute), in.Now
		}, value: "bob approved it before it went into main", satisfy: "1 approval"},
		"of this merge": {change: func(in *policy.Input) {
			in.Since, in.Reviews[0].SubmittedAt = in.Now.Add(time.Minute), in.Now.Add(time.Hour)
		}, allowed: true},
		"by a bot": {change: reviews(forge.Review{User: forge.User{ID: 5, Login: "b[bot]", Bot: true}, State: forge.Approved, SHA: head}), value: "a bot's", satisfy: "approval"},
		"one twice of two": {change: func(in *policy.Input) {
			in.Environment.Requires.Approvals = 2
			in.Reviews = append(in.Reviews, in.Reviews[0])
		}, value: "1 of 2", satisfy: "2 approvals"},
		"two of two": {change: func(in *policy.Input) {
			in.Environment.Requires.Approvals = 2
			in.Reviews = append(in.Reviews, forge.Review{User: carol, State: forge.Approved, SHA: head})
		}, allowed: true, value: "2 of 2"},
		"merged, none needed": {change: func(in *policy.Input) { in.PullRequest.State, in.Reviews = forge.Merged, nil }, allowed: true},
		"merged, one needed": {change: func(in *policy.Input) {
			in.PullRequest.State, in.Reviews, in.Environment.Requires.Approvals = forge.Merged, nil, 1
		}, value: "0 of 1", satisfy: "approval"},
	})
}
