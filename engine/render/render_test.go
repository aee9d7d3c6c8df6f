package render_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render"
)

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\ndata:\n  key: value\n"

func cm(name string) string { return strings.Replace(configMap, "NAME", name, 1) }

const chartYaml = "apiVersion: v2\nname: web\nversion: 1.0.0\n"

var webChart = map[string]string{
	"chart/Chart.yaml":             chartYaml,
	"chart/values.yaml":            "replicas: 1\nimage: nginx\n",
	"chart/values-prod.yaml":       "replicas: 3\n",
	"chart/templates/_helpers.tpl": "{{- define \"web.name\" -}}\n{{ .Release.Name }}-web\n{{- end }}\n",
	"chart/templates/deploy.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "web.name" . }}
  namespace: {{ .Release.Namespace }}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers:
      - name: web
        image: {{ tpl .Values.image . }}
`,
	"chart/templates/NOTES.txt":           "Thank you\n",
	"chart/crds/crd.yaml":                 "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: widgets.example.com\n",
	"chart/templates/tests/test.yaml":     "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations:\n    helm.sh/hook: test\n",
	"chart/templates/hooks/unknown.yaml":  "apiVersion: v1\nkind: Pod\nmetadata:\n  name: odd\n  annotations:\n    helm.sh/hook: never\n",
	"chart/templates/hooks/prepared.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: job\n  annotations:\n    helm.sh/hook: pre-install\n",
}

func TestDirectory(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, map[string]string{
		"app/a.yaml":          "# first\n" + cm("a") + "---\n# nothing\n---\n\n" + cm("b"),
		"app/b.yml":           "kind: List\napiVersion: v1\nitems:\n- " + strings.ReplaceAll(cm("c"), "\n", "\n  ") + "\n",
		"app/c.json":          `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"},"data":{"n":"1"}}`,
		"app/values.yaml":     "just: values\n",
		"app/skipped.yaml":    "# +argocd:skip-file-rendering\n" + cm("skipped"),
		"app/notes.txt":       "not a manifest",
		"app/sub/e.yaml":      cm("e"),
		"app/sub/deep/f.yaml": cm("f"),
		"app/link.yaml":       "-> ../elsewhere/g.yaml",
		"app/dangling.yaml":   "-> nowhere.yaml",
		"elsewhere/g.yaml":    cm("g"),
	})
	source := argo.ApplicationSource{Path: "app"}
	got := run(t, r, request(tree, source))
	want := []string{"ConfigMap a", "ConfigMap b", "ConfigMap c", "ConfigMap d", "ConfigMap g"}
	if diff := cmp.Diff(want, ids(got.Objects)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(object.Place{File: "app/a.yaml", Line: 12}, got.Objects[1].Place); diff != "" {
		t.Errorf("place of b: %s", diff)
	}
	if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "dangling.yaml") {
		t.Errorf("warnings: %q", got.Warnings)
	}
	if got.Tool != render.Directory || got.Digest == "" {
		t.Errorf("tool %q, digest %q", got.Tool, got.Digest)
	}
	source.Directory = &argo.ApplicationSourceDirectory{Recurse: true, Exclude: "{*deep*,a.yaml}", Include: "*.yaml"}
	if diff := cmp.Diff([]string{"ConfigMap g", "ConfigMap e"}, ids(run(t, r, request(tree, source)).Objects)); diff != "" {
		t.Error(diff)
	}
}

func TestHelm(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, webChart)
	source := argo.ApplicationSource{Path: "chart", Helm: &argo.ApplicationSourceHelm{ValueFiles: []string{"values-prod.yaml"},
		Parameters: []argo.HelmParameter{{Name: "image", Value: "x/{{ .Release.Name }}:$ARGOCD_APP_REVISION_SHORT"}}}}
	got := run(t, r, request(tree, source))
	want := []string{"apiextensions.k8s.io/CustomResourceDefinition widgets.example.com", "apps/Deployment shop/web-web", "Pod test", "batch/Job job"}
	if diff := cmp.Diff(want, ids(got.Objects)); diff != "" {
		t.Error(diff)
	}
	deploy := got.Objects[1]
	spec := deploy.Object["spec"].(map[string]any)
	if spec["replicas"] != int64(3) || !strings.Contains(string(mustJSON(t, spec)), `"x/web:`+string(tree.Commit()[:7])) {
		t.Errorf("spec: %v", spec)
	}
	if deploy.Place.File != "chart/templates/deploy.yaml" {
		t.Errorf("place: %v", deploy.Place)
	}
	source.Helm.SkipCrds, source.Helm.SkipTests = true, true
	if diff := cmp.Diff([]string{"apps/Deployment shop/web-web", "batch/Job job"}, ids(run(t, r, request(tree, source)).Objects)); diff != "" {
		t.Error(diff)
	}
}

func TestKustomize(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, map[string]string{
		"base/kustomization.yaml":         "resources:\n- deploy.yaml\nconfigMapGenerator:\n- name: conf\n  files:\n  - app.properties\n",
		"base/deploy.yaml":                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: nginx:1\n",
		"base/app.properties":             "a=b\n",
		"overlays/prod/kustomization.yml": "resources:\n- ../../base\nnamePrefix: prod-\n",
	})
	source := argo.ApplicationSource{Path: "overlays/prod", Kustomize: &argo.ApplicationSourceKustomize{Images: argo.KustomizeImages{"nginx=registry.example/nginx:2"},
		Namespace: "shop", CommonLabels: map[string]string{"team": "a"}, Replicas: argo.KustomizeReplicas{{Name: "web"}}}}
	source.Kustomize.Replicas[0].Count.IntVal = 5
	got := run(t, r, request(tree, source))
	if len(got.Objects) != 2 {
		t.Fatalf("objects: %v", ids(got.Objects))
	}
	for _, o := range got.Objects {
		if o.GetAnnotations() != nil || o.GetNamespace() != "shop" || o.GetLabels()["team"] != "a" || !strings.HasPrefix(o.GetName(), "prod-") {
			t.Errorf("object: %s", mustJSON(t, o.Object))
		}
		if o.GetKind() == "Deployment" {
			text := string(mustJSON(t, o.Object))
			if !strings.Contains(text, `"registry.example/nginx:2"`) || !strings.Contains(text, `"replicas":5`) {
				t.Errorf("deployment: %s", text)
			}
			if o.Place.File != "base/deploy.yaml" {
				t.Errorf("place: %v", o.Place)
			}
		}
	}
}

func TestResultsAreUsedAgainWhileTheirTraceHolds(t *testing.T) {
	r := renderer(t, render.Options{})
	repo, tree := newRepo(t, webChart)
	source := argo.ApplicationSource{Path: "chart"}
	first := run(t, r, request(tree, source))
	if first.Cached {
		t.Fatal("the first render came from the cache")
	}
	first.Objects[0].SetName("changed by its owner")
	other := repo.commit(map[string]string{"README.md": "hello", "other/x.yaml": cm("x")})
	again := run(t, r, request(other, source))
	if !again.Cached || again.Digest != first.Digest || again.Objects[0].GetName() == "changed by its owner" {
		t.Errorf("cached %v, digest same %v", again.Cached, again.Digest == first.Digest)
	}
	untrusted := request(other, source)
	untrusted.Trusted = false
	if run(t, r, untrusted).Cached {
		t.Error("an untrusted request was served a trusted result")
	}
	for name, files := range map[string]map[string]string{
		"a template":          {"chart/templates/deploy.yaml": strings.Replace(webChart["chart/templates/deploy.yaml"], "name: web", "name: app", 1)},
		"a new template":      {"chart/templates/new.yaml": cm("new")},
		"an override":         {"chart/.argocd-source.yaml": "helm:\n  parameters:\n  - {name: replicas, value: \"7\"}\n"},
		"a named override":    {"chart/.argocd-source-web.yaml": "helm:\n  parameters:\n  - {name: replicas, value: \"9\"}\n"},
		"another tool's file": {"chart/kustomization.yaml": "resources: [crds/crd.yaml]\n"},
	} {
		changed := run(t, r, request(repo.commit(files), source))
		if changed.Cached {
			t.Errorf("%s changed, but the old result was used", name)
		}
		repo.commit(map[string]string{"chart/.argocd-source.yaml": "", "chart/kustomization.yaml": "", "chart/.argocd-source-web.yaml": ""})
	}
}

func TestSameRequestsAreRenderedOnce(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, webChart)
	var wg sync.WaitGroup
	results := make([]render.Result, 12)
	for i := range results {
		wg.Go(func() {
			var err error
			if results[i], err = r.Render(t.Context(), request(tree, argo.ApplicationSource{Path: "chart"})); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	fresh := 0
	for _, got := range results {
		if !got.Cached {
			fresh++
		}
		if got.Digest != results[0].Digest {
			t.Error("digests differ")
		}
	}
	if fresh != 1 {
		t.Errorf("rendered %d times", fresh)
	}
}

// The tree of a chart of a repository is the chart itself, whatever else its archive may look like.
func TestChartOfARepository(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, map[string]string{"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "kustomization.yaml": "resources: []\n",
		"templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Values.name | default \"web\" }}'}\n", "prod.yaml": "name: prod\n"})
	got := run(t, r, request(tree, argo.ApplicationSource{RepoURL: "https://charts.example", Chart: "web", TargetRevision: "1.x",
		Helm: &argo.ApplicationSourceHelm{ValueFiles: []string{"prod.yaml"}}}))
	if got.Tool != "Helm" || len(got.Objects) != 1 || got.Objects[0].GetName() != "prod" {
		t.Errorf("%s rendered %v", got.Tool, got.Objects)
	}
	if got = run(t, r, request(tree, argo.ApplicationSource{RepoURL: "https://charts.example", Chart: "web", TargetRevision: "1.x"})); got.Tool != "Helm" {
		t.Errorf("%s rendered it", got.Tool)
	}
}

func TestRefusedSources(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, map[string]string{"app/a.yaml": cm("a"), "file": "x", "out": "-> ../.."})
	for name, c := range map[string]struct {
		source argo.ApplicationSource
		want   string
	}{
		"absolute path":  {argo.ApplicationSource{Path: "/app"}, "absolute"},
		"path outside":   {argo.ApplicationSource{Path: "../app"}, "outside"},
		"no such path":   {argo.ApplicationSource{Path: "nope"}, "does not exist"},
		"a file":         {argo.ApplicationSource{Path: "file"}, "is a file"},
		"a link outside": {argo.ApplicationSource{Path: "out"}, "out of the repository"},
		"a plugin":       {argo.ApplicationSource{Path: "app", Plugin: &argo.ApplicationSourcePlugin{}}, "plugins"},
		"two tools": {argo.ApplicationSource{Path: "app", Helm: &argo.ApplicationSourceHelm{ReleaseName: "x"},
			Kustomize: &argo.ApplicationSourceKustomize{NamePrefix: "y"}}, "multiple application sources"},
		"bad glob": {argo.ApplicationSource{Path: "app", Directory: &argo.ApplicationSourceDirectory{Recurse: true, Include: "[a"}}, "glob"},
	} {
		if f := fails(t, r, request(tree, c.source)); !strings.Contains(f.Error(), c.want) {
			t.Errorf("%s: %v", name, f)
		}
	}
	ref := run(t, r, request(tree, argo.ApplicationSource{Ref: "values"}))
	if len(ref.Objects) != 0 {
		t.Error("a source that is only a ref rendered objects")
	}
}

func TestDeadlineEndsARenderAndTheNextOneWorks(t *testing.T) {
	r := renderer(t, render.Options{Timeout: 4 * time.Second, Workers: 1})
	_, tree := newRepo(t, map[string]string{
		"chart/Chart.yaml":          chartYaml,
		"chart/templates/loop.yaml": `{{- range $i := until 100000 }}{{ range $j := until 100000 }}{{ if eq $i $j 7 }}{{ end }}{{ end }}{{ end }}`,
		"app/a.yaml":                cm("a"),
	})
	f := fails(t, r, request(tree, argo.ApplicationSource{Path: "chart"}))
	if f.File != "chart/templates/loop.yaml" || !strings.Contains(f.Message, "too long") {
		t.Errorf("fault: %v", f)
	}
	run(t, r, request(tree, argo.ApplicationSource{Path: "app"}))
}
