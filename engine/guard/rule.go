package guard

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/library"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// Rule is a team's own guard: an expression of the Common Expression Language that must be true of each object that a change writes.
type Rule struct {
	Name string
	// Message is shown where the expression is false.
	Message string
	// Kinds that it is about, as globs: "Deployment", "apps/*", "core/Pod". All when empty.
	Kinds []string
	// Environments that it is about; all when empty.
	Environments []string
	// Changes that it is asked about; additions and changes when empty.
	Changes    []compare.Kind
	Expression string
	Level      Level

	program cel.Program
}

// Bounds on rules: what stands in a repository is evaluated for every object of every change. Costs are in the units of the API server,
// of which a second is good for some millions.
const (
	MaxExpression = 4 << 10
	// costOfOne is what one rule may cost for one object, and costOfAll what all rules may cost for an application.
	costOfOne = celconfig.PerCallLimit / 2
	costOfAll = 2 * celconfig.PerCallLimit
)

// language is the environment of rules: the variables, and the functions that admission policies of Kubernetes have. It is made once,
// which takes some milliseconds.
var language = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("object", cel.DynType), cel.Variable("oldObject", cel.DynType),
		cel.Variable("application", cel.MapType(cel.StringType, cel.DynType)), cel.Variable("environment", cel.StringType),
		cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals()),
		ext.Strings(ext.StringsVersion(2)), ext.Sets(), ext.TwoVarComprehensions(),
		library.URLs(), library.Regex(), library.Lists(), library.Quantity(), library.IP(),
		library.CIDR(), library.Format(), library.SemverLib(library.SemverVersion(1)),
	)
})

// ExpressionError is what is wrong with an expression, in the compiler's words. Line and Column count from 1 within the expression.
type ExpressionError struct {
	Line, Column int
	Message      string
}

func (e *ExpressionError) Error() string {
	return fmt.Sprintf("%s (column %d of line %d of the expression)", e.Message, e.Column, e.Line)
}

// Compile makes a rule ready. An *ExpressionError is the author's to mend.
func (r Rule) Compile() (Rule, error) {
	if len(r.Expression) > MaxExpression {
		return r, &ExpressionError{1, 1, fmt.Sprintf("the expression has more than %d characters", MaxExpression)}
	}
	env, err := language()
	if err != nil {
		return r, fmt.Errorf("preparing the language of rules: %w", err)
	}
	tree, issues := env.Compile(r.Expression)
	if issues.Err() != nil {
		return r, spoken(issues)
	}
	if out := tree.OutputType(); !out.IsExactType(cel.BoolType) && !out.IsExactType(cel.DynType) {
		return r, &ExpressionError{1, 1, fmt.Sprintf("the expression gives %s, and must give true or false", out)}
	}
	r.program, err = env.Program(tree, cel.EvalOptions(cel.OptOptimize, cel.OptTrackCost), cel.CostLimit(costOfOne),
		cel.CostTracking(&library.CostEstimator{}))
	return r, err
}

// spoken is the first of a compiler's issues.
func spoken(issues *cel.Issues) error {
	for _, e := range issues.Errors() {
		return &ExpressionError{max(1, e.Location.Line()), e.Location.Column() + 1, e.Message}
	}
	return &ExpressionError{1, 1, issues.Err().Error()}
}

// concerns says whether the rule is about a difference in an environment.
func (r Rule) concerns(environment string, d compare.Difference) bool {
	if len(r.Environments) > 0 && !slices.Contains(r.Environments, environment) {
		return false
	}
	changes := r.Changes
	if len(changes) == 0 {
		changes = []compare.Kind{compare.Added, compare.Changed}
	}
	if !slices.Contains(changes, d.Kind) {
		return false
	}
	return len(r.Kinds) == 0 || slices.ContainsFunc(r.Kinds, func(glob string) bool { return MatchKind(glob, d.ID) })
}

// MatchKind says whether a glob names an object's kind: "Kind" of any group, or "group/Kind", where the group of Pods is called core.
func MatchKind(glob string, id object.ID) bool {
	name := id.Kind
	if strings.Contains(glob, "/") {
		group := id.Group
		if group == "" {
			group = "core"
		}
		name = group + "/" + id.Kind
	}
	ok, err := path.Match(glob, name)
	return err == nil && ok
}

// ruled holds what the change writes against the team's own rules.
func ruled(f Facts) []Finding {
	if len(f.Policy.Rules) == 0 {
		return nil
	}
	left := uint64(costOfAll)
	var found []Finding
	for _, d := range f.Differences {
		for _, r := range f.Policy.Rules {
			if r.Level == Off || !r.concerns(f.Subject.Environment, d) {
				continue
			}
			before, after := sides(f, d)
			message, cost := r.judge(f.Subject, before, after, left)
			left -= min(cost, left)
			if message == "" {
				continue
			}
			found = append(found, Finding{Place: place(d, after), ID: d.ID, Check: r.Name, Severity: Warn, Message: fmt.Sprintf("%s: %s", d.ID, message)})
		}
	}
	return found
}

func place(d compare.Difference, after object.Object) object.Place {
	if after.Unstructured != nil {
		return after.Place
	}
	return d.Place
}

// sides are the two forms of an object; one that is not there is empty.
func sides(f Facts, d compare.Difference) (before, after object.Object) {
	find := func(s *object.Set) object.Object {
		if o, ok := s.Find(d.ID); ok {
			return o
		}
		for _, o := range unnamed(s, d.ID) {
			return o
		}
		return object.Object{}
	}
	before, after = find(f.Before), find(f.After)
	if d.Was != "" { // it had another name
		old := d.ID
		old.Name = d.Was
		if o, ok := f.Before.Find(old); ok {
			before = o
		}
	}
	return before, after
}

// judge gives what is wrong with an object by the rule, or "". A rule that cannot be evaluated is not fulfilled.
func (r Rule) judge(s Subject, before, after object.Object, left uint64) (message string, cost uint64) {
	switch {
	case r.program == nil:
		return "the rule " + r.Name + " was not compiled", 0
	case left == 0:
		return "the rules of this repository take too long for this application; this object was not looked at", 0
	}
	out, details, err := r.program.Eval(map[string]any{
		"object": content(after), "oldObject": content(before), "environment": s.Environment,
		"application": map[string]any{"name": s.Name, "namespace": s.Namespace, "project": s.Project, "cluster": s.Cluster,
			"destinationNamespace": s.Destination, "labels": labels(s.Labels)},
	})
	if details != nil && details.ActualCost() != nil {
		cost = *details.ActualCost()
	}
	if err != nil {
		return fmt.Sprintf("the rule %s cannot be evaluated: %s", r.Name, r.plain(err)), cost
	}
	if out == types.True {
		return "", cost
	}
	if out != types.False {
		return fmt.Sprintf("the rule %s gives neither true nor false", r.Name), cost
	}
	return r.Message, cost
}

// plain is an error of an evaluation without what may be a value of the object.
func (r Rule) plain(err error) string {
	text := err.Error()
	if strings.Contains(text, "cost limit") {
		return "it takes too long"
	}
	if _, key, ok := strings.Cut(text, "no such key: "); ok && strings.Contains(r.Expression, key) {
		return "no such key: " + key
	}
	for _, known := range []string{"no such key", "no such overload", "no such attribute", "index out of bounds", "division by zero"} {
		if strings.Contains(text, known) {
			return known
		}
	}
	return "a function refuses its argument"
}

func content(o object.Object) any {
	if o.Unstructured == nil {
		return types.NullValue
	}
	return o.Object
}

func labels(from map[string]string) map[string]any {
	all := make(map[string]any, len(from))
	for k, v := range from {
		all[k] = v
	}
	return all
}
