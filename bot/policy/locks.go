package policy

import (
	"fmt"
	"strings"
)

// LocksGate is the name of the gate that others' locks close: the one that opens by waiting.
const LocksGate = "locks"

// locks asks that no other pull request holds what the command would change.
func locks(in Input) (Gate, bool) {
	if len(in.Locks) == 0 {
		return Gate{Name: LocksGate, Passed: true, Value: "no other pull request holds it"}, true
	}
	var held, owners []string
	for _, l := range in.Locks {
		text := fmt.Sprintf("%s is held by %s", l.Application, l.Owner)
		if l.User != "" {
			text += " for " + l.User
		}
		if !l.Until.IsZero() {
			text += " until " + l.Until.UTC().Format("2006-01-02 15:04 MST")
		}
		if l.Waiting > 0 {
			text += fmt.Sprintf(" (%d waiting)", l.Waiting)
		}
		if l.Reason != "" {
			text += ": " + l.Reason
		}
		held = append(held, text)
		owners = append(owners, l.Owner)
	}
	force := "someone with admin permission"
	if who := in.Environment.Allow.Unlock; !who.None() {
		force += " or one of: " + who.String()
	}
	return Gate{Name: LocksGate, Value: strings.Join(held, "; "),
		Satisfy: "/unlock is given there, its time is up, or it is merged or closed: " + strings.Join(owners, ", ") + "; or /unlock --force is given by " + force}, true
}
