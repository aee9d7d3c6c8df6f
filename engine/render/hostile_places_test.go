package render_test

import (
	"strings"
	"testing"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/render"
)

// TestBombsInEveryFile puts a document that grows by its aliases wherever YAML is read.
func TestBombsInEveryFile(t *testing.T) {
	if render.RaceDetector {
		t.Skip("the race detector leaves no room for memory limits")
	}
	r := renderer(t, render.Options{Timeout: 60 * time.Second, Workers: 1, MemoryLimit: 128 << 20})
	_, good := newRepo(t, map[string]string{"app/a.yaml": cm("a")})
	inline := strings.ReplaceAll(bomb(), "\n", "\n    ")
	kustomization := func(text string, more ...string) map[string]string {
		files := map[string]string{"app/kustomization.yaml": text, "app/a.yaml": cm("a"), "app/bomb.yaml": bomb()}
		for i := 0; i+1 < len(more); i += 2 {
			files[more[i]] = more[i+1]
		}
		return files
	}
	dependent := chartYaml + "dependencies: [{name: sub, version: 1.0.0}]\n"
	for name, files := range map[string]map[string]string{
		"a chart's description":       {"app/Chart.yaml": chartYaml + bomb()[strings.Index(bomb(), "a0:"):]},
		"dependencies":                {"app/Chart.yaml": strings.Replace(chartYaml, "v2", "v1", 1), "app/requirements.yaml": bomb() + "dependencies: *a11\n"},
		"a lock":                      {"app/Chart.yaml": dependent, "app/Chart.lock": bomb() + "dependencies: *a11\n"},
		"a subchart's values":         {"app/Chart.yaml": dependent, "app/charts/sub/Chart.yaml": strings.Replace(chartYaml, "name: web", "name: sub", 1), "app/charts/sub/values.yaml": bomb()},
		"a chart's definitions":       {"app/Chart.yaml": chartYaml, "app/crds/x.yaml": bomb()},
		"what a template prints":      {"app/Chart.yaml": chartYaml, "app/templates/x.yaml": bomb()},
		"what a template reads":       {"app/Chart.yaml": chartYaml, "app/bomb.txt": bomb(), "app/templates/x.yaml": cm("x") + "  x: {{ (.Files.Get \"bomb.txt\" | fromYaml) | toJson | quote }}\n"},
		"a value file":                {"app/Chart.yaml": chartYaml, "app/more.yaml": bomb(), "app/.argocd-source.yaml": "helm: {valueFiles: [more.yaml]}\n"},
		"overrides":                   {"app/Chart.yaml": chartYaml, "app/.argocd-source.yaml": bomb()},
		"a patch":                     kustomization("resources: [a.yaml]\npatches: [{path: bomb.yaml}]\n"),
		"a patch in a kustomization":  kustomization("resources: [a.yaml]\npatches:\n- patch: |-\n    " + inline + "\n"),
		"a replacement":               kustomization("resources: [a.yaml]\nreplacements: [{path: bomb.yaml}]\n"),
		"a transformer":               kustomization("resources: [a.yaml]\ntransformers: [bomb.yaml]\n"),
		"a generator":                 kustomization("generators: [bomb.yaml]\n"),
		"a configuration":             kustomization("resources: [a.yaml]\nconfigurations: [bomb.yaml]\n"),
		"a component":                 kustomization("resources: [a.yaml]\ncomponents: [c]\n", "app/c/kustomization.yaml", bomb()),
		"a base":                      kustomization("resources: [c]\n", "app/c/kustomization.yaml", bomb()),
		"a chart of a kustomization":  kustomization("helmCharts: [{name: x, valuesFile: bomb.yaml}]\n", "app/charts/x/Chart.yaml", strings.Replace(chartYaml, "name: web", "name: x", 1)),
		"a document behind good ones": {"app/a.yaml": cm("a") + "---\n" + cm("b") + "---\n" + bomb()},
	} {
		t.Run(name, func(t *testing.T) {
			_, tree := newRepo(t, files)
			req := request(tree, argo.ApplicationSource{Path: "app"})
			req.Trusted = false
			req.Switches.Kustomize.BuildOptions = "--enable-helm"
			got, err := r.Render(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			// What nobody looks at does no harm; what is rendered must not have grown.
			if got.Fault == nil {
				for _, o := range got.Objects {
					if text, err := o.MarshalJSON(); err != nil || len(text) > 1<<20 {
						t.Errorf("%s has %d bytes; %v", o.ID(), len(text), err)
					}
				}
			} else if !strings.HasPrefix(got.Fault.File, "app") || len(got.Fault.Message) > 5000 {
				t.Errorf("fault: %v", got.Fault)
			}
			after := request(good, argo.ApplicationSource{Path: "app"})
			after.Trusted, after.Namespace = false, name // not from the cache
			if got := run(t, r, after); got.Cached || len(got.Objects) != 1 {
				t.Errorf("the next render: cached %v, %d objects", got.Cached, len(got.Objects))
			}
		})
	}
}

func TestSourcesStayInTheirRepository(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, map[string]string{"app/a.yaml": cm("a"), "chart/Chart.yaml": chartYaml, "k/kustomization.yaml": "resources: [a.yaml]\n", "k/a.yaml": cm("a"),
		"out": "-> ..", "etc": "-> /etc", "k2/kustomization.yaml": "resources: [out.yaml]\n", "k2/out.yaml": "-> ../../out.yaml",
		"chart2/Chart.yaml": chartYaml, "chart2/v.yaml": "-> /etc/hostname", "chart2/.argocd-source.yaml": "helm: {valueFiles: [v.yaml]}\n"})
	for _, source := range []argo.ApplicationSource{
		{Path: ".."}, {Path: "../app"}, {Path: "app/../.."}, {Path: "app/../../etc"}, {Path: "/etc"}, {Path: "out"}, {Path: "etc"}, {Path: "out/etc"}, {Path: "k2"}, {Path: "chart2"},
		{Path: "chart", Helm: &argo.ApplicationSourceHelm{ValueFiles: []string{"../../*/values.yaml"}}},
		{Path: "chart", Helm: &argo.ApplicationSourceHelm{ValueFiles: []string{"../out/values.yaml"}}},
		{Path: "chart", Helm: &argo.ApplicationSourceHelm{FileParameters: []argo.HelmFileParameter{{Name: "a", Path: "../etc/hostname"}}}},
		{Path: "k", Kustomize: &argo.ApplicationSourceKustomize{Components: []string{"../../x"}}},
		{Path: "app", Directory: &argo.ApplicationSourceDirectory{Jsonnet: argo.ApplicationSourceJsonnet{Libs: []string{"../../etc"}}}},
	} {
		req := request(tree, source)
		got, err := r.Render(t.Context(), req)
		if err != nil {
			t.Errorf("%+v: %v", source, err)
			continue
		}
		if got.Fault == nil && (source.Directory == nil || len(got.Objects) != 1) {
			t.Errorf("%+v is rendered: %v", source, ids(got.Objects))
		}
		if f := got.Fault; f != nil && (strings.Contains(f.Error(), "root:") || strings.Contains(f.Error(), "goroutine")) {
			t.Errorf("%+v: the fault shows too much: %v", source, f)
		}
	}
}

func TestLoopsEndAtTheDeadline(t *testing.T) {
	r := renderer(t, render.Options{Timeout: 5 * time.Second, Workers: 1})
	_, good := newRepo(t, map[string]string{"app/a.yaml": cm("a")})
	loop := "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"
	for name, files := range map[string]map[string]string{
		"a template":          {"app/Chart.yaml": chartYaml, "app/templates/x.yaml": loop},
		"a partial":           {"app/Chart.yaml": chartYaml, "app/templates/_x.tpl": "{{ define \"x\" }}" + loop + "{{ end }}", "app/templates/x.yaml": "{{ include \"x\" . }}"},
		"values":              {"app/Chart.yaml": chartYaml, "app/values.yaml": "x: '" + loop + "'\n", "app/templates/x.yaml": "{{ tpl .Values.x . }}"},
		"notes":               {"app/Chart.yaml": chartYaml, "app/templates/NOTES.txt": loop},
		"a kustomize's chart": {"app/kustomization.yaml": "helmCharts: [{name: x}]\n", "app/charts/x/Chart.yaml": strings.Replace(chartYaml, "name: web", "name: x", 1), "app/charts/x/values.yaml": "a: 1\n", "app/charts/x/templates/x.yaml": loop},
	} {
		t.Run(name, func(t *testing.T) {
			_, tree := newRepo(t, files)
			req := request(tree, argo.ApplicationSource{Path: "app"})
			req.Trusted = false
			req.Switches.Kustomize.BuildOptions = "--enable-helm"
			if f := fails(t, r, req); !strings.Contains(f.Message, "took too long") || !strings.HasPrefix(f.File, "app") {
				t.Errorf("fault: %v", f)
			}
			after := request(good, argo.ApplicationSource{Path: "app"})
			after.Trusted, after.Namespace = false, name // not from the cache
			run(t, r, after)
		})
	}
}

// TestFaultsShowNoCredentials has addresses with passwords and tokens wherever one may be written.
func TestFaultsShowNoCredentials(t *testing.T) {
	r := renderer(t, render.Options{})
	const address = "https://eve:HUSH@127.0.0.1:1/org/repo.git"
	kustomization := func(text string) map[string]string {
		return map[string]string{"app/kustomization.yaml": text, "app/a.yaml": cm("a")}
	}
	for name, files := range map[string]map[string]string{
		"resource":           kustomization("resources:\n- " + address + "//x?ref=v1\n"),
		"resource by token":  kustomization("resources:\n- https://127.0.0.1:1/org/repo//x?ref=v1&token=HUSH\n"),
		"resource by ssh":    kustomization("resources:\n- ssh://eve:HUSH@127.0.0.1:1/org/repo//x\n"),
		"file":               kustomization("resources:\n- https://eve:HUSH@127.0.0.1:1/x.yaml\n"),
		"component":          kustomization("components:\n- " + address + "//x\n"),
		"patch":              kustomization("resources: [a.yaml]\npatches:\n- path: https://eve:HUSH@127.0.0.1:1/p.yaml\n"),
		"configuration":      kustomization("configurations:\n- https://eve:HUSH@127.0.0.1:1/p.yaml\n"),
		"generator's file":   kustomization("configMapGenerator:\n- name: x\n  files: [k=https://eve:HUSH@127.0.0.1:1/p.yaml]\n"),
		"chart":              kustomization("helmCharts:\n- {name: x, repo: \"https://eve:HUSH@127.0.0.1:1/charts\", version: 1.0.0}\n"),
		"secret's literal":   kustomization("secretGenerator:\n- name: x\n  literals: [\"HUSH\"]\n"),
		"secret's patch":     kustomization("resources: [a.yaml]\npatches:\n- target: {kind: Nothing}\n  patch: \"{\\\"op\\\": HUSH\"\n"),
		"dependency":         {"app/Chart.yaml": chartYaml + "dependencies:\n- {name: x, version: 1.0.0, repository: \"https://eve:HUSH@127.0.0.1:1/charts\"}\n"},
		"dependency of OCI":  {"app/Chart.yaml": chartYaml + "dependencies:\n- {name: x, version: 1.0.0, repository: \"oci://eve:HUSH@127.0.0.1:1/charts\"}\n"},
		"value file":         {"app/Chart.yaml": chartYaml, "app/.argocd-source.yaml": "helm: {valueFiles: [\"https://eve:HUSH@127.0.0.1:1/v.yaml\"]}\n"},
		"value by token":     {"app/Chart.yaml": chartYaml, "app/.argocd-source.yaml": "helm: {valueFiles: [\"https://127.0.0.1:1/v.yaml?token=HUSH\"]}\n"},
		"file parameter":     {"app/Chart.yaml": chartYaml, "app/.argocd-source.yaml": "helm: {fileParameters: [{name: a, path: \"https://eve:HUSH@127.0.0.1:1/v.yaml\"}]}\n"},
		"a Secret's mistake": {"app/a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: HUSH: x}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, tree := newRepo(t, files)
			req := request(tree, argo.ApplicationSource{Path: "app"})
			req.Switches.Kustomize.BuildOptions = "--enable-helm"
			got, err := r.Render(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if got.Fault == nil {
				t.Fatalf("no fault, but %v", ids(got.Objects))
			}
			if strings.Contains(got.Fault.Error()+got.Fault.Hint+strings.Join(got.Warnings, " "), "HUSH") {
				t.Errorf("shown: %v (%s) %q", got.Fault, got.Fault.Hint, got.Warnings)
			}
		})
	}
}
