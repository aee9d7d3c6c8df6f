package guard_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/guard"
)

func compiled(t testing.TB, r guard.Rule) guard.Rule {
	t.Helper()
	if r.Name == "" {
		r.Name = "mine"
	}
	if r.Message == "" {
		r.Message = "no"
	}
	r, err := r.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRules(t *testing.T) {
	one, three := doc("apps/v1", "Deployment", "a", "spec: {replicas: 1}"), doc("apps/v1", "Deployment", "a", "spec: {replicas: 3}")
	const fails = "mine warning apps/Deployment shop/a: no"
	for name, c := range map[string]struct {
		rule          guard.Rule
		before, after string
		want          []string
	}{
		"fulfilled":                     {rule: guard.Rule{Expression: "object.spec.replicas >= 2"}, after: three},
		"not fulfilled":                 {rule: guard.Rule{Expression: "object.spec.replicas >= 2"}, after: one, want: []string{fails}},
		"of another kind":               {rule: guard.Rule{Expression: "false", Kinds: []string{"StatefulSet", "core/*"}}, after: one},
		"of its kind and group":         {rule: guard.Rule{Expression: "false", Kinds: []string{"apps/Dep*"}}, after: one, want: []string{fails}},
		"of another environment":        {rule: guard.Rule{Expression: "false", Environments: []string{"staging"}}, after: one},
		"of this environment":           {rule: guard.Rule{Expression: "false", Environments: []string{"prod"}}, after: one, want: []string{fails}},
		"what stays as it was":          {rule: guard.Rule{Expression: "false"}, before: one, after: one},
		"what goes is not asked about":  {rule: guard.Rule{Expression: "false"}, before: one},
		"what goes, where it is wanted": {rule: guard.Rule{Expression: "oldObject.spec.replicas == 0", Changes: []compare.Kind{compare.Removed}}, before: one, want: []string{fails}},
		"what it was before":            {rule: guard.Rule{Expression: "oldObject == null || object.spec.replicas <= oldObject.spec.replicas"}, before: one, after: three, want: []string{fails}},
		"nothing before":                {rule: guard.Rule{Expression: "oldObject == null"}, after: three},
		"the application and where":     {rule: guard.Rule{Expression: "application.name == 'web' && environment == 'prod'"}, after: three},
		"functions of Kubernetes": {rule: guard.Rule{Expression: "quantity('1Gi').isGreaterThan(quantity('1Mi')) && 'a-b'.find('[a-z]') == 'a' && semver('1.2.3').major() == 1"},
			after: three},
		"a missing key is not fulfilled": {rule: guard.Rule{Expression: "object.spec.paused"}, after: one,
			want: []string{"mine warning apps/Deployment shop/a: the rule mine cannot be evaluated: no such key: paused"}},
		"no truth": {rule: guard.Rule{Expression: "object.spec.replicas"}, after: one, want: []string{"mine warning apps/Deployment shop/a: the rule mine gives neither true nor false"}},
		"a value is not quoted": {rule: guard.Rule{Expression: "object.spec[object.apiVersion] == 1"}, after: one,
			want: []string{"mine warning apps/Deployment shop/a: the rule mine cannot be evaluated: no such key"}},
		"off":    {rule: guard.Rule{Expression: "false", Level: guard.Off}, after: one},
		"blocks": {rule: guard.Rule{Expression: "false", Level: guard.Blocking}, after: one, want: []string{"mine failure apps/Deployment shop/a: no"}},
		"too dear": {rule: guard.Rule{Expression: nested(8)}, after: one,
			want: []string{"mine warning apps/Deployment shop/a: the rule mine cannot be evaluated: it takes too long"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := facts(t, c.before, c.after)
			f.Policy.Rules = []guard.Rule{compiled(t, c.rule)}
			if diff := cmp.Diff(c.want, told(guard.Check(f))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// nested goes through ten numbers in each of ten numbers, and so on.
func nested(depth int) string {
	if depth == 0 {
		return "true"
	}
	v := "x" + strings.Repeat("x", depth)
	return "[0,1,2,3,4,5,6,7,8,9].all(" + v + ", " + v + " >= 0 && " + nested(depth-1) + ")"
}

func TestRulesHaveABudget(t *testing.T) {
	var docs strings.Builder
	for i := range 100 {
		docs.WriteString(doc("v1", "ConfigMap", "a"+strings.Repeat("b", i), ""))
	}
	f := facts(t, "", docs.String())
	f.Policy.Rules = []guard.Rule{compiled(t, guard.Rule{Expression: nested(4)})}
	got := told(guard.Check(f))
	if len(got) == 0 || !strings.Contains(got[0], "take too long for this application") {
		t.Errorf("nothing ended it: %v", got)
	}
}

func FuzzRules(f *testing.F) {
	for _, seed := range []string{"object.spec.replicas >= 2", "true", "object.metadata.name.matches('^(a+)+$')", "[1].map(x, x)", "\"\\u{0}\"", "a.b.c(", nested(3),
		"cel.bind(x, 1, x)", "optional.of(1)", "duration('1h')", "object.?a.orValue(false)", "'%s'.format([object])"} {
		f.Add(seed)
	}
	after := doc("apps/v1", "Deployment", "secretly", "spec: {replicas: 1, list: [a, b], deep: {er: {x: 1}}}")
	f.Fuzz(func(t *testing.T, expression string) {
		r, err := guard.Rule{Name: "mine", Message: "no", Expression: expression}.Compile()
		if err != nil {
			var wrong *guard.ExpressionError
			if !errors.As(err, &wrong) || wrong.Line < 1 || wrong.Column < 1 || wrong.Message == "" {
				t.Errorf("%q: %#v", expression, err)
			}
			return
		}
		fs := facts(t, "", after)
		fs.Policy.Rules = []guard.Rule{r}
		for _, found := range guard.Check(fs) {
			if found.Check != "mine" {
				t.Errorf("%q: %+v", expression, found)
			}
		}
	})
}
