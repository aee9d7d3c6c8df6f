package render_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/render/kustomize"
	"github.com/slipway-cd/slipway/engine/source"
)

func repository(ref string) render.Remote {
	return render.Remote{Kind: render.RemoteGit, URL: "https://host.example/org/base", Version: ref}
}

func flags(options string) render.Switches {
	return render.Switches{Kustomize: kustomize.Settings{BuildOptions: options}}
}

func TestARemoteBaseIsFetchedAndFollowed(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	_, tree := newRepo(t, map[string]string{"app/kustomization.yaml": "resources: [\"https://host.example/org/base//prod\", a.yaml]\nnamePrefix: p-\n", "app/a.yaml": cm("a")})
	req := request(tree, argo.ApplicationSource{Path: "app"})
	req.Remote = w.open
	w.has(repository(""), "1111", map[string]string{"prod/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": "resources: [b.yaml]\n", "base/b.yaml": cm("b"), "README": "x"})
	got := run(t, r, req)
	if diff := cmp.Diff([]string{"p-a", "p-b"}, names(got.Objects)); diff != "" {
		t.Error(diff)
	}
	if len(got.Remotes) != 1 || got.Remotes[0].Remote != repository("") || got.Remotes[0].Revision != "1111" || len(got.Remotes[0].Trace) == 0 {
		t.Errorf("remotes: %+v", got.Remotes)
	}
	if place := got.Objects[1].Place; place.File != "https://host.example/org/base//base/b.yaml" || place.Line != 1 {
		t.Errorf("the base's object is said to be from %+v", place)
	}
	w.has(repository(""), "2222", map[string]string{"prod/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": "resources: [b.yaml]\n", "base/b.yaml": cm("b"), "README": "y"})
	if got := run(t, r, req); !got.Cached {
		t.Error("a file that is not read is news")
	}
	w.has(repository(""), "3333", map[string]string{"prod/kustomization.yaml": "resources: [../base]\n", "base/kustomization.yaml": "resources: [b.yaml]\n", "base/b.yaml": cm("moved")})
	got = run(t, r, req)
	if diff := cmp.Diff([]string{"p-a", "p-moved"}, names(got.Objects)); diff != "" {
		t.Errorf("after the branch has moved: %s", diff)
	}
}

// TestWhatIsTriedMayBeMissing renders an address that is no file, but a repository.
func TestWhatIsTriedMayBeMissing(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	_, tree := newRepo(t, map[string]string{"app/kustomization.yaml": "resources: [\"https://host.example/org/base\"]\n"})
	req := request(tree, argo.ApplicationSource{Path: "app"})
	req.Remote = w.open
	if f := fails(t, r, req); f.File != "app/kustomization.yaml" || f.Line != 1 || !strings.Contains(f.Message, "https://host.example/org/base is not there") {
		t.Errorf("neither: %v", f)
	}
	w.has(repository(""), "1111", map[string]string{"kustomization.yaml": "resources: [b.yaml]\n", "b.yaml": cm("b")})
	if diff := cmp.Diff([]string{"b"}, names(run(t, r, req).Objects)); diff != "" {
		t.Error(diff)
	}
	w.has(render.Remote{Kind: render.RemoteFile, URL: "https://host.example/org/base"}, "1", map[string]string{render.RemoteContent: cm("file")})
	_, other := newRepo(t, map[string]string{"app/kustomization.yaml": "resources: [\"https://host.example/org/base\"]\nnameSuffix: -x\n"})
	req.Tree = other
	if diff := cmp.Diff([]string{"file-x"}, names(run(t, r, req).Objects)); diff != "" {
		t.Errorf("a file comes before a repository: %s", diff)
	}
}

// TestASchemaOfARemoteStaysWithItsBuild has a fetched kustomization change how lists are merged, and then another build.
func TestASchemaOfARemoteStaysWithItsBuild(t *testing.T) {
	r, w := renderer(t, render.Options{Workers: 1}), newWorld(t)
	w.has(repository(""), "1111", map[string]string{"kustomization.yaml": "resources: [b.yaml]\nopenapi: {path: s.json}\n", "b.yaml": cm("b"), "s.json": `{"definitions": {}}`})
	const overlay = "resources: [d.yaml]\npatches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: d}\n    spec: {template: {spec: {containers: [{name: b, image: b}]}}}\n"
	_, tree := newRepo(t, map[string]string{"far/kustomization.yaml": "resources: [\"https://host.example/org/base//.\"]\n", "app/kustomization.yaml": overlay,
		"app/d.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{name: a, image: a}]}}}\n"})
	far := request(tree, argo.ApplicationSource{Path: "far"})
	far.Remote = w.open
	run(t, r, far)
	got := run(t, r, request(tree, argo.ApplicationSource{Path: "app"}))
	if text := string(mustJSON(t, got.Objects[0].Object)); !strings.Contains(text, `"name":"a"`) || !strings.Contains(text, `"name":"b"`) {
		t.Errorf("containers were not merged: %s", text)
	}
}

func TestBuildOptionsReachTheWorkerAndTheCache(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, map[string]string{
		"above/kustomization.yaml": "resources: [../up.yaml]\n", "up.yaml": cm("up"),
		"chart/kustomization.yaml":      "helmCharts: [{name: web, releaseName: r}]\n",
		"chart/charts/web/Chart.yaml":   chartYaml,
		"chart/charts/web/values.yaml":  "{}\n",
		"chart/charts/web/templates/a":  "",
		"chart/charts/web/templates/t":  cm("{{ .Release.Name }}-{{ .Capabilities.KubeVersion.Minor }}"),
		"random/kustomization.yaml":     "helmCharts: [{name: web, releaseName: r}]\n",
		"random/charts/web/Chart.yaml":  chartYaml,
		"random/charts/web/values.yaml": "{}\n",
		"random/charts/web/templates/t": cm("r-{{ randNumeric 12 }}"),
	})
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	if f := fails(t, r, req); !strings.Contains(f.Message, "switched off") || !strings.Contains(f.Hint, "--enable-helm") || f.File != "chart/kustomization.yaml" || f.Line != 1 {
		t.Errorf("charts by default: %v", f)
	}
	req.Switches = flags("--enable-helm")
	if diff := cmp.Diff([]string{"r-31"}, names(run(t, r, req).Objects)); diff != "" {
		t.Error(diff)
	}
	req.Source.Kustomize = &argo.ApplicationSourceKustomize{KubeVersion: "1.28"}
	if diff := cmp.Diff([]string{"r-28"}, names(run(t, r, req).Objects)); diff != "" {
		t.Errorf("the source's kubeVersion: %s", diff)
	}
	req = request(tree, argo.ApplicationSource{Path: "random"})
	req.Switches = flags("--enable-helm")
	first, second := run(t, r, req), run(t, r, req)
	if first.Lasting || second.Cached || names(first.Objects)[0] == names(second.Objects)[0] {
		t.Errorf("what is random is kept: %v, %v", names(first.Objects), names(second.Objects))
	}
	req.Seed = []byte("seed")
	if a, b := run(t, r, req), run(t, r, req); a.Digest != b.Digest || !strings.Contains(strings.Join(a.Warnings, "\n"), "random") {
		t.Errorf("for reports: %v, warned %q", a.Digest == b.Digest, a.Warnings)
	}
	req = request(tree, argo.ApplicationSource{Path: "above"})
	if f := fails(t, r, req); !strings.Contains(f.Message, "not in or below") {
		t.Errorf("a file above: %v", f)
	}
	req.Switches = flags("--load-restrictor LoadRestrictionsNone --enable-alpha-plugins --network --as-current-user")
	got := run(t, r, req)
	if diff := cmp.Diff([]string{"up"}, names(got.Objects)); diff != "" {
		t.Error(diff)
	}
	said := strings.Join(got.Warnings, "\n")
	if !strings.Contains(said, "--enable-alpha-plugins") || !strings.Contains(said, "--network") || strings.Contains(said, "as-current-user") {
		t.Errorf("warned %q", said)
	}
	req.Switches.Kustomize.Versions = map[string]kustomize.Version{"v4": {BuildOptions: "--load-restrictor LoadRestrictionsRootOnly", Path: "/tools/kustomize"}}
	req.Source.Kustomize = &argo.ApplicationSourceKustomize{Version: "v4"}
	if f := fails(t, r, req); !strings.Contains(f.Message, "not in or below") {
		t.Errorf("the version's own flags: %v", f)
	}
	req.Switches = flags("--load-restrictor=everything")
	if f := fails(t, r, req); f.Field != "kustomize.buildOptions" {
		t.Errorf("a flag that kustomize refuses: %v", f)
	}
}

// TestOutOfTheRepositoryNothingIsRead has load restrictions off.
func TestOutOfTheRepositoryNothingIsRead(t *testing.T) {
	r := renderer(t, render.Options{})
	for name, files := range map[string]map[string]string{
		"resource":    {"app/kustomization.yaml": "resources: [../../../etc/hostname]\n"},
		"link":        {"app/kustomization.yaml": "resources: [l.yaml]\n", "app/l.yaml": "-> ../../../../../../etc/hostname"},
		"absolute":    {"app/kustomization.yaml": "configMapGenerator: [{name: x, files: [/etc/hostname]}]\n"},
		"by a plugin": {"app/kustomization.yaml": "generators: [g.yaml]\n", "app/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: [../../../etc/hostname]\n"},
		"chart home":  {"app/kustomization.yaml": "helmGlobals: {chartHome: ../../../srv}\nhelmCharts: [{name: web}]\n"},
		"values":      {"app/kustomization.yaml": "helmCharts: [{name: web, valuesFile: ../../../etc/hostname}]\n", "app/charts/web/Chart.yaml": chartYaml},
		"program":     {"app/kustomization.yaml": "transformers: [g.yaml]\nresources: [a.yaml]\n", "app/a.yaml": cm("a"), "app/g.yaml": "apiVersion: x/v1\nkind: X\nmetadata:\n  name: x\n  annotations: {config.kubernetes.io/function: \"exec: {path: /bin/true}\"}\n"},
		"post":        {"app/kustomization.yaml": "helmCharts: [{name: web, releaseName: \"--post-renderer=/bin/true\"}]\n", "app/charts/web/Chart.yaml": chartYaml},
	} {
		_, tree := newRepo(t, files)
		req := request(tree, argo.ApplicationSource{Path: "app"})
		req.Switches = flags("--load-restrictor LoadRestrictionsNone --enable-helm --enable-alpha-plugins --enable-exec")
		if f := fails(t, r, req); f.File == "" {
			t.Errorf("%s: %v", name, f)
		} else {
			t.Log(name, f)
		}
	}
}

// TestRemotesOverTLS fetches a repository and a file as the server does.
func TestRemotesOverTLS(t *testing.T) {
	dir := t.TempDir()
	base, _ := newRepo(t, map[string]string{"prod/kustomization.yaml": "resources: [b.yaml]\n", "prod/b.yaml": cm("v1")})
	base.git("tag", "v1")
	base.commit(map[string]string{"prod/b.yaml": cm("later")})
	if err := os.Rename(filepath.Join(base.dir, ".git"), filepath.Join(dir, "base.git")); err != nil {
		t.Fatal(err)
	}
	exe, err := exec.CommandContext(t.Context(), "git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(exe)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/manifests/far.yaml" {
			_, _ = rw.Write([]byte(cm("far")))
			return
		}
		backend.ServeHTTP(rw, q)
	}))
	t.Cleanup(server.Close)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := git.NewStore(git.Options{Dir: filepath.Join(dir, "mirrors"), CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	sources, err := source.New(source.Deps{Store: store, Network: source.Network{Roots: roots}})
	if err != nil {
		t.Fatal(err)
	}
	_, tree := newRepo(t, map[string]string{"app/kustomization.yaml": "resources:\n- " + server.URL + "/base.git//prod?ref=v1\n- " + server.URL + "/manifests/far.yaml\n"})
	req := request(tree, argo.ApplicationSource{Path: "app"})
	req.Remote = func(ctx context.Context, m render.Remote) (*git.Tree, error) {
		return sources.At(ctx, source.Query{RepoURL: m.URL, Revision: m.Version, File: m.Kind == render.RemoteFile})
	}
	r := renderer(t, render.Options{})
	if diff := cmp.Diff([]string{"far", "v1"}, names(run(t, r, req).Objects)); diff != "" {
		t.Error(diff)
	}
	_, tree = newRepo(t, map[string]string{"app/kustomization.yaml": "resources:\n- " + server.URL + "/base.git//prod?ref=v9\n"})
	req.Tree = tree
	if f := fails(t, r, req); f.File != "app/kustomization.yaml" || f.Line != 2 || !strings.Contains(f.Message, "v9") {
		t.Errorf("a tag that is not there: %v", f)
	}
}

// TestBuildVariablesAreReplacedWhereArgoCDReplacesThem in the kustomize block.
func TestBuildVariablesAreReplacedWhereArgoCDReplacesThem(t *testing.T) {
	r := renderer(t, render.Options{})
	_, tree := newRepo(t, map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: \"web:0\"}]}\n"})
	req := request(tree, argo.ApplicationSource{Path: "app", Kustomize: &argo.ApplicationSourceKustomize{
		Images: argo.KustomizeImages{"web:$ARGOCD_APP_NAME"}, NamePrefix: "$ARGOCD_APP_NAME-",
		CommonLabels: map[string]string{"app": "${ARGOCD_APP_NAME}"}, CommonAnnotations: map[string]string{"app": "$ARGOCD_APP_NAME"}}})
	pod := func() string { return string(mustJSON(t, run(t, r, req).Objects[0].Object)) }
	text := pod()
	for _, want := range []string{`"image":"web:web"`, `"name":"$ARGOCD_APP_NAME-a"`, `"labels":{"app":"web"}`, `"annotations":{"app":"$ARGOCD_APP_NAME"}`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	req.Source.Kustomize.CommonAnnotationsEnvsubst = true
	if text := pod(); !strings.Contains(text, `"annotations":{"app":"web"}`) {
		t.Errorf("annotations are not replaced: %s", text)
	}
}

func TestMistakesInChartsOfKustomizationsHaveTheirPlace(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	w.has(render.Remote{Kind: render.RemoteChart, URL: "https://charts.example.com", Chart: "web", Version: "1.0.0"}, "1.0.0",
		map[string]string{"Chart.yaml": chartYaml, "values.yaml": "{}\n", "templates/t": "a: b\n{{ fail \"no\" }}"})
	local := map[string]string{"app/charts/web/Chart.yaml": chartYaml, "app/charts/web/values.yaml": "{}\n", "app/charts/web/templates/t": cm("x")}
	for name, c := range map[string]struct {
		kustomization string
		files         map[string]string
		file          string
		line          int
	}{
		"a template":         {"helmCharts: [{name: web}]\n", map[string]string{"app/charts/web/templates/t": "a: b\n{{ fail \"no\" }}"}, "app/charts/web/templates/t", 2},
		"its values":         {"helmCharts: [{name: web}]\n", map[string]string{"app/charts/web/values.yaml": "a: b\nc: [\n"}, "app/charts/web/values.yaml", 2},
		"a file of values":   {"helmCharts: [{name: web, valuesFile: v.yaml}]\n", map[string]string{"app/v.yaml": "a: b\nc: [\n"}, "app/v.yaml", 2},
		"values not there":   {"helmCharts:\n- name: web\n  valuesFile: v.yaml\n", nil, "app/kustomization.yaml", 3},
		"the release's name": {"helmCharts:\n- name: web\n  releaseName: Not_A_Name\n", nil, "app/kustomization.yaml", 2},
		"a name template":    {"helmCharts:\n- name: web\n  nameTemplate: '{{ nope }}'\n", nil, "app/kustomization.yaml", 2},
		"no chart":           {"helmCharts:\n- releaseName: x\n  name: other\n", nil, "app/kustomization.yaml", 3},
		"a folder":           {"generators: [g]\n", map[string]string{"app/g/kustomization.yaml": "resources: [g.yaml]\n", "app/g/g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: web\n"}, "app/kustomization.yaml", 0},
		"a fetched template": {"helmCharts: [{name: web, version: 1.0.0, repo: \"https://charts.example.com\"}]\n", nil, "app/charts/web-1.0.0/web/templates/t", 2},
		"a fetched chart":    {"helmCharts:\n- name: gone\n  repo: https://charts.example.com\n", nil, "app/kustomization.yaml", 2},
	} {
		files := map[string]string{"app/kustomization.yaml": c.kustomization}
		for _, all := range []map[string]string{local, c.files} {
			for name, text := range all {
				files[name] = text
			}
		}
		_, tree := newRepo(t, files)
		req := request(tree, argo.ApplicationSource{Path: "app"})
		req.Switches, req.Remote = flags("--enable-helm"), w.open
		if f := fails(t, r, req); f.File != c.file || f.Line != c.line {
			t.Errorf("%s: at %s:%d, want %s:%d: %v", name, f.File, f.Line, c.file, c.line, f)
		} else {
			t.Log(name, f)
		}
	}
}

// TestChartsOfRemoteBases has one that a fetched repository holds, and one that it names elsewhere.
func TestChartsOfRemoteBases(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	chart := map[string]string{"Chart.yaml": chartYaml, "values.yaml": "a: chart\n", "templates/t": cm("{{ .Release.Name }}-{{ .Release.Namespace }}-{{ .Values.a }}")}
	w.has(render.Remote{Kind: render.RemoteChart, URL: "https://charts.example.com", Chart: "web", Version: "1.0.0"}, "1.0.0", chart)
	base := map[string]string{"far/kustomization.yaml": "helmCharts:\n- {name: web, releaseName: near, valuesFile: v.yaml}\n" +
		"- {name: web, releaseName: far, version: 1.0.0, repo: \"https://charts.example.com\"}\n", "far/v.yaml": "a: file\n"}
	for name, text := range chart {
		base["far/charts/web/"+name] = text
	}
	w.has(repository("v1"), "1111", base)
	_, tree := newRepo(t, map[string]string{
		"app/kustomization.yaml": "namespace: top\nnameSuffix: -x\nresources: [\"https://host.example/org/base//far?ref=v1\"]\n",
		"two/kustomization.yaml": "resources: [a, b]\n", "two/a/kustomization.yaml": "namespace: a\nresources: [\"https://host.example/org/base//far?ref=v1\"]\n",
		"two/b/kustomization.yaml": "namespace: b\nresources: [\"https://host.example/org/base//far?ref=v1\"]\n",
	})
	req := request(tree, argo.ApplicationSource{Path: "app"})
	req.Switches, req.Remote = flags("--enable-helm"), w.open
	got := run(t, r, req)
	if diff := cmp.Diff([]string{"far-top-chart-x", "near-top-file-x"}, names(got.Objects)); diff != "" {
		t.Error(diff)
	}
	if len(got.Remotes) != 2 || got.Objects[1].Place.File != "https://host.example/org/base//far/charts/web/templates/t" {
		t.Errorf("remotes: %+v, from %s", got.Remotes, got.Objects[1].Place.File)
	}
	req.Source.Path = "two"
	if f := fails(t, r, req); !strings.Contains(f.Message, "for two namespaces") {
		t.Errorf("one base under two namespaces: %v", f)
	}
}
