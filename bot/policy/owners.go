package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// Ownership is who owns the files that a pull request changes.
type Ownership struct {
	// File is where the base branch's CODEOWNERS stands; empty when it has none.
	File string
	// Changed are the changed files that have owners, with those as the file names them: "@alice", "@org/team" or an e-mail address.
	Changed []Owned
	// Unread says why ownership could not be found out; empty when it was.
	Unread string
}

// Owned is a file with its owners.
type Owned struct {
	Path   string
	Owners []string
}

// Teams are those that own something, as org/team.
func (o Ownership) Teams() []string {
	var teams []string
	for _, f := range o.Changed {
		for _, owner := range f.Owners {
			if name := strings.TrimPrefix(owner, "@"); name != owner && strings.Contains(name, "/") {
				teams = append(teams, name)
			}
		}
	}
	slices.Sort(teams)
	return slices.Compact(teams)
}

// owners asks, where the environment wants it, for an approval of the head by an owner of each changed file that has owners.
func owners(in Input) (Gate, bool) {
	if !in.Environment.Requires.CodeOwners {
		return Gate{}, false
	}
	g := Gate{Name: "code owners"}
	switch {
	case in.Owners.Unread != "":
		g.Value, g.Satisfy = "cannot be told: "+in.Owners.Unread, "that is mended"
		return g, true
	case in.Owners.File == "":
		g.Value, g.Satisfy = "the base branch has no CODEOWNERS", "the base branch has one, or codeOwners is taken out of "+File
		return g, true
	case len(in.Owners.Changed) == 0:
		return Gate{Name: g.Name, Passed: true, Value: "no changed file has owners in " + in.Owners.File}, true
	}
	approved := in.approvers()
	var missing, wanted []string
	for _, f := range in.Owners.Changed {
		if !slices.ContainsFunc(approved, func(u forge.User) bool { return f.ownedBy(u, in.ReviewerTeams[u.ID]) }) {
			missing = append(missing, f.Path)
			wanted = append(wanted, strings.Join(f.Owners, " or "))
		}
	}
	if len(missing) == 0 {
		return Gate{Name: g.Name, Passed: true, Value: "an owner of each changed file has approved"}, true
	}
	slices.Sort(wanted)
	g.Value = fmt.Sprintf("%s without an owner's approval: %s", count(len(missing), "file"), some(missing))
	g.Satisfy = fmt.Sprintf("commit %s is approved by %s (%s)", short(in.PullRequest.Head.SHA), some(slices.Compact(wanted)), in.Owners.File)
	return g, true
}

// ownedBy says whether a user, who is in some teams, is among the owners. E-mail addresses are known to nobody but the forge.
func (f Owned) ownedBy(u forge.User, teams []string) bool {
	return slices.ContainsFunc(f.Owners, func(owner string) bool {
		name := strings.TrimPrefix(owner, "@")
		if name == owner {
			return false
		}
		return strings.EqualFold(name, u.Login) || slices.ContainsFunc(teams, func(t string) bool { return strings.EqualFold(t, name) })
	})
}

// some are the first of a list, and how many there are beside.
func some(all []string) string {
	const most = 8
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}
