package report

import (
	"fmt"

	"github.com/slipway-cd/slipway/forge"
)

// Pending is the check while the report is made. It is the first sign of life.
func Pending(sha string) forge.Check {
	return forge.Check{Name: CheckName, SHA: sha, Status: forge.InProgress, Title: "Rendering", Summary: "Slipway is finding out what this pull request changes."}
}

// Untrusted is the page of a head whose author may not write to the repository: nothing of it was rendered.
func Untrusted(author, head, command string) Page {
	how := fmt.Sprintf("Someone with write permission can read the change and comment %s to have it rendered.", Code(command+"ok-to-test"))
	title := "Waiting for someone with write permission"
	return Page{
		Body: fmt.Sprintf("### ✋ %s\n\n%s may not write to this repository, so Slipway has not rendered %s. %s The approval is for this commit only.\n",
			title, Code(author), short(head), how),
		Check: forge.Check{Name: CheckName, Status: forge.Completed, Conclusion: forge.Neutral, Title: title, Summary: how},
	}
}

// Superseded is the check of a head that a newer push has replaced.
func Superseded(newer string) forge.Check {
	return forge.Check{Name: CheckName, Status: forge.Completed, Conclusion: forge.Cancelled, Title: "Superseded by a newer push",
		Summary: "The report is made for " + short(newer) + "."}
}

// Shared is a check that lets pass, on a commit that is the head of another pull request as well, whose check does not: forges know checks by
// their commit, and would take the one for the other.
func Shared(c forge.Check, number int, base string) forge.Check {
	into := ""
	if base != "" {
		into = " into " + Code(base)
	}
	c.Conclusion = forge.Failure
	c.Summary = fmt.Sprintf("This commit is the head of pull request %d%s as well, whose check fails. Checks belong to commits, so this one says so too until that is mended or "+
		"closed, or this pull request has a commit of its own.\n\n**Of this pull request alone:** %s\n\n%s", number, into, Prose(c.Title), c.Summary)
	c.Title = fmt.Sprintf("The same commit fails in pull request %d", number)
	return c
}

// Trouble is the check while Slipway, or something it needs, is not well and it tries again; final when it has given up.
func Trouble(reason string, final bool) forge.Check {
	if final {
		return forge.Check{Name: CheckName, Status: forge.Completed, Conclusion: forge.Failure, Title: "Slipway could not finish",
			Summary: "This is not a fault of the pull request. Re-run the check to try again.\n\n" + fence("text", clip(reason, 2000))}
	}
	return forge.Check{Name: CheckName, Status: forge.InProgress, Title: "Slipway is trying again",
		Summary: "This is not a fault of the pull request.\n\n" + fence("text", clip(reason, 2000))}
}
