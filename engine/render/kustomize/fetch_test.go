package kustomize_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/kustomize"
)

// host is where repositories and files are for us; for the oracle they are on disk and behind a server of the test's own.
const host = "https://host.example/"

// elsewhere is an archive with the repository that is built below "here/", others below "git/NAME@REF/", and files below "web/".
type elsewhere struct {
	archive *txtar.Archive
	dir     string
	asked   []kustomize.Wanted
	known   map[kustomize.Wanted]bool // nil: all is at hand
}

func (e *elsewhere) fetch(w kustomize.Wanted) (kustomize.Files, bool) {
	e.asked = append(e.asked, w)
	key := w
	key.Place, key.Field, key.Try = object.Place{}, "", false
	if e.known != nil && !e.known[key] {
		return nil, false
	}
	name := strings.TrimSuffix(strings.TrimPrefix(w.URL, host), ".git")
	sub := filepath.Join("git", name+"@"+map[bool]string{true: "HEAD", false: w.Version}[w.Version == ""])
	if w.Kind == "file" {
		text, err := os.ReadFile(filepath.Join(e.dir, "web", name))
		if err != nil {
			return nil, true
		}
		return memory{fstest.MapFS{"content": {Data: text}}}, true
	}
	if _, err := os.Stat(filepath.Join(e.dir, sub)); err != nil {
		return nil, true
	}
	return onDisk(filepath.Join(e.dir, sub)), true
}

type memory struct{ fstest.MapFS }

func (m memory) Real(name string) (string, error) { return name, nil }

// asWanted writes the archive for Render: all addresses are at the host.
func asWanted(t testing.TB, archive string) *elsewhere {
	t.Helper()
	e := &elsewhere{archive: txtar.Parse([]byte(archive)), dir: t.TempDir()}
	unpack(t, txtar.Parse([]byte(strings.NewReplacer("GIT/", host, "WEB/", host).Replace(archive))), e.dir)
	return e
}

// onOracle writes the archive for kustomize itself, with real repositories and a real server, and builds it.
func (e *elsewhere) onOracle(t testing.TB, at string) []string {
	t.Helper()
	dir := t.TempDir()
	web := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(dir, "web"))))
	defer web.Close()
	repositories := "file://" + filepath.Join(dir, "repositories") + "/"
	unpack(t, txtar.Parse([]byte(strings.NewReplacer("GIT/", repositories, "WEB/", web.URL+"/").Replace(string(txtar.Format(e.archive))))), dir)
	commits, err := filepath.Glob(filepath.Join(dir, "git", "*", "*@*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(commits, func(a, b string) int { return strings.Compare(b, a) }) // tags before HEAD
	for _, files := range commits {
		name, ref, _ := strings.Cut(filepath.Base(files), "@")
		into := filepath.Join(dir, "repositories", filepath.Base(filepath.Dir(files)), name)
		git(t, dir, "init", "-q", into)
		git(t, into, "rm", "-rqf", "--ignore-unmatch", ".")
		if err := os.CopyFS(into, os.DirFS(files)); err != nil {
			t.Fatal(err)
		}
		git(t, into, "add", ".")
		git(t, into, "commit", "-q", "--allow-empty", "-m", ref)
		if ref != "HEAD" {
			git(t, into, "tag", ref)
		}
	}
	docs := oracle(t, filepath.Join(dir, "here", at))
	for i, doc := range docs {
		docs[i] = strings.NewReplacer(repositories, host, web.URL+"/", host).Replace(doc)
	}
	return docs
}

func git(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func (e *elsewhere) render(t testing.TB, req kustomize.Request) (kustomize.Result, error) {
	t.Helper()
	req.Fetch = e.fetch
	return kustomize.Render(t.Context(), onDisk(filepath.Join(e.dir, "here")), req)
}

const cm = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "

// far is a repository with remote entries of every kind.
const far = `
-- here/app/kustomization.yaml --
namespace: shop
namePrefix: p-
resources:
- GIT/org/base//overlay?ref=v1
- own.yaml
- WEB/manifests/far.yaml
- ../near
components:
- GIT/org/parts//labels
patches:
- path: WEB/manifests/patch.yaml
  target: {kind: Deployment}
configurations:
- WEB/manifests/names.yaml
transformers:
- GIT/org/parts//annotate
configMapGenerator:
- name: files
  files: [WEB/manifests/app.properties, "renamed=WEB/manifests/other.txt"]
  envs: [WEB/manifests/env.txt]
-- here/app/own.yaml --
` + cm + `own}
-- here/near/kustomization.yaml --
resources: [n.yaml, "GIT/org/parts//again?ref=v2"]
-- here/near/n.yaml --
` + cm + `near}
-- git/org/base@v1/overlay/kustomization.yaml --
resources: [../base, "GIT/org/parts//deep"]
nameSuffix: -v1
-- git/org/base@v1/base/kustomization.yaml --
resources: [d.yaml]
-- git/org/base@v1/base/d.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: c, image: "nginx:1"}]}
-- git/org/base@HEAD/overlay/kustomization.yaml --
resources: [moved-on.yaml]
-- git/org/parts@HEAD/deep/kustomization.yaml --
resources: [c.yaml]
-- git/org/parts@HEAD/deep/c.yaml --
` + cm + `deep}
-- git/org/parts@HEAD/labels/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
labels: [{pairs: {part: "yes"}}]
-- git/org/parts@HEAD/annotate/kustomization.yaml --
resources: [t.yaml]
-- git/org/parts@HEAD/annotate/t.yaml --
apiVersion: builtin
kind: AnnotationsTransformer
metadata: {name: t}
annotations: {from: afar}
fieldSpecs: [{path: metadata/annotations, create: true}]
-- git/org/parts@v2/again/kustomization.yaml --
resources: [../deep]
nameSuffix: -again
-- git/org/parts@v2/deep/kustomization.yaml --
resources: [c.yaml]
-- git/org/parts@v2/deep/c.yaml --
` + cm + `deep}
-- web/manifests/far.yaml --
` + cm + `far}
-- web/manifests/patch.yaml --
- {op: replace, path: /spec/template/spec/containers/0/image, value: "nginx:2"}
-- web/manifests/names.yaml --
namePrefix: [{path: metadata/annotations/x}]
-- web/manifests/app.properties --
x=1
-- web/manifests/other.txt --
other
-- web/manifests/env.txt --
KEY=value
`

func TestFarEntriesBuildAsKustomizeBuildsThem(t *testing.T) {
	for name, archive := range map[string]string{
		"all":                   far,
		"where things are from": strings.Replace(far, "namespace: shop\n", "namespace: shop\nbuildMetadata: [originAnnotations, transformerAnnotations]\n", 1),
		"old fields": `
-- here/app/kustomization.yaml --
bases: [GIT/org/base]
Resources: [own.yaml]
patchesStrategicMerge: [WEB/x/merge.yaml]
patchesJson6902:
- {target: {version: v1, kind: ConfigMap, name: own}, path: WEB/x/patch.json}
crds: [WEB/x/crd.json]
-- here/app/own.yaml --
` + cm + `own}
-- git/org/base@HEAD/Kustomization --
resources: [b.yaml]
-- git/org/base@HEAD/b.yaml --
` + cm + `base}
-- web/x/merge.yaml --
` + cm + `base}
data: {a: b}
-- web/x/patch.json --
[{"op": "add", "path": "/data", "value": {"x": "y"}}]
-- web/x/crd.json --
{}
`,
		"aliases": `
-- here/app/kustomization.yaml --
resources: &r
- GIT/org/base?ref=v1
commonAnnotations: &a {x: "y"}
labels: [{pairs: *a}]
-- git/org/base@v1/kustomization.yml --
resources: [b.yaml]
-- git/org/base@v1/b.yaml --
` + cm + `base}
`,
	} {
		t.Run(name, func(t *testing.T) {
			e := asWanted(t, archive)
			got, err := e.render(t, kustomize.Request{Path: "app"})
			if err != nil {
				t.Fatal(err)
			}
			var docs []string
			for _, o := range got.Objects {
				docs = append(docs, text(t, o.Object))
			}
			if diff := cmp.Diff(e.onOracle(t, "app"), docs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAllThatIsLackingIsAskedForAtOnce follows a render that is begun again with what was lacking.
func TestAllThatIsLackingIsAskedForAtOnce(t *testing.T) {
	e := asWanted(t, far)
	e.known = map[kustomize.Wanted]bool{}
	var rounds []int
	for range 10 {
		e.asked = nil
		_, err := e.render(t, kustomize.Request{Path: "app"})
		if err == nil {
			break
		}
		if !errors.Is(err, kustomize.ErrLacking) {
			t.Fatal(err)
		}
		before := len(e.known)
		for _, w := range e.asked {
			if w.Place.File == "" || w.Place.Line == 0 || w.Field == "" {
				t.Errorf("%s %s is asked for by nobody: %+v %s", w.Kind, w.URL, w.Place, w.Field)
			}
			w.Place, w.Field, w.Try = object.Place{}, "", false
			e.known[w] = true
		}
		rounds = append(rounds, len(e.known)-before)
	}
	if diff := cmp.Diff([]int{9}, rounds); diff != "" {
		t.Error(diff)
	}
}

// TestWhatMayNotBeFetched names each entry that is refused, and where.
func TestWhatMayNotBeFetched(t *testing.T) {
	const head = "-- here/app/kustomization.yaml --\n"
	const base = "\n-- git/org/base@HEAD/kustomization.yaml --\n"
	for name, c := range map[string]struct {
		archive string
		place   object.Place
		said    string
	}{
		"the disk":            {head + "resources:\n- file:///etc//x\n", object.Place{File: "app/kustomization.yaml", Line: 2}, "only https and ssh"},
		"plain http":          {head + "resources:\n- http://169.254.169.254/latest/meta-data\n", object.Place{File: "app/kustomization.yaml", Line: 2}, "only https and ssh"},
		"plain http, a patch": {head + "patches:\n- path: http://host.example/x.yaml\n", object.Place{File: "app/kustomization.yaml", Line: 2}, "only https and ssh"},
		"a password":          {head + "resources:\n- https://me:secret@host.example/org/base//x\n", object.Place{File: "app/kustomization.yaml", Line: 2}, "an address with a password"},
		"a bucket":            {head + "resources:\n- s3://bucket/x.yaml\n", object.Place{File: "app/kustomization.yaml", Line: 2}, "no address"},
		"out by the address":  {head + "resources:\n- GIT/org/base//../../x\n", object.Place{File: "app/kustomization.yaml", Line: 2}, "not there"},
		"no such folder":      {head + "resources:\n- GIT/org/base//nope" + base + "resources: []\n", object.Place{File: "app/kustomization.yaml", Line: 2}, "no such folder"},
		"no such repository":  {head + "components:\n- GIT/org/nope//x\n", object.Place{File: "app/kustomization.yaml", Line: 2}, "not there"},
		"out of the remote":   {head + "resources:\n- GIT/org/base" + base + "resources:\n- ../../here\n", object.Place{File: host + "org/base//kustomization.yaml", Line: 2}, "outside of the repository"},
		"out by a file": {head + "resources:\n- GIT/org/base//a\n-- git/org/base@HEAD/b.txt --\nb\n-- git/org/base@HEAD/a/kustomization.yaml --\nconfigMapGenerator:\n- name: x\n  files:\n  - ../b.txt\n",
			object.Place{File: host + "org/base//a/kustomization.yaml", Line: 4}, "not in or below"},
		"out by a plugin":      {head + "resources:\n- GIT/org/base" + base + "transformers:\n- t.yaml\n-- git/org/base@HEAD/t.yaml --\napiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: x}\npath: ../../app/kustomization.yaml\n", object.Place{File: host + "org/base//kustomization.yaml", Line: 2}, "not in or below"},
		"into where it is put": {head + "resources:\n- GIT/org/base\n- ../.slipway-fetched/1" + base + "namePrefix: x-\n", object.Place{File: "app/kustomization.yaml", Line: 3}, "outside of the repository"},
		"itself":               {head + "resources:\n- GIT/org/base" + base + "resources:\n- GIT/org/base\n", object.Place{File: host + "org/base//kustomization.yaml", Line: 2}, "leads back"},
		"itself, by another":   {head + "resources:\n- GIT/org/base" + base + "resources:\n- GIT/org/other\n-- git/org/other@HEAD/kustomization.yaml --\nresources:\n- GIT/org/base\n", object.Place{File: host + "org/other//kustomization.yaml", Line: 2}, "leads back"},
		"written twice":        {head + "resources:\n- a.yaml\nResources:\n- GIT/org/base\n-- here/app/a.yaml --\n" + cm + "a}\n", object.Place{File: "app/kustomization.yaml", Line: 3}, "written twice"},
		"written twice, below": {head + "patches:\n- path: a.yaml\n  Path: GIT/x\n-- here/app/a.yaml --\n" + cm + "a}\n", object.Place{File: "app/kustomization.yaml", Line: 3}, "written twice"},
		"a program":            {head + "resources:\n- GIT/org/base" + base + "generators:\n- g.yaml\n-- git/org/base@HEAD/g.yaml --\napiVersion: v1\nkind: Exec\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: /bin/true}\n", object.Place{File: host + "org/base//kustomization.yaml"}, "plugin"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := asWanted(t, c.archive).render(t, kustomize.Request{Path: "app", Settings: kustomize.Settings{BuildOptions: "--load-restrictor LoadRestrictionsNone"}})
			f, ok := object.AsFault(err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(f.Message, c.said) || strings.Contains(f.Error(), "secret") || strings.Contains(f.Error(), ".slipway-fetched/1/") {
				t.Errorf("said %q, want %q", f.Error(), c.said)
			}
			if diff := cmp.Diff(c.place, f.Place); diff != "" {
				t.Errorf("%v\n%s", f, diff)
			}
		})
	}
}

// TestAnAddressMayBeAFileOrARepository holds the two readings of one entry, and in which order they are tried.
func TestAnAddressMayBeAFileOrARepository(t *testing.T) {
	for entry, want := range map[string][]string{
		"https://host.example/org/base?ref=v1":                          {"git"},
		"https://host.example/org/base":                                 {"file", "git"},
		"https://host.example/api/list":                                 {"file"},
		"https://host.example/api/list?ref=v1":                          {"git", "file"},
		"https://host.example/one":                                      {"file"},
		"https://host.example/org/repo/install.yaml":                    {"file"},
		"https://host.example/org/base.git?ref=v1":                      {"git"},
		"https://host.example/org/gone.git":                             {"git"},
		"https://github.com/org/repo/releases/download/v1/install":      {"file", "git"},
		"https://github.com/org/repo/releases/download/v1/install.yaml": {"file", "git"},
		"https://github.com/org/repo/base?ref=v1":                       {"git"},
		"git@host.example:org/base":                                     {"git"},
	} {
		e := asWanted(t, "-- here/app/kustomization.yaml --\nresources:\n- "+entry+"\n-- git/org/base@v1/kustomization.yaml --\nresources: [c.yaml]\n-- git/org/base@v1/c.yaml --\n"+cm+"x}\n"+
			"-- git/org/base@HEAD/kustomization.yaml --\nresources: [c.yaml]\n-- git/org/base@HEAD/c.yaml --\n"+cm+"x}\n"+
			"-- web/api/list --\n"+cm+"x}\n-- web/api/list?ref=v1 --\n"+cm+"x}\n-- web/one --\n"+cm+"x}\n-- web/org/repo/install.yaml --\n"+cm+"x}\n")
		_, err := e.render(t, kustomize.Request{Path: "app"})
		var kinds []string
		for i, w := range e.asked {
			kinds = append(kinds, w.Kind)
			if w.Try && i > 0 {
				t.Errorf("%s: there is no reading after the last one", entry)
			}
		}
		if !slices.Equal(kinds, want) {
			t.Errorf("%s is asked for as %v, want %v (%v)", entry, kinds, want, err)
		}
		last := e.asked[len(e.asked)-1]
		found := strings.Contains(last.URL, "host.example/org/base") || strings.Contains(entry, "/api/list") || strings.HasSuffix(entry, "/one") || strings.Contains(entry, "host.example/org/repo")
		if (err == nil) != found {
			t.Errorf("%s: %v", entry, err)
		}
	}
}
