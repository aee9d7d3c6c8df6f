package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
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
	var lines [3][]string
	restarts := replaced(c.Applications)
	if restarts != "" {
		lines[2] = append(lines[2], restarts)
	}
	for _, n := range notices(c) {
		if !n.Restarts() {
			lines[n.rank()] = append(lines[n.rank()], n.line())
		}
	}
	return alert("CAUTION", lines[0]) + alert("WARNING", lines[1]) + alert("NOTE", lines[2])
}

// alert is a block that forges set apart; nothing without lines. Several are a list.
func alert(kind string, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "> [!%s]\n", kind)
	for _, l := range lines[:min(len(lines), maxLines)] {
		if len(lines) > 1 {
			l = "- " + strings.ReplaceAll(strings.TrimSuffix(l, "\n"), "\n", "\n  ") + "\n"
		}
		b.WriteString(quote(l))
	}
	if rest := len(lines) - maxLines; rest > 0 {
		fmt.Fprintf(&b, "> - and %d more\n", rest)
	}
	return b.String() + "\n"
}

const (
	// maxSubjects is how many applications a remark names.
	maxSubjects = 5
	// maxText is how many characters of a remark are shown.
	maxText = 600
)

// line is a remark in Markdown: a line, and a block of code where it has a detail.
func (n Notice) line() string {
	var b strings.Builder
	if len(n.Applications) > 0 {
		b.WriteString(n.subjects() + n.Joint())
	}
	if n.Object != "" {
		b.WriteString(Code(n.Object))
	}
	b.WriteString(Prose(clip(n.Text, maxText)))
	if n.Place != "" {
		b.WriteString(" (" + Code(n.Place) + ")")
	}
	if n.Hint != "" {
		b.WriteString(" – " + Prose(clip(n.Hint, maxText)))
	}
	if n.Guard != "" {
		b.WriteString(" – blocked by " + Code(n.Guard))
	}
	if n.Override != nil {
		b.WriteString(" – overridden by " + Code(n.Override.By) + ": " + Code(clip(n.Override.Reason, maxText)))
	}
	b.WriteString("\n")
	if n.Detail != "" {
		b.WriteString(fence("text", clip(n.Detail, 1200)))
	}
	return b.String()
}

// subjects are the applications of a remark.
func (n Notice) subjects() string {
	names := make([]string, 0, len(n.Applications))
	for _, a := range n.Applications {
		names = append(names, Code(a))
	}
	if n.Alike {
		return names[0] + ", and likewise " + listed(names[1:], maxSubjects-1)
	}
	return listed(names, maxSubjects)
}

// replaced says in one line whose pods are replaced: "Pods are replaced in `web` (`Deployment web`); in `api-1` (`Deployment api-1`), and
// likewise in `api-2`".
func replaced(apps []change.Application) string {
	var groups []*restarting
	place := map[string]*restarting{}
	for _, a := range apps {
		var workloads []string
		for _, n := range noticesOf(a) {
			if n.Restarts() {
				workloads = append(workloads, Code(n.id.Kind+" "+n.id.Name))
			}
		}
		if len(workloads) == 0 {
			continue
		}
		text := listed(workloads, 3)
		key := generic(text, a.Name)
		g := place[key]
		if g == nil {
			g = &restarting{workloads: text}
			place[key], groups = g, append(groups, g)
		}
		g.names, g.alike = append(g.names, Code(a.Name)), g.alike || text != g.workloads
	}
	lines := make([]string, 0, len(groups))
	for _, g := range groups {
		lines = append(lines, g.String())
	}
	if len(lines) == 0 {
		return ""
	}
	if rest := len(lines) - maxSubjects; rest > 0 {
		lines = append(lines[:maxSubjects], fmt.Sprintf("and %d more", rest))
	}
	return "Pods are replaced " + strings.Join(lines, "; ") + "\n"
}

// restarting are applications in which the same workloads get new pods; alike, where the names are each one's own.
type restarting struct {
	names     []string
	workloads string
	alike     bool
}

func (r restarting) String() string {
	if r.alike {
		return "in " + r.names[0] + " (" + r.workloads + "), and likewise in " + listed(r.names[1:], 3)
	}
	return "in " + listed(r.names, 4) + " (" + r.workloads + ")"
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

// warned says whether a reviewer is warned of anything.
func warned(c change.Change) bool {
	return slices.ContainsFunc(notices(c), func(n Notice) bool { return !n.Mild })
}
