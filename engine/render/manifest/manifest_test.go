package manifest_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/manifest"
)

func TestSplitKeepsLines(t *testing.T) {
	type doc struct {
		Text string
		Line int
	}
	for name, c := range map[string]struct {
		in   string
		want []doc
	}{
		"one":              {"a: 1\n", []doc{{"a: 1\n", 1}}},
		"two":              {"a: 1\n---\nb: 2\n", []doc{{"a: 1\n", 1}, {"\nb: 2\n", 2}}},
		"a mark first":     {"---\na: 1", []doc{{"\na: 1", 1}}},
		"on the mark":      {"--- {a: 1}\n---   # note\nb: 2\n", []doc{{" {a: 1}\n", 1}, {"   # note\nb: 2\n", 2}}},
		"comments only":    {"# a\n---\n\n# b\n---\n", nil},
		"no mark":          {"a: x---\nb: ---y\n----\n", []doc{{"a: x---\nb: ---y\n----\n", 1}}},
		"an end":           {"a: 1\n...\nb: 2\n", []doc{{"a: 1\n", 1}, {"b: 2\n", 3}}},
		"carriage returns": {"a: 1\r\n---\r\nb: 2\r\n", []doc{{"a: 1\r\n", 1}, {"\r\nb: 2\r\n", 2}}},
	} {
		var got []doc
		for _, d := range manifest.Split([]byte(c.in)) {
			got = append(got, doc{string(d.Text), d.Line})
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestDecodeShapes(t *testing.T) {
	const meta = "metadata: {name: x}\n"
	for name, c := range map[string]struct {
		in    string
		want  []string
		fault string
	}{
		"UTF-16":            {"\xff\xfek\x00i\x00n\x00d\x00:\x00 \x00A\x00\n\x00", nil, "f.yaml:1: apiVersion: is missing"},
		"byte order mark":   {"\xef\xbb\xbfapiVersion: v1\nkind: A\n" + meta, []string{"A x"}, ""},
		"null":              {"null\n---\n~\n", nil, ""},
		"empty list":        {"apiVersion: v1\nkind: List\nitems:\n", nil, ""},
		"typed list":        {"apiVersion: v1\nkind: ConfigMapList\nitems:\n- " + meta + "- {apiVersion: v1, kind: ConfigMap, metadata: {name: z}}\n", []string{"ConfigMap x", "ConfigMap z"}, ""},
		"kind like a list":  {"apiVersion: example.com/v1\nkind: AllowList\n" + meta + "spec: {}\n", []string{"example.com/AllowList x"}, ""},
		"generateName":      {"apiVersion: v1\nkind: A\nmetadata: {generateName: x-}\n", []string{"A "}, ""},
		"scalar":            {"just words\n", nil, "f.yaml:1: expected an object, found a string"},
		"sequence":          {"\n\n- a\n", nil, "f.yaml:3: expected an object, found a list"},
		"name is a number":  {"apiVersion: v1\nkind: A\nmetadata: {name: 1}\n", nil, "f.yaml:1: metadata.name: expected a string, found a number (put the value in quotes)"},
		"no name":           {"apiVersion: v1\nkind: A\nmetadata: {}\n", nil, "f.yaml:1: metadata.name: is missing"},
		"namespace is no":   {"apiVersion: v1\nkind: A\nmetadata: {name: x, namespace: no}\n", nil, "f.yaml:1: metadata.namespace: expected a string, found a boolean"},
		"namespace is null": {"apiVersion: v1\nkind: A\nmetadata: {name: x, namespace: null}\n", []string{"A x"}, ""},
		"version is number": {"apiVersion: 1\nkind: A\n" + meta, nil, "f.yaml:1: apiVersion: expected a string, found a number"},
		"marks within":      {"\xef\xbb\xbfapiVersion: v1\nkind: A\n" + meta + "---\n\xef\xbb\xbfapiVersion: v1\nkind: B\n" + meta, []string{"A x", "B x"}, ""},
		"item without name": {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, " + strings.TrimSpace(meta) + "}\n- {apiVersion: v1, kind: A, metadata: {}}\n", nil,
			"f.yaml:1: items[1].metadata.name: is missing"},
		"not UTF-8":         {"# a\napiVersion: v1\nkind: A\nx: \"\xe9\xff\"\n", nil, "f.yaml:4: the YAML cannot be read: the text is not UTF-8"},
		"a tab":             {"apiVersion: v1\nmetadata:\n\tname: x\n", nil, "f.yaml:3: the YAML cannot be read: the line is indented with a tab (YAML is indented with spaces)"},
		"infinity":          {"apiVersion: v1\nkind: A\nspec:\n  n: .inf\n", nil, "f.yaml:4: the YAML cannot be read: infinity"},
		"a null key":        {"---\n\napiVersion: v1\nkind: A\nspec:\n  ~: x\n", nil, "f.yaml:6: the YAML cannot be read: a key is neither"},
		"a template":        {"apiVersion: v1\nkind: A\nmetadata:\n  name: {{ .Values.x }}\n", nil, "f.yaml:4: the YAML cannot be read: a key is neither text nor a number (this looks like a template"},
		"another one":       {"{{ if .Values.x }}\napiVersion: v1\n{{ end }}\n", nil, "f.yaml:1: the YAML cannot be read: a key is neither text nor a number (this looks like a template"},
		"annotation is map": {"apiVersion: v1\nkind: A\nmetadata: {name: x, annotations: {a: {}}}\n", nil, "f.yaml:1: metadata.annotations.a: expected a string"},
		"second is broken":  {"apiVersion: v1\nkind: A\n" + meta + "---\na: b: c\n", []string{"A x"}, "f.yaml:5: "},
	} {
		objects, err := manifest.Decode([]byte(c.in), "f.yaml")
		var got []string
		for _, o := range objects {
			got = append(got, o.ID().String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if (err == nil) != (c.fault == "") || err != nil && !strings.HasPrefix(err.Error(), c.fault) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNumbersStayWhole(t *testing.T) {
	objects, err := manifest.Decode([]byte("apiVersion: v1\nkind: A\nmetadata: {name: x}\nnum: 123456789012345678\nfrac: 1.5\n"), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if n := objects[0].Object["num"]; n != int64(123456789012345678) {
		t.Errorf("n is %v (%T)", n, n)
	}
	if f := objects[0].Object["frac"]; f != 1.5 {
		t.Errorf("f is %v (%T)", f, f)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: List\nitems: [{}]\n---\n{}"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("--- \n...\n%YAML 1.1\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		objects, err := manifest.Decode(in, "f.yaml")
		if _, isFault := object.AsFault(err); err != nil && !isFault {
			t.Fatalf("an error that is no fault: %v", err)
		}
		lines := 1 + bytes.Count(manifest.Plain(in), []byte{'\n'})
		for _, o := range objects {
			if o.Place.Line < 1 || o.Place.Line > lines || o.GetKind() == "" {
				t.Fatalf("object at line %d of %d: %v", o.Place.Line, lines, o.Object)
			}
		}
	})
}
