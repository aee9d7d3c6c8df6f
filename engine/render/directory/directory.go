// Package directory renders a folder of plain manifests and Jsonnet programs, which is what a source is when it is nothing else.
package directory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/gobwas/glob"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/jsonnet"
	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// Files is the repository.
type Files interface {
	fs.ReadFileFS
	fs.ReadDirFS
	fs.StatFS
}

// MaxSize is how many bytes the manifests of one folder may have together.
const MaxSize = 10 << 20

// skipMarker in a file keeps it from being rendered.
const skipMarker = "+argocd:skip-file-rendering"

// Request is a folder and how to read it.
type Request struct {
	Path    string // of the folder, from the repository's root
	Options argo.ApplicationSourceDirectory
	At      func(file string) // told which program runs; may be nil
	// WithoutJsonnet passes Jsonnet files over.
	WithoutJsonnet bool
}

// Result is what was found.
type Result struct {
	Objects  []object.Object
	Warnings []string
}

// Render reads the folder. A Fault in the error's chain says what its authors must mend.
func Render(ctx context.Context, files Files, req Request) (Result, error) {
	r := renderer{files: files, req: req}
	var err error
	if r.include, err = pattern(req.Options.Include, "directory.include"); err != nil {
		return Result{}, err
	}
	if r.exclude, err = pattern(req.Options.Exclude, "directory.exclude"); err != nil {
		return Result{}, err
	}
	if err := r.walk(ctx, req.Path); err != nil {
		return Result{}, err
	}
	return r.result, nil
}

type renderer struct {
	files            Files
	req              Request
	include, exclude *glob.Pattern // nil: none
	size             int
	jsonnet          *jsonnet.Interpreter // nil until a program is met
	result           Result
}

// pattern compiles a glob in which, as in Argo CD, a star crosses slashes.
func pattern(text, field string) (*glob.Pattern, error) {
	if text == "" {
		return nil, nil
	}
	g, err := glob.Compile(text)
	if err != nil {
		return nil, &object.Fault{Field: "spec.source." + field, Message: fmt.Sprintf("not a glob: %v", err)}
	}
	return g, nil
}

func (r *renderer) walk(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := r.files.ReadDir(dir)
	if err != nil {
		return fault(err, dir)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if e.IsDir() {
			if r.req.Options.Recurse {
				if err := r.walk(ctx, name); err != nil {
					return err
				}
			}
			continue
		}
		if r.wants(name) {
			if err := r.file(name, e.Type()&fs.ModeSymlink != 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *renderer) wants(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
	case ".jsonnet":
		if r.req.WithoutJsonnet {
			return false
		}
	default:
		if !r.req.Options.DisableExtensionFilter {
			return false
		}
	}
	rel := strings.TrimPrefix(name, r.req.Path+"/") // of the root's files, the name as it is
	if r.exclude != nil && r.exclude.Match(rel) {
		return false
	}
	return r.include == nil || r.include.Match(rel)
}

func (r *renderer) file(name string, link bool) error {
	if link {
		info, err := r.files.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			r.result.Warnings = append(r.result.Warnings, name+": the symbolic link leads nowhere, so it is skipped")
			return nil
		}
		if err != nil {
			return fault(err, name)
		}
		if info.IsDir() {
			return nil
		}
	}
	text, err := r.files.ReadFile(name)
	if err != nil {
		return fault(err, name)
	}
	if r.size += len(text); r.size > MaxSize {
		return &object.Fault{Place: object.Place{File: name}, Message: fmt.Sprintf("the manifests of this folder are larger than %d MiB together", MaxSize>>20)}
	}
	text = manifest.Plain(text)
	if bytes.Contains(text, []byte(skipMarker)) {
		return nil
	}
	if path.Ext(name) == ".jsonnet" {
		return r.program(name, text)
	}
	objects, err := decode(text, name)
	if err != nil {
		if len(objects) == 0 && !looksLikeManifest(text, err) {
			return nil // some other YAML that happens to lie here
		}
		return err
	}
	r.result.Objects = append(r.result.Objects, objects...)
	return nil
}

// program runs a Jsonnet file.
func (r *renderer) program(name string, text []byte) error {
	if r.req.At != nil {
		r.req.At(name)
	}
	if r.jsonnet == nil {
		i, err := jsonnet.New(r.files, jsonnet.Request{Path: r.req.Path, Options: r.req.Options.Jsonnet})
		if err != nil {
			return err
		}
		r.jsonnet = i
	}
	objects, err := r.jsonnet.Render(name, text)
	if err != nil {
		return err
	}
	r.result.Objects = append(r.result.Objects, objects...)
	return nil
}

func decode(text []byte, name string) ([]object.Object, error) {
	if path.Ext(name) != ".json" {
		return manifest.Decode(text, name)
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		var syntax *json.SyntaxError
		line := 0
		if errors.As(err, &syntax) {
			line = 1 + strings.Count(string(text[:min(int(syntax.Offset), len(text))]), "\n")
		}
		said := err.Error()
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			line, said = 1+strings.Count(strings.TrimSpace(string(text)), "\n"), "it ends too early"
		}
		return nil, &object.Fault{Place: object.Place{File: name, Line: line}, Message: "the JSON cannot be read: " + said}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &object.Fault{Place: object.Place{File: name}, Message: "a JSON file must hold exactly one object"}
	}
	return manifest.FromJSON(raw, object.Place{File: name, Line: 1})
}

// looksLikeManifest tells manifests with a mistake from other YAML, such as values: what says its apiVersion and kind is one, and so is
// what cannot be read and has the words that manifests have.
func looksLikeManifest(text []byte, err error) bool {
	if f, ok := object.AsFault(err); ok && strings.HasPrefix(f.Field, "metadata") {
		return true
	}
	for _, word := range []string{"apiVersion", "kind", "metadata"} {
		if !bytes.Contains(text, []byte(word+":")) && !bytes.Contains(text, []byte(`"`+word+`"`)) {
			return false
		}
	}
	return true
}

// fault turns what the repository itself causes (a link that leads out, a file too large) into a Fault.
func fault(err error, name string) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return &object.Fault{Place: object.Place{File: name}, Message: p.Err.Error()}
	}
	return err
}
