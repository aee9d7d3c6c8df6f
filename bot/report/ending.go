package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/engine/change"
)

// next says how the change gets to each environment.
func next(in Input) string {
	if in.After != nil || len(in.Next) == 0 || len(in.Change.Conflicts) > 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("**Next**\n")
	for _, e := range in.Next {
		sync := Code(in.Command + "sync " + e.Name)
		var how string
		switch {
		case e.Locked != "":
			how = "locked by " + Code(e.Locked)
		case e.BeforeMerge && e.Automated:
			how = sync + " deploys it now, once someone else has approved; merging deploys it too"
		case e.BeforeMerge:
			how = sync + " deploys it, now (once someone else has approved) or after the merge"
		case e.Automated:
			how = "merging deploys it"
		default:
			how = sync + " deploys it, after the merge"
		}
		fmt.Fprintf(&b, "- %s: %s\n", Code(e.Name), how)
	}
	return b.String() + "\n"
}

// footer says what was compared, with what, and how long it took.
func footer(in Input) string {
	c, page := in.Change, ""
	if in.Page != "" {
		page = "[The whole report](" + in.Page + ") · "
	}
	if len(c.Conflicts) > 0 {
		return fmt.Sprintf("<sub>%sbase %s, head %s · Slipway %s</sub>\n", page, short(c.Base), short(c.Head), in.Version)
	}
	t := c.Timings
	return fmt.Sprintf("<sub>%s%s compared with its base %s (merged %s) · %s of this repository considered, %s, %d reused · %s · Slipway %s</sub>\n",
		page, short(c.Head), short(c.Base), short(c.Merged), count(c.Considered, "application"), count(t.Renders, "render"), t.Reused,
		t.Total.Round(10*time.Millisecond), in.Version)
}

// short is the abbreviation of a commit, which forges link.
func short(sha string) string {
	if len(sha) > 10 {
		return sha[:10]
	}
	return sha
}

// after follows a merged change to each environment.
func after(a *After) string {
	if a == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**Merged** as %s", short(a.Commit))
	if a.By != "" {
		b.WriteString(" by " + Code(a.By))
	}
	b.WriteString("\n\n")
	for _, f := range a.Followed {
		fmt.Fprintf(&b, "- %s %s%s: **%s**", phaseIcon(f.Phase), Code(f.Application), in(f.Environment), f.Phase)
		if f.Message != "" {
			b.WriteString(" – " + Prose(clip(f.Message, 300)))
		}
		b.WriteString("\n")
		for _, finding := range f.Findings[:min(len(f.Findings), 8)] {
			b.WriteString("  - " + Prose(clip(finding, 400)) + "\n")
		}
	}
	for _, w := range a.Waiting {
		fmt.Fprintf(&b, "- ✋ %s%s waits for %s\n", Code(w.Application), in(w.Environment), Code(w.Command))
	}
	if len(a.Followed)+len(a.Waiting) == 0 {
		b.WriteString("No application changes with it.\n")
	}
	return b.String() + "\n"
}

// icon says how what was merged is now; the one that is given, while that is not known.
func (a *After) icon(before string) string {
	healthy := 0
	for _, f := range a.Followed {
		switch phaseIcon(f.Phase) {
		case "💔":
			return "💔"
		case "💚":
			healthy++
		}
	}
	if healthy > 0 && healthy == len(a.Followed) {
		return "💚"
	}
	return before
}

// said says in a few words how what was merged is now.
func (a *After) said() string {
	healthy, unwell := 0, 0
	for _, f := range a.Followed {
		switch phaseIcon(f.Phase) {
		case "💔":
			unwell++
		case "💚":
			healthy++
		}
	}
	switch {
	case unwell > 0:
		return fmt.Sprintf(" · merged, %s not well", count(unwell, "application"))
	case healthy > 0 && healthy == len(a.Followed):
		return " · merged, Healthy"
	}
	return " · merged"
}

func in(environment string) string {
	if environment == "" {
		return ""
	}
	return " in " + Code(environment)
}

func phaseIcon(phase string) string {
	switch phase {
	case "Healthy":
		return "💚"
	case "Degraded", "Failed", "Timed out":
		return "💔"
	}
	return "🔄"
}

// Touched says whether a change does anything to any application.
func Touched(c change.Change) bool {
	for _, a := range c.Applications {
		if a.Kind != change.Unchanged || a.Failed() {
			return true
		}
	}
	return c.Failed()
}
