package kustomize

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
)

// resources are texts of one resource each, and whether its values are taken as they are.
var resources = map[string]struct {
	text string
	asIs bool
}{
	"a manifest":        {"apiVersion: v1\nkind: A\nmetadata: {name: x, labels: {}}\nspec:\n  n: 1\n  yes: on\n  on: yes\n  nothing: ~\n  list: [a, \"1\", true]\n", true},
	"text of lines":     {"a: |\n  b\n   c\n\n  d\ne: |-\n  f\ng: |+\n  h\n\n\ni: \"j\\nk\"\n", true},
	"comments":          {"# a\na: b # c\n# d\ne: # f\n  g: h\n# i\n", true},
	"emptiness":         {"a: ''\nb: {}\nc: []\n", true},
	"nothing":           {"a:\n", false},
	"within brackets":   {"{A}", false},
	"folded":            {"a: >\n  b\n  c\n", false},
	"begins with blank": {"a: |2\n   b\n  c\n", false},
	"fractions":         {"a: 1.0\n", false},
	"octal":             {"a: 0o17\n", false},
	"plus":              {"a: +1\n", false},
	"dates":             {"a: 2020-01-02\n", false},
	"anchors":           {"a: &b c\nd: *b\n", false},
	"merges":            {"a: &b {c: d}\ne:\n  <<: *b\n", false},
	"tags":              {"a: !!str 1\nb: !c d\n", false},
	"keys":              {"1: a\n", false},
	"key twice":         {"a: 1\na: 2\n", false},
	"comments within":   {"a: [b, # c\n  d]\n", false},
	"tabs":              {"a: \"b\\tc\"\n", false},
	"lines in quotes":   {"a: 'b\n\n  c'\n", false},
	"capital truth":     {"a: True\n", false},
}

func TestValuesAreTakenAsTheyAre(t *testing.T) {
	for name, c := range resources {
		t.Run(name, func(t *testing.T) {
			n, err := kyaml.Parse(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := value(n.YNode(), 0, false); ok != c.asIs {
				t.Errorf("taken as they are: %v, want %v", ok, c.asIs)
			}
			likeKustomize(t, n)
		})
	}
}

// likeKustomize holds the values of a node that are taken as they are against those of what kustomize writes of it.
func likeKustomize(t *testing.T, n *kyaml.RNode) {
	t.Helper()
	got, ok := value(n.YNode(), 0, false)
	if !ok {
		return
	}
	var want any
	text, err := n.MarshalJSON()
	if err == nil {
		err = utiljson.Unmarshal(text, &want)
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("of %q: %v\n%s", n.MustString(), err, diff)
	}
}

func FuzzValue(f *testing.F) {
	for _, c := range resources {
		f.Add(c.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := kyaml.Parse(text)
		if err != nil || n.YNode() == nil || n.YNode().Kind != kyaml.MappingNode || strings.Contains(text, "\x00") {
			return
		}
		likeKustomize(t, n)
	})
}
