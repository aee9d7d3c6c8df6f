package policy

import (
	"fmt"
	"path"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// forced asks, of a sync that replaces or deletes what it would else change, that the user is one of those who may.
func forced(in Input) (Gate, bool) {
	var options []string
	if in.Command.Force {
		options = append(options, "--force")
	}
	if in.Command.Replace {
		options = append(options, "--replace")
	}
	if len(options) == 0 {
		return Gate{}, false
	}
	named, who := strings.Join(options, " and "), in.Environment.Allow.Force
	g := Gate{Name: "force", Passed: who.Include(in.User, in.Teams), Value: in.User.Login + " may use " + named}
	if g.Passed {
		return g, true
	}
	g.Value = in.User.Login + " may not use " + named
	g.Satisfy = fmt.Sprintf("the command is given by one of: %s", who)
	if who.None() {
		g.Value = "nobody may use " + named + label(" in ", in.Environment.Name)
		g.Satisfy = fmt.Sprintf("%s on the base branch says who, under allow: {force: {users: [...], teams: [...]}} of the environment", File)
	}
	return g, true
}

// unlocking asks, where a lock would be taken from another pull request, that the user may: by the policy, or as an admin.
func unlocking(in Input) (Gate, bool) {
	if !in.Command.Force || len(in.Locks) == 0 {
		return Gate{}, false
	}
	who := in.Environment.Allow.Unlock
	if in.Permission >= forge.Admin || who.Include(in.User, in.Teams) {
		return Gate{Name: "force", Passed: true, Value: in.User.Login + " may take locks from other pull requests"}, true
	}
	g := Gate{Name: "force", Value: in.User.Login + " may not take a lock from another pull request",
		Satisfy: "the command is given by someone with admin permission"}
	if !who.None() {
		g.Satisfy += ", or by one of: " + who.String()
	} else {
		g.Satisfy += fmt.Sprintf(", or %s on the base branch names %s under allow: {unlock: {users: [...]}} of the environment", File, in.User.Login)
	}
	return g, true
}

// acts asks that the environment lets an action be asked for.
func acts(in Input) (Gate, bool) {
	allowed, name := in.Environment.Allow.Actions, in.Command.Name
	if name == "" || allowed == nil {
		return Gate{}, false
	}
	full := in.Command.Object.Kind + "/" + name
	for _, glob := range allowed {
		for _, word := range []string{name, full} {
			if ok, err := path.Match(glob, word); err == nil && ok {
				return Gate{Name: "action", Passed: true, Value: full + " is allowed" + label(" in ", in.Environment.Name)}, true
			}
		}
	}
	listed := strings.Join(allowed, ", ")
	if listed == "" {
		listed = "none"
	}
	return Gate{Name: "action", Value: fmt.Sprintf("%s is not among the actions%s: %s", full, label(" of ", in.Environment.Name), listed),
		Satisfy: fmt.Sprintf("%s on the base branch lists it under allow: {actions: [...]} of the environment", File)}, true
}

// label is a name with a word before it, or nothing where there is no name.
func label(word, name string) string {
	if name == "" {
		return ""
	}
	return word + name
}
