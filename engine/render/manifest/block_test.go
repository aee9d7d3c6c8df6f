package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// blocks are texts, and whether they are for the quick reader.
var blocks = map[string]struct {
	text  string
	quick bool
}{
	"a manifest":         {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {}\ndata:\n  \"a.b\": 'it''s'\n", true},
	"comments":           {"# one\na: 1 # two\n\n  # three\nb: x#y\nc: # four\n  d: 'e' # five\n", true},
	"words":              {"a: yes\nb: Off\nc: ~\nd: null\ne: y\nf: nothing\ng: trueish\nh:\n", true},
	"numbers":            {"a: 1\nb: -12\nc: 1.5\nd: 0\ne: 10Mi\nf: 1.2.3\ng: 10.0.0.0/8\nh: 100m\ni: 0.25\nj: --z\nk: 123456789012345\n", true},
	"odd numbers":        {"a: 0777\n", false},
	"whole fractions":    {"a: 1.0\n", false},
	"exponents":          {"a: 1e3\n", false},
	"hexadecimal":        {"a: 0x10\n", false},
	"underscores":        {"a: 1_000\n", false},
	"infinity":           {"a: -.inf\n", false},
	"dates":              {"a: 2020-01-02\n", false},
	"moments":            {"a: 2020-01-02T03:04:05Z\n", true},
	"key is a word":      {"on: 1\n", false},
	"key is a number":    {"1: 1\n", false},
	"key twice":          {"a: 1\na: 2\n", false},
	"sequences":          {"a:\n- b: 1\n  c:\n  - d\n  -\n  - e: f\n    g: h\nb:\n  - x\n  -   w: 1\n      z: 2\n", true},
	"within an item":     {"- - a\n  - b\n", false},
	"an item below":      {"-\n  a: 1\n- # note\n  b: 2\n-\n", true},
	"literal":            {"a: |\n  b: c\n\n   d\n  # e\n\nf: |-\n  g\nh: |+\n  i\n\nj: k\n", true},
	"literal with a tab": {"a: |\n  b\n\tc\n", false},
	"a tab in literal":   {"a: |\n  b\tc\n  \td\n", true},
	"literal cut short":  {"a: |\n  b", false},
	"literal's blanks":   {"a: |\n  b\n     \n  \nc: d\n", true},
	"literal after tab":  {"a: |\n \t\n", false},
	"literal begins so":  {"a: |\n\n  b\n", false},
	"literal indented":   {"a: |2\n    b\n", false},
	"literal in a list":  {"a:\n- |\n b\n- c: |-\n    d\n", true},
	"folded":             {"a: >\n  b\n", false},
	"many lines":         {"a: b\n  c\n", false},
	"quotes of lines":    {"a: \"b\n  c\"\n", false},
	"escapes":            {`a: "b\n\"c\" \\d\t"` + "\n", true},
	"other escapes":      {`a: "\u00e9"` + "\n", false},
	"brackets":           {"a: [b, \"c,d\", 'e', 1, true, -f]\ng: []\nh: [ ] \n", false},
	"plain brackets":     {"a: [b, \"c,d\", 'e', 1, true, -g] # g\nh: []\n", true},
	"braces":             {"a: {b: c}\n", false},
	"anchors":            {"a: &b c\nd: *b\n", false},
	"tags":               {"a: !!str 1\n", false},
	"colons":             {"a: b: c\n", false},
	"colons within":      {"a: b:c\nd: http://e\n", true},
	"a mark":             {"a: 1\n---\nb: 2\n", false},
	"deeper":             {"a: 1\n   b: 2\n", false},
	"shallower":          {"  a: 1\n b: 2\n", false},
	"dash in a mapping":  {"a: 1\n- b\n", false},
	"mapping in a list":  {"- a\nb: 1\n", false},
	"text":               {"just text\n", false},
	"unicode":            {"a: é\n# ü\nb: \"🙂\"\n", true},
	"controls":           {"a: \x01\n", false},
	"carriage returns":   {"a: 1\r\n", false},
	"nothing":            {"# a\n", false},
}

func TestBlock(t *testing.T) {
	for name, c := range blocks {
		t.Run(name, func(t *testing.T) {
			if _, ok := manifest.Block([]byte(c.text), true); ok != c.quick {
				t.Errorf("read quickly: %v, want %v", ok, c.quick)
			}
			same(t, []byte(c.text))
		})
	}
}

// same holds what the quick reader yields against the parser.
func same(t *testing.T, text []byte) {
	t.Helper()
	if got, ok := manifest.Block(text, true); ok {
		var want any
		asJSON, err := yaml.YAMLToJSON(text)
		if err == nil {
			err = utiljson.Unmarshal(asJSON, &want)
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("of %q: %v\n%s", text, err, diff)
		}
	}
	if got, ok := manifest.Block(text, false); ok {
		var want any
		err := yaml.Unmarshal(text, &want)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("of %q as values: %v\n%s", text, err, diff)
		}
	}
}

func FuzzBlock(f *testing.F) {
	for _, c := range blocks {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) { same(t, text) })
}
