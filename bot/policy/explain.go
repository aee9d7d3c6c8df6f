package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// Rule is one thing that an environment asks for, in words.
type Rule struct{ Name, Text string }

// Explain lists what a command in an environment has to satisfy, beside what is always asked: a report that was read and still holds.
func (p Policy) Explain(environment string) []Rule {
	e := p.Named(environment)
	rules := []Rule{{"when", "after the merge"}, {"who", who(e.Allow)}}
	need := e.Requires.Approvals
	if e.BeforeMerge {
		rules[0].Text = "before and after the merge"
	}
	if e.BeforeMerge && need == 0 {
		rules = append(rules, Rule{"approvals", "1 before the merge, " + by(e.Requires.Approvers)})
	}
	if need > 0 {
		rules = append(rules, Rule{"approvals", fmt.Sprintf("%d, %s", need, by(e.Requires.Approvers))})
	}
	if len(e.Requires.After) > 0 {
		rules = append(rules, Rule{"order", "what is deployed must be deployed and healthy in " + strings.Join(e.Requires.After, ", ")})
	}
	switch {
	case e.Requires.AllChecks:
		rules = append(rules, Rule{"checks", "all others of the head are green"})
	case len(e.Requires.Checks) > 0:
		rules = append(rules, Rule{"checks", strings.Join(e.Requires.Checks, ", ") + " green"})
	}
	if e.Requires.CodeOwners {
		rules = append(rules, Rule{"code owners", "an owner of each changed file that CODEOWNERS gives owners has approved the head"})
	}
	if e.Requires.UpToDate {
		rules = append(rules, Rule{"up to date", "before the merge the head contains the tip of its base branch"})
	}
	for _, f := range p.Freezes {
		if f.concerns(environment) {
			rules = append(rules, Rule{"freeze", f.String()})
		}
	}
	rules = append(rules, p.explainGuards(environment)...)
	if e.BeforeMerge {
		rules = append(rules, Rule{"locks", "a sync before the merge holds its applications for " + Span(p.Holds())})
	}
	if status, ok := p.status(e); ok {
		rules = append(rules, status)
	}
	return append(rules, p.privileges(e)...)
}

// Span is a length of time as people write it: "24h" and "1h30m", not "24h0m0s".
func Span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// privileges are what some may do beside in an environment.
func (p Policy) privileges(e Environment) []Rule {
	var rules []Rule
	if !e.Allow.Unlock.None() {
		rules = append(rules, Rule{"unlock", "admins and " + e.Allow.Unlock.String() + " may take locks from other pull requests with /unlock --force"})
	}
	if !e.Allow.Force.None() {
		rules = append(rules, Rule{"force", e.Allow.Force.String() + " may /sync with --force or --replace"})
	}
	if e.Allow.Actions != nil {
		actions := "none"
		if len(e.Allow.Actions) > 0 {
			actions = strings.Join(e.Allow.Actions, ", ")
		}
		rules = append(rules, Rule{"actions", actions})
	}
	for _, o := range p.Overrules {
		if len(o.Environments) == 0 || slices.Contains(o.Environments, e.Name) {
			rules = append(rules, Rule{"override", o.String()})
		}
	}
	return rules
}

func who(a Allow) string {
	text := fmt.Sprintf("whoever has %s permission", max(a.Permission, forge.Write))
	if !a.None() {
		text += " and is one of " + a.String()
	}
	return text
}

func by(p People) string {
	if p.None() {
		return "by others than whoever wrote or pushed the head"
	}
	return fmt.Sprintf("by %s, but nobody who wrote or pushed the head", p)
}

// String says when it is on and who may override it.
func (f Freeze) String() string {
	text := f.Name
	if f.Calendar != nil {
		text += " recurs by " + f.Calendar.String()
	} else {
		text += fmt.Sprintf(" from %s to %s", f.From.UTC().Format("2006-01-02 15:04 MST"), f.To.UTC().Format("2006-01-02 15:04 MST"))
	}
	if f.Reason != "" {
		text += " (" + f.Reason + ")"
	}
	if !f.Override.None() {
		text += fmt.Sprintf("; %s may give the command with --override %s", f.Override, f.Name)
	}
	return text
}
