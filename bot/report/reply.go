package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/bot/policy"
)

// Refusal answers a command that is not carried out, with every gate.
func Refusal(command, reason string, gates []policy.Gate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### ✋ %s was not carried out\n\n%s\n", Code(command), reason)
	if len(gates) > 0 {
		b.WriteString("\n| | Gate | Now | What would satisfy it |\n|---|---|---|---|\n")
	}
	// Whoever reads it looks for what is in the way.
	closedFirst := slices.Clone(gates)
	slices.SortStableFunc(closedFirst, func(a, b policy.Gate) int {
		switch {
		case a.Passed == b.Passed:
			return 0
		case a.Passed:
			return 1
		}
		return -1
	})
	for _, g := range closedFirst {
		mark := "✅"
		if !g.Passed {
			mark = "❌"
		}
		satisfy := g.Satisfy
		if satisfy == "" {
			satisfy = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", mark, bar(g.Name), bar(g.Value), bar(satisfy))
	}
	return b.String()
}

// bar keeps text of our own within its cell.
func bar(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(visible(s)), " "), "|", `\|`)
}

// Progress is how far a sync has come.
type Progress struct {
	Command, By string
	DryRun      bool
	Revision    string
	Steps       []Step
	Done        bool
}

// Step is one application of a sync.
type Step struct {
	Application, Environment, Cluster string
	// Phase is the operation's ("Waiting", "Running", "Succeeded", "Failed", "Error"), or, when that has succeeded, the health.
	Phase     string
	Message   string
	Resources []Resource
	Findings  []string
}

// Resource is one object's result.
type Resource struct {
	ID, Status, Message string
}

// Sync is the reply to a sync, edited as it goes on.
func Sync(p Progress) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s\n\n", syncIcon(p), Code(p.Command))
	what := "Deploys"
	if p.DryRun {
		what = "Tries (dry run)"
	}
	fmt.Fprintf(&b, "%s %s for %s, asked for by %s.\n\n", what, short(p.Revision), count(len(p.Steps), "application"), Code(p.By))
	for _, s := range p.Steps {
		step(&b, s)
	}
	return b.String()
}

func syncIcon(p Progress) string {
	if !p.Done {
		return "🔄"
	}
	for _, s := range p.Steps {
		if phaseIcon(s.Phase) == "💔" || s.Phase == "Error" {
			return "💔"
		}
	}
	return "🚀"
}

func step(b *strings.Builder, s Step) {
	icon := phaseIcon(s.Phase)
	if s.Phase == "Error" {
		icon = "💔"
	} else if s.Phase == "Succeeded" {
		icon = "✅"
	}
	fmt.Fprintf(b, "%s %s%s: **%s**", icon, Code(s.Application), in(s.Environment), s.Phase)
	if s.Message != "" {
		b.WriteString(" – " + Prose(clip(s.Message, 500)))
	}
	b.WriteString("\n")
	for _, f := range s.Findings[:min(len(s.Findings), 8)] {
		b.WriteString("- " + Prose(clip(f, 400)) + "\n")
	}
	if len(s.Resources) > 0 {
		fmt.Fprintf(b, "\n<details><summary>%s</summary>\n\n| Resource | Result | |\n|---|---|---|\n", count(len(s.Resources), "resource"))
		for _, r := range s.Resources[:min(len(s.Resources), 100)] {
			fmt.Fprintf(b, "| %s | %s | %s |\n", cell(r.ID), plain(r.Status), plain(clip(r.Message, 200)))
		}
		b.WriteString("\n</details>\n")
	}
	b.WriteString("\n")
}
