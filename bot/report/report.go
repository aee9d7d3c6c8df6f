// Package report writes what Slipway has to say: the comment and the check of a pull request, and the replies to commands. It is
// pure: a Change and what surrounds it come in, Markdown within the forge's limits goes out. It stands at the end of the river,
// before the forge.
//
// A reader in a hurry reads the first line; what needs attention comes next; then a table; then the details. Nothing is cut inside a
// fence: what does not fit is counted instead.
package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// CheckName is the name of the check, which branch protection may require.
const CheckName = "slipway"

// Input is everything that a report says.
type Input struct {
	Change change.Change
	// Policy is what is wrong with the base branch's policy file; nil when it can be read, or is not there.
	Policy *object.Fault
	// Proposed is what is wrong with the policy file as the pull request would have it; nil where it leaves it alone, or it can be read.
	Proposed *object.Fault
	// Limit is the largest body in characters that the forge takes.
	Limit int
	// Command is how a command begins: "/" or, where the forge has commands of its own, "/slipway ".
	Command string
	// Next are the environments in their order, as far as this change touches them.
	Next []Environment
	// After is what became of the change once it was merged; nil before.
	After *After
	// Version is Slipway's, for the footer.
	Version string
	// Remarks are what is to be said of the installation itself, in plain words of ours.
	Remarks []string
	// Page is the address at which the report stands whole, for those who may read the repository; "" where there is none.
	Page string
}

// Environment says how a change gets to an environment.
type Environment struct {
	Name string
	// BeforeMerge is whether the policy allows a sync before the merge.
	BeforeMerge bool
	// Automated is whether every touched application there syncs by itself after the merge.
	Automated bool
	// Locked says who holds it, or "".
	Locked string
}

// After is what happens after the merge.
type After struct {
	By     string // login of who merged
	Commit string
	// Followed are applications that sync by themselves.
	Followed []Followed
	// Waiting are applications that wait for a person, with the command that deploys them.
	Waiting []Waiting
}

// Followed is one application on its way.
type Followed struct {
	Application, Environment string
	// Phase is "Waiting", "Syncing", "Progressing", "Healthy", "Degraded", "Failed" or "Timed out".
	Phase   string
	Message string
	// Findings explain what is not well: events and pod states.
	Findings []string
}

// Waiting is one application that waits for a command.
type Waiting struct{ Application, Environment, Command string }

// Page is a report ready for the forge.
type Page struct {
	Body  string
	Check forge.Check
}

// Comment writes the report of a pull request: its one comment, and its check with conclusion and annotations. Marker, ids and
// times are the caller's to add.
func Comment(in Input) Page {
	headline := Headline(in.Change)
	b := &book{limit: in.Limit - 200, page: in.Page} // room for the caller's marker
	conclusion, symbol := Conclude(in.Change), icon(in.Change)
	if in.After != nil {
		symbol = in.After.icon(symbol)
		headline += in.After.said()
	}
	if in.Proposed != nil {
		conclusion, symbol = forge.Failure, "❌"
		headline += " · the policy cannot be read"
	}
	b.must("### " + symbol + " " + headline + "\n\n")
	b.must(conflicts(in.Change))
	b.must(after(in.After))
	b.must(unreadable(in))
	b.must(remarks(in.Remarks))
	b.must(attention(in.Change))
	b.must(table(in.Change.Applications, in.After != nil))
	b.reserve(footer(in))
	b.reserve(next(in))
	b.sections()
	for _, section := range details(in.Change.Applications) {
		b.add(section)
	}
	b.drift(in.Change.Applications)
	b.misses(in.Change)
	return Page{
		Body: b.close(next(in) + footer(in)),
		Check: forge.Check{
			Name: CheckName, Status: forge.Completed, Conclusion: conclusion, Title: headline,
			Summary:     conflicts(in.Change) + unreadable(in) + remarks(in.Remarks) + attention(in.Change) + table(in.Change.Applications, in.After != nil) + footer(in),
			Annotations: append(proposed(in.Proposed), Annotations(in.Change)...),
		},
	}
}

// Headline is the one line that says it all, without Markdown.
func Headline(c change.Change) string {
	if len(c.Conflicts) > 0 {
		return "This pull request conflicts with its base"
	}
	touched, failed, unseen := 0, 0, 0
	clusters := map[string]bool{}
	var sum totals
	for _, a := range c.Applications {
		if a.Failed() {
			failed++
		}
		if a.Kind == change.Unchanged || a.After.Fault != nil {
			continue
		}
		if a.Unseen {
			unseen++
			continue
		}
		touched++
		clusters[a.Cluster] = true
		sum.add(a)
	}
	var parts []string // what stands in the way first: forges cut a check's title off
	if failed > 0 {
		parts = append(parts, count(failed, "application")+" cannot be deployed")
	}
	if broken := len(brokenSets(c)); broken > 0 {
		parts = append(parts, count(broken, "ApplicationSet")+" cannot be generated")
	}
	if touched > 0 {
		parts = append(parts, fmt.Sprintf("%s in %s: %s", count(touched, "application"), count(len(clusters), "cluster"), sum))
	}
	if unseen > 0 {
		parts = append(parts, count(unseen, "application")+" not shown before the merge")
	}
	return cmp.Or(strings.Join(parts, " · "), "No application changes")
}

// Conclude is how the check ends: a fault of the repository, a conflict, or a finding that blocks fails it.
func Conclude(c change.Change) forge.Conclusion {
	if c.Failed() {
		return forge.Failure
	}
	return forge.Success
}

// brokenSets are the ApplicationSets that the change breaks.
func brokenSets(c change.Change) []change.Set {
	return slices.DeleteFunc(slices.Clone(c.Sets), func(s change.Set) bool { return s.Fault == nil })
}

// Annotations are the remarks at files and lines: faults and findings that have a place.
func Annotations(c change.Change) []forge.Annotation {
	var out []forge.Annotation
	seen := map[string]bool{}
	add := func(p object.Place, level, title, message string) {
		k := fmt.Sprintf("%s:%d %s", p.File, p.Line, message)
		if p.File == "" || strings.Contains(p.File, "://") || seen[k] { // a file of another repository has no place on this page
			return
		}
		seen[k] = true
		out = append(out, forge.Annotation{Path: p.File, Line: max(1, p.Line), Level: level, Title: visible(title), Message: visible(message)})
	}
	for _, set := range brokenSets(c) {
		add(set.Fault.Place, "failure", "ApplicationSet "+set.Name+" cannot be generated", hinted(set.Fault.Message, set.Fault.Hint))
	}
	for _, a := range c.Applications {
		if f := a.After.Fault; f != nil {
			add(f.Place, "failure", a.Name+" cannot be rendered", hinted(f.Message, f.Hint))
		}
		for _, f := range a.Findings {
			level := "warning"
			switch {
			case f.Blocking():
				level = "failure"
			case f.Severity == guard.Note:
				continue // worth a line in the report, not one at the file
			}
			add(f.Place, level, a.Name+": "+f.Check, hinted(f.Message, f.Hint)+overridden(f))
		}
	}
	return out
}

// overridden says who has let a finding pass, and why.
func overridden(f guard.Finding) string {
	if f.Override == nil {
		return ""
	}
	return "\n\nOverridden by " + f.Override.By + ": " + f.Override.Reason
}

func hinted(message, hint string) string {
	if hint == "" {
		return message
	}
	return message + "\n\n" + hint
}

func icon(c change.Change) string {
	switch {
	case Conclude(c) == forge.Failure:
		return "❌"
	case warned(c):
		return "⚠️"
	case !slices.ContainsFunc(c.Applications, func(a change.Application) bool { return a.Kind != change.Unchanged }):
		return "✅"
	}
	return "🚢"
}

func conflicts(c change.Change) string {
	if len(c.Conflicts) == 0 {
		return ""
	}
	files := make([]string, 0, len(c.Conflicts))
	for _, f := range c.Conflicts[:min(len(c.Conflicts), 20)] {
		files = append(files, "- "+Code(f))
	}
	if rest := len(c.Conflicts) - len(files); rest > 0 {
		files = append(files, fmt.Sprintf("- and %d more", rest))
	}
	return "> [!WARNING]\n> These files cannot be merged; rebase or merge the base, then push.\n\n" + strings.Join(files, "\n") + "\n\n"
}

// unreadable tells of policy files that cannot be read. That of the base does not fail the check: this may be the pull request that mends
// it. That of the pull request does: once merged, it would let nobody act.
func unreadable(in Input) string {
	var b strings.Builder
	for _, f := range []struct {
		fault       *object.Fault
		alert, text string
	}{
		{in.Proposed, "CAUTION", "The policy of this pull request cannot be read%s. Once it is merged, no command that acts would be allowed."},
		{in.Policy, "WARNING", "The policy on the base branch cannot be read%s, so no command that acts is allowed until it is mended."},
	} {
		if f.fault != nil {
			b.WriteString("> [!" + f.alert + "]\n" + quote(fmt.Sprintf(f.text, at(f.fault.Place))+"\n"+fence("text", clip(message(f.fault), 1200))) + "\n")
		}
	}
	return b.String()
}

// remarks are worth a note each.
func remarks(all []string) string {
	var b strings.Builder
	for _, r := range all {
		b.WriteString("> [!NOTE]\n" + quote(r) + "\n")
	}
	return b.String()
}

// proposed is the remark at the line of a policy that cannot be read.
func proposed(f *object.Fault) []forge.Annotation {
	if f == nil {
		return nil
	}
	return []forge.Annotation{{Path: f.File, Line: max(1, f.Line), Level: "failure", Title: "The policy cannot be read", Message: visible(hinted(f.Message, f.Hint))}}
}

// count is "1 application", "2 applications".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func message(f *object.Fault) string {
	m := f.Message
	if f.Field != "" {
		m = f.Field + ": " + m
	}
	return cmp.Or(hinted(m, f.Hint), "no reason was given")
}

func at(p object.Place) string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return " (" + Code(p.File) + ")"
	}
	return fmt.Sprintf(" (%s)", Code(fmt.Sprintf("%s:%d", p.File, p.Line)))
}

func quote(s string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSuffix(s, "\n") + "\n") {
		b.WriteString("> " + line)
	}
	return b.String()
}

// clip shortens s to n characters and says so.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n]) + " …"
}
