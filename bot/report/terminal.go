package report

import (
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/guard"
)

// paint wraps text in a terminal's colours, or leaves it plain.
type paint bool

const (
	red, green, yellow, cyan, bold = "31", "32", "33", "36", "1"
)

func (p paint) in(colour, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

// Terminal writes the same report for a terminal, plain or coloured.
func Terminal(in Input, colour bool) string {
	p := paint(colour)
	var b strings.Builder
	b.WriteString(p.in(bold, Headline(in.Change)) + "\n")
	for _, f := range in.Change.Conflicts {
		b.WriteString("  " + p.in(red, "conflict ") + inset(f) + "\n")
	}
	for _, set := range brokenSets(in.Change) {
		fmt.Fprintf(&b, "\nApplicationSet %s %s %s\n", inset(set.Name), p.in(red, "cannot be generated:"), inset(set.Fault.Error()))
	}
	same := len(in.Change.Misses)
	for _, a := range in.Change.Applications {
		if a.Kind == change.Unchanged && !a.Failed() {
			same++
			continue
		}
		p.application(&b, a)
	}
	blank := "\n"
	for _, f := range in.Change.Reach {
		if f.Readers > 1 {
			fmt.Fprintf(&b, "%s%s is read by %s\n", blank, inset(f.File), reach(f))
			blank = ""
		}
	}
	for _, set := range in.Change.Sets {
		if set.Fault == nil {
			fmt.Fprintf(&b, "ApplicationSet %s is not looked into: %s\n", inset(set.Name), inset(set.Note))
		}
	}
	if same > 0 {
		fmt.Fprintf(&b, "\nUnchanged: %s of this repository\n", count(same, "application"))
	}
	return b.String()
}

func (p paint) application(b *strings.Builder, a change.Application) {
	where := a.Cluster
	if a.Moves != "" {
		where += " → " + a.Moves
	}
	if a.Environment != "" {
		where = a.Environment + " in " + where
	}
	fmt.Fprintf(b, "\n%s%s (%s): %s\n", p.in(bold, inset(a.Name)), badge(a), inset(where), changes(a))
	for _, r := range a.Why[:min(len(a.Why), 3)] {
		fmt.Fprintf(b, "  %s\n", inset(r.Text))
	}
	for _, w := range warnings(a) {
		fmt.Fprintf(b, "  %s %s\n", p.in(yellow, "warning:"), inset(w))
	}
	if f := a.After.Fault; f != nil {
		fmt.Fprintf(b, "  %s %s\n", p.in(red, "cannot be rendered:"), inset(f.Error()))
	}
	for _, f := range a.Findings {
		c := yellow
		if f.Blocking() {
			c = red
		}
		hint := ""
		if f.Hint != "" {
			hint = " – " + f.Hint
		}
		fmt.Fprintf(b, "  %s %s%s%s\n", p.in(c, string(f.Severity)+":"), inset(f.Message), atPlain(f), inset(hint))
	}
	for _, d := range a.Differences {
		if d.Now != "" {
			continue // it stands under its new name
		}
		how := verbs[d.Kind]
		if d.Was != "" {
			how = "changed, was " + d.Was
		}
		if d.Renamed() {
			how = "renamed from " + d.Was
		}
		fmt.Fprintf(b, "\n  %s\n", p.in(cyan, inset(d.ID.String()+" "+how)))
		p.diff(b, d)
	}
}

func atPlain(f guard.Finding) string {
	if f.File == "" {
		return ""
	}
	return fmt.Sprintf(" (%s:%d)", inset(f.File), f.Line)
}

func (p paint) diff(b *strings.Builder, d compare.Difference) {
	for line := range strings.Lines(visible(d.Text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "+"):
			line = p.in(green, line)
		case strings.HasPrefix(line, "-"):
			line = p.in(red, line)
		case strings.HasPrefix(line, "@@"):
			line = p.in(cyan, line)
		}
		b.WriteString("  " + line + "\n")
	}
}

// inset is text of others for a terminal: what goes on in another line does not begin where ours do.
func inset(s string) string { return strings.ReplaceAll(visible(s), "\n", "\n      ") }
