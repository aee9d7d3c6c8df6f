package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/guard"
)

// totals are the sums of what happens to resources.
type totals struct{ added, changed, renamed, removed int }

func (t *totals) add(a change.Application) {
	added, changed, removed := a.Counts()
	t.added, t.changed, t.removed, t.renamed = t.added+added, t.changed+changed, t.removed+removed, t.renamed+a.Renamed()
}

// String is "3 resources changed, 1 added, nothing removed".
func (t totals) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		verb string
	}{{t.changed - t.renamed, "changed"}, {t.renamed, "renamed"}, {t.added, "added"}, {t.removed, "removed"}} {
		switch {
		case p.n > 0 && len(parts) == 0:
			parts = append(parts, count(p.n, "resource")+" "+p.verb)
		case p.n > 0:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.verb))
		}
	}
	if len(parts) > 0 && t.removed+t.renamed == 0 {
		parts = append(parts, "nothing removed")
	}
	return cmp.Or(strings.Join(parts, ", "), "no resource changes")
}

// maxLines is how many lines an alert has; the rest is counted.
const maxLines = 20

// attention lists what a reviewer should see before anything else: what fails, what is dangerous, and what is good to know.
func attention(c change.Change) string {
	var failures, warnings []string
	for _, set := range brokenSets(c) {
		failures = append(failures, fmt.Sprintf("ApplicationSet %s cannot be generated%s, so its applications are not shown\n%s",
			Code(set.Name), at(set.Fault.Place), fence("text", clip(message(set.Fault), 1200))))
	}
	for _, a := range c.Applications {
		failures, warnings = append(failures, failuresOf(a)...), append(warnings, warningsOf(a)...)
	}
	return alert("CAUTION", failures) + alert("WARNING", warnings) + alert("NOTE", notes(c.Applications))
}

// alert is a block that forges set apart; nothing without lines.
func alert(kind string, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "> [!%s]\n", kind)
	for _, l := range lines[:min(len(lines), maxLines)] {
		b.WriteString(quote(l))
		b.WriteString(">\n")
	}
	if rest := len(lines) - maxLines; rest > 0 {
		fmt.Fprintf(&b, "> and %d more\n", rest)
	}
	return b.String() + "\n"
}

func failuresOf(a change.Application) []string {
	var out []string
	if f := a.After.Fault; f != nil {
		out = append(out, fmt.Sprintf("%s cannot be rendered%s\n%s", Code(a.Name), at(f.Place), fence("text", clip(message(f), 1200))))
	}
	return append(out, findings(a, guard.Block)...)
}

func warningsOf(a change.Application) []string {
	out := findings(a, guard.Warn)
	for _, w := range newWarnings(a) {
		out = append(out, fmt.Sprintf("%s: %s\n", Code(a.Name), Code(clip(w, 300))))
	}
	for _, id := range a.Foreign {
		out = append(out, fmt.Sprintf("%s would write %s, which exists in the cluster and is not this application's\n", Code(a.Name), Code(id.String())))
	}
	if a.Live != "" {
		out = append(out, fmt.Sprintf("%s: the cluster could not be read: %s\n", Code(a.Name), Code(clip(a.Live, 300))))
	}
	return out
}

// findings of a severity, a line each.
func findings(a change.Application, s guard.Severity) []string {
	var out []string
	for _, f := range a.Findings {
		if f.Weight() != s {
			continue
		}
		line := fmt.Sprintf("%s: %s%s", Code(a.Name), Code(f.Message), at(f.Place))
		if f.Hint != "" {
			line += " – " + Code(f.Hint)
		}
		if f.Override != nil {
			line += fmt.Sprintf(" – overridden by %s: %s", Code(f.Override.By), Code(f.Override.Reason))
		}
		out = append(out, line+"\n")
	}
	return out
}

// notes are what is good to know: first, in one line, whose pods are replaced.
func notes(apps []change.Application) []string {
	var restarts, out []string
	for _, a := range apps {
		var workloads []string
		rest := a
		rest.Findings = nil
		for _, f := range a.Findings {
			if f.Severity == guard.Note && f.Check == "restarts" {
				workloads = append(workloads, Code(f.ID.Kind+" "+f.ID.Name))
			} else {
				rest.Findings = append(rest.Findings, f)
			}
		}
		if len(workloads) > 0 {
			restarts = append(restarts, Code(a.Name)+" ("+listed(workloads, 3)+")")
		}
		out = append(out, findings(rest, guard.Note)...)
	}
	if len(restarts) > 0 {
		out = append([]string{"Pods are replaced in " + listed(restarts, 8) + "\n"}, out...)
	}
	return out
}

// listed is "a, b and 3 more".
func listed(items []string, most int) string {
	if rest := len(items) - most; rest > 0 {
		return strings.Join(items[:most], ", ") + fmt.Sprintf(" and %d more", rest)
	}
	return strings.Join(items, ", ")
}

// newWarnings are those of the renders that the change brings; the others stand with the application.
func newWarnings(a change.Application) []string {
	return slices.DeleteFunc(slices.Clone(warnings(a)), func(w string) bool { return slices.Contains(a.Before.Warnings, w) })
}

// warned says whether a reviewer is warned of anything in the application.
func warned(a change.Application) bool { return len(warningsOf(a)) > 0 }
