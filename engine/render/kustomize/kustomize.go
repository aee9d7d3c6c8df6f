// Package kustomize builds kustomizations as `kustomize build` does, with kustomize's own code over a repository that is never
// on disk. Nothing is fetched here and no program is run: what entries name elsewhere is asked for before the build begins and shown to
// kustomize as if it lay in the repository, charts are rendered by the function that the caller gives, and plugins are refused.
//
// It runs within a worker: a hostile kustomization costs at most that process.
package kustomize

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	goyaml "go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provenance"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/openapi"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// Files is the repository. Real is a name with no symbolic link left in it.
type Files interface {
	fs.ReadFileFS
	fs.ReadDirFS
	fs.StatFS
	Real(name string) (string, error)
}

// FileNames are the names of a kustomization, the first that is there counts.
var FileNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// Request is a kustomization and the edits to make to it first. Build variables are replaced in Options already.
type Request struct {
	Path     string // of its folder, from the repository's root
	Options  argo.ApplicationSourceKustomize
	Settings Settings
	// KubeVersion and APIVersions are the destination's, for charts. Options may have others.
	KubeVersion string
	APIVersions []string
	At          func(file string)
	// Fetch gives what was fetched: a repository or chart from its root, or a file as "content" in an empty tree. Not ok, it is not at
	// hand, and Render ends with ErrLacking when it has asked for all that it knows of; ok without Files, it is nowhere. Nil refuses.
	Fetch func(Wanted) (Files, bool)
	// Inflate renders charts, where the build options let them in. Nil refuses.
	Inflate func(context.Context, Inflation) (Inflated, error)
}

// Result is what a kustomization builds.
type Result struct {
	Objects  []object.Object
	Warnings []string
	// Tainted says that the build changed schemas of the whole process, so that another build here could come out differently.
	Tainted bool
	// Random says that another render of the same would differ, because a chart's templates make it so.
	Random bool
}

// Render builds a kustomization. A Fault in the error's chain says what its authors must mend; Tainted counts even then.
func Render(ctx context.Context, files Files, req Request) (Result, error) {
	var result Result
	flags, warnings := req.Settings.of(req.Options.Version)
	opt, more, err := parseOptions(flags)
	if err != nil {
		return result, err
	}
	result.Warnings = append(warnings, more...)
	s := &survey{trees: &trees{Files: files}, request: req, options: opt.with(req), fetch: req.Fetch, restrict: !opt.unrestricted,
		over: map[string][]byte{}, seen: map[string]string{}, fetched: map[Wanted]string{}, addresses: map[string]string{}}
	err = s.render(ctx, &result)
	result.Tainted, result.Random = s.openapi, s.random
	result.Warnings = append(result.Warnings, s.warnings...)
	if f, ok := object.AsFault(err); ok {
		placed := *f
		placed.File, placed.Message = s.shown(f.File), s.shown(f.Message)
		return result, &placed
	}
	return result, err
}

func (s *survey) render(ctx context.Context, result *Result) error {
	req := s.request
	file, text, err := find(s.trees, req.Path)
	if err != nil {
		return err
	}
	if req.At != nil {
		req.At(file)
	}
	edited, err := edit(s.trees, req, file, text)
	if err != nil {
		return err
	}
	if edited != nil {
		s.over[file] = edited
	}
	if err := s.folder(ctx, req.Path, ""); err != nil {
		return err
	}
	if s.lacking {
		return ErrLacking
	}
	built, err := build(repository{files: s.trees, over: s.over}, req.Path, s.options)
	if err != nil {
		return s.explain(err, file)
	}
	result.Objects, err = collect(built, s.origins(file))
	if _, ok := object.AsFault(err); err != nil && !ok {
		return s.explain(err, file)
	}
	for i, o := range result.Objects {
		result.Objects[i].Place.File = s.shown(o.Place.File)
		err = errors.Join(err, s.annotate(o))
	}
	return err
}

// find reads the kustomization of a folder.
func find(files fs.ReadFileFS, dir string) (name string, text []byte, err error) {
	for _, n := range FileNames {
		name := path.Join(dir, n)
		text, err := files.ReadFile(name)
		if err == nil {
			return name, text, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, fileFault(err, name)
		}
	}
	return "", nil, &object.Fault{Place: object.Place{File: dir}, Message: "there is no kustomization.yaml in this folder"}
}

func build(repo repository, dir string, o options) (m resmap.ResMap, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("kustomize failed: %v", p)
		}
	}()
	options := krusty.MakeDefaultOptions()
	options.Reorder = o.reorder // unspecified, as the command line has it: by kind, unless the kustomization has sortOptions
	options.AddManagedbyLabel = o.managedBy
	if o.unrestricted {
		options.LoadRestrictions = types.LoadRestrictionsNone
	}
	return krusty.MakeKustomizer(options).Run(repo, path.Join(root, dir))
}

// version is that of the kustomize command line which has our kustomize libraries in it.
const version = "v5.8.2"

// signed writes kustomize's version into the label that a kustomization may ask for, in which kustomize puts that of the program that
// it is linked into: that would change with each of our releases, and may be no valid label.
func signed(built resmap.ResMap) error {
	ours := "kustomize-" + provenance.GetProvenance().Semver()
	for _, r := range built.Resources() {
		labels := r.GetLabels()
		if labels[konfig.ManagedbyLabelKey] != ours {
			continue
		}
		labels[konfig.ManagedbyLabelKey] = "kustomize-" + version
		if err := r.SetLabels(labels); err != nil {
			return fmt.Errorf("labelling what kustomize built: %w", err)
		}
	}
	return nil
}

// collect takes the objects out.
func collect(built resmap.ResMap, from *origins) ([]object.Object, error) {
	if err := signed(built); err != nil {
		return nil, err
	}
	var all []object.Object
	for _, r := range built.Resources() {
		objects, err := decode(r, from.fallback)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			objects[i].Place = from.of(objects[i])
		}
		all = append(all, objects...)
	}
	return all, nil
}

// quoted is where kustomize puts whole patches and configurations into its messages; they may hold what is secret.
var quoted = regexp.MustCompile("(?s) with config: `.*?`| from \\[patch: .*?\"\\]")

var rootedPath = regexp.MustCompile(regexp.QuoteMeta(root) + `/?`)

// explain turns an error of kustomize's into a Fault. A file that cannot be read on its own is the likely cause, and gives a line.
func (s *survey) explain(err error, file string) error {
	for _, name := range slices.Sorted(maps.Keys(s.resources)) {
		text, readErr := s.ReadFile(name)
		if readErr != nil {
			continue
		}
		if _, decodeErr := manifest.Decode(text, name); decodeErr != nil {
			return decodeErr
		}
		if twice := repeated(text, name); twice != nil {
			return twice
		}
	}
	message := rootedPath.ReplaceAllString(quoted.ReplaceAllString(err.Error(), ""), "")
	f := &object.Fault{Place: object.Place{File: s.mentioned(message, file)}, Message: strings.TrimSpace(message)}
	if strings.Contains(message, "must specify --enable-helm") { // our kustomize never may, it has no Helm
		f.Message, f.Hint = "a chart of a folder of generators is not rendered", "name the chart in the kustomization's field helmCharts, or the generator's file itself"
	}
	return f
}

// repeated is the fault of a key that is written twice, which kustomize refuses while Helm and the API server take the last.
func repeated(text []byte, name string) error {
	for _, d := range manifest.Split(manifest.Plain(text)) {
		var value any
		err := goyaml.Unmarshal(d.Text, &value)
		if err == nil || !strings.Contains(err.Error(), "already defined") {
			continue
		}
		f := &object.Fault{Place: object.Place{File: name, Line: d.FirstLine()}, Message: strings.TrimPrefix(err.Error(), "yaml: unmarshal errors:\n  ")}
		if m := twiceLine.FindStringSubmatch(f.Message); m != nil {
			n, _ := strconv.Atoi(m[1])
			f.Line, f.Message = d.Line+n-1, m[2]+" is already defined above"
		}
		return f
	}
	return nil
}

var twiceLine = regexp.MustCompile(`^line (\d+): (mapping key ".*") already defined`)

// mentioned is the kustomization deepest down the chain that a message speaks of.
func (s *survey) mentioned(message, fallback string) string {
	for _, name := range s.order {
		if dir := path.Dir(name); dir != "." && strings.Contains(message, "'"+dir+"'") {
			fallback = name
		}
	}
	return fallback
}

// fileFault turns what the repository itself causes into a Fault at a file.
func fileFault(err error, name string) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return &object.Fault{Place: object.Place{File: name}, Message: p.Err.Error()}
	}
	return err
}

// Warm does what the first build of a process would otherwise have to wait for: kustomize reads Kubernetes' schemas once.
func Warm() { openapi.Schema() }
