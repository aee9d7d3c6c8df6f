package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// Grants are what the installation's policy.csv, and the roles of projects, say of a command's applications.
type Grants struct {
	// Asked is whether they speak of any account or team of the forge; else they ask nothing.
	Asked bool
	// Unread says why they could not be read; empty when they were. What cannot be read lets nobody in.
	Unread string
	// Action is such as "sync"; Account is how the user is called there, such as "github:alice".
	Action, Account string
	Applications    []Grant
}

// Grant is the answer for one application.
type Grant struct {
	// Object is the application in the policy's words: "shop/web".
	Object  string
	Allowed bool
	// Why is the line that decided, with whose line it is.
	Why string
}

// grants asks that policy.csv lets the user do it, where it speaks of the forge's people at all.
func grants(in Input) (Gate, bool) {
	g := in.Grants
	gate := Gate{Name: "policy.csv"}
	if g.Unread != "" {
		gate.Value, gate.Satisfy = g.Unread, "argocd-rbac-cm and the roles of the project can be read"
		return gate, true
	}
	if !g.Asked || len(g.Applications) == 0 {
		return Gate{}, false
	}
	var missing, why []string
	for _, a := range g.Applications {
		if why = append(why, a.Object+": "+a.Why); !a.Allowed {
			missing = append(missing, a.Object)
		}
	}
	gate.Passed, gate.Value = len(missing) == 0, strings.Join(why, "; ")
	if !gate.Passed {
		gate.Satisfy = fmt.Sprintf("argocd-rbac-cm lets %s, or a team of theirs, %s %s, such as by: p, %s, applications, %s, %s, allow",
			g.Account, g.Action, strings.Join(missing, ", "), g.Account, g.Action, missing[0])
	}
	return gate, true
}

var (
	team    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*:[^:/]+$`)
	group   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$`)
	account = regexp.MustCompile(`^(github|gitlab):[^:/\s]+$`)
)

// ForgeNames are those names of a policy.csv that are accounts or teams of a forge by their form: "github:alice" and "org:team" of
// GitHub, "gitlab:alice" and "group/path" of GitLab. A plain word may be a group of anybody's single sign-on, and is none.
func ForgeNames(kind forge.Kind, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		if account.MatchString(name) {
			return !strings.HasPrefix(name, string(kind)+":")
		}
		return !(kind == forge.GitHub && team.MatchString(name) || kind == forge.GitLab && group.MatchString(name))
	})
}

// Teams are the teams that must be asked about to know in which of a policy.csv's groups somebody is, by the group: "org/team" for
// "org:team", the team by its slug. On GitLab a plain word may be the path of a group too.
func Teams(kind forge.Kind, names []string) map[string]string {
	teams := map[string]string{}
	for _, name := range names {
		switch {
		case account.MatchString(name):
		case kind == forge.GitHub && team.MatchString(name):
			org, slug, _ := strings.Cut(name, ":")
			teams[name] = org + "/" + strings.ReplaceAll(strings.ToLower(strings.TrimSpace(slug)), " ", "-")
		case kind == forge.GitLab && (group.MatchString(name) || !strings.ContainsAny(name, ":@/ ")):
			teams[name] = name
		}
	}
	return teams
}
