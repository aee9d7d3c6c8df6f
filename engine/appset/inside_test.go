package appset

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/Masterminds/sprig/v3"
	"github.com/google/go-cmp/cmp"
	"time"
)

func TestPathspecsAndGlobs(t *testing.T) {
	for _, c := range []struct {
		pattern    string
		doublestar bool
		yes, no    string // names, separated by blanks
	}{
		{"apps/*.yaml", false, "apps/a.yaml apps/a/b.yaml", "a.yaml apps/a.yml xapps/a.yaml"},
		{"apps", false, "apps apps/a apps/b/c", "appsx b/apps"},
		{"apps/", false, "apps/a apps/b/c", "appsx"},
		{".", false, "a a/b", ""},
		{"", false, "a a/b", ""},
		{"./apps/a?.json", false, "apps/ab.json apps/a/.json", "apps/abc.json"},
		{"**/config.json", false, "a/config.json a/b/config.json", "config.json"},
		{"a/[a-c]x[!0-9].txt", false, "a/bxy.txt", "a/dxy.txt a/bx1.txt"},
		{"a/[[:digit:]]", false, "a/1", "a/x"},
		{`a/\*`, false, "a/*", "a/b"},
		{"a+(b).json", false, "a+(b).json", "aab.json"},
		{"a/{b,c}", false, "a/{b,c}", "a/b"},
		{"apps/*.yaml", true, "apps/a.yaml", "apps/a/b.yaml"},
		{"**/config.json", true, "config.json a/config.json a/b/config.json", "xconfig.json"},
		{"a/**/b", true, "a/b a/x/b a/x/y/b", "a/xb ab"},
		{"a/**", true, "a/b a/b/c", "b/a"},
		{"a/{b,c*}/d.{yaml,json}", true, "a/b/d.yaml a/cc/d.json", "a/d/d.yaml a/b/d.txt"},
		{"a**b", true, "axxb", "ax/xb"},
		{"ünï/*", true, "ünï/a", "uni/a"},
	} {
		p, err := newPattern(c.pattern, c.doublestar)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		for _, name := range strings.Fields(c.yes) {
			if !p.match(name) {
				t.Errorf("%s (doublestar: %v) does not match %s", c.pattern, c.doublestar, name)
			}
			if p.root != "." && p.root != name && !strings.HasPrefix(name, p.root+"/") {
				t.Errorf("%s is sought below %s, where %s is not", c.pattern, p.root, name)
			}
		}
		for _, name := range strings.Fields(c.no) {
			if p.match(name) {
				t.Errorf("%s (doublestar: %v) matches %s", c.pattern, c.doublestar, name)
			}
		}
	}
}

func TestFlatten(t *testing.T) {
	got := flattenAll(params{
		"a":      map[string]any{"b": []any{1.0, "x", map[string]any{"c": true}}, "empty": map[string]any{}, "none": []any{}},
		"values": map[string]string{"k": "v"},
		"null":   nil,
		"large":  1000000.0,
		"parts":  []string{"x", "y"},
	})
	want := map[string]string{
		"a.b.0": "1", "a.b.1": "x", "a.b.2.c": "true", "values.k": "v", "null": "<nil>", "large": "1e+06", "parts": "[x y]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Sets rely on Sprig's functions by name.
func TestAllOfSprigIsThereButWhatIsHidden(t *testing.T) {
	have := functions(newBudget(), time.Time{})
	for name := range sprig.GenericFuncMap() {
		_, ok := have[name]
		if hide := name == "env" || name == "expandenv" || name == "getHostByName"; ok == hide {
			t.Errorf("%s: in the set's functions: %v", name, ok)
		}
	}
	for _, name := range append(random, "slugify", "normalize", "toYaml", "fromYaml", "fromYamlArray") {
		if have[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
	for name := range costs {
		if _, ok := have[name]; !ok {
			t.Errorf("%s has a cost, but does not exist", name)
		}
	}
}

func TestSimpleTemplates(t *testing.T) {
	set := params{"a": "1", "path[0]": "x", "number": 3, "empty": "", "nested": "{{a}}"}
	for in, want := range map[string]string{
		"":                         "",
		"{{a}}{{ a }}-{{path[0]}}": "11-x",
		"{{number}} {{none}}":      "{{number}} {{none}}",
		"<{{empty}}>":              "<>",
		"{{nested}}":               "{{a}}",
		"{{}} {{ }}":               "{{}} {{ }}",
		"{{{{a}}}}":                "{{{{a}}}}",
		"{{ opened":                "{{ opened",
		"{{\na}}":                  "{{\na}}",
		"}} {{a}}":                 "}} 1",
	} {
		got, err := (&templates{limit: newBudget()}).simple(in, set)
		if err != nil || got != want {
			t.Errorf("%q becomes %q (%v), want %q", in, got, err, want)
		}
	}
}

func FuzzSimpleTemplates(f *testing.F) {
	for _, s := range []string{"", "{{a}}", "{{ a }}{{b}}", "{{{{a}}}}", "{{a}} {{", "}}{{", "{{\n}}"} {
		f.Add(s, "value")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		out, err := (&templates{limit: newBudget()}).simple(text, params{"a": value})
		if err != nil {
			return
		}
		if again, err := (&templates{limit: newBudget()}).simple(text, params{"a": "{{a}}"}); err == nil && value == "{{a}}" && again != out {
			t.Errorf("%q is filled in two ways", text)
		}
		if left, err := (&templates{limit: newBudget()}).simple(text, params{}); err == nil && left != text {
			t.Errorf("%q without parameters becomes %q", text, left)
		}
	})
}

func FuzzGitFiles(f *testing.F) {
	for _, s := range []string{"", "a: b", "[{a: 1}, {b: [2, {c: null}]}]", `{"a.b": 1, "a": {"b": 2}}`, "a: &a {b: c}\nd: *a", "- 1", "{", "---\na: b\n---\nc: d"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &run{limit: newBudget()}
		contents, err := r.contents("params.yaml", data)
		if err != nil {
			return
		}
		for _, c := range contents {
			flat := map[string]string{}
			flatten(flat, "", map[string]any(c))
			for k := range flat {
				if strings.Count(k, ".") > maxNesting+strings.Count(string(data), ".") || !utf8.ValidString(k) {
					t.Errorf("the key %q", k)
				}
			}
		}
	})
}

func FuzzPatterns(f *testing.F) {
	for _, s := range []string{"a/*", "**/[a-z]?", "{a,{b,c}}/d", `\`, "[", "[]]", "[!]", "[^", "a**"} {
		f.Add(s, "a/b")
	}
	f.Fuzz(func(_ *testing.T, text, name string) {
		for _, doublestar := range []bool{false, true} {
			if p, err := newPattern(text, doublestar); err == nil {
				p.match(name)
			}
		}
	})
}

func FuzzGoTemplates(f *testing.F) {
	for _, s := range []string{"{{ .a }}", "{{ range until 3 }}{{ . }}{{ end }}", `{{ template "t" }}`, `{{ set . "a" . }}`, "{{ printf \"%*d\" 3 4 }}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limit := newBudget()
		limit.left = 1 << 20
		all, err := newTemplates(true, nil, functions(limit, time.Time{}))
		if err != nil {
			t.Fatal(err)
		}
		all.limit = limit
		out, err := all.fill(text, params{"a": "b", "list": []any{1.0, "x"}, "nested": map[string]any{"c": true}})
		if err == nil && len(out) > maxOutput {
			t.Errorf("%d bytes", len(out))
		}
	})
}
