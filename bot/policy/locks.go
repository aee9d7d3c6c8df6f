package policy

import (
	"fmt"
	"strings"
)

// locks asks that no other pull request holds what the command would change.
func locks(in Input) (Gate, bool) {
	if len(in.Locks) == 0 {
		return Gate{Name: "locks", Passed: true, Value: "no other pull request holds it"}, true
	}
	var held, owners []string
	for _, l := range in.Locks {
		text := fmt.Sprintf("%s is held by %s", l.Application, l.Owner)
		if l.User != "" {
			text += " for " + l.User
		}
		if l.Reason != "" {
			text += ": " + l.Reason
		}
		held = append(held, text)
		owners = append(owners, l.Owner)
	}
	return Gate{Name: "locks", Value: strings.Join(held, "; "),
		Satisfy: "/unlock is given there, or it is merged or closed: " + strings.Join(owners, ", ")}, true
}
