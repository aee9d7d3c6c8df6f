package health

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Every rule file is read, no kind is left without a last word, and none has rules in two places.
func TestShippedRules(t *testing.T) {
	all, err := readCharts(ruleFiles)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.exact) < 150 || len(all.wide) < 15 {
		t.Errorf("only %d kinds and %d groups have rules", len(all.exact), len(all.wide))
	}
	for kind, c := range all.exact {
		if len(c.lines) == 0 || len(c.lines[len(c.lines)-1].terms) > 0 {
			t.Errorf("%s has no line that always holds", kind)
		}
		if _, ok := ruleFor(kind); ok {
			t.Errorf("%s has a rule in Go already", kind)
		}
		if _, ok := computed(kind); ok {
			t.Errorf("%s is computed already", kind)
		}
	}
	for _, w := range all.wide {
		if len(w.of.lines) == 0 || len(w.of.lines[len(w.of.lines)-1].terms) > 0 {
			t.Errorf("%s/%s has no line that always holds", w.group, w.kind)
		}
	}
}

func TestRulesThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"a line of no kind":       "Healthy Ready=True",
		"a kind without a group":  "kind Thing\n  Healthy",
		"a health of no code":     "kind a.b/C\n  Fine",
		"an unknown pattern":      "kind a.b/C\n  use none-such",
		"twice the same kind":     "kind a.b/C\n  Healthy\nkind a.b/C\n  Healthy",
		"a path that is not one":  `kind a.b/C` + "\n" + `  Healthy ."a"b=1`,
		"a quote without an end":  `kind a.b/C` + "\n" + `  Healthy ."a=1`,
		"a term without a left":   "kind a.b/C\n  Healthy =1",
		"conditions of a pattern": "pattern p\n  conditions .x",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readCharts(fstest.MapFS{"rules/a.rules": {Data: []byte(text)}}); err == nil || !strings.HasPrefix(err.Error(), "rules/a.rules:") {
				t.Errorf("got %v, want an error with the place", err)
			}
		})
	}
}

func TestTerms(t *testing.T) {
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte(`{kind: K, spec: {num: 3, f: 1.5, s: "7", b: true, list: [{p: a}, {p: b}, 4], "x.y/z": deep},
  status: {conditions: [{type: Ready, status: "False", reason: R}, 5, {type: Ready, status: "True", reason: Later, message: m}]}}`), &object); err != nil {
		t.Fatal(err)
	}
	s := subjectOf(object)
	for text, want := range map[string]bool{
		".spec.num": true, ".spec.none": false, "!.spec.none": true, ".spec.num=3": true, ".spec.num=2|3": true, ".spec.num!=3": false, ".spec.num!=4": true,
		".spec.none!=4": false, "!.spec.none=4": true, ".spec.num<4": true, ".spec.num<.spec.s": true, ".spec.num>=3": true, ".spec.num<=2": false,
		".spec.num>.spec.f": true, ".spec.none?9>8": true, ".spec.b=true": true, ".spec.list#=3": true, ".spec.none#=0": true,
		".spec.list[].p=b": true, ".spec.list[].p=c": false, `.spec."x.y/z"=deep`: true, `.spec."x.y/z"~de*`: true, `.spec."x.y/z"~*ee*`: true,
		`.spec."x.y/z"~*x`: false, "Ready=True": true, "Ready=False": false, "Ready:reason=Later": true, "Ready:reason~La*": true, "Missing": false,
		"!Missing": true, "Ready:none=x": false, ".spec.list>1": false, ".spec.b<3": false, ".kind=.spec.none": false, ".spec.num.deeper": false,
	} {
		term, err := parseTerm(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := term.holds(s); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if got := parseMessage("{.kind} is {Ready:none|Ready:message|so} and {.spec.none|nothing} {.spec.f}").of(s); got != "K is m and nothing 1.5" {
		t.Errorf("the message is %q", got)
	}
}

// Each document is an object and, in an annotation of the test's, the health that it should have.
func TestCustomResources(t *testing.T) {
	text, err := os.ReadFile("testdata/custom.yaml")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, doc := range strings.Split(string(text), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		u = parse(t, doc)
		want, _, _ := unstructured.NestedString(u.Object, "want")
		kinds[u.GroupVersionKind().GroupKind().String()] = true
		t.Run(u.GetKind()+" "+want, func(t *testing.T) {
			got := "none"
			if h := Of(u); h != nil {
				got = strings.TrimSpace(string(h.Status) + " " + h.Message)
			}
			if got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
	if len(kinds) < 40 {
		t.Errorf("only %d kinds are tried", len(kinds))
	}
}
