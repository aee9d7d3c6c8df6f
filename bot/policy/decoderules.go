package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/engine/project"
)

func (d *decoder) requires(n *yaml.Node, at string, of *string) Requires {
	var r Requires
	d.fields(n, at, map[string]func(*yaml.Node, string){
		"approvals": func(n *yaml.Node, f string) {
			if r.Approvals = d.whole(n, f); r.Approvals < 0 || r.Approvals > 100 {
				d.fault(n, f, "must be between 0 and 100")
			}
		},
		"approvers": func(n *yaml.Node, f string) { r.Approvers = d.people(n, f) },
		"after":     func(n *yaml.Node, f string) { r.After = d.environmentNames(n, f, of) },
		"checks": func(n *yaml.Node, f string) {
			if n.Kind == yaml.ScalarNode {
				if d.text(n, f) != "all" {
					d.fault(n, f, "must be all, or a list of checks by name")
				}
				r.AllChecks = true
				return
			}
			r.Checks = d.othersChecks(n, f)
		},
		"upToDate":   func(n *yaml.Node, f string) { r.UpToDate = d.yes(n, f) },
		"codeOwners": func(n *yaml.Node, f string) { r.CodeOwners = d.yes(n, f) },
	})
	return r
}

// othersChecks refuses those that we set ourselves: they wait for the very command that would wait for them.
func (d *decoder) othersChecks(n *yaml.Node, at string) []string {
	names := d.texts(n, at)
	if i := slices.IndexFunc(names, ours); i >= 0 {
		d.fault(n.Content[i], fmt.Sprintf("%s[%d]", at, i), "%s is set by Slipway, and what it sets never counts here; after: [ENVIRONMENT] asks that another environment comes first", names[i])
	}
	return names
}

func (d *decoder) people(n *yaml.Node, at string) People {
	var p People
	d.fields(n, at, map[string]func(*yaml.Node, string){
		"users": func(n *yaml.Node, f string) { p.Users = d.users(n, f) },
		"teams": func(n *yaml.Node, f string) { p.Teams = d.teams(n, f) },
	})
	if p.None() {
		d.fault(n, at, "names nobody")
	}
	return p
}

func (d *decoder) users(n *yaml.Node, at string) []string {
	users := d.texts(n, at)
	for i, u := range users {
		users[i] = strings.TrimPrefix(u, "@")
	}
	return users
}

func (d *decoder) teams(n *yaml.Node, at string) []string {
	var teams []string
	d.list(n, at, func(item *yaml.Node, f string) {
		team := strings.TrimPrefix(d.text(item, f), "@")
		if !strings.Contains(team, "/") {
			d.fault(item, f, "a team is written org/team")
		}
		teams = append(teams, team)
	})
	return teams
}

func (d *decoder) texts(n *yaml.Node, at string) []string {
	var all []string
	d.list(n, at, func(item *yaml.Node, f string) { all = append(all, d.text(item, f)) })
	return all
}

func (d *decoder) freezes(n *yaml.Node, at string) []Freeze {
	var all []Freeze
	d.list(n, at, func(item *yaml.Node, field string) {
		f := d.freeze(item, field)
		if slices.ContainsFunc(all, func(have Freeze) bool { return have.Name == f.Name }) {
			d.fault(item, field+".name", "freeze %q is there twice", f.Name)
		}
		all = append(all, f)
	})
	return all
}

func (d *decoder) freeze(n *yaml.Node, at string) Freeze {
	var f Freeze
	var schedule, zone string
	var lasts time.Duration
	d.fields(n, at, map[string]func(*yaml.Node, string){
		"name":         func(n *yaml.Node, at string) { f.Name = d.text(n, at) },
		"environments": func(n *yaml.Node, at string) { f.Environments = d.environmentNames(n, at, nil) },
		"reason":       func(n *yaml.Node, at string) { f.Reason = d.text(n, at) },
		"schedule":     func(n *yaml.Node, at string) { schedule = d.text(n, at) },
		"duration":     func(n *yaml.Node, at string) { lasts = d.span(n, at, 366*24*time.Hour) },
		"timeZone":     func(n *yaml.Node, at string) { zone = d.text(n, at) },
		"from":         func(n *yaml.Node, at string) { f.From = d.moment(n, at) },
		"to":           func(n *yaml.Node, at string) { f.To = d.moment(n, at) },
		"override":     func(n *yaml.Node, at string) { f.Override = d.people(n, at) },
	})
	if !environmentName.MatchString(f.Name) {
		d.fault(n, at+".name", "a freeze needs a name of letters, digits, '-', '_' and '.'")
	}
	recurs, once := schedule != "" || lasts != 0 || zone != "", !f.From.IsZero() || !f.To.IsZero()
	switch {
	case recurs == once:
		d.fault(n, at, "needs either schedule and duration, or from and to")
	case once && (f.From.IsZero() || !f.From.Before(f.To)):
		d.fault(n, at, "needs from and to, and to must be after from")
	case recurs && (schedule == "" || lasts == 0):
		d.fault(n, at, "needs both schedule and duration")
	case recurs:
		c, err := project.ParseCalendar(schedule, lasts, zone)
		if err != nil {
			d.fault(n, at, "%s", err)
		}
		f.Calendar = &c
	}
	return f
}

// reference is a place where an environment is named.
type reference struct {
	node  *yaml.Node
	field string
	// self is the environment whose rules name it, which cannot wait for itself; "" elsewhere.
	self *string
}

func (d *decoder) environmentNames(n *yaml.Node, at string, self *string) []string {
	var all []string
	d.list(n, at, func(item *yaml.Node, f string) {
		all = append(all, d.text(item, f))
		d.references = append(d.references, reference{item, f, self})
	})
	return all
}

// resolve holds the names of environments against those that there are: a rule about a misspelt one would never be asked.
func (d *decoder) resolve(p Policy) {
	for _, r := range d.references {
		known := slices.ContainsFunc(p.Environments, func(e Environment) bool { return e.Name == r.node.Value })
		if !known || r.self != nil && *r.self == r.node.Value {
			d.fault(r.node, r.field, "%q is no other environment of this file", r.node.Value)
		}
	}
}
