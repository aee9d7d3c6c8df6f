package helm_test

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
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/helm"
)

// disk is a folder as Files.
type disk struct{ fs.FS }

func (d disk) ReadFile(name string) ([]byte, error)       { return fs.ReadFile(d.FS, name) }
func (d disk) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(d.FS, name) }
func (d disk) Stat(name string) (fs.FileInfo, error)      { return fs.Stat(d.FS, name) }

// unpack writes an archive's files to dir/chart.
func unpack(t testing.TB, archive, dir string) {
	t.Helper()
	a, err := txtar.ParseFile(archive)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.Files {
		p := filepath.Join(dir, "chart", f.Name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func archives(t testing.TB) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(all) < 5 {
		t.Fatalf("archives: %v, %v", all, err)
	}
	return all
}

var apiVersions = []string{"example.com/v1", "example.com/v1/Widget"}

// oracle renders as `helm template --include-crds` does, by Helm's own code from a chart on disk. It yields documents in order.
func oracle(t testing.TB, dir string, values map[string]any) []string {
	t.Helper()
	c, err := loader.LoadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := chartutil.ProcessDependenciesWithMerge(c, values); err != nil {
		t.Fatal(err)
	}
	caps := chartutil.DefaultCapabilities.Copy()
	caps.KubeVersion = chartutil.KubeVersion{Version: "v1.31.4", Major: "1", Minor: "31"}
	caps.APIVersions = append(caps.APIVersions, apiVersions...)
	top, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: "web", Namespace: "shop", Revision: 1, IsInstall: true}, caps)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Render(c, top)
	if err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(files, name)
		}
	}
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		t.Fatal(err)
	}
	var docs []string
	for _, crd := range c.CRDObjects() {
		docs = append(docs, strings.Split("\n"+string(crd.File.Data), "\n---\n")...)
	}
	for _, m := range manifests {
		docs = append(docs, m.Content+"\n")
	}
	for _, h := range hooks {
		docs = append(docs, h.Manifest+"\n")
	}
	return docs
}

// flat decodes documents, with lists taken apart.
func flat(t testing.TB, docs []string) []string {
	t.Helper()
	var out []string
	for _, d := range docs {
		var m map[string]any
		if err := yaml.Unmarshal([]byte(d), &m); err != nil {
			t.Fatal(err)
		}
		if m == nil {
			continue
		}
		items, ok := m["items"].([]any)
		if !ok {
			items = []any{m}
		}
		for _, item := range items {
			out = append(out, text(t, item))
		}
	}
	return out
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func request(o argo.ApplicationSourceHelm) helm.Request {
	return helm.Request{Path: "chart", Release: "web", Namespace: "shop", Options: o, KubeVersion: "v1.31.4-vendor.1", APIVersions: apiVersions}
}

func render(t testing.TB, files helm.Files, req helm.Request) helm.Result {
	t.Helper()
	var d helm.Driver
	got, err := d.Render(t.Context(), files, req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func texts(t testing.TB, objects []object.Object) []string {
	t.Helper()
	var out []string
	for _, o := range objects {
		out = append(out, text(t, o.Object))
	}
	return out
}

func TestRendersWhatHelmRenders(t *testing.T) {
	sets := map[string]map[string]any{"defaults": {}, "changed": {"replicaCount": 7.0, "size": "x", "redis": map[string]any{"enabled": false, "size": nil},
		"other": map[string]any{"enabled": false}, "tags": map[string]any{"extra": false}, "list": []any{"only"}, "image": map[string]any{"tag": "9"}}}
	for _, archive := range archives(t) {
		dir := t.TempDir()
		unpack(t, archive, dir)
		for name, values := range sets {
			t.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar")+" "+name, func(t *testing.T) {
				raw, err := json.Marshal(values)
				if err != nil {
					t.Fatal(err)
				}
				got := render(t, disk{os.DirFS(dir)}, request(argo.ApplicationSourceHelm{ValuesObject: &runtime.RawExtension{Raw: raw}}))
				var copied map[string]any
				if err := yaml.Unmarshal(raw, &copied); err != nil {
					t.Fatal(err)
				}
				want := flat(t, oracle(t, filepath.Join(dir, "chart"), copied))
				if diff := cmp.Diff(want, texts(t, got.Objects)); diff != "" {
					t.Error(diff)
				}
				for _, o := range got.Objects {
					if _, err := os.Stat(filepath.Join(dir, o.Place.File)); err != nil || o.Place.File == "chart" {
						t.Errorf("%s is said to be from %s", o.ID(), o.Place.File)
					}
				}
			})
		}
	}
}

func TestParsedTemplatesAreUsedAgain(t *testing.T) {
	dir := t.TempDir()
	unpack(t, "testdata/functions.txtar", dir)
	var d helm.Driver
	req := request(argo.ApplicationSourceHelm{})
	var first []string
	for range 3 {
		got, err := d.Render(t.Context(), disk{os.DirFS(dir)}, req)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = texts(t, got.Objects)
		}
		if diff := cmp.Diff(first, texts(t, got.Objects)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestPackedAndNeighbouringCharts(t *testing.T) {
	dir := t.TempDir()
	unpack(t, "testdata/subcharts.txtar", dir)
	redis, err := loader.LoadDir(filepath.Join(dir, "chart", "charts", "redis"))
	if err != nil {
		t.Fatal(err)
	}
	before := texts(t, render(t, disk{os.DirFS(dir)}, request(argo.ApplicationSourceHelm{})).Objects)
	if _, err := chartutil.Save(redis, filepath.Join(dir, "chart", "charts")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "chart", "charts", "redis")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "chart", "charts", "near"), filepath.Join(dir, "near")); err != nil {
		t.Fatal(err)
	}
	after := render(t, disk{os.DirFS(dir)}, request(argo.ApplicationSourceHelm{}))
	if diff := cmp.Diff(before, texts(t, after.Objects)); diff != "" {
		t.Error(diff)
	}
	places := map[string]string{}
	for _, o := range after.Objects {
		places[o.GetName()] = o.Place.File
	}
	want := map[string]string{"redises.example.com": "chart/charts/redis-1.4.0.tgz", "redis-redis-3": "chart/charts/redis-1.4.0.tgz", "near": "near/templates/cm.yaml",
		"deeper": "near/charts/deeper/templates/cm.yaml", "shop": "chart/templates/cm.yaml", "tagged": "chart/charts/tagged/templates/cm.yaml"}
	for name, file := range want {
		if places[name] != file {
			t.Errorf("%s is said to be from %s, want %s", name, places[name], file)
		}
	}
}

func TestValues(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"chart/Chart.yaml":          "apiVersion: v2\nname: v\nversion: 1.0.0\n",
		"chart/values.yaml":         "a: chart\nb: chart\nm: {x: 1, w: 2}\n",
		"chart/templates/x.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {v: {{ .Values | toJson | quote }}}\n",
		"chart/one.yaml":            "a: one\nm: {x: 10}\n",
		"chart/env/b.yaml":          "a: b\n",
		"chart/env/a.yaml":          "a: a\nenv: a\n",
		"chart/env/deep/c.yaml":     "c: deep\n",
		"shared/root.yaml":          "root: yes\n",
		"chart/text.txt":            "one, two=\nthree",
		"other/values/special.yaml": "ref: other\n",
	}
	for name, content := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		options argo.ApplicationSourceHelm
		want    string
	}{
		"files in order":        {argo.ApplicationSourceHelm{ValueFiles: []string{"one.yaml", "/shared/root.yaml"}}, `{"a":"one","b":"chart","m":{"w":2,"x":10},"root":true}`},
		"glob":                  {argo.ApplicationSourceHelm{ValueFiles: []string{"env/*.yaml"}}, `{"a":"b","b":"chart","env":"a","m":{"w":2,"x":1}}`},
		"deep glob":             {argo.ApplicationSourceHelm{ValueFiles: []string{"env/**/*.yaml"}}, `{"a":"b","b":"chart","c":"deep","env":"a","m":{"w":2,"x":1}}`},
		"glob and one of it":    {argo.ApplicationSourceHelm{ValueFiles: []string{"env/*.yaml", "env/a.yaml"}}, `{"a":"a","b":"chart","env":"a","m":{"w":2,"x":1}}`},
		"missing":               {argo.ApplicationSourceHelm{ValueFiles: []string{"no.yaml", "no/*.yaml"}, IgnoreMissingValueFiles: true}, `{"a":"chart","b":"chart","m":{"w":2,"x":1}}`},
		"ref":                   {argo.ApplicationSourceHelm{ValueFiles: []string{"$o/values/special.yaml"}}, `{"a":"chart","b":"chart","m":{"w":2,"x":1},"ref":"other"}`},
		"values over files":     {argo.ApplicationSourceHelm{ValueFiles: []string{"one.yaml"}, Values: "a: inline\nm: {x: null}\n"}, `{"a":"inline","b":"chart","m":{"w":2}}`},
		"object before values":  {argo.ApplicationSourceHelm{Values: "a: text", ValuesObject: &runtime.RawExtension{Raw: []byte(`{"b":"object"}`)}}, `{"a":"chart","b":"object","m":{"w":2,"x":1}}`},
		"parameters over all":   {argo.ApplicationSourceHelm{Values: "a: inline", Parameters: []argo.HelmParameter{{Name: "a", Value: "p"}, {Name: "m.x", Value: "5"}}}, `{"a":"p","b":"chart","m":{"w":2,"x":5}}`},
		"strings stay strings":  {argo.ApplicationSourceHelm{Parameters: []argo.HelmParameter{{Name: "a", Value: "5", ForceString: true}, {Name: "b", Value: "true"}}}, `{"a":"5","b":true,"m":{"w":2,"x":1}}`},
		"commas":                {argo.ApplicationSourceHelm{Parameters: []argo.HelmParameter{{Name: "a", Value: "1,,2,3\\,4"}, {Name: "b", Value: "{1,2}"}}}, `{"a":"1,,2,3,4","b":[1,2],"m":{"w":2,"x":1}}`},
		"dots and lists":        {argo.ApplicationSourceHelm{Parameters: []argo.HelmParameter{{Name: `m.x\.y`, Value: "1"}, {Name: "l[1].n", Value: "z"}}}, `{"a":"chart","b":"chart","l":[null,{"n":"z"}],"m":{"w":2,"x":1,"x.y":1}}`},
		"the last one wins":     {argo.ApplicationSourceHelm{Parameters: []argo.HelmParameter{{Name: "a", Value: "1"}, {Name: "a", Value: "2"}}}, `{"a":2,"b":"chart","m":{"w":2,"x":1}}`},
		"a file as a parameter": {argo.ApplicationSourceHelm{FileParameters: []argo.HelmFileParameter{{Name: "a", Path: "text.txt"}}}, `{"a":"one, two=\nthree","b":"chart","m":{"w":2,"x":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(c.options)
			req.Refs = map[string]helm.Files{"o": disk{os.DirFS(filepath.Join(dir, "other"))}}
			got := render(t, disk{os.DirFS(dir)}, req)
			data := got.Objects[0].Object["data"].(map[string]any)
			if diff := cmp.Diff(c.want, data["v"]); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, o := range map[string]argo.ApplicationSourceHelm{
		"unknown ref":       {ValueFiles: []string{"$nope/x.yaml"}},
		"outside":           {ValueFiles: []string{"../../x.yaml"}},
		"outside of ref":    {ValueFiles: []string{"$o/../../x.yaml"}},
		"URL":               {ValueFiles: []string{"https://127.0.0.1/x.yaml"}},
		"missing":           {ValueFiles: []string{"no.yaml"}},
		"empty glob":        {ValueFiles: []string{"no/*.yaml"}},
		"broken parameter":  {Parameters: []argo.HelmParameter{{Name: "a[x]", Value: "1"}}},
		"negative index":    {Parameters: []argo.HelmParameter{{Name: "a[-1]", Value: "1"}}},
		"missing file":      {FileParameters: []argo.HelmFileParameter{{Name: "a", Path: "no.txt"}}},
		"broken values":     {Values: "a: b: c"},
		"values no map":     {Values: "[1]"},
		"long release name": {ReleaseName: strings.Repeat("x", 54)},
		"odd release name":  {ReleaseName: "Web_1"},
		"broken version":    {KubeVersion: "latest"},
	} {
		var d helm.Driver
		_, err := d.Render(t.Context(), disk{os.DirFS(dir)}, request(o))
		if _, ok := object.AsFault(err); !ok {
			t.Errorf("%s: got %v", name, err)
		} else {
			t.Log(path.Join(name), err)
		}
	}
}

func BenchmarkDriver(b *testing.B) {
	for _, archive := range archives(b) {
		dir := b.TempDir()
		unpack(b, archive, dir)
		b.Run(strings.TrimSuffix(filepath.Base(archive), ".txtar"), func(b *testing.B) {
			var d helm.Driver
			for b.Loop() {
				if _, err := d.Render(b.Context(), disk{os.DirFS(dir)}, request(argo.ApplicationSourceHelm{})); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
