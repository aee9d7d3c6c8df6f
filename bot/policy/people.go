package policy

import (
	"fmt"
	"slices"
	"strings"
)

// people asks, where the environment lists users or teams, that the user is one of them.
func people(in Input) (Gate, bool) {
	allow := in.Environment.Allow
	if len(allow.Users) == 0 && len(allow.Teams) == 0 {
		return Gate{}, false
	}
	listed := slices.ContainsFunc(allow.Users, func(u string) bool { return strings.EqualFold(u, in.User.Login) })
	member := slices.ContainsFunc(allow.Teams, func(t string) bool {
		return slices.ContainsFunc(in.Teams, func(have string) bool { return strings.EqualFold(have, t) })
	})
	value := in.User.Login + " is not among them"
	switch {
	case listed || member:
		value = in.User.Login + " is among them"
	case len(allow.Teams) > 0 && in.Teams == nil:
		value = in.User.Login + " is not among the users, and teams cannot be read here"
	}
	return Gate{
		Name: "people", Passed: listed || member, Value: value,
		Satisfy: fmt.Sprintf("the command is given by one of: %s", strings.Join(append(slices.Clone(allow.Users), allow.Teams...), ", ")),
	}, true
}
