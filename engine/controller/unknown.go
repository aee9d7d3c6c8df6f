package controller

import (
	"fmt"
	"slices"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
)

// mostNamed bounds how many objects one condition names.
const mostNamed = 5

// unknowns says what could not be compared, and why: the kinds that the cluster does not let us read, and the objects that are Unknown for
// another reason, those of one reason together.
func unknowns(c *change.Comparison) []argo.ApplicationCondition {
	var all []argo.ApplicationCondition
	for _, refused := range c.Unreadable {
		all = append(all, condition(argo.ApplicationConditionComparisonError, "Failed to load live state: cannot read "+refused))
	}
	names := map[string][]string{}
	var reasons []string
	for _, r := range c.Resources {
		if r.Status != argo.SyncStatusCodeUnknown || r.Reason == "" || slices.ContainsFunc(c.Unreadable, func(s string) bool { return strings.HasSuffix(s, r.Reason) }) {
			continue
		}
		if names[r.Reason] == nil {
			reasons = append(reasons, r.Reason)
		}
		names[r.Reason] = append(names[r.Reason], r.ID.Kind+" "+r.ID.Name)
	}
	for _, reason := range reasons {
		list := names[reason]
		text := strings.Join(list[:min(len(list), mostNamed)], ", ")
		if more := len(list) - mostNamed; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		all = append(all, condition(argo.ApplicationConditionComparisonError, fmt.Sprintf("Failed to compare %s: %s", text, reason)))
	}
	return all
}
