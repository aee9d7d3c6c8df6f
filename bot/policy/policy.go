// Package policy holds what a team says in .slipway.yaml on its base branch about who may deploy what and when, and decides by it
// whether a command may run. A decision is a list of gates, each with its value and with what would satisfy it, so that a refusal
// explains itself.
//
// It stands between bot/command, which says what was asked, and the bot, which acts. It decides over values: permissions,
// reviews and locks are read by the bot at the time of the act and handed in.
package policy

import (
	"path"
	"time"

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
	// LockTimeout is how long a sync before the merge holds an application.
	LockTimeout time.Duration
}

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
}

// Allow is who may command. Permission is always needed; with users or teams, one of these must fit as well.
type Allow struct {
	Permission forge.Permission
	Users      []string
	Teams      []string // "org/team"
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
