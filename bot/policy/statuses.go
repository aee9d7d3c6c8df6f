package policy

import "strings"

// checkName is the name of our check, and begins those of our statuses.
const checkName = "slipway"

// StatusContext names the commit status of an environment, such as "slipway/staging".
func StatusContext(environment string) string { return checkName + "/" + environment }

// ours says whether a check or status of that name is set by us. Forges do not say who set a status, so the name has to: nothing is won by
// taking it, as whoever may set a status may set a green one.
func ours(name string) bool { return name == checkName || strings.HasPrefix(name, StatusContext("")) }

// status is what the commit status of an environment says, and whether branch protection can require it.
func (p Policy) status(e Environment) (Rule, bool) {
	if !p.Statuses || e.Name == "" {
		return Rule{}, false
	}
	text := StatusContext(e.Name) + " on the head is pending until what it brings is deployed and healthy; "
	if e.BeforeMerge {
		return Rule{"status", text + "where branch protection requires it, a merge needs a sync first"}, true
	}
	return Rule{"status", text + "branch protection must not require it: nothing is deployed here before the merge"}, true
}
