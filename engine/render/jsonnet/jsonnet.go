// Package jsonnet renders the Jsonnet files among plain manifests. It runs in a worker, after engine/render/directory has found a
// file, and sees nothing but the files that it is handed: imports have no other way to the disk, and none to the network.
package jsonnet

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	gojsonnet "github.com/google/go-jsonnet"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// Bounds of one folder's programs. Time and memory are the worker's.
const (
	MaxImports = 64 << 20 // bytes of all files that are imported
	MaxOutput  = 64 << 20 // bytes of JSON that one program may yield
	maxStack   = 500      // frames, as the jsonnet command has
)

// Files is the repository.
type Files interface {
	fs.ReadFileFS
}

// Request is how the programs of a folder are run.
type Request struct {
	Path    string // of the application's folder, from the repository's root: where imports are looked for last
	Options argo.ApplicationSourceJsonnet
}

// Interpreter runs programs that share their imports. It is used by one goroutine.
type Interpreter struct {
	vm       *gojsonnet.VM
	importer *importer
}

// New prepares an interpreter. An error is a Fault of the options.
func New(files Files, req Request) (*Interpreter, error) {
	libs, err := libraries(req)
	if err != nil {
		return nil, err
	}
	i := &Interpreter{vm: gojsonnet.MakeVM(), importer: &importer{files: files, libs: libs, found: map[string]content{}}}
	i.vm.MaxStack = maxStack
	i.vm.Importer(i.importer)
	i.vm.SetTraceOut(io.Discard)
	for _, v := range req.Options.ExtVars {
		set(v, i.vm.ExtVar, i.vm.ExtCode)
	}
	for _, v := range req.Options.TLAs {
		set(v, i.vm.TLAVar, i.vm.TLACode)
	}
	return i, nil
}

func set(v argo.JsonnetVar, text, code func(name, value string)) {
	if v.Code {
		code(v.Name, v.Value)
		return
	}
	text(v.Name, v.Value)
}

// libraries are the folders in which imports are looked for after the importing file's own, the first first. As for the jsonnet
// command, the one that was named last is the first; the application's folder counts as named before all.
func libraries(req Request) ([]string, error) {
	libs := []string{req.Path}
	for _, lib := range req.Options.Libs {
		dir := path.Clean(strings.TrimLeft(lib, "/"))
		if !fs.ValidPath(dir) {
			return nil, &object.Fault{Field: "spec.source.directory.jsonnet.libs", Message: lib + " is outside of the repository"}
		}
		libs = append([]string{dir}, libs...)
	}
	return libs, nil
}

// Render runs the program that is file name's text. It may yield an object, an array of objects, or a List. A Fault in the error's
// chain says what its authors must mend; any other error is the worker's.
func (i *Interpreter) Render(name string, text []byte) ([]object.Object, error) {
	out, err := i.run(name, string(text))
	if i.importer.err != nil {
		return nil, fmt.Errorf("importing for %s: %w", name, i.importer.err)
	}
	if err != nil {
		return nil, i.fault(err, name)
	}
	place := object.Place{File: name}
	if len(out) > MaxOutput {
		return nil, &object.Fault{Place: place, Message: fmt.Sprintf("yields more than %d MiB", MaxOutput>>20)}
	}
	var value any
	if err := utiljson.Unmarshal([]byte(out), &value); err != nil {
		return nil, &object.Fault{Place: place, Message: "what this program yields cannot be read: " + err.Error()}
	}
	return objects(value, place)
}

func (i *Interpreter) run(name, text string) (string, error) {
	node, err := gojsonnet.SnippetToAST(name, text)
	if err != nil {
		return "", err
	}
	return i.vm.Evaluate(node)
}

func objects(value any, place object.Place) ([]object.Object, error) {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var all []object.Object
	for n, v := range list {
		some, err := manifest.FromValue(v, place)
		if f, ok := object.AsFault(err); ok {
			c := *f
			if isList {
				c.Field = strings.TrimSuffix(fmt.Sprintf("[%d].%s", n, c.Field), ".")
			}
			if holdsObjects(v) {
				c.Hint = "a program yields one object, an array or a List; std.objectValues makes an array of a map of objects"
			}
			return nil, &c
		}
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// holdsObjects says whether a value is a map, or an array, of what would be manifests, which is what the jsonnet command writes with
// --multi and what libraries yield.
func holdsObjects(v any) bool {
	m, ok := v.(map[string]any)
	if !ok || m["kind"] != nil {
		_, nested := v.([]any)
		return nested
	}
	for _, item := range m {
		if o, ok := item.(map[string]any); ok && o["kind"] != nil && o["apiVersion"] != nil {
			return true
		}
	}
	return false
}
