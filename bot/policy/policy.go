// Package policy holds what a team says in .slipway.yaml on its base branch about who may deploy what and when, and decides by it
// whether a command may run. A decision is a list of gates, each with its value and with what would satisfy it, so that a refusal
// explains itself.
//
// It stands between bot/command, which says what was asked, and the bot, which acts. It decides over values: permissions,
// reviews and locks are read by the bot at the time of the act and handed in.
package policy

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/forge"
)

// File is where the policy stands in a repository, at the root of the base branch.
const File = ".slipway.yaml"

// DefaultLockTimeout is how long a sync before the merge holds an application when the policy does not say.
const DefaultLockTimeout = 24 * time.Hour

// The labels by which an Application says its environment; the first wins.
const (
	LabelOurs  = "slipway.dev/environment"
	LabelPlain = "environment"
)

// Policy is the content of a .slipway.yaml. The zero Policy is that of a repository without one.
type Policy struct {
	// Environments in the order in which they are deployed.
	Environments []Environment
	// Comment says when a pull request gets a comment; CommentAlways when empty.
	Comment Comment
	// Statuses asks for a commit status for each environment, beside the one check: see StatusContext.
	Statuses bool
	// LockTimeout is how long a sync before the merge holds an application.
	LockTimeout time.Duration
	Freezes     []Freeze
	Previews    Previews
	// Overrules say who may let guards pass.
	Overrules []Overrule
	// Guards are levels by the names of guards, for all environments as far as these do not say otherwise. Rules are the team's own.
	Guards map[string]guard.Level
	Rules  []guard.Rule
}

// Comment says when a pull request gets a comment. Its check always says what was found.
type Comment string

const (
	// CommentAlways comments on each pull request of a repository that applications read.
	CommentAlways Comment = "always"
	// CommentOnChanges leaves those alone that change no application, unless there is a comment already.
	CommentOnChanges Comment = "changes"
)

// Environment is a group of applications with rules of its own.
type Environment struct {
	Name string
	// Match takes in applications that carry no label of an environment.
	Match Match
	// Production marks the environment on the forge's list of deployments.
	Production bool
	// BeforeMerge lets an approved head be deployed before it is merged.
	BeforeMerge bool
	Requires    Requires
	Allow       Allow
	// Guards are levels by the names of guards.
	Guards map[string]guard.Level
}

// Match selects applications.
type Match struct {
	// Labels that an Application must all carry.
	Labels map[string]string
	// Applications are globs over names; one must match.
	Applications []string
}

// Requires is what must be so before a command may run.
type Requires struct {
	// Approvals of the head by others than its author. Before a merge at least one is needed, whatever stands here.
	Approvals int
	// Approvers are those whose approvals count; when empty, everyone's with write permission.
	Approvers People
	// After are environments in which the same must be deployed and healthy first, as far as the pull request changes them.
	After []string
	// Checks of the head that must be green, by name; with AllChecks every one that is there, our own aside.
	Checks    []string
	AllChecks bool
	// UpToDate asks that the head contains the tip of its base branch.
	UpToDate bool
	// CodeOwners asks for an approval by an owner of each changed file that the base branch's CODEOWNERS gives owners.
	CodeOwners bool
}

// Allow is who may command. Permission is always needed; with users or teams, one of these must fit as well.
type Allow struct {
	Permission forge.Permission
	People
	// Unlock are those who may take a lock from another pull request; whoever has admin permission may as well.
	Unlock People
	// Force are those who may sync with --force or --replace; nobody when empty.
	Force People
	// Actions are globs over the actions that may be asked for, by name or as KIND/name; all when nil, none when empty.
	Actions []string
}

// People are accounts, by login and by team.
type People struct {
	Users []string
	Teams []string // "org/team"
}

// None says whether nobody is named.
func (p People) None() bool { return len(p.Users) == 0 && len(p.Teams) == 0 }

// Include says whether a user who is in some teams is among them.
func (p People) Include(user forge.User, teams []string) bool {
	return slices.ContainsFunc(p.Users, func(u string) bool { return strings.EqualFold(u, user.Login) }) ||
		slices.ContainsFunc(p.Teams, func(t string) bool {
			return slices.ContainsFunc(teams, func(have string) bool { return strings.EqualFold(have, t) })
		})
}

// String lists them.
func (p People) String() string { return strings.Join(append(slices.Clone(p.Users), p.Teams...), ", ") }

// Freeze is a time in which nothing is deployed by command.
type Freeze struct {
	Name string
	// Environments that it is for; all when empty.
	Environments []string
	// It recurs by a calendar, or is one span of time.
	Calendar *project.Calendar
	From, To time.Time
	Reason   string
	// Override are those who may deploy nevertheless, when they name it: /sync prod --override NAME.
	Override People
}

// holds says whether it is on for an environment at a time.
func (f Freeze) holds(environment string, at time.Time) bool {
	if !f.concerns(environment) {
		return false
	}
	if f.Calendar != nil {
		return f.Calendar.Open(at)
	}
	return !at.Before(f.From) && at.Before(f.To)
}

func (f Freeze) concerns(environment string) bool {
	return len(f.Environments) == 0 || slices.Contains(f.Environments, environment)
}

// Teams are those that the rules of an environment name: which of them someone is in must be known to decide.
func (p Policy) Teams(environment string) []string {
	e := p.Named(environment)
	teams := slices.Concat(e.Allow.Teams, e.Allow.Unlock.Teams, e.Allow.Force.Teams, e.Requires.Approvers.Teams)
	for _, f := range p.Freezes {
		teams = append(teams, f.Override.Teams...)
	}
	for _, o := range p.Overrules {
		teams = append(teams, o.By.Teams...)
	}
	slices.Sort(teams)
	return slices.Compact(teams)
}

// Named gives the rules of an environment: those of the file, or the defaults.
func (p Policy) Named(name string) Environment {
	for _, e := range p.Environments {
		if e.Name == name {
			return e
		}
	}
	return Environment{Name: name, Allow: Allow{Permission: forge.Write}}
}

// Holds is how long a lock lasts.
func (p Policy) Holds() time.Duration {
	if p.LockTimeout <= 0 {
		return DefaultLockTimeout
	}
	return p.LockTimeout
}

// Environment is the environment of an application, by its name and labels in the cluster: the label's, else the first group of the file
// that takes it in, else "".
func (p Policy) Environment(name string, labels map[string]string) string {
	for _, key := range []string{LabelOurs, LabelPlain} {
		if v := labels[key]; v != "" {
			return v
		}
	}
	for _, e := range p.Environments {
		if e.Match.takes(name, labels) {
			return e.Name
		}
	}
	return ""
}

// takes says whether a group takes an application in. A group without any condition takes none.
func (m Match) takes(name string, labels map[string]string) bool {
	if len(m.Labels) == 0 && len(m.Applications) == 0 {
		return false
	}
	for k, v := range m.Labels {
		if labels[k] != v {
			return false
		}
	}
	if len(m.Applications) == 0 {
		return true
	}
	for _, glob := range m.Applications {
		if ok, err := path.Match(glob, name); err == nil && ok {
			return true
		}
	}
	return false
}
