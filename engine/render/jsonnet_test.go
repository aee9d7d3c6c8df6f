package render_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render"
)

// program is a ConfigMap in Jsonnet.
func program(name, data string) string {
	return "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: " + name + "}, data: " + data + "}"
}

func TestJsonnetAmongManifests(t *testing.T) {
	r := renderer(t, render.Options{})
	repo, tree := newRepo(t, map[string]string{
		"app/a.yaml":            cm("a"),
		"app/b.jsonnet":         "[" + program("'b'", "(import 'k.libsonnet').data") + ", " + program("std.extVar('name')", "{}") + "]",
		"app/c.jsonnet":         "function(tag) " + program("'c'", "{tag: tag, price: std.extVar('price')}"),
		"app/k.libsonnet":       "{data: (import 'shared/data.libsonnet')}",
		"app/skipped.jsonnet":   "// +argocd:skip-file-rendering\nerror 'not run'",
		"app/excluded.jsonnet":  "error 'not run'",
		"lib/shared":            "-> ../common",
		"common/data.libsonnet": "{x: importstr 'common/text'}",
		"common/text":           "of the library",
		"other/z":               "z",
	})
	source := argo.ApplicationSource{Path: "app", TargetRevision: "main", Directory: &argo.ApplicationSourceDirectory{Exclude: "excluded*", Jsonnet: argo.ApplicationSourceJsonnet{
		Libs: []string{".", "/lib"},
		// The root is a library too, so that a path of the repository can be imported as it stands.
		ExtVars: []argo.JsonnetVar{{Name: "name", Value: "$ARGOCD_APP_NAME-cm"}, {Name: "price", Value: "$$5"}},
		TLAs:    []argo.JsonnetVar{{Name: "tag", Value: "'${ARGOCD_APP_SOURCE_TARGET_REVISION}' + '!'", Code: true}},
	}}}
	arguments := source.Directory.Jsonnet.TLAs
	source.Directory.Jsonnet.TLAs = nil
	f := fails(t, r, request(tree, source))
	if f.File != "app/c.jsonnet" || !strings.Contains(f.Message, "tag") {
		t.Errorf("an argument is missing, but: %v", f)
	}
	source.Directory.Jsonnet.TLAs = arguments
	got := run(t, r, request(tree, source))
	want := []string{"ConfigMap a", "ConfigMap b", "ConfigMap web-cm", "ConfigMap c"}
	if diff := cmp.Diff(want, ids(got.Objects)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"tag": "main!", "price": "$5"}, got.Objects[3].Unstructured.Object["data"]); diff != "" {
		t.Error(diff)
	}
	for _, e := range []struct {
		path string
		op   git.Op
	}{{"app/k.libsonnet", git.Read}, {"app/shared/data.libsonnet", git.Miss}, {"lib/shared", git.Link}, {"common/data.libsonnet", git.Read}, {"common/text", git.Read}, {"app", git.List}} {
		if !slices.ContainsFunc(got.Trace, func(x git.Entry) bool { return x.Path == e.path && x.Op == e.op }) {
			t.Errorf("not in the trace: %s %s; it has %v", e.op, e.path, got.Trace)
		}
	}
	if again := run(t, r, request(repo.commit(map[string]string{"other/z": "y"}), source)); !again.Cached {
		t.Error("what no program reads had it rendered anew")
	}
	if again := run(t, r, request(repo.commit(map[string]string{"common/text": "changed"}), source)); again.Cached || again.Digest == got.Digest {
		t.Error("a change of an import was not seen")
	}
	if again := run(t, r, request(repo.commit(map[string]string{"app/shared/data.libsonnet": "{x: 'nearer'}"}), source)); again.Cached {
		t.Error("an import that now lies nearer was not seen")
	}
}

func TestHostileJsonnet(t *testing.T) {
	r := renderer(t, render.Options{MemoryLimit: 256 << 20, Timeout: 4 * time.Second, Workers: 1})
	_, good := newRepo(t, map[string]string{"app/a.jsonnet": program("'a'", "{}")})
	main := func(text string) map[string]string { return map[string]string{"app/a.jsonnet": text} }
	for name, c := range map[string]struct {
		files map[string]string
		want  object.Place
		say   string
	}{
		"recursion without end":   {main("\nlocal f(x) = 1 + f(x + 1); f(1)"), object.Place{File: "app/a.jsonnet", Line: 2}, "max stack frames"},
		"tail calls without end":  {main("local f(x) = f(x + 1) tailstrict; f(1)"), object.Place{File: "app/a.jsonnet"}, ""},
		"a huge array":            {main("{a: std.makeArray(1000000000, function(i) i)}"), object.Place{File: "app/a.jsonnet"}, ""},
		"a growing string":        {main("local f(n) = if n == 0 then 'xxxxxxxxxxxxxxxx' else f(n - 1) + f(n - 1); {a: f(40)}"), object.Place{File: "app/a.jsonnet"}, ""},
		"a loop in the library":   {main("{a: std.foldl(function(a, b) a + b, std.range(1, 1000000000), 0)}"), object.Place{File: "app/a.jsonnet"}, ""},
		"imports in a circle":     {map[string]string{"app/a.jsonnet": "(import 'b.libsonnet') + {}", "app/b.libsonnet": "(import 'a.jsonnet') + {}"}, object.Place{}, "max stack frames"},
		"deep nesting":            {main(strings.Repeat("[", 2000000)), object.Place{File: "app/a.jsonnet"}, ""},
		"deep results":            {main("std.foldl(function(a, b) [a], std.range(1, 100000), 1)"), object.Place{File: "app/a.jsonnet"}, ""},
		"a link out":              {map[string]string{"app/a.jsonnet": "\n{a: importstr 'etc/hostname'}", "app/etc": "-> ../../../../../etc"}, object.Place{File: "app/a.jsonnet", Line: 2}, "out of the repository"},
		"a link in a circle":      {map[string]string{"app/a.jsonnet": "{a: importstr 'x'}", "app/x": "-> y", "app/y": "-> x"}, object.Place{File: "app/a.jsonnet", Line: 1}, "circle"},
		"a program behind a link": {map[string]string{"app/b.yaml": cm("b"), "app/a.jsonnet": "-> ../../../../etc/hostname"}, object.Place{File: "app/a.jsonnet"}, "out of the repository"},
		"above the root":          {main("importstr '../../../../../etc/passwd'"), object.Place{File: "app/a.jsonnet", Line: 1}, "leads out of the repository"},
		"the root of the disk":    {main("importbin '/etc/passwd'"), object.Place{File: "app/a.jsonnet", Line: 1}, "absolute"},
		"the network":             {main("importstr 'http://169.254.169.254/latest'"), object.Place{File: "app/a.jsonnet", Line: 1}, "no such file"},
		"a folder":                {main("import '../app'"), object.Place{File: "app/a.jsonnet", Line: 1}, "directory"},
		"a YAML bomb": {main("std.parseYaml(|||\n  a: &a [x,x,x,x,x,x,x,x,x]\n  b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n  c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n  d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n" +
			"  e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n  f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n  g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n  h: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n|||)"), object.Place{File: "app/a.jsonnet"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a huge array" && render.RaceDetector {
				t.Skip("workers have no memory limit under the race detector")
			}
			_, tree := newRepo(t, c.files)
			req := request(tree, argo.ApplicationSource{Path: "app"})
			req.Trusted = false
			f := fails(t, r, req)
			if c.want.File != "" && f.File != c.want.File || c.want.Line != 0 && f.Line != c.want.Line || !strings.Contains(f.Error(), c.say) {
				t.Errorf("fault: %v", f)
			}
			if strings.Contains(f.Error(), "root:") || strings.Contains(f.Error(), "goroutine") || len(f.Message) > 5000 {
				t.Errorf("the fault shows too much: %v", f)
			}
			after := request(good, argo.ApplicationSource{Path: "app"})
			after.Trusted, after.Namespace = false, name // not from the cache
			if got := run(t, r, after); got.Cached || len(got.Objects) != 1 {
				t.Errorf("the next render: cached %v, %d objects", got.Cached, len(got.Objects))
			}
		})
	}
}
