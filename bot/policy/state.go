package policy

import (
	"fmt"

	"github.com/slipway-cd/slipway/forge"
)

// state asks for the merge, unless the environment may be deployed before it.
func state(in Input) (Gate, bool) {
	env := in.Environment
	g := Gate{Name: "merged", Value: "the pull request is " + string(in.PullRequest.State)}
	switch in.PullRequest.State {
	case forge.Merged:
		g.Passed = true
	case forge.Open:
		g.Passed = env.BeforeMerge
		g.Satisfy = "the pull request is merged"
		if env.Name != "" {
			g.Satisfy += fmt.Sprintf(", or %s on the base branch has beforeMerge: true for %s", File, env.Name)
		}
		if g.Passed {
			g.Value += fmt.Sprintf(", and %s may be deployed before the merge", env.Name)
		}
	default:
		g.Satisfy = "the pull request is opened again"
	}
	return g, true
}

// merged asks for the merge: what is not merged needs no revert.
func merged(in Input) (Gate, bool) {
	return Gate{Name: "merged", Passed: in.PullRequest.State == forge.Merged, Value: "the pull request is " + string(in.PullRequest.State),
		Satisfy: "the pull request is merged; what was synced before that goes back with --now, or when it is closed"}, true
}

// open asks for an open pull request: others hold nothing.
func open(in Input) (Gate, bool) {
	return Gate{Name: "open", Passed: in.PullRequest.State == forge.Open, Value: "the pull request is " + string(in.PullRequest.State),
		Satisfy: "the pull request is opened again"}, true
}

// before says whether the command would deploy what is not merged.
func before(in Input) bool { return in.PullRequest.State != forge.Merged }

// trust asks that the head may be rendered. After the merge the base branch's own protection has spoken.
func trust(in Input) (Gate, bool) {
	if !before(in) {
		return Gate{}, false
	}
	g := Gate{Name: "trusted head", Passed: in.Trusted, Value: "the head is trusted", Satisfy: "someone with write permission comments /ok-to-test"}
	if !in.Trusted {
		g.Value = "the head's author has no write permission"
	}
	return g, true
}
