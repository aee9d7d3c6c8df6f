package jsonnet_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	gojsonnet "github.com/google/go-jsonnet"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/jsonnet"
)

const cm = `{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: '%s'}, data: {}}`

func config(name, data string) string {
	return strings.NewReplacer("%s", name, "data: {}", "data: "+data).Replace(cm)
}

// programs are read by the interpreter here and, from the disk, by the library's own.
var programs = map[string]struct {
	files   map[string]string // app/main.jsonnet is the program
	options argo.ApplicationSourceJsonnet
}{
	"an object":  {files: map[string]string{"app/main.jsonnet": config("a", "{x: '1'}")}},
	"an array":   {files: map[string]string{"app/main.jsonnet": `[` + config("a", "{}") + `, ` + config("b", "{}") + `]`}},
	"no objects": {files: map[string]string{"app/main.jsonnet": `[]`}},
	"functions, comprehensions and formats": {files: map[string]string{"app/main.jsonnet": `
local named(n) = ` + strings.Replace(config("a", "{n: '%d' % n}"), "'a'", "'a-%02d' % n", 1) + `;
[named(n) for n in std.range(1, 12) if n % 3 == 0]`}},
	"mixins": {files: map[string]string{"app/main.jsonnet": `
local base = ` + config("a", "{port: '80', url: 'http://x:' + self.port}") + `;
base + {data+: {port: '8080'}, metadata+: {labels: {[k]: 'yes' for k in ['one', 'two']}}}`}},
	"numbers": {files: map[string]string{"app/main.jsonnet": config("a", "{}") +
		` + {spec: {whole: 3, large: 9007199254740991, small: 1e-7, half: 0.5, negative: -0.1, sum: 0.1 + 0.2, big: 1e300, hundred: 1e2}}`}},
	"strings": {files: map[string]string{"app/main.jsonnet": config("a", "{a: 'é\\u2028\\\"', b: |||\n  one\n    two\n|||, c: @'\\n', d: std.manifestYamlDoc({a: [1, 'x']})}")}},
	"imports beside the file, above it and from libraries": {
		files: map[string]string{
			"app/main.jsonnet":       `(import 'part.libsonnet') + {data: {lib: (import 'k/one.libsonnet').name, text: importstr '../text.txt', bytes: std.toString(importbin '../text.txt')}}`,
			"app/part.libsonnet":     config("a", "{}"),
			"text.txt":               "line\n",
			"lib/k/one.libsonnet":    `(import 'two.libsonnet') + {name: 'lib/' + super.name}`,
			"lib/k/two.libsonnet":    `{name: 'two'}`,
			"vendor/k/one.libsonnet": `{name: 'vendor'}`,
		},
		options: argo.ApplicationSourceJsonnet{Libs: []string{"vendor", "lib"}},
	},
	"the application's folder is a library of its libraries": {
		files: map[string]string{
			"app/main.jsonnet":     `import 'wrap.libsonnet'`,
			"app/params.libsonnet": `{name: 'a'}`,
			"lib/wrap.libsonnet":   strings.Replace(config("a", "{}"), "'a'", "(import 'params.libsonnet').name", 1),
		},
		options: argo.ApplicationSourceJsonnet{Libs: []string{"lib"}},
	},
	"variables": {
		files: map[string]string{"app/main.jsonnet": strings.Replace(config("a", "{n: std.toString(std.extVar('n') + 1), s: std.extVar('s'), l: std.extVar('l').x}"), "'a'", "std.extVar('name')", 1),
			"lib/l.libsonnet": `{x: 'of a library'}`},
		options: argo.ApplicationSourceJsonnet{Libs: []string{"lib"}, ExtVars: []argo.JsonnetVar{{Name: "name", Value: "web"}, {Name: "s", Value: "1 + 1"},
			{Name: "n", Value: "20 + 21", Code: true}, {Name: "l", Value: "import 'l.libsonnet'", Code: true}}},
	},
	"top-level arguments": {
		files:   map[string]string{"app/main.jsonnet": `function(name, replicas=1, tag='latest') ` + strings.Replace(config("a", "{r: std.toString(replicas), t: tag}"), "'a'", "name", 1)},
		options: argo.ApplicationSourceJsonnet{TLAs: []argo.JsonnetVar{{Name: "name", Value: "web"}, {Name: "replicas", Value: "[2, 3]", Code: true}}},
	},
	"a program that imports itself, lazily": {files: map[string]string{"app/main.jsonnet": config("a", "{again: (import 'main.jsonnet').metadata.name}")}},
	"libraries that import each other, lazily": {files: map[string]string{
		"app/main.jsonnet": config("a", "{x: (import 'x.libsonnet').b}"),
		"app/x.libsonnet":  `{a: 'from x', b: (import 'y.libsonnet').a}`,
		"app/y.libsonnet":  `{a: (import 'x.libsonnet').a + ' by y'}`,
	}},
	"the file's name": {files: map[string]string{"app/main.jsonnet": config("a", "{f: std.thisFile, l: import '../l.libsonnet'}"), "l.libsonnet": `std.thisFile`}},
	"parsing":         {files: map[string]string{"app/main.jsonnet": `std.parseYaml(importstr 'x.yaml') + std.parseJson('{"data": {"a": "b"}}')`, "app/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"}},
}

func TestProgramsYieldWhatTheCommandYields(t *testing.T) {
	for name, c := range programs {
		t.Run(name, func(t *testing.T) {
			want := onDisk(t, c.files, c.options)
			got, err := render(c.files, c.options)
			if err != nil {
				t.Fatal(err)
			}
			values := make([]any, len(got))
			for i, o := range got {
				values[i] = o.Unstructured.Object
				if o.Place.File != "app/main.jsonnet" {
					t.Errorf("place: %v", o.Place)
				}
			}
			if diff := cmp.Diff(want, asJSON(t, values)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// onDisk runs a program as the jsonnet command does, with the library's own importer. Its result is always an array.
func onDisk(t *testing.T, files map[string]string, options argo.ApplicationSourceJsonnet) any {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	vm := gojsonnet.MakeVM()
	vm.Importer(&gojsonnet.FileImporter{JPaths: append([]string{"app"}, options.Libs...)})
	for _, v := range options.ExtVars {
		if v.Code {
			vm.ExtCode(v.Name, v.Value)
		} else {
			vm.ExtVar(v.Name, v.Value)
		}
	}
	for _, v := range options.TLAs {
		if v.Code {
			vm.TLACode(v.Name, v.Value)
		} else {
			vm.TLAVar(v.Name, v.Value)
		}
	}
	out, err := vm.EvaluateFile("app/main.jsonnet")
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal([]byte(out), &value); err != nil {
		t.Fatal(err)
	}
	if _, ok := value.([]any); !ok {
		value = []any{value}
	}
	return value
}

func asJSON(t *testing.T, v any) any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func render(files map[string]string, options argo.ApplicationSourceJsonnet) ([]object.Object, error) {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	i, err := jsonnet.New(m, jsonnet.Request{Path: "app", Options: options})
	if err != nil {
		return nil, err
	}
	return i.Render("app/main.jsonnet", []byte(files["app/main.jsonnet"]))
}

func TestListsAreFlattened(t *testing.T) {
	got, err := render(map[string]string{"app/main.jsonnet": `[{apiVersion: 'v1', kind: 'List', items: [` + config("a", "{}") + `, ` + config("b", "{}") + `]}, null]`}, argo.ApplicationSourceJsonnet{})
	if err != nil || len(got) != 2 || got[1].GetName() != "b" {
		t.Errorf("%v, %v", got, err)
	}
	if _, whole := got[0].Unstructured.Object["data"].(map[string]any); !whole {
		t.Error("the object is not whole")
	}
}

func TestFaultsHavePlaces(t *testing.T) {
	ok := config("a", "{}")
	for name, c := range map[string]struct {
		files   map[string]string
		options argo.ApplicationSourceJsonnet
		want    string
	}{
		"syntax":                     {files: map[string]string{"app/main.jsonnet": "{\n  a: 1\n  b: 2,\n}"}, want: "app/main.jsonnet:3: the Jsonnet cannot be read: "},
		"an unknown name":            {files: map[string]string{"app/main.jsonnet": "{\n\n  a: nope }"}, want: "app/main.jsonnet:3: the Jsonnet cannot be read: Unknown variable: nope"},
		"a string without end":       {files: map[string]string{"app/main.jsonnet": "{\n  a: 'x }"}, want: "app/main.jsonnet:2: the Jsonnet cannot be read: "},
		"an error of the program's":  {files: map[string]string{"app/main.jsonnet": "{\n  a:\n    error 'replicas must be odd' }"}, want: "app/main.jsonnet:3: replicas must be odd"},
		"an assertion":               {files: map[string]string{"app/main.jsonnet": "{\n  assert self.n > 1 : 'too few',\n n: 1 }"}, want: "app/main.jsonnet:2: too few"},
		"an error in a library":      {files: map[string]string{"app/main.jsonnet": "import 'l.libsonnet'", "app/l.libsonnet": "{\n\n  a: error 'no' }"}, want: "app/l.libsonnet:3: no"},
		"syntax of a library":        {files: map[string]string{"app/main.jsonnet": "{\n a: import 'l.libsonnet'}", "app/l.libsonnet": "{\n\n  a b }"}, want: "app/l.libsonnet:3: the Jsonnet cannot be read: "},
		"below the standard library": {files: map[string]string{"app/main.jsonnet": "{\n a: std.parseInt('x') }"}, want: "app/main.jsonnet:2: "},
		"a missing import":           {files: map[string]string{"app/main.jsonnet": "{\n\n a: import 'no.libsonnet'}"}, want: `app/main.jsonnet:3: import "no.libsonnet": there is no such file`},
		"a missing variable":         {files: map[string]string{"app/main.jsonnet": "{\n a: std.extVar('v')}"}, want: "app/main.jsonnet:2: Undefined external variable: v"},
		"a missing argument":         {files: map[string]string{"app/main.jsonnet": "function(name) {}"}, want: "app/main.jsonnet"},
		"code of a variable":         {files: map[string]string{"app/main.jsonnet": "{\n a: std.extVar('v')}"}, options: argo.ApplicationSourceJsonnet{ExtVars: []argo.JsonnetVar{{Name: "v", Value: "1 +", Code: true}}}, want: "spec.source.directory.jsonnet.extVars.v: "},
		"code of an argument":        {files: map[string]string{"app/main.jsonnet": "function(v) v"}, options: argo.ApplicationSourceJsonnet{TLAs: []argo.JsonnetVar{{Name: "v", Value: "nope", Code: true}}}, want: "spec.source.directory.jsonnet.tlas.v: "},
		"no object":                  {files: map[string]string{"app/main.jsonnet": "'text'"}, want: "app/main.jsonnet: expected an object, found a string"},
		"no kind":                    {files: map[string]string{"app/main.jsonnet": "[" + ok + ", {apiVersion: 'v1'}]"}, want: "app/main.jsonnet: [1].kind: is missing"},
		"a map of objects":           {files: map[string]string{"app/main.jsonnet": "{x: " + ok + "}"}, want: "app/main.jsonnet: apiVersion: is missing (a program yields one object, an array or a List; std.objectValues"},
		"arrays in an array":         {files: map[string]string{"app/main.jsonnet": "[[" + ok + "]]"}, want: "app/main.jsonnet: [0]: expected an object, found a list (a program yields"},
		"a function":                 {files: map[string]string{"app/main.jsonnet": "{a: function(x) x}"}, want: "app/main.jsonnet"},
		"endless recursion":          {files: map[string]string{"app/main.jsonnet": "local f(x) = 1 + f(x);\n{a: f(1)}"}, want: "app/main.jsonnet:1: max stack frames exceeded. (a function or an import calls itself without end"},
		"imports in a circle":        {files: map[string]string{"app/main.jsonnet": "import 'x.libsonnet'", "app/x.libsonnet": "(import 'y.libsonnet') + {}", "app/y.libsonnet": "(import 'x.libsonnet') + {}"}, want: "app/"},
		"an import of the disk":      {files: map[string]string{"app/main.jsonnet": "importstr '/etc/hostname'"}, want: `app/main.jsonnet:1: import "/etc/hostname": the path is absolute`},
		"an import above the root":   {files: map[string]string{"app/main.jsonnet": "importstr '../../etc/hostname'"}, want: `app/main.jsonnet:1: import "../../etc/hostname" leads out of the repository`},
		"an import of the disk by code": {files: map[string]string{"app/main.jsonnet": "{a: std.extVar('v')}"}, options: argo.ApplicationSourceJsonnet{ExtVars: []argo.JsonnetVar{{Name: "v", Value: "importstr '../../../etc/hostname'", Code: true}}},
			want: `spec.source.directory.jsonnet.extVars.v: import "../../../etc/hostname" leads out of the repository`},
		"a library above the root": {files: map[string]string{"app/main.jsonnet": ok}, options: argo.ApplicationSourceJsonnet{Libs: []string{"../lib"}}, want: "spec.source.directory.jsonnet.libs: ../lib is outside of the repository"},
		"a native function":        {files: map[string]string{"app/main.jsonnet": "std.native('exec')('id')"}, want: "app/main.jsonnet:1: "},
		"an array of any size":     {files: map[string]string{"app/main.jsonnet": "{a: std.makeArray(1e18, function(i) i)}"}, want: "app/main.jsonnet"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(c.files, c.options)
			f, ok := object.AsFault(err)
			if !ok {
				t.Fatalf("%v, %v", got, err)
			}
			if text := f.Error(); !strings.Contains(text, c.want) || !strings.HasPrefix(text, c.want) && f.Field == "" || strings.Contains(text, "goroutine") {
				t.Errorf("fault: %v", f)
			}
		})
	}
}

func TestLibrariesBeginAtTheRoot(t *testing.T) {
	files := map[string]string{"app/main.jsonnet": "import 'o.libsonnet'", "lib/o.libsonnet": config("a", "{}")}
	for _, lib := range []string{"lib", "/lib", "./lib/", "app/../lib"} {
		if _, err := render(files, argo.ApplicationSourceJsonnet{Libs: []string{lib, "gone"}}); err != nil {
			t.Errorf("%s: %v", lib, err)
		}
	}
}

// damaged are files that cannot be read for a reason which is not the repository's.
type damaged struct{ fstest.MapFS }

var errDamaged = errors.New("the object store is damaged")

func (damaged) ReadFile(string) ([]byte, error) { return nil, errDamaged }

func TestFaultsOfOursAreErrors(t *testing.T) {
	i, err := jsonnet.New(damaged{}, jsonnet.Request{Path: "app"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = i.Render("app/main.jsonnet", []byte("import 'x'"))
	if _, fault := object.AsFault(err); fault || !errors.Is(err, errDamaged) {
		t.Errorf("got %v", err)
	}
}

// linked is a repository with a link that leads out of it.
type linked struct{ fstest.MapFS }

func (l linked) ReadFile(name string) ([]byte, error) {
	if name == "app/out" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("leads out of the repository")}
	}
	return l.MapFS.ReadFile(name)
}

func TestFilesThatAreRefusedAreFaultsAtTheImport(t *testing.T) {
	i, err := jsonnet.New(linked{}, jsonnet.Request{Path: "app"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = i.Render("app/main.jsonnet", []byte("\nimportstr 'out'"))
	if f, ok := object.AsFault(err); !ok || f.Error() != `app/main.jsonnet:2: import "out": app/out: leads out of the repository` {
		t.Errorf("got %v", err)
	}
}

// FuzzPlaces gives the interpreter any program and any import: what comes back is objects, or a Fault in one of the two files.
func FuzzPlaces(f *testing.F) {
	for _, c := range programs {
		f.Add(c.files["app/main.jsonnet"], c.files["app/part.libsonnet"])
	}
	f.Add("import 'part.libsonnet'", "{\n a b}")
	f.Add("error 'app/part.libsonnet:9:1 text'", "")
	f.Fuzz(func(t *testing.T, program, part string) {
		if strings.ContainsAny(program+part, "0123456789*[") || strings.Contains(program+part, "std") || len(program)+len(part) > 400 {
			t.Skip("may take more time or memory than a worker has, which is not this test's matter")
		}
		objects, err := render(map[string]string{"app/main.jsonnet": program, "app/part.libsonnet": part}, argo.ApplicationSourceJsonnet{})
		if err == nil {
			for _, o := range objects {
				if o.GetKind() == "" {
					t.Errorf("an object without a kind: %v", o.Unstructured.Object)
				}
			}
			return
		}
		fault, ok := object.AsFault(err)
		if !ok {
			t.Fatalf("an error of ours: %v", err)
		}
		if fault.File != "app/main.jsonnet" && fault.File != "app/part.libsonnet" || fault.Message == "" || fault.Line < 0 {
			t.Errorf("fault: %#v", fault)
		}
	})
}
