package policy

import "fmt"

// people asks, where the environment lists users or teams, that the user is one of them.
func people(in Input) (Gate, bool) {
	allow := in.Environment.Allow
	if allow.None() {
		return Gate{}, false
	}
	listed := allow.Include(in.User, in.Teams)
	value := in.User.Login + " is not among them"
	switch {
	case listed:
		value = in.User.Login + " is among them"
	case len(allow.Teams) > 0 && in.Teams == nil:
		value = in.User.Login + " is not among the users, and teams cannot be read here"
	}
	return Gate{Name: "people", Passed: listed, Value: value, Satisfy: fmt.Sprintf("the command is given by one of: %s", allow.People)}, true
}
