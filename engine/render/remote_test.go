package render_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render"
)

// world is what lies elsewhere: trees by how a render names them.
type world struct {
	t     *testing.T
	store *git.Store
	mu    sync.Mutex
	trees map[render.Remote]*git.Tree
	errs  map[render.Remote]error
	asked []render.Remote
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := git.NewStore(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return &world{t: t, store: store, trees: map[render.Remote]*git.Tree{}, errs: map[render.Remote]error{}}
}

// has puts files at a remote, called by a revision.
func (w *world) has(m render.Remote, revision string, files map[string]string) {
	w.t.Helper()
	contents := map[string]git.Content{}
	for name, text := range files {
		contents[name] = git.Content{Data: []byte(text)}
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			contents[name] = git.Content{Mode: fs.ModeSymlink, Data: []byte(target)}
		}
	}
	tree, err := w.store.Import(w.t.Context(), fmt.Sprint(m, revision, files), contents)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trees[m] = tree.Called(revision)
}

func (w *world) open(_ context.Context, m render.Remote) (*git.Tree, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, m)
	if err := w.errs[m]; err != nil {
		return nil, err
	}
	if w.trees[m] == nil {
		return nil, &object.Fault{Message: m.String() + " is not there"}
	}
	return w.trees[m], nil
}

func (w *world) fails(m render.Remote, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs[m] = err
}

func redis(version string) render.Remote {
	return render.Remote{Kind: render.RemoteChart, URL: "https://charts.example.com", Chart: "redis", Version: version}
}

// redisChart is a chart with one object that says its version.
func redisChart(version string) map[string]string {
	return map[string]string{"Chart.yaml": "apiVersion: v2\nname: redis\nversion: " + version + "\n", "values.yaml": "port: 6379\n",
		"templates/redis.yaml": cm("{{ .Release.Name }}-redis-{{ .Chart.Version }}-{{ .Values.port }}")}
}

func dependent(dependencies string) map[string]string {
	return map[string]string{"chart/Chart.yaml": chartYaml + "dependencies:\n" + dependencies, "chart/templates/a.yaml": cm("own")}
}

const redisDependency = "- name: redis\n  version: 17.x\n  repository: https://charts.example.com\n"

func names(objects []object.Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.GetName())
	}
	return out
}

func TestDependenciesAreFetchedByTheParent(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	w.has(redis("17.x"), "17.1.0", redisChart("17.1.0"))
	files := dependent(redisDependency)
	files["chart/values.yaml"] = "redis: {port: 1}\n"
	_, tree := newRepo(t, files)
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	req.Remote = w.open
	got := run(t, r, req)
	if diff := cmp.Diff([]string{"web-redis-17.1.0-1", "own"}, names(got.Objects)); diff != "" {
		t.Error(diff)
	}
	if len(got.Remotes) != 1 || got.Remotes[0].Remote != redis("17.x") || got.Remotes[0].Revision != "17.1.0" || len(got.Remotes[0].Trace) == 0 {
		t.Errorf("remotes: %+v", got.Remotes)
	}
	if f := got.Objects[0].Place.File; f != "chart/charts/redis-17.1.0.tgz" {
		t.Errorf("the dependency's object is said to be from %s", f)
	}
	if len(got.RefTraces) != 0 {
		t.Errorf("traces of refs: %v", got.RefTraces)
	}
}

// TestResultsFollowWhatLiesElsewhere has results used again while what a range means stays, and as long as it may be had.
func TestResultsFollowWhatLiesElsewhere(t *testing.T) {
	dir := t.TempDir()
	r, w := renderer(t, render.Options{CacheDir: dir}), newWorld(t)
	w.has(redis("17.x"), "17.1.0", redisChart("17.1.0"))
	_, tree := newRepo(t, dependent(redisDependency))
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	req.Remote = w.open
	run(t, r, req)
	if got := run(t, r, req); !got.Cached {
		t.Error("the same was rendered twice")
	}
	again := renderer(t, render.Options{CacheDir: dir})
	if got := run(t, again, req); !got.Cached || len(got.Remotes) != 1 {
		t.Errorf("after a restart: cached %v, remotes %v", got.Cached, got.Remotes)
	}
	w.has(redis("17.x"), "17.2.0", redisChart("17.2.0"))
	for _, r := range []*render.Renderer{r, again} {
		if got := run(t, r, req); got.Cached || names(got.Objects)[0] != "web-redis-17.2.0-6379" {
			t.Errorf("the range has moved on: cached %v, %v", got.Cached, names(got.Objects))
		}
	}
	denied := req
	denied.Remote = func(context.Context, render.Remote) (*git.Tree, error) {
		return nil, &object.Fault{Message: "the project does not permit it", Hint: "ask"}
	}
	f := fails(t, r, denied)
	if f.File != "chart/Chart.yaml" || f.Line != 5 || f.Field != "dependencies" || f.Message != "the project does not permit it" || f.Hint != "ask" {
		t.Errorf("refused: %v", f)
	}
	if got := run(t, r, req); !got.Cached {
		t.Error("a refusal took the result away from those who may have it")
	}
}

func TestOutagesAreNobodysFault(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	down := fmt.Errorf("%w: out to lunch", render.ErrOutage)
	for _, version := range []string{"17.x", "17.1.0"} {
		w.has(redis(version), "17.1.0", redisChart("17.1.0"))
		_, tree := newRepo(t, dependent("- name: redis\n  version: "+version+"\n  repository: https://charts.example.com\n"))
		req := request(tree, argo.ApplicationSource{Path: "chart"})
		req.Remote = w.open
		run(t, r, req)
		w.fails(redis(version), errors.New("nobody knows whether you may"))
		if got, err := r.Render(t.Context(), req); err == nil {
			t.Errorf("%s when nobody can tell: cached %v", version, got.Cached)
		}
		w.fails(redis(version), down)
		got, err := r.Render(t.Context(), req)
		if version == "17.x" && !errors.Is(err, down) {
			t.Errorf("a range during an outage: %v", err)
		}
		if version == "17.1.0" && (err != nil || !got.Cached) {
			t.Errorf("a version, which never changes, during an outage: cached %v, %v", got.Cached, err)
		}
	}
}

func TestAllThatIsLackingIsAskedForAtOnce(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	var list strings.Builder
	for i := range 5 {
		name := fmt.Sprintf("part%d", i)
		fmt.Fprintf(&list, "- {name: %s, version: 1.0.0, repository: \"https://charts.example.com\"}\n", name)
		w.has(render.Remote{Kind: render.RemoteChart, URL: "https://charts.example.com", Chart: name, Version: "1.0.0"}, "1.0.0",
			map[string]string{"Chart.yaml": "apiVersion: v2\nname: " + name + "\nversion: 1.0.0\n", "templates/a.yaml": cm(name)})
	}
	file := render.Remote{Kind: render.RemoteFile, URL: "https://files.example.com/values.yaml"}
	w.has(file, "", map[string]string{"content": "a: 1\n"})
	_, tree := newRepo(t, dependent(list.String()))
	req := request(tree, argo.ApplicationSource{Path: "chart", Helm: &argo.ApplicationSourceHelm{ValueFiles: []string{file.URL}}})
	req.Remote = w.open
	if got := run(t, r, req); len(got.Objects) != 6 || len(got.Remotes) != 6 {
		t.Errorf("objects %v, remotes %v", names(got.Objects), got.Remotes)
	}
	if len(w.asked) != 6 {
		t.Errorf("asked for %v", w.asked)
	}
}

func TestWhatIsAskedForIsBounded(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	var list strings.Builder
	for i := range 100 {
		fmt.Fprintf(&list, "- {name: part%d, version: 1.0.0, repository: \"https://charts.example.com\"}\n", i)
	}
	_, tree := newRepo(t, dependent(list.String()))
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	req.Remote = w.open
	if f := fails(t, r, req); !strings.Contains(f.Message, "would have to be fetched") || len(w.asked) != 0 {
		t.Errorf("%v, after %d were asked for", f, len(w.asked))
	}
}

// TestAFlightIsNoWayAround has two requests at once for the same: what one may have, the other does not get by waiting for it.
func TestAFlightIsNoWayAround(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	w.has(redis("17.x"), "17.1.0", redisChart("17.1.0"))
	_, tree := newRepo(t, dependent(redisDependency))
	var waiting sync.WaitGroup
	entered, release := make(chan struct{}), make(chan struct{})
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	first := req
	var once sync.Once
	first.Remote = func(ctx context.Context, m render.Remote) (*git.Tree, error) {
		once.Do(func() { close(entered) })
		<-release
		return w.open(ctx, m)
	}
	waiting.Go(func() {
		if _, err := r.Render(t.Context(), first); err != nil {
			t.Error(err)
		}
	})
	<-entered
	second := req
	second.Remote = func(context.Context, render.Remote) (*git.Tree, error) {
		return nil, &object.Fault{Message: "not for you"}
	}
	waiting.Go(func() {
		got, err := r.Render(t.Context(), second)
		if err != nil || got.Fault == nil || got.Fault.Message != "not for you" {
			t.Errorf("%v, %v", got.Fault, err)
		}
	})
	close(release)
	waiting.Wait()
}

// TestHostileChartsFromElsewhere has what was fetched be as little believed as what was committed, and named where it is asked for.
func TestHostileChartsFromElsewhere(t *testing.T) {
	r := renderer(t, render.Options{})
	meta := "apiVersion: v2\nname: redis\nversion: 17.1.0\n"
	for name, c := range map[string]struct {
		files map[string]string
		say   string
	}{
		"a link out":               {map[string]string{"Chart.yaml": meta, "templates/a.yaml": "-> ../../../../etc/passwd"}, "out of the repository"},
		"an absolute link":         {map[string]string{"Chart.yaml": meta, "values.yaml": "-> /etc/passwd"}, "out of the repository"},
		"a circle of links":        {map[string]string{"Chart.yaml": meta, "templates/a": "-> b", "templates/b": "-> a"}, "circle"},
		"a bomb of aliases":        {map[string]string{"Chart.yaml": meta, "values.yaml": bomb()}, ""},
		"another chart":            {map[string]string{"Chart.yaml": strings.Replace(meta, "redis", "mongo", 1)}, "is the chart \"mongo\""},
		"no chart":                 {map[string]string{"README.md": "no"}, "Chart.yaml"},
		"no metadata":              {map[string]string{"Chart.yaml": "[]"}, ""},
		"a packed chart that lies": {map[string]string{"Chart.yaml": meta, "charts/x.tgz": "\x1f\x8bnonsense"}, ""},
		"a template that loops":    {map[string]string{"Chart.yaml": meta, "templates/a.yaml": `{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}`}, "without end"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.has(redis("17.x"), "17.1.0", c.files)
			_, tree := newRepo(t, dependent(redisDependency))
			req := request(tree, argo.ApplicationSource{Path: "chart"})
			req.Remote, req.Trusted = w.open, false
			f := fails(t, r, req)
			if !strings.HasPrefix(f.File, "chart/") || !strings.Contains(f.Error(), c.say) || strings.Contains(f.Error(), "root:") {
				t.Errorf("%v", f)
			}
		})
	}
}

// TestFetchedChartsBringNothingOfTheirOwn has the dependencies of what was fetched be what it was packed with, whatever they say.
func TestFetchedChartsBringNothingOfTheirOwn(t *testing.T) {
	r, w := renderer(t, render.Options{}), newWorld(t)
	files := redisChart("17.1.0")
	files["Chart.yaml"] += "dependencies:\n- {name: redis, version: 17.x, repository: \"https://charts.example.com\"}\n- {name: near, version: 1.x, repository: \"file://../near\"}\n"
	w.has(redis("17.x"), "17.1.0", files)
	own := dependent(redisDependency)
	own["near/Chart.yaml"], own["near/templates/a.yaml"] = "apiVersion: v2\nname: near\nversion: 1.0.0\n", cm("near")
	_, tree := newRepo(t, own)
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	req.Remote = w.open
	got := run(t, r, req)
	if diff := cmp.Diff([]string{"web-redis-17.1.0-6379", "own"}, names(got.Objects)); diff != "" || len(w.asked) != 1 {
		t.Errorf("asked for %v\n%s", w.asked, diff)
	}
	if said := strings.Join(got.Warnings, "\n"); !strings.Contains(said, "near, which is left out") {
		t.Errorf("warned %q", said)
	}
}

// TestTokensInURLsAreNotWritten has a file whose URL holds a token be neither named with it nor kept on disk with it.
func TestTokensInURLsAreNotWritten(t *testing.T) {
	dir := t.TempDir()
	r, w := renderer(t, render.Options{CacheDir: dir}), newWorld(t)
	_, tree := newRepo(t, dependent(redisDependency))
	w.has(redis("17.x"), "17.1.0", redisChart("17.1.0"))
	for _, url := range []string{"https://files.example.com/values.yaml?token=HUSH", "https://eve:HUSH@files.example.com/values.yaml"} {
		file := render.Remote{Kind: render.RemoteFile, URL: url}
		req := request(tree, argo.ApplicationSource{Path: "chart", Helm: &argo.ApplicationSourceHelm{ValueFiles: []string{url}}})
		req.Remote = w.open
		if f := fails(t, r, req); strings.Contains(f.Error(), "HUSH") || !strings.Contains(f.Error(), "https://files.example.com/values.yaml") {
			t.Errorf("%v", f)
		}
		w.has(file, "", map[string]string{render.RemoteContent: "a: 1\n"})
		run(t, r, req)
		if got := run(t, r, req); !got.Cached {
			t.Error("it is not kept in memory")
		}
	}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if bytes.Contains(text, []byte("HUSH")) {
			t.Errorf("%s holds it", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
