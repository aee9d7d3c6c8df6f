package render_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render"
)

// part is an entry of a packed chart. Its content is repeated until it has size bytes.
type part struct {
	name string
	kind byte
	link string
	text string
	size int64
}

// packed is a chart's archive with some entries beside its Chart.yaml.
func packed(t *testing.T, parts ...part) string {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	whole := "apiVersion: v2\nname: sub\nversion: 1.0.0\n"
	for _, p := range append([]part{{name: "sub/Chart.yaml", text: whole}}, parts...) {
		if p.kind == 0 {
			p.kind = tar.TypeReg
		}
		size := max(p.size, int64(len(p.text)))
		if err := archive.WriteHeader(&tar.Header{Name: p.name, Typeflag: p.kind, Linkname: p.link, Size: size, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		rest := io.MultiReader(strings.NewReader(p.text), io.LimitReader(zeros{}, size-int64(len(p.text))))
		if _, err := io.Copy(archive, rest); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// zeros is an endless file of zeros, which packs to next to nothing.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestHostileChartArchivesAreRefused(t *testing.T) {
	if render.RaceDetector {
		t.Skip("the race detector leaves no room for memory limits")
	}
	r := renderer(t, render.Options{Timeout: 60 * time.Second, Workers: 1, MemoryLimit: 256 << 20})
	many := make([]part, 30)
	for i := range many {
		many[i] = part{name: "sub/files/" + itoa(i%20) + "/" + itoa(i/20) + ".bin", size: 5 << 20}
	}
	for _, c := range []struct {
		name  string
		parts []part
		say   string
	}{
		{"absolute path", []part{{name: "/etc/cron.d/x", text: "x"}}, "absolute path"},
		{"path above", []part{{name: "sub/../../x.yaml", text: "x"}}, "outside of it"},
		{"Windows' path", []part{{name: `C:\x.yaml`, text: "x"}}, "absolute path"},
		{"one huge file", []part{{name: "sub/huge.bin", size: 400 << 20}}, "larger than 100 MiB"},
		{"many large files", many, "larger than 100 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, tree := newRepo(t, map[string]string{"chart/Chart.yaml": chartYaml, "chart/charts/sub-1.0.0.tgz": packed(t, c.parts...)})
			req := request(tree, argo.ApplicationSource{Path: "chart"})
			req.Trusted = false
			f := fails(t, r, req)
			if f.File != "chart/charts/sub-1.0.0.tgz" || !strings.Contains(f.Message, c.say) {
				t.Errorf("fault: %v", f)
			}
		})
	}
	// What is no file is not followed, whatever it points to.
	_, tree := newRepo(t, map[string]string{"chart/Chart.yaml": chartYaml, "chart/templates/x.yaml": cm("x"), "chart/charts/sub-1.0.0.tgz": packed(t,
		part{name: "sub/templates/link.yaml", kind: tar.TypeSymlink, link: "/etc/passwd"}, part{name: "sub/pipe", kind: tar.TypeFifo})})
	if got := run(t, r, request(tree, argo.ApplicationSource{Path: "chart"})); len(got.Objects) != 1 {
		t.Errorf("objects: %v", ids(got.Objects))
	}
}

// TestNothingIsFetched names each field through which a repository could have a render ask the network, or the machine's own disk.
func TestNothingIsFetched(t *testing.T) {
	r := renderer(t, render.Options{})
	kustomization := func(text string) map[string]string {
		return map[string]string{"app/kustomization.yaml": text, "app/a.yaml": cm("a")}
	}
	values := func(entry string) map[string]string {
		return map[string]string{"chart/Chart.yaml": chartYaml, "chart/.argocd-source.yaml": "helm: {valueFiles: [\"" + entry + "\"]}\n"}
	}
	const local, secret = "http://169.254.169.254/latest/meta-data", "file:///etc/hostname"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  object.Place
		say   string
	}{
		{"values, link-local", values(local), object.Place{}, "not fetched"},
		{"values, of the disk", values(secret), object.Place{}, "not fetched"},
		{"values, of a bucket", values("s3://bucket/x.yaml"), object.Place{}, "not fetched"},
		{"values, above", values("../../../etc/hostname"), object.Place{}, "outside"},
		{"file parameter, above", map[string]string{"chart/Chart.yaml": chartYaml, "chart/.argocd-source.yaml": "helm: {fileParameters: [{name: a, path: ../../etc/hostname}]}\n"},
			object.Place{}, "outside"},
		{"file parameter, of the disk", map[string]string{"chart/Chart.yaml": chartYaml, "chart/.argocd-source.yaml": "helm: {fileParameters: [{name: a, path: \"file:///etc/hostname\"}]}\n"},
			object.Place{}, "not fetched"},
		{"dependency of the disk", map[string]string{"chart/Chart.yaml": chartYaml + "dependencies:\n- name: x\n  version: 1.0.0\n  repository: file:///etc\n"},
			object.Place{File: "chart/Chart.yaml", Line: 5}, "outside"},
		{"dependency above", map[string]string{"chart/Chart.yaml": chartYaml + "dependencies:\n- name: x\n  version: 1.0.0\n  repository: file://../../x\n"},
			object.Place{File: "chart/Chart.yaml", Line: 5}, "outside"},
		{"resource, link-local", kustomization("resources:\n- " + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"resource of the disk", kustomization("resources:\n- " + secret + "\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"resource, absolute", kustomization("resources:\n- /etc/hostname\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "not relative"},
		{"base of a forge", kustomization("bases:\n- github.com/x/y//z?ref=v1\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"component", kustomization("components:\n- git::https://127.0.0.1/x\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"configuration", kustomization("configurations:\n- " + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"definition", kustomization("crds:\n- " + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"schema", kustomization("openapi:\n  path: " + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"generator's file", kustomization("configMapGenerator:\n- name: x\n  files:\n  - k=" + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 4}, "fetched"},
		{"secret's environment", kustomization("secretGenerator:\n- name: x\n  envs:\n  - " + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 4}, "fetched"},
		{"replacement", kustomization("resources: [a.yaml]\nreplacements:\n- path: " + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 3}, "fetched"},
		{"old patch", kustomization("patchesStrategicMerge:\n- " + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"transformer", kustomization("transformers:\n- " + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"validator", kustomization("validators:\n- " + local + "\n"), object.Place{File: "app/kustomization.yaml", Line: 2}, "fetched"},
		{"transformer's own file", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\ntransformers: [t.yaml]\n", "app/a.yaml": cm("a"),
			"app/t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\npath: " + local + "\n"}, object.Place{File: "app/kustomization.yaml"}, ""},
		{"generator's own file", map[string]string{"app/kustomization.yaml": "generators: [g.yaml]\n",
			"app/g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: [/etc/hostname]\n"}, object.Place{File: "app/kustomization.yaml"}, ""},
		{"chart inflated by a generator", map[string]string{"app/kustomization.yaml": "generators: [g.yaml]\n",
			"app/g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: g}\nname: x\nrepo: https://127.0.0.1\n"}, object.Place{File: "app/kustomization.yaml"}, ""},
		{"program of a plugin", map[string]string{"app/kustomization.yaml": "generators: [g.yaml]\n", "app/g.yaml": "apiVersion: someteam.example.com/v1\nkind: Exec\nmetadata: {name: g}\n"},
			object.Place{File: "app/kustomization.yaml"}, ""},
		{"script of a function", map[string]string{"app/kustomization.yaml": "resources: [a.yaml]\ntransformers: [g.yaml]\n", "app/a.yaml": cm("a"),
			"app/g.yaml": "apiVersion: x/v1\nkind: X\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      starlark: {url: \"" + local + "\"}\n"}, object.Place{File: "app/kustomization.yaml"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, tree := newRepo(t, c.files)
			dir := "app"
			if c.files["chart/Chart.yaml"] != "" {
				dir = "chart"
			}
			f := fails(t, r, request(tree, argo.ApplicationSource{Path: dir}))
			if c.want.File != "" && f.File != c.want.File || c.want.Line != 0 && f.Line != c.want.Line || !strings.Contains(f.Error(), c.say) {
				t.Errorf("fault: %v", f)
			}
		})
	}
}
