package policy

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/bot/command"
)

// Overrule says who may let guards pass with /override.
type Overrule struct {
	// Guards are globs over the names of guards; one must match.
	Guards []string
	// Environments in which the guard passes then; all when empty.
	Environments []string
	By           People
}

func (o Overrule) names(guard string) bool {
	return slices.ContainsFunc(o.Guards, func(glob string) bool {
		ok, err := path.Match(glob, guard)
		return err == nil && ok
	})
}

// String says who may override what, and where.
func (o Overrule) String() string {
	text := fmt.Sprintf("%s may /override %s", o.By, strings.Join(o.Guards, ", "))
	if len(o.Environments) > 0 {
		text += " in " + strings.Join(o.Environments, ", ")
	}
	return text
}

// Overrides says for which environments a user's word lets a guard pass; with nil and true for all.
func (p Policy) Overrides(guard string, in Input) (environments []string, may bool) {
	for _, o := range p.Overrules {
		if !o.names(guard) || !o.By.Include(in.User, in.Teams) {
			continue
		}
		if len(o.Environments) == 0 {
			return nil, true
		}
		environments, may = append(environments, o.Environments...), true
	}
	slices.Sort(environments)
	return slices.Compact(environments), may
}

// override asks that the user is one of those who may let the guard pass.
func override(in Input) (Gate, bool) {
	guard := in.Command.Name
	_, may := Policy{Overrules: in.Overrules}.Overrides(guard, in)
	known := in.Overridable == nil || slices.Contains(in.Overridable, guard)
	if may && known {
		return Gate{Name: "override", Passed: true, Value: fmt.Sprintf("%s may override %s", in.User.Login, guard)}, true
	}
	if !known {
		g := Gate{Name: "override", Value: fmt.Sprintf("no guard or rule is called %s", guard), Satisfy: "it is one of: " + strings.Join(in.Overridable, ", ")}
		if near := command.Nearest(guard, in.Overridable); near != "" {
			g.Satisfy = fmt.Sprintf("did you mean /override %s?", near)
		}
		return g, true
	}
	who := in.overriders(guard, "")
	g := Gate{Name: "override", Value: fmt.Sprintf("%s may not override %s", in.User.Login, guard)}
	if len(who) == 0 {
		g.Value = fmt.Sprintf("nobody may override %s", guard)
		g.Satisfy = fmt.Sprintf("%s on the base branch says who, under overrides: {guards: [%s], by: {users: [...], teams: [...]}}", File, guard)
		return g, true
	}
	if in.Teams == nil {
		g.Value += ", as far as users are listed; teams cannot be read here"
	}
	g.Satisfy = "the command is given by one of: " + strings.Join(who, ", ")
	return g, true
}

// overriders are those who may let a guard pass: in an environment, or, where none is named, anywhere, with the environments that their word is
// for.
func (in Input) overriders(guard, environment string) []string {
	var who []string
	for _, o := range in.Overrules {
		if !o.names(guard) || environment != "" && len(o.Environments) > 0 && !slices.Contains(o.Environments, environment) {
			continue
		}
		name := o.By.String()
		if environment == "" && len(o.Environments) > 0 {
			name += " (in " + strings.Join(o.Environments, ", ") + ")"
		}
		if !slices.Contains(who, name) {
			who = append(who, name)
		}
	}
	return who
}

func (d *decoder) overrules(n *yaml.Node, at string) []Overrule {
	var all []Overrule
	d.list(n, at, func(item *yaml.Node, field string) {
		var o Overrule
		d.fields(item, field, map[string]func(*yaml.Node, string){
			"guards":       func(n *yaml.Node, f string) { o.Guards = d.globs(n, f) },
			"environments": func(n *yaml.Node, f string) { o.Environments = d.environmentNames(n, f, nil) },
			"by":           func(n *yaml.Node, f string) { o.By = d.people(n, f) },
		})
		if len(o.Guards) == 0 || o.By.None() {
			d.fault(item, field, "needs guards, a list of their names, and by, who may let them pass")
		}
		all = append(all, o)
	})
	return all
}
