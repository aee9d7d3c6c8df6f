package guard

import (
	"fmt"
	"slices"
	"time"
)

// Level is what a team wants of a guard.
type Level string

const (
	// Off has a guard say nothing.
	Off Level = "off"
	// Warning shows what it finds.
	Warning Level = "warn"
	// Blocking fails the check, and closes a gate of the commands that deploy.
	Blocking Level = "block"
)

// Levels are the three of them, in the order of their strength.
var Levels = []Level{Off, Warning, Blocking}

// Guard is one guard as people read of it.
type Guard struct {
	Name string
	// Default is its level where no policy says another.
	Default Level
	// Summary says what it finds, in a clause.
	Summary string
}

// Guards lists them in the order in which their findings are shown. Only what could never be applied blocks by default: an object of a kind
// or version that the destination does not have. Everything else may have its reason, and a team that wants it blocked says so.
func Guards() []Guard {
	return []Guard{
		{Kinds, Blocking, "objects of kinds that the destination does not know"},
		{RemovedAPIs, Blocking, "versions of kinds that the destination no longer serves"},
		{Project, Warning, "objects that the AppProject does not permit"},
		{Schema, Warning, "unknown fields, wrong types and missing fields, by the destination's schema"},
		{Destructive, Warning, "removals that take data along, and changes that stop, replace or disconnect what runs"},
		{DryRun, Warning, "what the destination's API server would refuse"},
		{Images, Warning, "new images that their registry does not have"},
		{DeprecatedAPIs, Warning, "versions of kinds that a coming release removes"},
	}
}

// partOf are the things that a guard looks for under names of their own.
var partOf = map[string]string{"destroys": Destructive, "renames": Destructive, "immutable": Destructive, "stops": Destructive,
	"detaches": Destructive, "changes-type": Destructive, "restarts": Destructive}

// Of is the name of the guard, or the rule, that finds something.
func Of(check string) string {
	if whole := partOf[check]; whole != "" {
		return whole
	}
	return check
}

// Known says whether there is a guard of that name.
func Known(name string) bool {
	return slices.ContainsFunc(Guards(), func(g Guard) bool { return g.Name == name })
}

// Override is somebody's word that a guard is to let one head pass.
type Override struct {
	// Check is the name of the guard or the rule.
	Check  string
	By     string
	Reason string
	At     time.Time
}

// Policy is what a team wants of the guards for the applications of one environment. The zero Policy is that of a team that has not said
// anything.
type Policy struct {
	// Levels by the names of guards; one that is missing has its default.
	Levels map[string]Level
	// Rules are the team's own.
	Rules []Rule
	// Overrides are those of the head that is looked at.
	Overrides []Override
}

// Level is that of a guard or a rule. Remarks of other names are always warnings.
func (p Policy) Level(name string) Level {
	name = Of(name)
	for _, r := range p.Rules {
		if r.Name == name {
			return r.Level
		}
	}
	if l, ok := p.Levels[name]; ok {
		return l
	}
	for _, g := range Guards() {
		if g.Name == name {
			return g.Default
		}
	}
	return Warning
}

// mostOfOne is how many findings of one guard about one application are told one by one.
const mostOfOne = 20

// Weigh gives findings the severity that the policy wants, leaves out those that it does not want, marks what is overridden, and counts
// what would be too long a list.
func (p Policy) Weigh(found []Finding) []Finding {
	var all []Finding
	counts := map[string]int{}
	for _, f := range found {
		level := p.Level(f.Check)
		if level == Off {
			continue
		}
		if counts[f.Check]++; counts[f.Check] > mostOfOne {
			continue
		}
		if f.Severity == Warn && level == Blocking {
			f.Severity, f.Override = Block, p.override(Of(f.Check))
		}
		all = append(all, f)
	}
	for i, f := range all {
		if more := counts[f.Check] - mostOfOne; more > 0 && !slices.ContainsFunc(all[i+1:], func(g Finding) bool { return g.Check == f.Check }) {
			all[i].Message += fmt.Sprintf(" (and %d more of this kind)", more)
		}
	}
	return all
}

func (p Policy) override(name string) *Override {
	for i := len(p.Overrides) - 1; i >= 0; i-- {
		if p.Overrides[i].Check == name {
			return &p.Overrides[i]
		}
	}
	return nil
}
