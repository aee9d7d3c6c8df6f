package policy

import (
	"fmt"
	"slices"
	"strings"
)

// freeze asks that no freeze is on, or that one of those who may override it has named it.
func freeze(in Input) (Gate, bool) {
	var on, overridden, satisfy []string
	for _, f := range in.Freezes {
		if !f.holds(in.Environment.Name, in.Now) {
			continue
		}
		if in.Command.Override == f.Name && f.Override.Include(in.User, in.Teams) {
			overridden = append(overridden, f.Name)
			continue
		}
		text := fmt.Sprintf("%q is on", f.Name)
		if f.Reason != "" {
			text += ": " + f.Reason
		}
		on = append(on, text)
		way := fmt.Sprintf("%q ends", f.Name)
		if f.Calendar == nil {
			way += " on " + f.To.UTC().Format("2006-01-02 15:04 MST")
		}
		if !f.Override.None() {
			way += fmt.Sprintf(", or one of %s gives the command with --override %s", f.Override, f.Name)
		}
		satisfy = append(satisfy, way)
	}
	switch {
	case len(on) > 0:
		return Gate{Name: "freeze", Value: strings.Join(on, "; "), Satisfy: strings.Join(satisfy, "; ")}, true
	case len(overridden) > 0:
		return Gate{Name: "freeze", Passed: true, Value: in.User.Login + " overrides " + strings.Join(overridden, ", ")}, true
	case in.Command.Override != "" && !slices.ContainsFunc(in.Freezes, func(f Freeze) bool { return f.Name == in.Command.Override }):
		return Gate{Name: "freeze", Value: fmt.Sprintf("there is no freeze %q", in.Command.Override), Satisfy: "the command is given without --override"}, true
	case len(in.Freezes) > 0:
		return Gate{Name: "freeze", Passed: true, Value: "none is on"}, true
	}
	return Gate{}, false
}
