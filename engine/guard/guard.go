// Package guard holds checks on a change: given the facts, each says what a reviewer should know before the merge. One file is
// one guard. The guards are pure; what they need of a cluster or a registry comes in as values.
//
// It stands behind compare in the river: engine/change gathers the Facts of each application and hands what is found to whoever
// shows it. Some answers cost questions to the world and arrive later; Facts without them are checked first, and the guards of
// those answers (DryRun, Images) say nothing until they are there.
package guard

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// The names of the guards, by which a policy sets their levels and people override them.
const (
	Destructive    = "destructive"
	Kinds          = "kinds"
	RemovedAPIs    = "removed-apis"
	DeprecatedAPIs = "deprecated-apis"
	Schema         = "schema"
	Project        = "project"
	DryRun         = "dry-run"
	Images         = "images"
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
	ID object.ID
	// Check says what was found: the name of a guard or of a team's own rule, or of one of the things that a guard looks for, such as
	// "renames".
	Check    string
	Severity Severity
	// Field is a path within the object, such as "spec.replicas", or empty.
	Field   string
	Message string
	Hint    string
	// Override is set where somebody took the responsibility for it; then it blocks nothing.
	Override *Override

	// path is Field in its parts, for finding its line.
	path []any
}

// Blocking says whether the finding stands in the way.
func (f Finding) Blocking() bool { return f.Weight() == Block }

// Weight is the severity that is left: what somebody has taken the responsibility for is a warning.
func (f Finding) Weight() Severity {
	if f.Override != nil {
		return Warn
	}
	return f.Severity
}

// Subject is the application that a change is looked at for, by the word of the base or the cluster.
type Subject struct {
	Namespace, Name, Project, Environment, Cluster string
	// Destination is the namespace that its objects go to by default.
	Destination string
	Labels      map[string]string
}

// Facts are what the guards decide from: one application's change and what its destination answers.
type Facts struct {
	Subject     Subject
	Differences []compare.Difference
	// Before and After are the objects that the base has and the merge would have.
	Before, After *object.Set
	// Version is the destination's version of Kubernetes, such as "v1.36.3"; empty where it is not known.
	Version string
	// Serves are the versions in which the destination serves a kind, preferred first. Nil when the destination could not be asked;
	// then nothing is said.
	Serves func(schema.GroupKind) []string
	// Defined are the versions of kinds by the definitions that the destination has, as far as they were read.
	Defined map[schema.GroupKind][]DefinedVersion
	// Brought is what the whole change brings to this destination.
	Brought Brought
	// Shapes are the destination's schemas of kinds; nil where it gives none.
	Shapes func(schema.GroupVersionKind) Shape
	// Permits says why the project does not permit an object, or ""; nil where nothing is judged.
	Permits func(object.ID) Denial
	// Policy is what the team wants of the guards here.
	Policy Policy
}

// Denial is why a project does not permit an object, and what of the project says so. The zero value permits.
type Denial struct{ Message, Rule string }

// checks in the order in which their findings are shown.
var checks = []func(Facts) []Finding{
	kindExists,
	removedAPIs,
	permitted,
	misshapen,
	destroys,
	renames,
	immutables,
	stops,
	detaches,
	changesType,
	restarts,
	ruled,
	deprecatedAPIs,
}

// Check runs all guards that need no more than the Facts.
func Check(f Facts) []Finding {
	var all []Finding
	for _, check := range checks {
		all = append(all, check(f)...)
	}
	return f.Policy.Weigh(all)
}

// Blocks says whether any finding stands in the way of a merge.
func Blocks(findings []Finding) bool { return slices.ContainsFunc(findings, Finding.Blocking) }

// Guarded are the names of the guards that block, whoever has overridden them, each once.
func Guarded(findings []Finding) []string {
	var names []string
	for _, f := range findings {
		if name := Of(f.Check); f.Severity == Block && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Written are the objects that the change adds or changes, as the merge has them.
func Written(f Facts) []object.Object { return changed(f) }

// changed are the objects that the change adds or changes, as the merge has them.
func changed(f Facts) []object.Object {
	var all []object.Object
	for _, d := range f.Differences {
		if d.Kind != compare.Added && d.Kind != compare.Changed {
			continue
		}
		if o, ok := f.After.Find(d.ID); ok {
			all = append(all, o)
		} else { // an object without a name is told by its generateName
			all = append(all, unnamed(f.After, d.ID)...)
		}
	}
	return all
}

func unnamed(s *object.Set, id object.ID) []object.Object {
	generated, ok := strings.CutSuffix(id.Name, "*")
	if !ok {
		return nil
	}
	var all []object.Object
	for _, o := range s.All() {
		if have := o.ID(); have.Name == "" && have.GroupKind() == id.GroupKind() && have.Namespace == id.Namespace && o.GetGenerateName() == generated {
			all = append(all, o)
		}
	}
	return all
}

// about begins a finding about an object.
func about(o object.Object, check, format string, args ...any) Finding {
	return Finding{Place: o.Place, ID: o.ID(), Check: check, Severity: Warn, Message: fmt.Sprintf(format, args...)}
}
