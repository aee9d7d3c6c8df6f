package appset_test

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/object"
)

// list is a set with one list generator; annotation is a template in an annotation of its applications.
func list(goTemplate bool, annotation string, elements ...string) *argo.ApplicationSet {
	set := &argo.ApplicationSet{}
	set.Name, set.Namespace = "set", "argocd"
	set.Spec.GoTemplate = goTemplate
	set.Spec.Template.Name = "app-{{.name}}"
	if !goTemplate {
		set.Spec.Template.Name = "app-{{name}}"
	}
	set.Spec.Template.Annotations = map[string]string{"text": annotation}
	set.Spec.Template.Spec.Project = "default"
	g := &argo.ListGenerator{}
	for _, e := range elements {
		g.Elements = append(g.Elements, apiextensionsv1.JSON{Raw: []byte(e)})
	}
	set.Spec.Generators = []argo.ApplicationSetGenerator{{List: g}}
	return set
}

// Each of these would use all memory, all time, or end the process if it were let.
func TestHostileTemplatesEndInAFault(t *testing.T) {
	for name, template := range map[string]string{
		"a loop over a large number":           `{{ range 1000000000000 }}{{ end }}`,
		"loops in loops":                       `{{ range 100000 }}{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}{{ end }}`,
		"a loop that writes":                   `{{ range 100000000 }}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{{ end }}`,
		"a long list":                          `{{ until 1000000000 | len }}`,
		"a long list of steps":                 `{{ untilStep 5000000 2147483647 1 | len }}`,
		"a long sequence":                      `{{ seq 1000000000 | len }}`,
		"a long sequence of steps":             `{{ seq 0 1 1000000000 | len }}`,
		"a long repeat":                        `{{ repeat 2147483647 "xxxx" | len }}`,
		"a wide indent":                        `{{ indent 1000000000 "a" | len }}`,
		"a wide line":                          `{{ printf "%999999d%999999d%999999d" 1 2 3 | len }}`,
		"a line as wide as told":               `{{ printf "%*d%*d" 999999 1 999999 2 | len }}`,
		"one argument many times":              `{{ $x := repeat 1000 "x" }}{{ printf (repeat 10000 "%[1]s") $x | len }}`,
		"text that doubles":                    `{{ $x := "x" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}{{ len $x }}`,
		"text that doubles by format":          `{{ $x := "x" }}{{ range 60 }}{{ $x = printf "%s%s" $x $x }}{{ end }}{{ len $x }}`,
		"lists that double":                    `{{ $x := list 1 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ $x }}`,
		"an object in itself":                  `{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ $d }}`,
		"an object in itself by way of others": `{{ $d := dict }}{{ $e := dict "d" $d }}{{ $_ := set $d "e" (list $e) }}{{ toYaml $d }}`,
		"an object in itself by merge":         `{{ $d := dict }}{{ $e := dict "x" $d }}{{ $_ := merge $d $e }}{{ $d }}`,
		"a parameter in itself":                `{{ $_ := set . "a" . }}{{ . }}`,
		"replacing nothing by much":            `{{ $x := repeat 100000 "x" }}{{ $x | replace "" $x | len }}`,
		"joining by much":                      `{{ $x := repeat 100000 "x" }}{{ until 10000 | join $x | len }}`,
		"replacing by much":                    `{{ $x := repeat 100000 "x" }}{{ regexReplaceAll "x" $x $x | len }}`,
		"wrapping by much":                     `{{ $x := repeat 100000 "x" }}{{ wrapWith 1 $x $x | len }}`,
		"a large expression":                   `{{ $x := repeat 1000000 "x" }}{{ regexMatch "((a{0,30}){0,30}b){0,1}" $x }}`,
		"a template that calls itself":         `{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}`,
		"the main template that calls itself":  `{{ template "t" . }}`,
		"templates that call each other twice": `{{ define "a" }}{{ template "b" . }}{{ template "b" . }}{{ end }}{{ define "b" }}{{ if false }}{{ else }}{{ template "a" . }}{{ end }}{{ end }}{{ template "a" . }}`,
		"a call of what counts":                `{{ slipwayBudgetLeave }}`,
		"slow passwords":                       `{{ range 100000 }}{{ derivePassword 1 "long" "a" "b" "c" | len }}{{ end }}`,
		"the environment":                      `{{ env "PATH" }}`,
		"the environment, expanded":            `{{ expandenv "$PATH" }}`,
		"the network":                          `{{ getHostByName "example.com" }}`,
		"aliases in aliases":                   `{{ fromYaml "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n" | len }}`,
		"deep JSON":                            `{{ printf "%s1%s" (repeat 5000 "[") (repeat 5000 "]") | fromJson }}`,
		"a negative repeat":                    `{{ repeat -1 "x" }}`,
	} {
		t.Run(name, func(t *testing.T) {
			apps, err := appset.Generate(list(true, template, `{"name": "a"}`), appset.World{})
			if _, ok := object.AsFault(err); !ok {
				t.Errorf("wanted a fault, got %d applications and %v", len(apps), err)
			}
		})
	}
}

// What bounds hostile templates must not stand in the way of honest ones.
func TestHonestTemplatesAreNotBounded(t *testing.T) {
	for name, c := range map[string]struct{ template, want string }{
		"sequence":       {`{{ seq 3 }}`, "1 2 3"},
		"steps":          {`{{ range untilStep 10 0 -5 }}{{ . }},{{ end }}`, "10,5,"},
		"nested":         {`{{ range $i := until 3 }}{{ range $j := until 2 }}{{ if eq $j 1 }}{{ break }}{{ end }}{{ $i }}{{ $j }} {{ end }}{{ end }}`, "00 10 20 "},
		"else":           {`{{ range .none }}x{{ else }}none{{ end }}`, "none"},
		"sub-template":   {`{{ define "x" }}<{{ . }}>{{ end }}{{ template "x" .name }}{{ template "x" .name }}`, "<a><a>"},
		"format":         {`{{ printf "%05d %-6s|%q %v" 42 "ab" "c" .list }}`, `00042 ab    |"c" [1 2]`},
		"replace":        {`{{ .name | replace "a" "bb" | upper }}`, "BB"},
		"expression":     {`{{ regexReplaceAll "^feature/(.*)$" "feature/a-b" "${1}" }}`, "a-b"},
		"objects":        {`{{ $d := dict "a" (dict "b" 1) }}{{ $_ := set $d "c" 2 }}{{ toJson (merge (dict "x" 1) $d) }}`, `{"a":{"b":1},"c":2,"x":1}`},
		"lists":          {`{{ list "c" "a" "c" | uniq | sortAlpha | join "-" }}`, "a-c"},
		"comparison":     {`{{ if and (ge (len .list) 2) (semverCompare ">=1.2" "1.3.0") }}yes{{ end }}`, "yes"},
		"escapes":        {`{{ html "<" }}{{ urlquery "a b" }}`, "&lt;a+b"},
		"slug":           {`{{ slugify 10 true "Feature/Some Long Name" }} {{ slugify 10 false "feature/some" }} {{ slugify "a.b" }}`, "feature feature-so a-b"},
		"normal name":    {`{{ normalize "-Feature/Ünï_1." }}`, "feature--n--1"},
		"without braces": {`plain`, "plain"},
	} {
		t.Run(name, func(t *testing.T) {
			apps, err := appset.Generate(list(true, c.template, `{"name": "a", "list": [1, 2]}`), appset.World{})
			if err != nil {
				t.Fatal(err)
			}
			if got := apps[0].Annotations["text"]; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatSetsYieldIsBounded(t *testing.T) {
	many := make([]string, 200)
	for i := range many {
		many[i] = `{"name": "x"}`
	}
	elements := list(true, "", many...).Spec.Generators[0].List
	nested := argo.ApplicationSetNestedGenerator{List: elements}
	inner, err := json.Marshal(argo.MatrixGenerator{Generators: []argo.ApplicationSetNestedGenerator{nested, nested}})
	if err != nil {
		t.Fatal(err)
	}
	set := list(true, "")
	set.Spec.Generators = []argo.ApplicationSetGenerator{{Matrix: &argo.MatrixGenerator{
		Generators: []argo.ApplicationSetNestedGenerator{nested, {Matrix: &apiextensionsv1.JSON{Raw: inner}}},
	}}}
	if _, err := appset.Generate(set, appset.World{}); err == nil || !strings.Contains(err.Error(), "more than 20000 sets") {
		t.Errorf("8,000,000 sets of parameters were not refused: %v", err)
	}
}

func TestFilesAreBounded(t *testing.T) {
	for name, data := range map[string]string{
		"large":                "a: " + strings.Repeat("x", 2<<20),
		"aliases of long text": "a: &a " + strings.Repeat("x", 1000) + "\nb: [" + strings.Repeat("*a,", 10_000) + "]",
		"an anchor in itself":  "a: &a [*a]",
		"deep":                 strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := appset.Generate(gitFiles("params.yaml"), tree(fstest.MapFS{"params.yaml": {Data: []byte(data)}}))
			if f, ok := object.AsFault(err); !ok || f.File != "params.yaml" {
				t.Errorf("wanted a fault of the file, got %v", err)
			}
		})
	}
}

func gitFiles(path string) *argo.ApplicationSet {
	set := list(true, "")
	set.Spec.Template.Name = "{{ .path.filenameNormalized }}"
	set.Spec.Generators = []argo.ApplicationSetGenerator{{Git: &argo.GitGenerator{
		RepoURL: repository, Revision: "HEAD", Files: []argo.GitFileGeneratorItem{{Path: path}},
	}}}
	return set
}

func tree(files fs.FS) appset.World {
	return appset.World{Tree: func(string, string) (fs.FS, error) { return files, nil }}
}
