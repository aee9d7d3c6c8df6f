package change_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/downloader"
	"helm.sh/helm/v3/pkg/getter"
	helmregistry "helm.sh/helm/v3/pkg/registry"
	"helm.sh/helm/v3/pkg/releaseutil"
	"helm.sh/helm/v3/pkg/repo"
	"sigs.k8s.io/yaml"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	rules "github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

// TestMain makes the test binary the worker of its renders.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "render-worker" {
		if err := render.Worker(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// market is a place to get charts from: Helm repositories at /stable and, for those who know the password, at /private, an OCI registry,
// and files at /files, all over TLS.
type market struct {
	t      *testing.T
	server *httptest.Server
	ca     string // file
	mu     sync.Mutex
	files  map[string][]byte
	index  map[string]*repo.IndexFile
	asked  []string
}

const marketUser, marketPassword = "team", "HUSH-HUSH"

func newMarket(t *testing.T) *market {
	t.Helper()
	m := &market{t: t, files: map[string][]byte{}, index: map[string]*repo.IndexFile{"stable": repo.NewIndexFile(), "private": repo.NewIndexFile()}}
	behind := registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))
	m.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v2/") {
			behind.ServeHTTP(w, r)
			return
		}
		m.serve(w, r)
	}))
	t.Cleanup(m.server.Close)
	m.ca = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.server.Certificate().Raw})
	if err := os.WriteFile(m.ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *market) serve(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = append(m.asked, r.URL.Path)
	place, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	text, ok := m.files[r.URL.Path]
	switch {
	case place == "private" && (user != marketUser || password != marketPassword):
		http.Error(w, "who are you", http.StatusUnauthorized)
	case name == "index.yaml" && m.index[place] != nil:
		all, err := yaml.Marshal(m.index[place])
		if err != nil {
			m.t.Error(err)
		}
		_, _ = w.Write(all)
	case ok:
		_, _ = w.Write(text)
	default:
		http.NotFound(w, r)
	}
}

func (m *market) url(place string) string { return m.server.URL + "/" + place }

// registry is the OCI registry, with its scheme.
func (m *market) registry() string { return "oci://" + m.server.Listener.Addr().String() + "/charts" }

func (m *market) client() *helmregistry.Client {
	m.t.Helper()
	c, err := helmregistry.NewClient(helmregistry.ClientOptHTTPClient(m.server.Client()), helmregistry.ClientOptWriter(io.Discard))
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

// sell offers a chart, packed by Helm: in a repository's index, or in the registry for the place "oci".
func (m *market) sell(place string, files map[string]string) {
	m.t.Helper()
	c := m.load(files)
	file, err := chartutil.Save(c, m.t.TempDir())
	if err != nil {
		m.t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		m.t.Fatal(err)
	}
	if place == "oci" {
		ref := strings.TrimPrefix(m.registry(), "oci://") + "/" + c.Name() + ":" + c.Metadata.Version
		if _, err := m.client().Push(text, ref); err != nil {
			m.t.Fatal(err)
		}
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	name := filepath.Base(file)
	m.files["/"+place+"/"+name] = text
	if err := m.index[place].MustAdd(c.Metadata, name, m.url(place), releaseDigest(text)); err != nil {
		m.t.Fatal(err)
	}
	m.index[place].SortEntries()
}

func (m *market) load(files map[string]string) *chart.Chart {
	m.t.Helper()
	var all []*loader.BufferedFile
	for name, text := range files {
		all = append(all, &loader.BufferedFile{Name: name, Data: []byte(text)})
	}
	slices.SortFunc(all, func(a, b *loader.BufferedFile) int { return strings.Compare(a.Name, b.Name) })
	c, err := loader.LoadFiles(all)
	if err != nil {
		m.t.Fatal(err)
	}
	return c
}

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\ndata: {values: {{ .Values | toJson | quote }}, chart: {{ .Chart.Version | quote }}}\n"
}

// piece is a chart with one object, which says its version and what values it sees.
func piece(name, version, more string) map[string]string {
	return map[string]string{"Chart.yaml": "apiVersion: v2\nname: " + name + "\nversion: " + version + "\n" + more,
		"values.yaml": "port: 1\nexports: {data: {from: " + name + "}}\n", "templates/a.yaml": configMap("{{ .Release.Name }}-{{ .Chart.Name }}")}
}

func within(folder string, files map[string]string, into map[string]string) map[string]string {
	for name, text := range files {
		into[folder+"/"+name] = text
	}
	return into
}

func releaseDigest(text []byte) string { return fmt.Sprintf("%x", sha(text)) }

// stocked is a market with the charts that the cases need.
func stocked(t *testing.T) *market {
	m := newMarket(t)
	for _, v := range []string{"17.0.0", "17.1.0", "18.0.0", "18.1.0-rc.1"} {
		m.sell("stable", piece("redis", v, ""))
	}
	m.sell("stable", piece("library", "1.2.0", "type: library\n"))
	m.sell("stable", within("charts/inner", piece("inner", "0.1.0", ""), piece("nested", "2.0.0", "dependencies: [{name: inner, version: 0.x, repository: \"https://nowhere.example.com\"}]\n")))
	m.sell("stable", piece("hollow", "1.0.0", "dependencies: [{name: gone, version: 0.x, repository: \"https://nowhere.example.com\"}]\n"))
	m.sell("private", piece("vault", "3.0.0", ""))
	for _, v := range []string{"1.0.0", "1.4.0", "2.0.0"} {
		m.sell("oci", piece("queue", v, ""))
	}
	return m
}

// bench is a repository on disk and the engine that renders it.
type bench struct {
	t        *testing.T
	market   *market
	dir      string
	renderer *render.Renderer
	pipeline *change.Pipeline
	projects map[string]*argo.AppProject
	settings settings.Settings
	scope    rules.Scope
}

func newBench(t *testing.T, m *market) *bench {
	t.Helper()
	b := &bench{t: t, market: m, dir: t.TempDir(), projects: map[string]*argo.AppProject{}}
	b.git("init", "-q", "-b", "main")
	b.projects["default"] = &argo.AppProject{Spec: argo.AppProjectSpec{SourceRepos: []string{"*"}}}
	b.settings.Repositories = []settings.Repository{{Secret: "s", Name: "mine", Type: "helm", URL: m.url("private"), Username: marketUser, Password: marketPassword}}
	store, err := git.NewStore(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	roots := x509.NewCertPool()
	roots.AddCert(m.server.Certificate())
	sources, err := source.New(source.Deps{Store: store, Network: source.Network{Roots: roots},
		Registered: func(_ context.Context, repoURL, project string) source.Registration {
			return source.RegisteredCharts(b.settings, repoURL, project)
		}})
	if err != nil {
		t.Fatal(err)
	}
	if b.renderer, err = render.New(render.Options{Command: []string{os.Args[0], "render-worker"}, Workers: 1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.renderer.Close)
	b.pipeline = change.New(change.Deps{Render: b.renderer, Trees: sources, Scope: func(string) rules.Scope { return b.scope }, ControlNamespace: "argocd",
		Project: func(_ context.Context, name string) (*argo.AppProject, error) { return b.projects[name], nil },
		Repository: func(_ context.Context, name, project string) (string, bool) {
			return source.NamedCharts(b.settings, name, project)
		}})
	return b
}

func (b *bench) git(args ...string) string {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), "git", args...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func writeAll(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// commit makes a tree of what is in the folder.
func (b *bench) commit() *git.Tree {
	b.t.Helper()
	b.git("add", "-A", "-f")
	b.git("commit", "-q", "--allow-empty", "-m", "change")
	checkout, err := git.OpenCheckout(b.t.Context(), b.dir, b.t.TempDir())
	if err != nil {
		b.t.Fatal(err)
	}
	tree, err := checkout.Tree(b.t.Context(), git.Hash(b.git("rev-parse", "HEAD")))
	if err != nil {
		b.t.Fatal(err)
	}
	return tree
}

// render renders the chart in the folder "web" of a tree.
func (b *bench) render(tree *git.Tree, options *argo.ApplicationSourceHelm) (change.Target, error) {
	app := &argo.Application{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: argo.ApplicationSpec{
		Source: &argo.ApplicationSource{RepoURL: shop, Path: "web", TargetRevision: "main", Helm: options}, Destination: argo.ApplicationDestination{Name: "prod", Namespace: "web"}}}
	return b.pipeline.Target(b.t.Context(), change.TargetRequest{App: app, Trusted: true, Tree: func(int, argo.ApplicationSource) *git.Tree { return tree }})
}

// helm does what Argo CD has helm do: template, and when dependencies are missing, build them and template again.
func (b *bench) helm(dir string) ([]string, error) {
	b.t.Helper()
	home := b.t.TempDir()
	known := repo.NewFile()
	for name, place := range map[string]string{"stable": "stable", "mine": "private"} {
		known.Update(&repo.Entry{Name: name, URL: b.market.url(place), CAFile: b.market.ca, Username: marketUser, Password: marketPassword})
	}
	config := filepath.Join(home, "repositories.yaml")
	if err := known.WriteFile(config, 0o600); err != nil {
		b.t.Fatal(err)
	}
	c, err := loader.LoadDir(dir)
	if err != nil {
		return nil, err
	}
	if action.CheckDependencies(c, c.Metadata.Dependencies) != nil {
		env := cli.New()
		env.RepositoryConfig, env.RepositoryCache = config, filepath.Join(home, "cache")
		m := downloader.Manager{Out: io.Discard, ChartPath: dir, Getters: getter.All(env), RegistryClient: b.market.client(), RepositoryConfig: config,
			RepositoryCache: env.RepositoryCache}
		if err := m.Build(); err != nil {
			return nil, err
		}
		if c, err = loader.LoadDir(dir); err != nil {
			return nil, err
		}
	}
	if err := action.CheckDependencies(c, c.Metadata.Dependencies); err != nil {
		return nil, err
	}
	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly, install.DryRun, install.IncludeCRDs, install.ReleaseName, install.Namespace = true, true, true, "web", "default"
	rel, err := install.RunWithContext(b.t.Context(), c, map[string]any{})
	if err != nil {
		return nil, err
	}
	var docs []string
	for _, text := range releaseutil.SplitManifests(rel.Manifest) {
		docs = append(docs, text)
	}
	return docs, nil
}

// bare are objects as YAML without what marks them as an application's, sorted.
func bare(t *testing.T, objects []map[string]any) []string {
	t.Helper()
	var all []string
	for _, o := range objects {
		if about, ok := o["metadata"].(map[string]any); ok {
			delete(about, "annotations")
			delete(about, "namespace")
		}
		text, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

func contents(s *object.Set) []map[string]any {
	var all []map[string]any
	for _, o := range s.All() {
		all = append(all, o.Unstructured.Object)
	}
	return all
}

func documents(t *testing.T, docs []string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, d := range docs {
		var o map[string]any
		if err := yaml.Unmarshal([]byte(d), &o); err != nil {
			t.Fatal(err)
		}
		if o != nil {
			all = append(all, o)
		}
	}
	return all
}

// web is a chart in the folder web, with dependencies.
func web(dependencies string) map[string]string {
	return map[string]string{"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n" + dependencies,
		"web/values.yaml": "redis: {port: 2}\nother: {port: 3}\nqueue: {enabled: false}\ntags: {extra: false}\n", "web/templates/own.yaml": configMap("own")}
}

// TestDependenciesAreThoseThatHelmBuilds holds charts with dependencies against what helm's own code makes of them.
func TestDependenciesAreThoseThatHelmBuilds(t *testing.T) {
	m := stocked(t)
	stable, private := m.url("stable"), m.url("private")
	lock := func(files map[string]string, only string) map[string]string { return locked(t, m, files, only) }
	redis := "- {name: redis, version: 17.x, repository: \"" + stable + "\"}\n"
	for name, files := range map[string]map[string]string{
		"a range":                     web(redis),
		"a version":                   web("- {name: redis, version: 17.0.0, repository: \"" + stable + "/\"}\n"),
		"a lock below the range":      lock(web(redis), "17.0.0"),
		"a prerelease":                web("- {name: redis, version: \">=18.0.1-0\", repository: \"" + stable + "\"}\n"),
		"another name, twice":         web(redis + "- {name: redis, version: 17.x, repository: \"" + stable + "\", alias: other}\n"),
		"two versions of one":         web(redis + "- {name: redis, version: 18.0.0, repository: \"" + stable + "\", alias: other}\n"),
		"a condition":                 web("- {name: queue, version: ^1.0.0, repository: \"" + m.registry() + "\", condition: queue.enabled}\n" + redis),
		"a tag":                       web("- {name: redis, version: 17.x, repository: \"" + stable + "\", tags: [extra]}\n"),
		"imported values":             web("- {name: redis, version: 17.x, repository: \"" + stable + "\", import-values: [data]}\n"),
		"a library":                   web("- {name: library, version: 1.x.x, repository: \"" + stable + "\"}\n"),
		"a chart with charts":         web("- {name: nested, version: 2.0.0, repository: \"" + stable + "\"}\n"),
		"a chart that lacks one":      web("- {name: hollow, version: 1.0.0, repository: \"" + stable + "\"}\n"),
		"a registry, range":           web("- {name: queue, version: ^1.0.0, repository: \"" + m.registry() + "\"}\n"),
		"a registry, version":         web("- {name: queue, version: 1.0.0, repository: \"" + m.registry() + "\"}\n"),
		"a name of a repository":      web("- {name: vault, version: 3.x, repository: \"@mine\"}\n"),
		"alias: of a repository":      web("- {name: vault, version: 3.x, repository: \"alias:mine\"}\n"),
		"a name, locked":              lock(web("- {name: vault, version: 3.x, repository: \"@mine\"}\n"), ""),
		"credentials":                 web("- {name: vault, version: 3.x, repository: \"" + private + "\"}\n"),
		"in the charts folder":        within("web/charts/redis", piece("redis", "17.9.0", ""), web(redis)),
		"no repository":               within("web/charts/local", piece("local", "0.1.0", ""), web("- {name: local, version: 0.x}\n"+redis)),
		"beside it":                   within("near", piece("near", "0.3.0", ""), web("- {name: near, version: \">0.1\", repository: \"file://../near\"}\n"+redis)),
		"beside it, and that one's":   within("near", piece("near", "0.3.0", "dependencies: [{name: far, version: 1.0.0, repository: \"file://../far\"}]\n"), within("far", piece("far", "1.0.0", ""), web("- {name: near, version: 0.3.0, repository: \"file://../near\"}\n"))),
		"a circle":                    within("near", piece("near", "0.3.0", "dependencies: [{name: web, version: 1.0.0, repository: \"file://../web\"}]\n"), web("- {name: near, version: 0.3.0, repository: \"file://../near\"}\n")),
		"a folder nobody asks for":    within("web/charts/extra", piece("extra", "0.1.0", ""), web(redis)),
		"requirements.yaml":           requirements(redis),
		"requirements.lock":           lock(requirements(redis), "17.0.0"),
		"requirements.lock of Helm 2": helm2(t, stable),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, m)
			writeAll(t, b.dir, files)
			tree := b.commit()
			docs, err := b.helm(filepath.Join(b.dir, "web"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.render(tree, nil)
			if err != nil || got.Fault != nil {
				t.Fatalf("%v, %v", err, got.Fault)
			}
			if diff := cmp.Diff(bare(t, documents(t, docs)), bare(t, contents(got.Objects))); diff != "" {
				t.Errorf("helm against ours:\n%s", diff)
			}
		})
	}
}

// requirements is a chart of Helm 2's form.
func requirements(dependencies string) map[string]string {
	return map[string]string{"web/Chart.yaml": "apiVersion: v1\nname: web\nversion: 1.0.0\n", "web/requirements.yaml": "dependencies:\n" + dependencies,
		"web/templates/own.yaml": configMap("own")}
}

// helm2 is a chart whose lock file was written by Helm 2, which digested what is required alone.
func helm2(t *testing.T, stable string) map[string]string {
	t.Helper()
	files := requirements("- {name: redis, version: 17.x, repository: \"" + stable + "\"}\n")
	digest := sha([]byte(`{"dependencies":[{"name":"redis","version":"17.x","repository":"` + stable + `"}]}`))
	files["web/requirements.lock"] = fmt.Sprintf("dependencies:\n- name: redis\n  repository: %s\n  version: 17.0.0\ndigest: sha256:%x\ngenerated: 2020-01-01T00:00:00Z\n", stable, digest)
	return files
}

// locked adds the lock file that helm writes while the repository has no version of redis but one.
func locked(t *testing.T, m *market, files map[string]string, only string) map[string]string {
	t.Helper()
	m.mu.Lock()
	all := m.index["stable"].Entries["redis"]
	if only != "" {
		m.index["stable"].Entries["redis"] = slices.DeleteFunc(slices.Clone(all), func(v *repo.ChartVersion) bool { return v.Version != only })
	}
	m.mu.Unlock()
	b := &bench{t: t, market: m}
	dir := t.TempDir()
	writeAll(t, dir, files)
	if _, err := b.helm(filepath.Join(dir, "web")); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	m.index["stable"].Entries["redis"] = all
	m.mu.Unlock()
	for _, name := range []string{"web/Chart.lock", "web/requirements.lock"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			files[name] = string(text)
		}
	}
	if files["web/Chart.lock"]+files["web/requirements.lock"] == "" {
		t.Fatal("helm wrote no lock file")
	}
	return files
}

// TestDependenciesThatCannotBeHad has each mistake named where it is made, and no credentials in it.
func TestDependenciesThatCannotBeHad(t *testing.T) {
	m := stocked(t)
	stable := m.url("stable")
	redis := "- {name: redis, version: 17.x, repository: \"" + stable + "\"}\n"
	stale := locked(t, m, web(redis), "")
	stale["web/Chart.yaml"] = web("- {name: redis, version: 18.x, repository: \"" + stable + "\"}\n")["web/Chart.yaml"]
	staleOld := locked(t, m, requirements(redis), "")
	staleOld["web/requirements.yaml"] += "- {name: library, version: 1.x, repository: \"" + stable + "\"}\n"
	bare := func(dependency string) map[string]string { return web("- " + dependency + "\n") }
	for name, c := range map[string]struct {
		files map[string]string
		want  object.Place
		say   string
	}{
		"a stale lock":              {stale, object.Place{File: "web/Chart.lock"}, "out of sync"},
		"a stale requirements.lock": {staleOld, object.Place{File: "web/requirements.lock"}, "out of sync"},
		"no such version":           {bare("{version: 99.x, repository: \"" + stable + "\", \"alias\": x,\n   name: redis}"), object.Place{File: "web/Chart.yaml"}, "99.x"},
		"no such chart":             {bare("version: 1.x\n  repository: " + stable + "\n  name: nothing"), object.Place{File: "web/Chart.yaml", Line: 7}, "not in the index"},
		"no such repository":        {bare("version: 1.x\n  repository: " + m.url("none") + "\n  name: x"), object.Place{File: "web/Chart.yaml", Line: 7}, "404"},
		"no such name":              {bare("version: 1.x\n  repository: \"@nobody\"\n  name: x"), object.Place{File: "web/Chart.yaml", Line: 7}, `registered by the name "nobody"`},
		"a word":                    {bare("version: 1.x\n  repository: stable\n  name: x"), object.Place{File: "web/Chart.yaml", Line: 7}, "neither a URL"},
		"no repository":             {bare("version: 1.x\n  name: x"), object.Place{File: "web/Chart.yaml", Line: 6}, "not in the charts folder"},
		"no version":                {bare("name: redis\n  repository: " + stable), object.Place{File: "web/Chart.yaml", Line: 5}, "version is missing"},
		"credentials in a URL":      {bare("version: 1.x\n  repository: " + strings.Replace(m.url("private"), "https://", "https://eve:GUESSED@", 1) + "\n  name: vault"), object.Place{File: "web/Chart.yaml", Line: 7}, "401"},
		"a scheme":                  {bare("version: 1.x\n  repository: s3://bucket/charts\n  name: x"), object.Place{File: "web/Chart.yaml", Line: 7}, "not the URL of a Helm repository"},
		"without TLS":               {bare("version: 1.x\n  repository: http://127.0.0.1:1/charts\n  name: x"), object.Place{File: "web/Chart.yaml", Line: 7}, "without TLS"},
		"another version beside it": {within("near", piece("near", "0.3.0", ""), bare("version: 1.x\n  repository: file://../near\n  name: near")), object.Place{File: "web/Chart.yaml", Line: 7}, "near has 0.3.0"},
		"a name that leads out":     {bare("version: 1.x\n  repository: " + stable + "\n  name: ../../redis"), object.Place{File: "web/Chart.yaml"}, "name"},
		"a registry that leads out": {bare("version: 1.0.0\n  repository: " + m.registry() + "/../../x\n  name: queue"), object.Place{File: "web/Chart.yaml"}, "OCI repository"},
		"outside of the repository": {bare("version: 1.x\n  repository: file://../../../etc\n  name: near"), object.Place{File: "web/Chart.yaml", Line: 7}, "outside of the repository"},
		"the machine's own disk":    {bare("version: 1.x\n  repository: file:///etc\n  name: near"), object.Place{File: "web/Chart.yaml", Line: 7}, "outside of the repository"},
		"nothing beside it":         {bare("version: 1.x\n  repository: file://../near\n  name: near"), object.Place{File: "web/Chart.yaml", Line: 7}, "no chart in near"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, m)
			if name == "credentials in a URL" {
				b.settings.Repositories = nil
			}
			writeAll(t, b.dir, c.files)
			tree := b.commit()
			if _, err := b.helm(filepath.Join(b.dir, "web")); err == nil {
				t.Error("helm has no objection")
			}
			got, err := b.render(tree, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.Fault == nil {
				t.Fatalf("%d objects", got.Objects.Len())
			}
			f := got.Fault
			if f.File != c.want.File || c.want.Line != 0 && f.Line != c.want.Line || !strings.Contains(f.Error(), c.say) {
				t.Errorf("fault: %v", f)
			}
			if strings.Contains(f.Error(), marketPassword) || strings.Contains(f.Error(), "GUESSED") {
				t.Errorf("credentials are shown: %v", f)
			}
		})
	}
}
