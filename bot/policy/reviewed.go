package policy

import (
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// reviewed asks for a report that stood there before the command, about the head as it is.
func reviewed(in Input) (Gate, bool) {
	g := Gate{Name: "report"}
	switch {
	case !in.Report.Posted:
		g.Value, g.Satisfy = "there was no report when the command was given", "wait for the report, read it, and give the command again"
	case in.Report.Head != in.PullRequest.Head.SHA:
		g.Value = fmt.Sprintf("the report was about %s, the head is %s", short(in.Report.Head), short(in.PullRequest.Head.SHA))
		g.Satisfy = "wait for the report of the new head, read it, and give the command again"
	default:
		g.Passed, g.Value = true, "it was about "+short(in.Report.Head)
	}
	return g, true
}

// unchanged asks that what would be applied is what the report showed. A base that moved without changing it is no obstacle.
func unchanged(in Input) (Gate, bool) {
	if !in.Report.Posted || in.Report.Head != in.PullRequest.Head.SHA {
		return Gate{}, false
	}
	if len(in.Report.Moved) == 0 {
		return Gate{Name: "as reviewed", Passed: true, Value: "what would be applied is what the report showed"}, true
	}
	g := Gate{Name: "as reviewed", Value: "changed since the report: " + strings.Join(in.Report.Moved, ", "),
		Satisfy: "wait for the new report, read it, and give the command again"}
	if in.PullRequest.State == forge.Merged {
		// What is merged is reported no more: whoever changed these applications since has the report of what would be applied now.
		g.Satisfy = "give the command on the newest merged pull request that changes them"
		if len(in.Report.ShownBy) > 0 {
			g.Satisfy = "give the command where the report showed what the base branch has now: " + strings.Join(in.Report.ShownBy, ", ")
		}
	}
	return g, true
}

// renders asks that there is something whole to apply.
func renders(in Input) (Gate, bool) {
	switch {
	case in.Report.Conflicts:
		return Gate{Name: "mergeable", Value: "the head conflicts with the base branch", Satisfy: "the conflict is resolved"}, true
	case len(in.Report.Broken) > 0:
		return Gate{Name: "renders", Value: "cannot be applied: " + strings.Join(in.Report.Broken, ", "), Satisfy: "what the report says about them is mended"}, true
	}
	return Gate{}, false
}

// governs asks for the merge where a sync would write Applications and what governs them: a specification that stands only in the head
// decides nothing, and what it declares comes and goes with the base.
func governs(in Input) (Gate, bool) {
	if !before(in) || len(in.Report.Declaring) == 0 {
		return Gate{}, false
	}
	return Gate{Name: "declares", Value: "declares Applications, or what governs them: " + strings.Join(in.Report.Declaring, ", "),
		Satisfy: "the pull request is merged"}, true
}
