package policy

import (
	"time"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// Input is all that a decision about one command in one environment depends on, as it is at the time of the act.
type Input struct {
	Command command.Command
	// User gave the command and Permission is what they may do in the repository now.
	User       forge.User
	Permission forge.Permission
	// Teams of the environment's rules that the user is in; nil when memberships could not be read.
	Teams       []string
	PullRequest forge.PullRequest
	Reviews     []forge.Review
	// Since is when the pull request came to go into another base branch than before; zero when it never did. What was approved before that
	// was another change.
	Since time.Time
	// Writers are the accounts that had a hand in the head beside its author: their approvals do not count.
	Writers []forge.User
	// Reviewers is what those who approved may do in the repository now, by their ID. Who is missing may do nothing.
	Reviewers map[int64]forge.Permission
	// Trusted is whether the head may be rendered at all.
	Trusted bool
	// Environment is the zero value where a command names none.
	Environment Environment
	// Fault is what is wrong with the base branch's policy file; nil when nothing is.
	Fault  *object.Fault
	Report Reviewed
	Locks  []Held
	// Freezes of the policy, and the time at which they are asked about.
	Freezes []Freeze
	Now     time.Time
	// Earlier are the applications of the environments that the rules want first, as far as the pull request changes them.
	Earlier []Earlier
	// Checks are the newest of others on the head; read only where the rules ask for some.
	Checks []forge.Check
	// ChecksUnread says why they could not be read; empty when they were.
	ChecksUnread string
	// UpToDate is whether the head contains the tip of its base branch.
	UpToDate bool
	// Overrules are the policy's rules about who may override guards. Overridable are the names that there are; for /override only.
	Overrules   []Overrule
	Overridable []string
	// Owners are those of the changed files by the base branch's CODEOWNERS; read only where the rules ask for it.
	Owners Ownership
	// ReviewerTeams are the teams of the environment's rules that those who approved are in, by their ID.
	ReviewerTeams map[int64][]string
	// Elsewhere are the applications that another engine syncs by itself, without regard for locks.
	Elsewhere []string
	// Grants are what the installation's policy.csv says of the applications.
	Grants Grants
}

// Reviewed is the report that a command is bound to, held against what is so now.
type Reviewed struct {
	// Posted is whether there was a report before the command.
	Posted bool
	// Head is the commit that the report was about.
	Head string
	// Moved are applications whose objects are no longer those of the report.
	Moved []string
	// ShownBy says, for those of Moved that a later report showed as they are now, which pull request's that is.
	ShownBy []string
	// Broken are applications that cannot be rendered.
	Broken []string
	// Blocked are guards that stand in the way of applications, as "schema (web-prod)", as far as nobody has overridden them.
	Blocked []Blocked
	// Declaring are applications that would write what governs others: Applications, ApplicationSets, projects, or things of ours.
	Declaring []string
	// Conflicts is whether the head cannot be merged.
	Conflicts bool
}

// Blocked is a guard that stands in the way of an application.
type Blocked struct{ Guard, Application string }

// Held is a lock on something that the command would change, held by another pull request.
type Held struct {
	Application string
	Owner       string // the pull request's URL
	User        string
	Reason      string
	// Until is when it ends by itself; zero for never.
	Until time.Time
	// Waiting is how many pull requests wait for it.
	Waiting int
}

// Gate is one condition of a decision.
type Gate struct {
	Name   string
	Passed bool
	// Value is what is so, in words.
	Value string
	// Satisfy is what would open the gate; empty when it is open.
	Satisfy string
}

// Decision is whether a command may run, and why.
type Decision struct {
	Allowed bool
	Gates   []Gate
}

// Closed are the gates that stand in the way.
func (d Decision) Closed() []Gate {
	var closed []Gate
	for _, g := range d.Gates {
		if !g.Passed {
			closed = append(closed, g)
		}
	}
	return closed
}

// gate looks at one condition; ok is false where it does not apply.
type gate func(Input) (g Gate, ok bool)

// gatesOf lists what each command must pass, in the order in which it is shown.
func gatesOf(in Input) []gate {
	switch in.Command.Verb {
	case command.Sync:
		return []gate{permission, people, grants, file, freeze, forced, state, engine, trust, approval, owners, checks, upToDate, after, reviewed, unchanged, renders, guarded,
			governs, locks}
	case command.Lock:
		return []gate{permission, people, grants, file, open, engine, reviewed, locks}
	case command.Unlock:
		return []gate{permission, people, grants, file, unlocking}
	case command.Rollback:
		if !in.Command.Now && !in.Command.Release {
			return []gate{permission, file, merged}
		}
		if in.Command.Release {
			return []gate{permission, people, grants, file, freeze}
		}
		return []gate{permission, people, grants, file, freeze, engine, locks}
	case command.Action:
		if in.Command.Name == "" { // it only lists
			return []gate{permission}
		}
		return []gate{permission, people, grants, file, freeze, acts, reviewed, locks}
	case command.Override:
		return []gate{permission, file, override, open, reviewed}
	case command.Preview:
		return []gate{permission, file, open, trust}
	case command.OKToTest:
		return []gate{permission, another, reviewed}
	case command.Diff:
		return []gate{author}
	case command.Status:
		return []gate{permission}
	case command.Help:
		return []gate{reader}
	}
	return []gate{unknown}
}

// Evaluate decides. All gates are looked at, so that a refusal names everything that is missing at once.
func Evaluate(in Input) Decision {
	d := Decision{Allowed: true}
	for _, look := range gatesOf(in) {
		g, ok := look(in)
		if !ok {
			continue
		}
		if g.Passed {
			g.Satisfy = ""
		}
		d.Allowed = d.Allowed && g.Passed
		d.Gates = append(d.Gates, g)
	}
	return d
}

// unknown refuses what no rule speaks of.
func unknown(in Input) (Gate, bool) {
	return Gate{Name: "command", Value: "/" + string(in.Command.Verb) + " has no rule", Satisfy: "/help lists the commands"}, true
}
