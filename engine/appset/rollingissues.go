package appset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// rolloutIssues are what is wrong with the steps of a rolling sync. Steps count from 0 here, and from 1 in words.
type rolloutIssues struct {
	operators []stepIssue
	twice     map[string][]int // the steps of applications that are in several
	limits    []stepIssue
	empty     []int
	none      []string // applications of no step
}

type stepIssue struct {
	step int
	word string
}

func (r *rolloutIssues) operator(step int, word string) { r.operators = add(r.operators, step, word) }
func (r *rolloutIssues) limit(step int, word string)    { r.limits = add(r.limits, step, word) }

func add(all []stepIssue, step int, word string) []stepIssue {
	if issue := (stepIssue{step, word}); !slices.Contains(all, issue) {
		return append(all, issue)
	}
	return all
}

// condition tells of the gravest sort of them, in Argo CD's words.
func (r *rolloutIssues) condition() argo.ApplicationSetCondition {
	c := argo.ApplicationSetCondition{Type: argo.ApplicationSetConditionInvalidRolloutConfig, Status: argo.ApplicationSetConditionStatusTrue,
		Reason: argo.ApplicationSetReasonInvalidRolloutConfig}
	switch {
	case len(r.operators) > 0:
		c.Message = plural(r.operators, "Step %s has invalid matchExpression operators: %s. Supported Operators are 'In' and 'NotIn'",
			"Steps %s have invalid matchExpression operators: %s. Supported Operators are 'In' and 'NotIn'")
	case len(r.twice) > 0:
		c.Message = r.selectedTwice()
	case len(r.limits) > 0:
		c.Message = plural(r.limits, "Step %s has an invalid maxUpdate value: %s", "Steps %s have invalid maxUpdate values: [%s]")
	case len(r.empty) > 0:
		words := make([]string, len(r.empty))
		for i, step := range r.empty {
			words[i] = strconv.Itoa(step + 1)
		}
		c.Message = fmt.Sprintf("Steps %v have no applications matching their criteria", words)
	case len(r.none) > 0:
		names := slices.Sorted(slices.Values(r.none))
		c.Message = fmt.Sprintf("No step selects application '%s': nothing syncs it", names[0])
		if len(names) > 1 {
			c.Message = fmt.Sprintf("No step selects applications '%s' and %d more: nothing syncs them", names[0], len(names)-1)
		}
	default:
		c.Status, c.Reason = argo.ApplicationSetConditionStatusFalse, argo.ApplicationSetReasonValidRolloutConfig
		c.Message = "Rolling Sync Configured correctly"
	}
	return c
}

func plural(all []stepIssue, one, many string) string {
	steps, words := make([]string, len(all)), make([]string, len(all))
	for i, issue := range all {
		steps[i], words[i] = strconv.Itoa(issue.step+1), issue.word
	}
	form := many
	if len(all) == 1 {
		form = one
	}
	return fmt.Sprintf(form, strings.Join(steps, ", "), strings.Join(words, ", "))
}

func (r *rolloutIssues) selectedTwice() string {
	names := slices.Sorted(maps.Keys(r.twice))
	places := make([]string, len(names))
	for i, name := range names {
		var words []string
		for _, step := range r.twice[name] {
			words = append(words, strconv.Itoa(step+1))
		}
		places[i] = strings.Join(words, "-")
	}
	if len(names) == 1 {
		return fmt.Sprintf("Application '%s' is selected by multiple steps: (%s)", names[0], places[0])
	}
	return fmt.Sprintf("Applications '%s' are selected by multiple steps: [(%s)]", strings.Join(names, "', '"), strings.Join(places, "), ("))
}
