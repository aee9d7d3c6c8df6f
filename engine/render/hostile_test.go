package render_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render"
)

// chart is a chart with one template more.
func chart(file, text string) map[string]string {
	files := map[string]string{"chart/Chart.yaml": chartYaml, "chart/values.yaml": "self: '{{ tpl .Values.self . }}'\n"}
	files["chart/templates/"+file] = text
	return files
}

func bomb() string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		p := string(rune('a' + i - 1))
		_ = p
		b.WriteString("a" + itoa(i) + ": &a" + itoa(i) + " [" + strings.TrimSuffix(strings.Repeat("*a"+itoa(i-1)+", ", 10), ", ") + "]\n")
	}
	return b.String()
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return "1" + string(rune('0'+i-10))
}

func TestHostileRepositoriesCostOneRequest(t *testing.T) {
	if render.RaceDetector {
		t.Skip("the race detector leaves no room for memory limits")
	}
	r := renderer(t, render.Options{Timeout: 60 * time.Second, Workers: 1, MemoryLimit: 128 << 20})
	_, good := newRepo(t, map[string]string{"app/a.yaml": cm("a")})
	cases := []struct {
		name  string
		files map[string]string
		path  string
		want  object.Place
		say   string // in the fault
	}{
		{"tpl on itself", chart("x.yaml", "a: 1\nb: {{ tpl .Values.self . }}\n"), "chart", object.Place{File: "chart/templates/x.yaml", Line: 2}, "without end"},
		{"include of itself", chart("x.yaml", "{{ define \"a\" }}\n{{ include \"a\" . }}{{ end }}\n{{ include \"a\" . }}"), "chart",
			object.Place{File: "chart/templates/x.yaml", Line: 2}, "without end"},
		{"template of itself", chart("x.yaml", "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}"), "chart",
			object.Place{File: "chart/templates/x.yaml"}, ""},
		{"huge output", chart("x.yaml", "{{ range until 100000 }}{{ repeat 100000 \"x\" }}{{ end }}"), "chart", object.Place{File: "chart/templates/x.yaml"}, ""},
		{"huge string", chart("x.yaml", "{{ repeat 2000000000 \"x\" }}"), "chart", object.Place{File: "chart/templates/x.yaml"}, ""},
		{"alias bomb", map[string]string{"app/a.yaml": bomb()}, "app", object.Place{File: "app/a.yaml"}, ""},
		{"alias bomb in a kustomization", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": bomb()}, "app", object.Place{}, ""},
		{"alias bomb as kustomization", map[string]string{"app/kustomization.yaml": bomb()}, "app", object.Place{File: "app/kustomization.yaml"}, ""},
		{"alias bomb in values", map[string]string{"chart/Chart.yaml": chartYaml, "chart/values.yaml": bomb()}, "chart", object.Place{File: "chart/values.yaml"}, ""},
		{"link out", map[string]string{"app/a.yaml": "-> ../../../../etc/passwd"}, "app", object.Place{File: "app/a.yaml"}, "out of the repository"},
		{"link circle", map[string]string{"app/a.yaml": "-> b.yaml", "app/b.yaml": "-> a.yaml"}, "app", object.Place{File: "app/a.yaml"}, "circle"},
		{"link out of a chart", map[string]string{"chart/Chart.yaml": chartYaml, "chart/templates/x.yaml": "-> /etc/passwd"}, "chart",
			object.Place{File: "chart/templates/x.yaml"}, "out of the repository"},
		{"link to the folder above", map[string]string{"chart/Chart.yaml": chartYaml, "chart/up": "-> ."}, "chart", object.Place{}, ""},
		{"value file outside", map[string]string{"chart/Chart.yaml": chartYaml, "chart/.argocd-source.yaml": "helm: {valueFiles: [../../etc/passwd]}\n"}, "chart", object.Place{}, "outside"},
		{"remote base", map[string]string{"app/kustomization.yaml": "resources:\n- a.yaml\n- https://127.0.0.1/x//base?ref=v1\n", "app/a.yaml": cm("a")}, "app",
			object.Place{File: "app/kustomization.yaml", Line: 3}, "fetched"},
		{"remote base by ssh", map[string]string{"app/kustomization.yaml": "resources:\n- git@127.0.0.1:x/y\n"}, "app", object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"remote patch", map[string]string{"app/kustomization.yaml": "patches:\n- path: http://127.0.0.1/p.yaml\n"}, "app", object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"helm in kustomize", map[string]string{"app/kustomization.yaml": "helmCharts:\n- name: redis\n  repo: https://x\n"}, "app", object.Place{File: "app/kustomization.yaml", Line: 2}, "Helm charts"},
		{"program in kustomize", map[string]string{"app/kustomization.yaml": "generators: [g.yaml]\n",
			"app/g.yaml": "apiVersion: x/v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: /bin/true}\n"}, "app",
			object.Place{File: "app/kustomization.yaml"}, ""},
		{"container in kustomize", map[string]string{"app/kustomization.yaml": "transformers: [g.yaml]\n",
			"app/g.yaml": "apiVersion: x/v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      container: {image: x}\n"}, "app",
			object.Place{File: "app/kustomization.yaml"}, ""},
		{"kustomizations in a circle", map[string]string{"a/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../a]\n"}, "a", object.Place{File: "b/kustomization.yaml", Line: 1}, "leads back"},
		{"base outside", map[string]string{"app/kustomization.yaml": "resources:\n- ../../x\n"}, "app", object.Place{File: "app/kustomization.yaml", Line: 2}, "outside"},
		{"patch from another folder", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\npatches: [{path: ../p.yaml}]\n", "p.yaml": cm("a"), "app/a.yaml": cm("a")}, "app",
			object.Place{File: "app/kustomization.yaml"}, "not in or below"},
		{"a packed chart that is none", map[string]string{"chart/Chart.yaml": chartYaml, "chart/charts/x.tgz": "\x1f\x8bnonsense"}, "chart", object.Place{}, ""},
		{"deep YAML", map[string]string{"app/a.yaml": "apiVersion: v1\nkind: X\nmetadata: {name: x}\nspec: " + strings.Repeat("[", 20000)}, "app", object.Place{File: "app/a.yaml"}, ""},
		{"an endless message", chart("x.yaml", "{{ fail (repeat 100000 \"x\") }}"), "chart", object.Place{File: "chart/templates/x.yaml", Line: 1}, "xxx"},
		{"environment", chart("x.yaml", "{{ env \"PATH\" }}"), "chart", object.Place{File: "chart/templates/x.yaml", Line: 1}, "not defined"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, tree := newRepo(t, c.files)
			req := request(tree, argo.ApplicationSource{Path: c.path})
			req.Trusted = false
			f := fails(t, r, req)
			if c.want.File != "" && f.File != c.want.File || c.want.Line != 0 && f.Line != c.want.Line || !strings.Contains(f.Error(), c.say) {
				t.Errorf("fault: %v", f)
			}
			if strings.Contains(f.Error(), "/repository") || strings.Contains(f.Error(), "root:") || len(f.Message) > 5000 {
				t.Errorf("the fault shows too much: %v", f)
			}
			after := request(good, argo.ApplicationSource{Path: "app"})
			after.Trusted, after.Namespace = false, c.name // not from the cache
			if got := run(t, r, after); got.Cached || len(got.Objects) != 1 {
				t.Errorf("the next render: cached %v, %d objects", got.Cached, len(got.Objects))
			}
		})
	}
}

func TestLargeFilesAreNamed(t *testing.T) {
	r := renderer(t, render.Options{})
	repo, _ := newRepo(t, map[string]string{"app/a.yaml": cm("a")})
	if err := os.WriteFile(filepath.Join(repo.dir, "app", "huge.yaml"), make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f := fails(t, r, request(repo.commit(nil), argo.ApplicationSource{Path: "app"}))
	if f.File != "app/huge.yaml" || !strings.Contains(f.Message, "too large") {
		t.Errorf("fault: %v", f)
	}
}

func TestSchemasOfAKustomizationDoNotOutliveIt(t *testing.T) {
	r := renderer(t, render.Options{Workers: 1})
	schema := `{"definitions":{"io.example.Widget":{"type":"object","properties":{"spec":{"type":"object","properties":{"parts":{"type":"array",
"items":{"type":"object"},"x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge"}}}},
"x-kubernetes-group-version-kind":[{"group":"example.com","kind":"Widget","version":"v1"}]}}}`
	widget := "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec:\n  parts:\n  - {name: a, n: 1}\n  - {name: b, n: 2}\n"
	patch := "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec:\n  parts:\n  - {name: b, n: 3}\n"
	plain := map[string]string{"plain/kustomization.yaml": "resources: [w.yaml]\npatches: [{path: p.yaml}]\n", "plain/w.yaml": widget, "plain/p.yaml": patch,
		"with/kustomization.yaml": "resources: [w.yaml]\npatches: [{path: p.yaml}]\nopenapi: {path: schema.json}\n", "with/w.yaml": widget, "with/p.yaml": patch, "with/schema.json": schema}
	_, tree := newRepo(t, plain)
	before := run(t, r, request(tree, argo.ApplicationSource{Path: "plain"}))
	with := run(t, r, request(tree, argo.ApplicationSource{Path: "with"}))
	if with.Digest == before.Digest {
		t.Fatal("the schema made no difference, so this test shows nothing")
	}
	again := request(tree, argo.ApplicationSource{Path: "plain"})
	again.Namespace = "elsewhere" // not from the cache
	if got := run(t, r, again); got.Digest != before.Digest || got.Cached {
		t.Error("a kustomization's schema was still there in the next build")
	}
}

func TestRandomFunctions(t *testing.T) {
	r := renderer(t, render.Options{})
	text := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  a: {{ randAlphaNum 12 }}\n  b: {{ uuidv4 }}\n  c: {{ now | unixEpoch | quote }}\n" +
		"  d: {{ (genCA \"x\" 10).Cert | b64enc }}\n  e: {{ (genSignedCert \"x\" nil nil 10 (genCA \"y\" 5)).Key | b64enc }}\n  f: {{ genPrivateKey \"ecdsa\" | b64enc }}\n  g: {{ htpasswd \"u\" \"p\" | quote }}\n" +
		"  h: {{ randInt 1 1000000 | quote }}\n  i: {{ shuffle \"abcdefghijkl\" }}\n  j: {{ derivePassword 1 \"long\" \"p\" \"u\" \"s\" | quote }}\n"
	_, tree := newRepo(t, chart("s.yaml", text))
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	one, two := run(t, r, req), run(t, r, req)
	if one.Digest == two.Digest || two.Cached {
		t.Error("a render without a seed was repeated")
	}
	if len(one.Warnings) == 0 || !strings.Contains(strings.Join(one.Warnings, "\n"), "chart/templates/s.yaml: randAlphaNum: generated at each sync") ||
		strings.Contains(strings.Join(one.Warnings, "\n"), "derivePassword") {
		t.Errorf("warnings: %q", one.Warnings)
	}
	req.Seed = []byte("of this installation")
	one = run(t, r, req)
	req.Trusted = false
	two = run(t, r, req)
	if one.Digest != two.Digest || two.Cached {
		t.Error("renders of one seed differ")
	}
	req.Seed = []byte("of another one")
	if run(t, r, req).Digest == one.Digest {
		t.Error("renders of two seeds are the same")
	}
}

func TestCancelledRendersEnd(t *testing.T) {
	r := renderer(t, render.Options{Workers: 1})
	_, tree := newRepo(t, chart("x.yaml", "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"))
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("the pull request was closed")
	time.AfterFunc(200*time.Millisecond, func() { cancel(gone) })
	if _, err := r.Render(ctx, request(tree, argo.ApplicationSource{Path: "chart"})); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	_, good := newRepo(t, map[string]string{"app/a.yaml": cm("a")})
	run(t, r, request(good, argo.ApplicationSource{Path: "app"}))
}

func TestFaultsHaveFileAndLine(t *testing.T) {
	r := renderer(t, render.Options{})
	base := map[string]string{"k/kustomization.yaml": "resources:\n- a.yaml\n- missing.yaml\n", "k/a.yaml": cm("a"), "c/Chart.yaml": chartYaml}
	for name, c := range map[string]struct {
		files map[string]string
		path  string
		want  string
	}{
		"broken YAML":          {map[string]string{"d/a.yaml": cm("a") + "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n bad: indent\n"}, "d", "d/a.yaml:12: "},
		"tabs":                 {map[string]string{"d/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: b\n"}, "d", "d/a.yaml:4: "},
		"colon in a value":     {map[string]string{"d/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b: c\n"}, "d", "d/a.yaml:4: "},
		"no kind":              {map[string]string{"d/a.yaml": "# kind: x\n---\napiVersion: v1\nmetadata:\n  name: b\n"}, "d", "d/a.yaml:3: kind: "},
		"no name":              {map[string]string{"d/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {}\n"}, "d", "d/a.yaml:1: metadata.name: "},
		"number as label":      {map[string]string{"d/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n  labels: {a: 1}\n"}, "d", "d/a.yaml:1: metadata.labels.a: "},
		"broken JSON":          {map[string]string{"d/a.json": "{\n\"kind\": \"X\",\n\"apiVersion\": \"v1\",\n\"metadata\": {,}\n}"}, "d", "d/a.json:4: "},
		"missing resource":     {nil, "k", "k/kustomization.yaml:3: resources: missing.yaml"},
		"unknown field":        {map[string]string{"k/kustomization.yaml": "resources: [a.yaml]\nnamprefix: x\n"}, "k", "k/kustomization.yaml"},
		"broken kustomization": {map[string]string{"k/kustomization.yaml": "resources:\n- a.yaml\n bad\n"}, "k", "k/kustomization.yaml:"},
		"broken resource":      {map[string]string{"k/kustomization.yaml": "resources: [b]\n", "k/b/kustomization.yaml": "resources: [x.yaml]\n", "k/b/x.yaml": "a: 1\nb: [\n"}, "k", "k/b/x.yaml:"},
		"missing in a base": {map[string]string{"k/kustomization.yaml": "resources: [b]\n", "k/b/kustomization.yaml": "configMapGenerator:\n- name: x\n  files:\n  - k=no.txt\n"}, "k",
			"k/b/kustomization.yaml:4: configMapGenerator.files: no.txt"},
		"patch without target": {map[string]string{"k/kustomization.yaml": "resources: [a.yaml]\npatches:\n- path: p.yaml\n", "k/p.yaml": cm("other")}, "k", "k/kustomization.yaml"},
		"template parse":       {map[string]string{"c/templates/x.yaml": "a: 1\nb: {{ if }}\n"}, "c", "c/templates/x.yaml:2: "},
		"template function":    {map[string]string{"c/templates/x.yaml": "a: 1\n\nb: {{ nope }}\n"}, "c", "c/templates/x.yaml:3: "},
		"template execution":   {map[string]string{"c/templates/x.yaml": "a: 1\nb: {{ .Values.a.b.c }}\n"}, "c", "c/templates/x.yaml:2: "},
		"in an include": {map[string]string{"c/templates/_h.tpl": "{{ define \"h\" }}\n\n{{ .Values.a.b.c }}{{ end }}", "c/templates/x.yaml": "a: {{ include \"h\" . }}\n"}, "c",
			"c/templates/_h.tpl:3: "},
		"fail":               {map[string]string{"c/templates/x.yaml": "a: 1\n{{ fail \"replicas: must be odd\" }}\n"}, "c", "c/templates/x.yaml:2: replicas: must be odd"},
		"required":           {map[string]string{"c/templates/x.yaml": "{{ required \"set .Values.host\" .Values.host }}\n"}, "c", "c/templates/x.yaml:1: set .Values.host"},
		"renders no YAML":    {map[string]string{"c/templates/x.yaml": "a: b: c\n"}, "c", "c/templates/x.yaml: what this template renders cannot be read as YAML, at its line 1"},
		"broken values":      {map[string]string{"c/values.yaml": "a: 1\nb: c: d\n"}, "c", "c/values.yaml:2: "},
		"broken Chart.yaml":  {map[string]string{"c/Chart.yaml": "name: web\n"}, "c", "c/Chart.yaml"},
		"missing dependency": {map[string]string{"c/Chart.yaml": chartYaml + "dependencies:\n- name: redis\n  version: 1.x\n  repository: https://charts.example\n"}, "c", "c/Chart.yaml:5: dependencies: chart redis 1.x of https://charts.example is not fetched here"},
		"schema":             {map[string]string{"c/values.schema.json": `{"type":"object","required":["host"]}`}, "c", "c/values.schema.json: "},
		"subchart template": {map[string]string{"c/charts/sub/Chart.yaml": strings.Replace(chartYaml, "web", "sub", 1), "c/charts/sub/templates/x.yaml": "\n{{ .Values.a.b }}"}, "c",
			"c/charts/sub/templates/x.yaml:2: "},
		"kube version":       {map[string]string{"c/Chart.yaml": chartYaml + "kubeVersion: \">=1.40\"\n"}, "c", "c/Chart.yaml: kubeVersion: "},
		"library":            {map[string]string{"c/Chart.yaml": chartYaml + "type: library\n"}, "c", "c/Chart.yaml: type: "},
		"broken override":    {map[string]string{"c/.argocd-source.yaml": "helm: [\n"}, "c", "c/.argocd-source.yaml"},
		"missing value file": {map[string]string{"c/.argocd-source.yaml": "helm: {valueFiles: [no.yaml]}\n"}, "c", "c/no.yaml: spec.source.helm.valueFiles: "},
	} {
		t.Run(name, func(t *testing.T) {
			files := maps.Clone(base)
			maps.Copy(files, c.files)
			_, tree := newRepo(t, files)
			f := fails(t, r, request(tree, argo.ApplicationSource{Path: c.path}))
			if !strings.HasPrefix(f.Error(), c.want) {
				t.Errorf("fault: %v", f)
			}
		})
	}
}

func TestSchemasAreNotLoadedFromElsewhere(t *testing.T) {
	r := renderer(t, render.Options{})
	for _, schema := range []string{`{"$ref": "http://127.0.0.1:1/x.json"}`, `{"properties": {"a": {"$ref": "file:///etc/hostname"}}}`,
		`{"allOf": [{"$ref": "other.json"}]}`, `{"$schema": "https://127.0.0.1:1/meta"}`, `{"$dynamicRef": "//x/y"}`} {
		_, tree := newRepo(t, map[string]string{"chart/Chart.yaml": chartYaml, "chart/values.schema.json": schema, "chart/values.yaml": "a: 1\n"})
		got := run(t, r, request(tree, argo.ApplicationSource{Path: "chart"}))
		if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "not fetched") {
			t.Errorf("%s: warnings %q", schema, got.Warnings)
		}
	}
}
