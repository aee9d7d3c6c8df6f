package change_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/plan"
	rules "github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

func sha(text []byte) [32]byte { return sha256.Sum256(text) }

// TestProjectsPermitWhatIsFetched has each spelling of what a project permits and denies.
func TestProjectsPermitWhatIsFetched(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	plain := strings.TrimPrefix(m.registry(), "oci://")
	writeAll(t, b.dir, web("- {name: redis, version: 17.x, repository: \""+m.url("stable")+"\"}\n"))
	overIndex := b.commit()
	writeAll(t, b.dir, web("- {name: queue, version: 1.0.0, repository: \""+m.registry()+"\"}\n"))
	overRegistry := b.commit()
	for name, c := range map[string]struct {
		repos      []string
		index, oci bool
	}{
		"all":                     {[]string{"*"}, true, true},
		"none":                    {nil, false, false},
		"others":                  {[]string{shop}, false, false},
		"the index":               {[]string{m.url("stable")}, true, false},
		"the registry":            {[]string{m.registry()}, false, true},
		"it without its scheme":   {[]string{plain}, false, true},
		"all but the registry":    {[]string{"*", "!" + m.registry()}, true, false},
		"all but it, schemeless":  {[]string{"*", "!" + plain}, true, false},
		"all but one of an index": {[]string{"*", "!" + m.url("*")}, false, true},
	} {
		b.projects["default"] = &argo.AppProject{Spec: argo.AppProjectSpec{SourceRepos: c.repos}}
		for _, try := range []struct {
			what string
			may  bool
		}{{"index", c.index}, {"registry", c.oci}} {
			tree := overIndex
			if try.what == "registry" {
				tree = overRegistry
			}
			got, err := b.render(tree, nil)
			if err != nil {
				t.Fatal(err)
			}
			switch f := got.Fault; {
			case try.may != (f == nil):
				t.Errorf("%s, %s: %v", name, try.what, f)
			case f != nil && (!strings.Contains(f.Message, "AppProject default does not permit chart") || !strings.Contains(f.Hint, "sourceRepos") || f.File != "web/Chart.yaml" || f.Line == 0):
				t.Errorf("%s, %s: %v", name, try.what, f)
			}
		}
	}
}

// TestNamesOfRepositories has a name mean what is registered for the project.
func TestNamesOfRepositories(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	writeAll(t, b.dir, web("- {name: vault, version: 3.x, repository: \"@mine\"}\n"))
	tree := b.commit()
	b.settings.Repositories[0].Project = "payments"
	if got, err := b.render(tree, nil); err != nil || got.Fault == nil || !strings.Contains(got.Fault.Message, `registered by the name "mine" for the project default`) {
		t.Errorf("another project's: %v, %v", got.Fault, err)
	}
	b.settings.Repositories = append(b.settings.Repositories, settings.Repository{Secret: "g", Name: "mine", Type: "git", URL: shop})
	if got, err := b.render(tree, nil); err != nil || got.Fault == nil {
		t.Errorf("a Git repository's: %v, %v", got.Fault, err)
	}
	b.settings.Repositories[0].Project = "default"
	if got, err := b.render(tree, nil); err != nil || got.Fault != nil {
		t.Errorf("its own: %v, %v", got.Fault, err)
	}
}

// pull compares two states of the repository as a pull request of somebody who may write.
func (b *bench) pull(base, merged *git.Tree) change.Application {
	b.t.Helper()
	return b.pullOf(base, merged, "web/Chart.yaml")
}

func (b *bench) pullOf(base, merged *git.Tree, files ...string) change.Application {
	b.t.Helper()
	app := &argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "web"}, Spec: argo.ApplicationSpec{
		Source: &argo.ApplicationSource{RepoURL: shop, Path: "web", TargetRevision: "main"}, Destination: argo.ApplicationDestination{Name: "prod", Namespace: "web"}}}
	c, err := b.pipeline.PullRequest(b.t.Context(), change.Input{
		Scope:    plan.Scope{Same: func(url string) bool { return url == shop }, BaseBranch: "main", DefaultBranch: "main"},
		BaseTree: base, MergedTree: merged, Files: files, Applications: []*argo.Application{app}, Trusted: true,
		Project: func(name string) (*argo.AppProject, bool) { return b.projects[name], b.projects[name] != nil }})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(c.Applications) != 1 {
		b.t.Fatalf("%d applications, misses %v", len(c.Applications), c.Misses)
	}
	return c.Applications[0]
}

// TestWhatOnlyAPullRequestNamesIsNotFetched attacks with dependencies of a head: on a repository that our credentials open, but not to the
// author of a pull request.
func TestWhatOnlyAPullRequestNamesIsNotFetched(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	redis := func(version string) string {
		return "- {name: redis, version: " + version + ", repository: \"" + m.url("stable") + "\"}\n"
	}
	vault := "- {name: vault, version: 3.0.0, repository: \"" + m.url("private") + "\"}\n"
	state := func(dependencies string) *git.Tree {
		writeAll(t, b.dir, web(dependencies))
		return b.commit()
	}
	old, newer, stolen := state(redis("17.0.0")), state(redis("17.1.0")), state(redis("17.0.0")+vault)
	said := func(a change.Application) string {
		var all []string
		for _, f := range a.Findings {
			all = append(all, f.Message)
		}
		return strings.Join(all, "\n")
	}

	if a := b.pull(old, newer); len(a.Differences) != 1 || a.After.Fault != nil || strings.Contains(said(a), "names") {
		t.Errorf("another version of what the base names: %d differences, %v, %s", len(a.Differences), a.After.Fault, said(a))
	}
	m.asked = nil
	a := b.pull(old, stolen)
	if len(a.Differences) != 0 || a.After.Fault != nil || !strings.Contains(said(a), "the base does not name") || !strings.Contains(said(a), "chart vault") {
		t.Errorf("what the base does not name: %d differences, %v, %s", len(a.Differences), a.After.Fault, said(a))
	}
	for _, path := range m.asked {
		if strings.HasPrefix(path, "/private") {
			t.Errorf("%s was asked for", path)
		}
	}
	// Somebody renders the same with every right; what is kept of that is nobody else's.
	if got, err := b.render(stolen, nil); err != nil || got.Fault != nil {
		t.Fatalf("%v, %v", got.Fault, err)
	}
	if a := b.pull(old, stolen); len(a.Differences) != 0 {
		t.Errorf("what is kept was shown: %v", a.Differences)
	}
	// Once it is in the base it is shown.
	if a := b.pull(stolen, state(redis("17.1.0")+vault)); len(a.Differences) != 1 || said(a) != "" {
		t.Errorf("after the merge: %d differences, %s", len(a.Differences), said(a))
	}
}

// TestCredentialsOfAProjectAreItsOwn has a repository that is registered for the project alone read for a head that names it first.
func TestCredentialsOfAProjectAreItsOwn(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	b.scope = rules.Scope{Repositories: []string{m.url("private") + "/"}}
	writeAll(t, b.dir, web("- {name: redis, version: 17.x, repository: \""+m.url("stable")+"\"}\n"))
	base := b.commit()
	writeAll(t, b.dir, web("- {name: vault, version: 3.x, repository: \""+m.url("private")+"\"}\n"))
	if a := b.pull(base, b.commit()); a.After.Fault != nil || len(a.Differences) != 3 {
		t.Errorf("%d differences, %v, %v", len(a.Differences), a.After.Fault, a.Findings)
	}
}

func TestValueFilesByURL(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	writeAll(t, b.dir, web(" []\n"))
	tree := b.commit()
	serve := func(text string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.files["/files/values.yaml"], m.files["/files/text"] = []byte(text), []byte("a, b")
	}
	values := func(o argo.ApplicationSourceHelm) string {
		t.Helper()
		got, err := b.render(tree, &o)
		if err != nil || got.Fault != nil {
			t.Fatalf("%v, %v", got.Fault, err)
		}
		data, _ := got.Objects.All()[0].Object["data"].(map[string]any)
		text, _ := data["values"].(string)
		return text
	}
	url := m.url("files") + "/values.yaml"
	serve("queue: {enabled: true}\nby: url\n")
	o := argo.ApplicationSourceHelm{ValueFiles: []string{url + "?token=HUSH", "values.yaml"}, FileParameters: []argo.HelmFileParameter{{Name: "text", Path: m.url("files") + "/text"}}}
	if got := values(o); !strings.Contains(got, `"by":"url"`) || !strings.Contains(got, `"enabled":false`) || !strings.Contains(got, `"text":"a, b"`) {
		t.Errorf("values: %s", got)
	}
	for name, c := range map[string]struct{ entry, say string }{
		"missing":         {m.url("files") + "/none.yaml?token=HUSH", "404"},
		"without TLS":     {"http://127.0.0.1:1/values.yaml?token=HUSH", "http:// URLs are not fetched"},
		"of the disk":     {"file:///etc/hostname", "file:// URLs are not fetched"},
		"of a bucket":     {"s3://bucket/values.yaml", "s3:// URLs are not fetched"},
		"with a password": {strings.Replace(url, "https://", "https://eve:HUSH@", 1), "credentials in them"},
		"no URL":          {"https://%zz/HUSH", "not a URL"},
	} {
		got, err := b.render(tree, &argo.ApplicationSourceHelm{ValueFiles: []string{c.entry}, IgnoreMissingValueFiles: true})
		if err != nil || got.Fault == nil || !strings.Contains(got.Fault.Error(), c.say) || !strings.Contains(got.Fault.Field, "valueFiles") || strings.Contains(got.Fault.Error(), "HUSH") {
			t.Errorf("%s: %v, %v", name, got.Fault, err)
		}
	}
	b.projects["default"] = &argo.AppProject{Spec: argo.AppProjectSpec{SourceRepos: []string{shop}}}
	if got, err := b.render(tree, &o); err != nil || got.Fault == nil || !strings.Contains(got.Fault.Message, "does not permit "+url) {
		t.Errorf("another project: %v, %v", got.Fault, err)
	}
}

// TestAnOutageElsewhereHidesNothingElse has a chart repository that is down be one application's trouble.
func TestAnOutageElsewhereHidesNothingElse(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	writeAll(t, b.dir, web("- {name: redis, version: 17.x, repository: \""+m.url("stable")+"\"}\n"))
	base := b.commit()
	writeAll(t, b.dir, web("- {name: redis, version: 17.0.0, repository: \""+m.url("stable")+"\"}\n"))
	merged := b.commit()
	m.server.CloseClientConnections()
	m.server.Close()
	a := b.pull(base, merged)
	if f := a.After.Fault; f == nil || f.File != "web/Chart.yaml" || f.Line == 0 || !strings.Contains(f.Message, "could not be fetched") {
		t.Errorf("%v", f)
	}
	if _, err := b.render(merged, nil); err == nil {
		t.Error("to those who can wait it is no error")
	}
}

// TestBasesOfTheSameRepositoryMoveWithTheChange has a kustomization name this very repository by its URL.
func TestBasesOfTheSameRepositoryMoveWithTheChange(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	writeAll(t, b.dir, map[string]string{"web/kustomization.yaml": "resources: [\"" + shop + "//base?ref=main\"]\n", "base/kustomization.yaml": "resources: [a.yaml]\n",
		"base/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: old}\n"})
	base := b.commit()
	writeAll(t, b.dir, map[string]string{"base/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: new}\n"})
	a := b.pullOf(base, b.commit(), "base/a.yaml")
	if a.Before.Fault != nil || a.After.Fault != nil || len(a.Differences) != 1 || len(a.Why) == 0 || !strings.Contains(a.Why[0].Text, "base/a.yaml") {
		t.Errorf("%d differences, faults %v and %v, why %v", len(a.Differences), a.Before.Fault, a.After.Fault, a.Why)
	}
}

// sources renders an application of several sources, those of the shop's repository at a tree.
func (b *bench) sources(tree *git.Tree, all ...argo.ApplicationSource) change.Target {
	b.t.Helper()
	app := &argo.Application{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: argo.ApplicationSpec{Sources: all}}
	got, err := b.pipeline.Target(b.t.Context(), change.TargetRequest{App: app, Trusted: true, Tree: func(_ int, src argo.ApplicationSource) *git.Tree {
		if src.RepoURL == shop {
			return tree
		}
		return nil
	}})
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

func TestChartsOfRepositoriesWithValuesOfAnotherSource(t *testing.T) {
	m := stocked(t)
	b := newBench(t, m)
	writeAll(t, b.dir, map[string]string{"values/prod.yaml": "port: 7\n"})
	tree := b.commit()
	values := argo.ApplicationSource{RepoURL: shop, TargetRevision: "main", Ref: "values"}
	options := &argo.ApplicationSourceHelm{ValueFiles: []string{"$values/values/prod.yaml"}}
	for name, c := range map[string]struct {
		source argo.ApplicationSource
		chart  string
	}{
		"an index":            {argo.ApplicationSource{RepoURL: m.url("stable"), Chart: "redis", TargetRevision: "17.x", Helm: options}, "17.1.0"},
		"a registry":          {argo.ApplicationSource{RepoURL: strings.TrimPrefix(m.registry(), "oci://"), Chart: "queue", TargetRevision: "^1.0.0", Helm: options}, "1.4.0"},
		"a chart with charts": {argo.ApplicationSource{RepoURL: m.url("stable"), Chart: "nested", TargetRevision: "2.0.0", Helm: options}, "2.0.0"},
	} {
		got := b.sources(tree, c.source, values)
		if got.Fault != nil {
			t.Errorf("%s: %v", name, got.Fault)
			continue
		}
		found := false
		for _, o := range got.Objects.All() {
			data, _ := o.Object["data"].(map[string]any)
			text, _ := data["values"].(string)
			found = found || data["chart"] == c.chart && strings.Contains(text, `"port":7`)
		}
		if !found || got.Revisions[0] != c.chart {
			t.Errorf("%s: revisions %v, %v", name, got.Revisions, contents(got.Objects))
		}
	}
	// A chart that was packed without its dependencies has them built too, as Argo CD does after unpacking it.
	got := b.sources(tree, argo.ApplicationSource{RepoURL: m.url("stable"), Chart: "hollow", TargetRevision: "1.0.0"})
	if got.Fault == nil || got.Fault.File != "Chart.yaml" || !strings.Contains(got.Fault.Message, "nowhere.example.com") {
		t.Errorf("a chart that lacks one: %v", got.Fault)
	}
}

// asked remembers what was asked of sources.
type asked struct{ queries []source.Query }

func (a *asked) At(_ context.Context, q source.Query) (*git.Tree, error) {
	a.queries = append(a.queries, q)
	return &git.Tree{}, nil
}

func TestWhatIsAskedOfSources(t *testing.T) {
	trees := &asked{}
	p := change.New(change.Deps{Trees: trees, Switches: func() render.Switches { return render.Switches{ValuesFileSchemes: []string{"http"}} }})
	app := &argo.Application{Spec: argo.ApplicationSpec{Project: "team"}}
	src := argo.ApplicationSource{Helm: &argo.ApplicationSourceHelm{PassCredentials: true}}
	open := p.Elsewhere(change.TargetRequest{App: app, Fresh: true}, src)
	for _, m := range []render.Remote{
		{Kind: render.RemoteChart, URL: "https://charts.example.com", Chart: "redis", Version: "1.x"},
		{Kind: render.RemoteGit, URL: "https://git.example.com/x", Version: "v1"},
		{Kind: render.RemoteFile, URL: "http://files.example.com/x"},
	} {
		if _, err := open(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	want := []source.Query{
		{RepoURL: "https://charts.example.com", Project: "team", Revision: "1.x", Fresh: true, Lent: true, Chart: "redis", PassCredentials: true},
		{RepoURL: "https://git.example.com/x", Project: "team", Revision: "v1", Fresh: true, Lent: true},
		{RepoURL: "http://files.example.com/x", Project: "team", Fresh: true, Lent: true, File: true, Plain: true},
	}
	if diff := cmp.Diff(want, trees.queries, cmpopts.IgnoreUnexported(source.Query{})); diff != "" {
		t.Error(diff)
	}
}
