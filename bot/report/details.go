package report

import (
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/plan"
)

// section is one collapsible part of a report. Full is the whole of it; Short says the same without the diffs.
type section struct{ full, short string }

// openLines is how many lines of diff stand open in all; sections beyond it are for those who want to look.
const openLines = 60

// details has a section an application that changes. The first ones stand open, as far as they are short.
func details(apps []change.Application) []section {
	var out []section
	left := openLines
	for _, a := range apps {
		if len(a.Differences) == 0 {
			continue
		}
		for _, d := range a.Differences {
			left -= d.Added + d.Removed
		}
		out = append(out, section{full: application(a, left >= 0, true), short: application(a, false, false)})
	}
	return out
}

func application(a change.Application, stands, diffs bool) string {
	open := ""
	if stands {
		open = " open"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<details%s><summary><b>%s</b> · %s · %s</summary>\n\n", open, htmlCode(a.Name), where(a), changes(a))
	b.WriteString(because(a.Why))
	for _, d := range a.Differences {
		b.WriteString(resource(d, diffs))
	}
	b.WriteString("\n</details>\n\n")
	return b.String()
}

// where is "staging in cluster a", in HTML.
func where(a change.Application) string {
	if a.Environment == "" {
		return htmlCode(a.Cluster)
	}
	return htmlCode(a.Environment) + " in " + htmlCode(a.Cluster)
}

// because says why an application is here: at most three reasons and a count.
func because(reasons []plan.Reason) string {
	if len(reasons) == 0 {
		return ""
	}
	return "Here because " + grounds(reasons) + ".\n\n"
}

func grounds(reasons []plan.Reason) string {
	var parts []string
	for _, r := range reasons[:min(len(reasons), 3)] {
		if r.File == "" {
			parts = append(parts, Code(r.Text))
			continue
		}
		parts = append(parts, strings.TrimSuffix(r.Text, r.File)+Code(r.File))
	}
	if rest := len(reasons) - len(parts); rest > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", rest))
	}
	return strings.Join(parts, ", ")
}

var verbs = map[compare.Kind]string{compare.Added: "added", compare.Changed: "changed", compare.Removed: "removed"}

// resource is one object's diff under its name, or only its name and size.
func resource(d compare.Difference, diffs bool) string {
	hook := ""
	if d.Hook != "" {
		hook = " · " + Code(d.Hook) + " hook"
	}
	title := fmt.Sprintf("%s %s%s", Code(d.ID.String()), verbs[d.Kind], hook)
	if !diffs {
		return fmt.Sprintf("- %s (+%d −%d lines)\n", title, d.Added, d.Removed)
	}
	return "**" + title + "**\n" + fence("diff", d.Text)
}

// drifted are the sections of what had changed in the cluster before this pull request.
func drifted(apps []change.Application) []section {
	var out []section
	for _, a := range apps {
		if len(a.Drift) == 0 {
			continue
		}
		s := section{}
		for _, diffs := range []bool{true, false} {
			var b strings.Builder
			fmt.Fprintf(&b, "<details><summary>%s · %s: %s already different in the cluster</summary>\n\n", htmlCode(a.Name), where(a), count(len(a.Drift), "resource"))
			b.WriteString("What a sync of the base branch would put back: from what is live to what the branch says.\n\n")
			for _, d := range a.Drift {
				b.WriteString(resource(d, diffs))
			}
			b.WriteString("\n</details>\n\n")
			if diffs {
				s.full = b.String()
			} else {
				s.short = b.String()
			}
		}
		out = append(out, s)
	}
	return out
}

// missed is the section of applications of the repository that the change does not touch, each with the reason.
func missed(c change.Change) string {
	var lines []string
	for _, a := range c.Applications {
		if a.Kind == change.Unchanged && !a.Failed() {
			lines = append(lines, fmt.Sprintf("- %s renders the same, although %s", Code(a.Name), grounds(a.Why)))
		}
	}
	for _, m := range c.Misses {
		lines = append(lines, fmt.Sprintf("- %s: %s", Code(m.Name), Code(m.Reason)))
	}
	if len(lines) == 0 {
		return ""
	}
	shown := lines[:min(len(lines), 50)]
	rest := ""
	if n := len(lines) - len(shown); n > 0 {
		rest = fmt.Sprintf("\n- and %d more", n)
	}
	verb := "does"
	if len(lines) > 1 {
		verb = "do"
	}
	return fmt.Sprintf("<details><summary>%s of this repository %s not change</summary>\n\n%s%s\n\n</details>\n\n",
		count(len(lines), "application"), verb, strings.Join(shown, "\n"), rest)
}
