package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/engine/guard"
)

const guarded = `guards: {schema: block, images: off}
environments:
  - name: staging
  - name: prod
    guards: {destructive: block, schema: warn}
rules:
  - name: two-replicas
    message: run at least two
    level: block
    match: {kinds: [apps/Deployment], environments: [prod], changes: [added, changed]}
    expression: object.spec.replicas >= 2
  - name: owned
    expression: |
      has(object.metadata.labels) &&
        'team' in object.metadata.labels
`

func TestGuardsOfAnEnvironment(t *testing.T) {
	p, fault := policy.Decode([]byte(guarded))
	if fault != nil {
		t.Fatal(fault)
	}
	for environment, want := range map[string]map[string]guard.Level{
		"staging": {"schema": guard.Blocking, "images": guard.Off, "destructive": guard.Warning, "kinds": guard.Blocking, "two-replicas": guard.Blocking, "owned": guard.Warning},
		"prod":    {"schema": guard.Warning, "images": guard.Off, "destructive": guard.Blocking, "dry-run": guard.Warning},
		"unknown": {"schema": guard.Blocking, "removed-apis": guard.Blocking},
	} {
		got := p.GuardsIn(environment)
		for name, level := range want {
			if have := got.Level(name); have != level {
				t.Errorf("%s in %s: %s, want %s", name, environment, have, level)
			}
		}
	}
}

func TestGuardsAreExplained(t *testing.T) {
	p, fault := policy.Decode([]byte(guarded))
	if fault != nil {
		t.Fatal(fault)
	}
	got := map[string]string{}
	for _, r := range p.Explain("prod") {
		got[r.Name] = r.Text
	}
	for name, want := range map[string]string{
		"guards":            "kinds, removed-apis, destructive block; project, schema, dry-run, deprecated-apis warn; images say nothing",
		"rule two-replicas": "blocks apps/Deployment that is added or changed, unless object.spec.replicas >= 2: run at least two",
		"rule owned":        "warns of what is added or changed, unless has(object.metadata.labels) && 'team' in object.metadata.labels: the rule owned is not fulfilled",
	} {
		if diff := cmp.Diff(want, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, r := range p.Explain("staging") {
		if r.Name == "rule two-replicas" {
			t.Errorf("a rule of prod is explained for staging")
		}
	}
}

func TestFaultsOfGuardsHaveALine(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		line int
		says string
	}{
		"no such guard":         {"guards:\n  schemas: block\n", 2, "no such field"},
		"no such level":         {"guards:\n  schema: fail\n", 2, "off, warn or block"},
		"no expression":         {"rules:\n  - name: a\n", 2, "is missing"},
		"a guard's name":        {"rules:\n  - {name: schema, expression: 'true'}\n", 2, "the name of a guard"},
		"a name twice":          {"rules:\n  - {name: a, expression: 'true'}\n  - {name: a, expression: 'true'}\n", 3, "twice"},
		"no environment":        {"rules:\n  - name: a\n    match: {environments: [prod]}\n    expression: 'true'\n", 3, "no other environment"},
		"a kind in three parts": {"rules:\n  - name: a\n    match:\n      kinds: [a/b/c]\n    expression: 'true'\n", 4, "group/kind"},
		"syntax":                {"rules:\n  - name: a\n    expression: object.spec.\n", 3, "Syntax error"},
		"an unknown variable":   {"rules:\n  - name: a\n    expression: request.user == ''\n", 3, "undeclared reference to 'request'"},
		"no truth":              {"rules:\n  - name: a\n    expression: \"'word'\"\n", 3, "must give true or false"},
		"a line of a block":     {"rules:\n  - name: a\n    expression: |\n      true &&\n        wrong\n", 5, "undeclared reference to 'wrong'"},
		"too long":              {"rules:\n  - name: a\n    expression: \"'" + strings.Repeat("a", guard.MaxExpression) + "' == ''\"\n", 3, "4096 characters"},
		"too many":              {"rules:\n" + many(101), 102, "more than 100 rules"},
	} {
		t.Run(name, func(t *testing.T) {
			_, fault := policy.Decode([]byte(c.text))
			if fault == nil {
				t.Fatal("no fault")
			}
			if fault.Line != c.line || !strings.Contains(fault.Error(), c.says) {
				t.Errorf("line %d, %s", fault.Line, fault)
			}
		})
	}
}

func many(rules int) string {
	var b strings.Builder
	for i := range rules {
		fmt.Fprintf(&b, "  - {name: rule-%d, expression: 'true'}\n", i)
	}
	return b.String()
}
