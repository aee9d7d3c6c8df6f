package kustomize_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provenance"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/kustomize"
)

// disk is a folder as Files.
type disk struct {
	fs.FS
	dir string
}

func onDisk(dir string) disk { return disk{os.DirFS(dir), dir} }

func (d disk) ReadFile(name string) ([]byte, error)       { return fs.ReadFile(d.FS, name) }
func (d disk) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(d.FS, name) }
func (d disk) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(d.FS, name) }
func (d disk) Real(name string) (string, error) {
	real, err := filepath.EvalSymlinks(filepath.Join(d.dir, name))
	if err != nil {
		return "", err
	}
	return filepath.Rel(d.dir, real)
}

// unpack writes an archive's files, and says which folder it builds.
func unpack(t testing.TB, archive *txtar.Archive, dir string) (build string) {
	t.Helper()
	for _, f := range archive.Files {
		if f.Name == "build" {
			build = strings.TrimSpace(string(f.Data))
			continue
		}
		p := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return build
}

func parse(t testing.TB, name string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// oracle is what `kustomize build` prints for a folder on disk.
func oracle(t testing.TB, dir string) []string {
	t.Helper()
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionUnspecified
	m, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	// The label names the program that kustomize is linked into; the command line's is looked for.
	printed := strings.ReplaceAll(string(out), "kustomize-"+provenance.GetProvenance().Semver(), "kustomize-v5.8.2")
	var docs []string
	for _, d := range strings.Split("\n"+printed, "\n---\n") {
		var v any
		if err := yaml.Unmarshal([]byte(d), &v); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, text(t, v))
	}
	return docs
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	var number any
	if err := yaml.Unmarshal(b, &number); err != nil {
		t.Fatal(err)
	}
	if b, err = json.MarshalIndent(number, "", " "); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func build(t testing.TB, dir string, req kustomize.Request) []string {
	t.Helper()
	got, err := kustomize.Render(t.Context(), onDisk(dir), req)
	if err != nil {
		t.Fatal(err)
	}
	var docs []string
	for _, o := range got.Objects {
		docs = append(docs, text(t, o.Object))
		if _, err := os.Stat(filepath.Join(dir, o.Place.File)); err != nil {
			t.Errorf("%s is said to be from %q", o.ID(), o.Place.File)
		}
	}
	return docs
}

func TestBuildsWhatKustomizeBuilds(t *testing.T) {
	all, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(all) < 5 {
		t.Fatalf("archives: %v, %v", all, err)
	}
	for _, name := range all {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			dir := t.TempDir()
			at := unpack(t, parse(t, name), dir)
			if diff := cmp.Diff(oracle(t, filepath.Join(dir, at)), build(t, dir, kustomize.Request{Path: at})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlacesAreWhereObjectsWereWritten(t *testing.T) {
	dir := t.TempDir()
	at := unpack(t, parse(t, "testdata/overlays.txtar"), dir)
	got, err := kustomize.Render(t.Context(), onDisk(dir), kustomize.Request{Path: at})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Deployment": "base/deploy.yaml", "Service": "base/service.yaml", "Namespace": "overlays/prod/namespace.yaml",
		"Widget": "base/more/list.yaml", "Secret": "base/kustomization.yaml", "ServiceAccount": "base/deploy.yaml"}
	for _, o := range got.Objects {
		if file := want[o.GetKind()]; file != "" && o.Place.File != file {
			t.Errorf("%s is said to be from %s, want %s", o.ID(), o.Place.File, file)
		}
	}
}

const simple = `
-- app/kustomization.yaml --
resources: [../base]
images: [{name: nginx, newTag: "7"}, {name: other, newTag: "1"}]
commonLabels: {own: "1"}
patches: [{path: own.yaml, target: {kind: Deployment}}]
-- app/own.yaml --
- {op: add, path: /metadata/annotations, value: {own: "1"}}
-- app/extra/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
nameSuffix: -extra
-- base/kustomization.yaml --
resources: [d.yaml]
-- base/d.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      containers: [{name: c, image: "nginx:1"}, {name: o, image: other}]
`

// TestEdits holds each option of a source against a kustomization that was edited by hand.
func TestEdits(t *testing.T) {
	const head = "resources: [../base]\npatches: [{path: own.yaml, target: {kind: Deployment}}]\n"
	const images = "images: [{name: nginx, newTag: \"7\"}, {name: other, newTag: \"1\"}]\n"
	const labels = "commonLabels: {own: \"1\"}\n"
	for name, c := range map[string]struct {
		options argo.ApplicationSourceKustomize
		want    string
	}{
		"names":                   {argo.ApplicationSourceKustomize{NamePrefix: "p-", NameSuffix: "-s", Namespace: "shop"}, head + images + labels + "namePrefix: p-\nnameSuffix: -s\nnamespace: shop\n"},
		"image tag":               {argo.ApplicationSourceKustomize{Images: argo.KustomizeImages{"nginx:9"}}, head + labels + "images: [{name: nginx, newTag: \"9\"}, {name: other, newTag: \"1\"}]\n"},
		"image name":              {argo.ApplicationSourceKustomize{Images: argo.KustomizeImages{"nginx=r:5000/n:9"}}, head + labels + "images: [{name: nginx, newName: \"r:5000/n\", newTag: \"9\"}, {name: other, newTag: \"1\"}]\n"},
		"image name alone":        {argo.ApplicationSourceKustomize{Images: argo.KustomizeImages{"nginx=r:5000/n"}}, head + labels + "images: [{name: nginx, newName: \"r:5000/n\"}, {name: other, newTag: \"1\"}]\n"},
		"image digest":            {argo.ApplicationSourceKustomize{Images: argo.KustomizeImages{"nginx@sha256:abc"}}, head + labels + "images: [{name: nginx, digest: \"sha256:abc\"}, {name: other, newTag: \"1\"}]\n"},
		"replicas":                {argo.ApplicationSourceKustomize{Replicas: argo.KustomizeReplicas{{Name: "web", Count: intstr.FromString("3")}}}, head + images + labels + "replicas: [{name: web, count: 3}]\n"},
		"labels":                  {argo.ApplicationSourceKustomize{CommonLabels: map[string]string{"l": "1"}}, head + images + "commonLabels: {own: \"1\", l: \"1\"}\n"},
		"labels forced":           {argo.ApplicationSourceKustomize{CommonLabels: map[string]string{"own": "2"}, ForceCommonLabels: true}, head + images + "commonLabels: {own: \"2\"}\n"},
		"labels without selector": {argo.ApplicationSourceKustomize{CommonLabels: map[string]string{"l": "1"}, LabelWithoutSelector: true}, head + images + labels + "labels: [{pairs: {l: \"1\"}}]\n"},
		"labels in templates": {argo.ApplicationSourceKustomize{CommonLabels: map[string]string{"l": "1"}, LabelWithoutSelector: true, LabelIncludeTemplates: true},
			head + images + labels + "labels: [{pairs: {l: \"1\"}, includeTemplates: true}]\n"},
		"annotations": {argo.ApplicationSourceKustomize{CommonAnnotations: map[string]string{"a": "1"}}, head + images + labels + "commonAnnotations: {a: \"1\"}\n"},
		"patch": {argo.ApplicationSourceKustomize{Patches: argo.KustomizePatches{{Patch: "- {op: replace, path: /metadata/name, value: z}", Target: &argo.KustomizeSelector{Kind: "Deployment"},
			Options: map[string]bool{"allowNameChange": true}}}}, strings.Replace(head, "}}]", "}}, {patch: \"- {op: replace, path: /metadata/name, value: z}\", target: {kind: Deployment}, options: {allowNameChange: true}}]", 1) + images + labels},
		"image tag and digest": {argo.ApplicationSourceKustomize{Images: argo.KustomizeImages{"nginx=r/n:9@sha256:abc"}}, head + labels +
			"images: [{name: nginx, newName: r/n, newTag: \"9\", digest: \"sha256:abc\"}, {name: other, newTag: \"1\"}]\n"},
		"image name kept":    {argo.ApplicationSourceKustomize{Images: argo.KustomizeImages{"other=*:9"}}, head + labels + "images: [{name: nginx, newTag: \"7\"}, {name: other, newTag: \"9\"}]\n"},
		"annotations forced": {argo.ApplicationSourceKustomize{CommonAnnotations: map[string]string{"own": "2"}, ForceCommonAnnotations: true}, head + images + labels + "commonAnnotations: {own: \"2\"}\n"},
		"labels without selector, forced": {argo.ApplicationSourceKustomize{CommonLabels: map[string]string{"own": "2"}, LabelWithoutSelector: true, ForceCommonLabels: true},
			head + images + labels + "labels: [{pairs: {own: \"2\"}}]\n"},
		"patch of a file": {argo.ApplicationSourceKustomize{Patches: argo.KustomizePatches{{Path: "own.yaml", Target: &argo.KustomizeSelector{Kind: "Deployment", Name: "web"}}}},
			strings.Replace(head, "}}]", "}}, {path: own.yaml, target: {kind: Deployment, name: web}}]", 1) + images + labels},
		"version":            {argo.ApplicationSourceKustomize{Version: "v4", KubeVersion: "1.28", APIVersions: []string{"x/v1"}}, head + images + labels},
		"component":          {argo.ApplicationSourceKustomize{Components: []string{"extra"}}, head + images + labels + "components: [extra]\n"},
		"missing components": {argo.ApplicationSourceKustomize{Components: []string{"extra", "nope"}, IgnoreMissingComponents: true}, head + images + labels + "components: [extra]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			unpack(t, txtar.Parse([]byte(simple)), dir)
			got := build(t, dir, kustomize.Request{Path: "app", Options: c.options})
			if err := os.WriteFile(filepath.Join(dir, "app", "kustomization.yaml"), []byte(c.want), 0o600); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(oracle(t, filepath.Join(dir, "app")), got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, o := range map[string]argo.ApplicationSourceKustomize{
		"label that is set":     {CommonLabels: map[string]string{"own": "2"}},
		"image without change":  {Images: argo.KustomizeImages{"nginx"}},
		"image without name":    {Images: argo.KustomizeImages{"=x"}},
		"replicas no number":    {Replicas: argo.KustomizeReplicas{{Name: "web", Count: intstr.FromString("many")}}},
		"labels in templates":   {CommonLabels: map[string]string{"l": "1"}, LabelIncludeTemplates: true},
		"missing component":     {Components: []string{"nope"}},
		"component from afar":   {Components: []string{"https://127.0.0.1/x"}, IgnoreMissingComponents: true},
		"missing patch":         {Patches: argo.KustomizePatches{{Path: "nope.yaml"}}},
		"patch that is no YAML": {Patches: argo.KustomizePatches{{Patch: "a: b: c"}}},
	} {
		dir := t.TempDir()
		unpack(t, txtar.Parse([]byte(simple)), dir)
		_, err := kustomize.Render(t.Context(), onDisk(dir), kustomize.Request{Path: "app", Options: o})
		if _, ok := object.AsFault(err); !ok {
			t.Errorf("%s: got %v", name, err)
		} else {
			t.Log(path.Join(name), err)
		}
	}
}

// TestFieldsAreEditedInWhateverCaseTheyAreWritten since kustomize reads them so.
func TestFieldsAreEditedInWhateverCaseTheyAreWritten(t *testing.T) {
	dir := t.TempDir()
	unpack(t, txtar.Parse([]byte(strings.NewReplacer("images:", "Images:", "commonLabels:", "commonlabels:").Replace(simple))), dir)
	got := build(t, dir, kustomize.Request{Path: "app", Options: argo.ApplicationSourceKustomize{Images: argo.KustomizeImages{"nginx:9"}, CommonLabels: map[string]string{"l": "1"}}})
	if err := os.WriteFile(filepath.Join(dir, "app", "kustomization.yaml"), []byte("resources: [../base]\nimages: [{name: nginx, newTag: \"9\"}, {name: other, newTag: \"1\"}]\n"+
		"commonLabels: {own: \"1\", l: \"1\"}\npatches: [{path: own.yaml, target: {kind: Deployment}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(oracle(t, filepath.Join(dir, "app")), got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkBuild(b *testing.B) {
	dir := b.TempDir()
	at := unpack(b, parse(b, "testdata/overlays.txtar"), dir)
	for b.Loop() {
		if _, err := kustomize.Render(b.Context(), onDisk(dir), kustomize.Request{Path: at}); err != nil {
			b.Fatal(err)
		}
	}
}
