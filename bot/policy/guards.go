package policy

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/guard"
)

// maxRules bounds a team's own rules.
const maxRules = 100

// GuardsIn is what the guards are asked for in an environment: its own levels before those for all.
func (p Policy) GuardsIn(environment string) guard.Policy {
	levels := maps.Clone(p.Guards)
	if levels == nil {
		levels = map[string]guard.Level{}
	}
	maps.Copy(levels, p.Named(environment).Guards)
	return guard.Policy{Levels: levels, Rules: p.Rules}
}

// GuardsOf is GuardsIn with the overrides that people have given a head, as the status of its pull request has them.
func (p Policy) GuardsOf(head string, s slipway.PullRequestStatus) func(environment string) guard.Policy {
	return func(environment string) guard.Policy {
		g := p.GuardsIn(environment)
		for _, o := range s.Overrides {
			if o.Head == head && (len(o.Environments) == 0 || slices.Contains(o.Environments, environment)) {
				g.Overrides = append(g.Overrides, guard.Override{Check: o.Guard, By: o.By, Reason: o.Reason, At: o.At.Time})
			}
		}
		return g
	}
}

// Overridable are the names of all guards and rules.
func (p Policy) Overridable() []string {
	var names []string
	for _, g := range guard.Guards() {
		names = append(names, g.Name)
	}
	for _, r := range p.Rules {
		names = append(names, r.Name)
	}
	return names
}

// guards reads levels by the names of guards.
func (d *decoder) guards(n *yaml.Node, at string) map[string]guard.Level {
	levels := map[string]guard.Level{}
	known := map[string]func(*yaml.Node, string){}
	for _, g := range guard.Guards() {
		known[g.Name] = func(n *yaml.Node, f string) { levels[g.Name] = d.level(n, f) }
	}
	d.fields(n, at, known)
	return levels
}

func (d *decoder) level(n *yaml.Node, at string) guard.Level {
	l := guard.Level(d.text(n, at))
	if !slices.Contains(guard.Levels, l) {
		d.fault(n, at, "must be off, warn or block") // YAML reads off as false, which text gives as it is written
	}
	return l
}

// rules reads a team's own guards.
func (d *decoder) rules(n *yaml.Node, at string) []guard.Rule {
	var all []guard.Rule
	d.list(n, at, func(item *yaml.Node, f string) {
		if len(all) == maxRules {
			d.fault(item, f, "there are more than %d rules", maxRules)
		}
		if len(all) >= maxRules || d.first != nil {
			return // what is left is not worth its time
		}
		r := d.rule(item, f)
		if slices.ContainsFunc(all, func(have guard.Rule) bool { return have.Name == r.Name }) {
			d.fault(item, f+".name", "rule %q is there twice", r.Name)
		}
		all = append(all, r)
	})
	return all
}

func (d *decoder) rule(n *yaml.Node, at string) guard.Rule {
	r := guard.Rule{Level: guard.Warning}
	var expression *yaml.Node
	d.fields(n, at, map[string]func(*yaml.Node, string){
		"name":    func(n *yaml.Node, f string) { r.Name = d.text(n, f) },
		"message": func(n *yaml.Node, f string) { r.Message = d.text(n, f) },
		"level":   func(n *yaml.Node, f string) { r.Level = d.level(n, f) },
		"match":   func(n *yaml.Node, f string) { d.matched(n, f, &r) },
		"expression": func(n *yaml.Node, f string) {
			expression, r.Expression = n, d.text(n, f)
		},
	})
	switch {
	case !environmentName.MatchString(r.Name):
		d.fault(n, at+".name", "a rule needs a name of letters, digits, '-', '_' and '.'")
	case guard.Known(r.Name):
		d.fault(n, at+".name", "%s is the name of a guard", r.Name)
	case expression == nil:
		d.fault(n, at+".expression", "is missing")
	}
	if r.Message == "" {
		r.Message = "the rule " + r.Name + " is not fulfilled"
	}
	if d.first != nil {
		return r
	}
	compiled, err := r.Compile()
	if err != nil {
		d.misspoken(expression, at+".expression", err)
	}
	return compiled
}

// misspoken is a fault in an expression, at its line in the file where that can be told: the lines of a literal block are the file's.
func (d *decoder) misspoken(n *yaml.Node, at string, err error) {
	var wrong *guard.ExpressionError
	if errors.As(err, &wrong) && n.Style&yaml.LiteralStyle != 0 {
		shifted := *n
		shifted.Line += wrong.Line
		d.fault(&shifted, at, "column %d: %s", wrong.Column, wrong.Message)
		return
	}
	d.fault(n, at, "%s", err)
}

var changeKinds = map[string]compare.Kind{"added": compare.Added, "changed": compare.Changed, "removed": compare.Removed}

func (d *decoder) matched(n *yaml.Node, at string, r *guard.Rule) {
	d.fields(n, at, map[string]func(*yaml.Node, string){
		"kinds": func(n *yaml.Node, f string) {
			d.list(n, f, func(item *yaml.Node, f string) {
				glob := d.text(item, f)
				if _, err := path.Match(glob, ""); err != nil || strings.Count(glob, "/") > 1 {
					d.fault(item, f, "%q must be a kind, or group/kind; * stands for anything", glob)
				}
				r.Kinds = append(r.Kinds, glob)
			})
		},
		"environments": func(n *yaml.Node, f string) { r.Environments = d.environmentNames(n, f, nil) },
		"changes": func(n *yaml.Node, f string) {
			d.list(n, f, func(item *yaml.Node, f string) {
				kind, ok := changeKinds[d.text(item, f)]
				if !ok {
					d.fault(item, f, "must be added, changed or removed")
				}
				r.Changes = append(r.Changes, kind)
			})
		},
	})
}

// explainGuards says which guards do what in an environment, and what the team's own rules ask for.
func (p Policy) explainGuards(environment string) []Rule {
	levels := p.GuardsIn(environment)
	byLevel := map[guard.Level][]string{}
	for _, g := range guard.Guards() {
		l := levels.Level(g.Name)
		byLevel[l] = append(byLevel[l], g.Name)
	}
	verbs := map[guard.Level]string{guard.Blocking: "block", guard.Warning: "warn", guard.Off: "say nothing"}
	var parts []string
	for _, l := range []guard.Level{guard.Blocking, guard.Warning, guard.Off} {
		if len(byLevel[l]) > 0 {
			parts = append(parts, strings.Join(byLevel[l], ", ")+" "+verbs[l])
		}
	}
	rules := []Rule{{"guards", strings.Join(parts, "; ")}}
	for _, r := range p.Rules {
		if r.Level != guard.Off && (len(r.Environments) == 0 || slices.Contains(r.Environments, environment)) {
			rules = append(rules, Rule{"rule " + r.Name, explainRule(r)})
		}
	}
	return rules
}

func explainRule(r guard.Rule) string {
	what := "what is"
	if len(r.Kinds) > 0 {
		what = strings.Join(r.Kinds, ", ") + " that is"
	}
	changes := "added or changed"
	if len(r.Changes) > 0 {
		var names []string
		for _, c := range r.Changes {
			names = append(names, strings.ToLower(string(c)))
		}
		changes = strings.Join(names, " or ")
	}
	verb := map[guard.Level]string{guard.Blocking: "blocks", guard.Warning: "warns of"}[r.Level]
	return fmt.Sprintf("%s %s %s, unless %s: %s", verb, what, changes, strings.Join(strings.Fields(r.Expression), " "), r.Message)
}

// guarded asks that no guard stands in the way of what the report showed.
func guarded(in Input) (Gate, bool) {
	if !in.Report.Posted || in.Report.Head != in.PullRequest.Head.SHA {
		return Gate{}, false
	}
	if len(in.Report.Blocked) == 0 {
		return Gate{Name: "guards", Passed: true, Value: "none of them blocks it"}, true
	}
	var blocked []string
	by := map[string][]string{} // the guards in the way, by who may let them pass
	for _, b := range in.Report.Blocked {
		blocked = append(blocked, fmt.Sprintf("%s blocks %s", b.Guard, b.Application))
		who := strings.Join(in.overriders(b.Guard, in.Environment.Name), ", ")
		if !slices.Contains(by[who], b.Guard) {
			by[who] = append(by[who], b.Guard)
		}
	}
	ways := []string{"what the report says about it is mended"}
	for _, who := range slices.Sorted(maps.Keys(by)) {
		ways = append(ways, overriding(by[who], who))
	}
	return Gate{Name: "guards", Value: strings.Join(blocked, ", "), Satisfy: strings.Join(ways, ", or ")}, true
}

// overriding says how guards are let pass that the same people may override.
func overriding(guards []string, who string) string {
	slices.Sort(guards)
	switch {
	case who == "":
		return fmt.Sprintf("%s on the base branch says under overrides who may /override %s", File, strings.Join(guards, ", "))
	case len(guards) == 1:
		return fmt.Sprintf("/override %s REASON is commented by one of: %s", guards[0], who)
	}
	return fmt.Sprintf("/override GUARD REASON is commented by one of: %s, for each of %s", who, strings.Join(guards, ", "))
}
