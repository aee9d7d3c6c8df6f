// Package guard holds checks on a change: given the facts, each says what a reviewer should know before the merge. One file is
// one check. The checks are pure; what they need of a cluster comes in as values.
package guard

import (
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// Severity says how a finding weighs.
type Severity string

const (
	// Note is worth knowing, and nothing to worry about.
	Note Severity = "notice"
	// Warn is shown first and blocks nothing.
	Warn Severity = "warning"
	// Block fails the check.
	Block Severity = "failure"
)

// Finding is one remark about one object of a change.
type Finding struct {
	object.Place
	ID       object.ID
	Check    string // the check's name, such as "kind-exists"
	Severity Severity
	Message  string
	Hint     string
}

// Facts are what the checks decide from: one application's change and what its destination answers.
type Facts struct {
	Differences []compare.Difference
	// Before are the objects that the base has where the application goes; none where it is new there.
	Before *object.Set
	// After are the objects that the merge would have.
	After *object.Set
	// Serves says whether the destination serves a kind. Nil when the destination could not be asked; then nothing is said.
	Serves func(group, kind string) bool
}

// checks in the order in which their findings are shown.
var checks = []func(Facts) []Finding{
	kindExists,
	destroys,
	renames,
	immutables,
	stops,
	detaches,
	changesType,
	restarts,
}

// Check runs all checks.
func Check(f Facts) []Finding {
	var all []Finding
	for _, check := range checks {
		all = append(all, check(f)...)
	}
	return all
}

// Blocks says whether any finding stands in the way of a merge.
func Blocks(findings []Finding) bool {
	for _, f := range findings {
		if f.Severity == Block {
			return true
		}
	}
	return false
}
