package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// checks asks that others' checks of the head are green. Our own are not among them: they may be waiting for this very command.
func checks(in Input) (Gate, bool) {
	need := in.Environment.Requires
	if len(need.Checks) == 0 && !need.AllChecks {
		return Gate{}, false
	}
	if in.ChecksUnread != "" {
		return Gate{Name: "checks", Value: "they cannot be read", Satisfy: in.ChecksUnread}, true
	}
	var red []string
	seen := map[string]bool{}
	for _, c := range in.Checks {
		if ours(c.Name) || !need.AllChecks && !slices.Contains(need.Checks, c.Name) {
			continue
		}
		seen[c.Name] = true
		if !green(c) {
			red = append(red, fmt.Sprintf("%s is %s", c.Name, word(c)))
		}
	}
	for _, name := range need.Checks {
		if !seen[name] {
			red = append(red, name+" is not there")
		}
	}
	if len(red) == 0 {
		return Gate{Name: "checks", Passed: true, Value: fmt.Sprintf("%s green", count(len(seen), "check"))}, true
	}
	slices.Sort(red)
	return Gate{Name: "checks", Value: strings.Join(red, "; "), Satisfy: "they end well on commit " + short(in.PullRequest.Head.SHA)}, true
}

// green is what branch protection lets pass.
func green(c forge.Check) bool {
	return c.Status == forge.Completed && (c.Conclusion == forge.Success || c.Conclusion == forge.Neutral || c.Conclusion == forge.Skipped)
}

func word(c forge.Check) string {
	if c.Status == forge.Completed {
		return string(c.Conclusion)
	}
	return string(c.Status)
}
