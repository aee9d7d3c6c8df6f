package directory_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/directory"
)

func named(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"
}

func render(t *testing.T, files map[string]string, at string, options argo.ApplicationSourceDirectory) ([]string, error) {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	got, err := directory.Render(t.Context(), m, directory.Request{Path: at, Options: options})
	var names []string
	for _, o := range got.Objects {
		names = append(names, o.GetName())
	}
	return names, err
}

func TestWhatIsTaken(t *testing.T) {
	files := map[string]string{
		"app/a.yaml": named("a"), "app/b.yml": named("b"), "app/c.json": `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}`,
		"app/d.txt": named("d"), "app/E.YAML": named("upper"), "app/.f.yaml": named("f"), "app/sub/g.yaml": named("g"), "app/sub/deep/h.yml": named("h"),
		"app/values.yaml": "replicas: 3\n", "app/none.yaml": "", "app/nulls.yaml": "---\n# nothing\n---\nnull\n", "app/settings.json": `{"a": 1}`,
	}
	for name, c := range map[string]struct {
		at      string
		options argo.ApplicationSourceDirectory
		want    []string
	}{
		"the folder itself":           {at: "app", want: []string{"f", "a", "b", "c"}},
		"what lies below":             {at: "app", options: argo.ApplicationSourceDirectory{Recurse: true}, want: []string{"f", "a", "b", "c", "h", "g"}},
		"the root":                    {at: ".", options: argo.ApplicationSourceDirectory{Recurse: true, Include: "app/sub/*"}, want: []string{"h", "g"}},
		"any suffix":                  {at: "app", options: argo.ApplicationSourceDirectory{DisableExtensionFilter: true}, want: []string{"f", "upper", "a", "b", "c", "d"}},
		"a star crosses slashes":      {at: "app", options: argo.ApplicationSourceDirectory{Recurse: true, Include: "*.yml"}, want: []string{"b", "h"}},
		"a question mark is one":      {at: "app", options: argo.ApplicationSourceDirectory{Recurse: true, Include: "?.yaml"}, want: []string{"a"}},
		"alternatives":                {at: "app", options: argo.ApplicationSourceDirectory{Recurse: true, Include: "{a.yaml,sub/*}"}, want: []string{"a", "h", "g"}},
		"a comma alone is a comma":    {at: "app", options: argo.ApplicationSourceDirectory{Include: "a.yaml,b.yml"}},
		"classes":                     {at: "app", options: argo.ApplicationSourceDirectory{Include: "[!a].yml"}, want: []string{"b"}},
		"the whole path is matched":   {at: "app", options: argo.ApplicationSourceDirectory{Recurse: true, Include: "g.yaml"}},
		"exclude wins":                {at: "app", options: argo.ApplicationSourceDirectory{Recurse: true, Include: "*.yaml", Exclude: "sub/*"}, want: []string{"f", "a"}},
		"hidden files are files":      {at: "app", options: argo.ApplicationSourceDirectory{Include: ".f*"}, want: []string{"f"}},
		"two stars are no more":       {at: "app", options: argo.ApplicationSourceDirectory{Recurse: true, Include: "**/h.yml"}, want: []string{"h"}},
		"one's own name is no prefix": {at: "app", options: argo.ApplicationSourceDirectory{Include: "app/*"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(t, files, c.at, c.options)
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func TestHiddenFilesOfTheRootKeepTheirNames(t *testing.T) {
	got, err := render(t, map[string]string{".a.yaml": named("a"), "a.yaml": named("b")}, ".", argo.ApplicationSourceDirectory{Exclude: ".a.yaml"})
	if diff := cmp.Diff([]string{"b"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	ok := named("ok")
	for name, c := range map[string]struct {
		file, text string
		options    argo.ApplicationSourceDirectory
		want       string // "" where the file is passed over
	}{
		"values":                     {"a.yaml", "image: {tag: x}\n", argo.ApplicationSourceDirectory{}, ""},
		"text":                       {"a.yaml", "just words", argo.ApplicationSourceDirectory{}, ""},
		"other YAML that is broken":  {"a.yaml", "a: [1\n", argo.ApplicationSourceDirectory{}, ""},
		"a manifest that is broken":  {"a.yaml", "apiVersion: v1\nkind: A\nmetadata: {name: [1\n", argo.ApplicationSourceDirectory{}, "app/a.yaml:4: the YAML cannot be read: "},
		"other YAML after manifests": {"a.yaml", ok + "---\na: b\n", argo.ApplicationSourceDirectory{}, "app/a.yaml:5: apiVersion: is missing"},
		"no metadata":                {"a.yaml", "apiVersion: v1\nkind: ConfigMap\n", argo.ApplicationSourceDirectory{}, "app/a.yaml:1: metadata: is missing"},
		"no name":                    {"a.yaml", "# x\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: x}\n", argo.ApplicationSourceDirectory{}, "app/a.yaml:3: metadata.name: is missing"},
		"two objects in JSON":        {"a.json", "{}\n{}", argo.ApplicationSourceDirectory{}, ""},
		"two manifests in JSON":      {"a.json", strings.Repeat(`{"apiVersion":"v1","kind":"A","metadata":{"name":"x"}}`+"\n", 2), argo.ApplicationSourceDirectory{}, "app/a.json: a JSON file must hold exactly one object"},
		"an array in JSON":           {"a.json", `[{"apiVersion":"v1","kind":"A","metadata":{"name":"x"}}]`, argo.ApplicationSourceDirectory{}, "app/a.json:1: expected an object, found a list"},
		"a comma too many":           {"a.json", "{\"apiVersion\":\"v1\",\"kind\":\"A\",\n\"metadata\":{\"name\":\"x\"},\n}", argo.ApplicationSourceDirectory{}, "app/a.json:3: the JSON cannot be read: "},
		"an end too early":           {"a.json", "{\"apiVersion\":\"v1\",\"kind\":\"A\",\n\"metadata\":{", argo.ApplicationSourceDirectory{}, "app/a.json:2: the JSON cannot be read: it ends too early"},
		"include is no glob":         {"a.yaml", ok, argo.ApplicationSourceDirectory{Include: "{a"}, "spec.source.directory.include: not a glob"},
		"exclude is no glob":         {"a.yaml", ok, argo.ApplicationSourceDirectory{Exclude: "[a"}, "spec.source.directory.exclude: not a glob"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(t, map[string]string{"app/" + c.file: c.text, "app/z.yaml": named("z")}, "app", c.options)
			switch {
			case c.want == "":
				if diff := cmp.Diff([]string{"z"}, got); diff != "" || err != nil {
					t.Error(diff, err)
				}
			case err == nil || !strings.HasPrefix(err.Error(), c.want):
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestSizeIsBounded(t *testing.T) {
	half := named("a") + "data:\n  x: " + string(bytes.Repeat([]byte("x"), directory.MaxSize/2)) + "\n"
	_, err := render(t, map[string]string{"app/a.yaml": half, "app/b.yaml": half}, "app", argo.ApplicationSourceDirectory{})
	if f, ok := object.AsFault(err); !ok || f.File != "app/b.yaml" || !strings.Contains(f.Message, "10 MiB together") {
		t.Errorf("got %v", err)
	}
}
