package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"

	goyaml "go.yaml.in/yaml/v3"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/manifest"
)

func empty(v any) bool { return reflect.ValueOf(v).Elem().IsZero() }

// settled is what is to be rendered: the source with its folder's overrides and build variables put in, the folder, and the tool.
type settled struct {
	source argo.ApplicationSource
	dir    string
	tool   string
	// named says that the source has its revision in it: settling it for another would yield another source.
	named bool
}

// settle finds out what is to be rendered. What it reads is noted in the tree's trace.
func settle(tree *git.Traced, req Request) (s settled, err error) {
	s.source = *req.Source.DeepCopy()
	s.dir = "." // of a chart's tree
	if s.source.Chart == "" {
		if s.dir, err = clean(s.source); err != nil {
			return s, err
		}
		if s.source, err = override(tree, s.source, s.dir, req.Name); err != nil {
			return s, err
		}
	}
	explicitly, err := explicit(s.source)
	if err != nil {
		return s, err
	}
	if err = unsupported(s.source, explicitly); err != nil {
		return s, err
	}
	found, err := detect(tree, s.dir, req.Switches)
	if err != nil {
		return s, err
	}
	switch {
	case explicitly != "":
		s.tool = explicitly
	case s.source.Chart != "":
		s.tool = Helm
	default:
		s.tool = found
	}
	if req.Switches.off(s.tool) { // as in Argo CD, what is left are plain manifests
		s.tool = Directory
	}
	s.dir, err = tree.Real(s.dir)
	if err != nil {
		return s, fmt.Errorf("finding %s: %w", s.source.Path, err)
	}
	other := req
	other.Revision = "another"
	elsewhere := substitute(*s.source.DeepCopy(), other)
	s.source = substitute(s.source, req)
	s.named = !reflect.DeepEqual(s.source, elsewhere)
	return s, nil
}

// override merges .argocd-source.yaml and .argocd-source-NAME.yaml of the folder into the source. They cannot change where it is.
func override(tree *git.Traced, source argo.ApplicationSource, dir, app string) (argo.ApplicationSource, error) {
	names := []string{".argocd-source.yaml"}
	if app != "" && !strings.ContainsAny(app, "/\x00") {
		names = append(names, ".argocd-source-"+app+".yaml")
	}
	merged := source
	for _, name := range names {
		file := path.Join(dir, name)
		text, err := tree.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var refused *fs.PathError
		switch {
		case errors.As(err, &refused):
			return source, &object.Fault{Place: object.Place{File: file}, Message: refused.Err.Error()}
		case err != nil:
			return source, fmt.Errorf("reading %s: %w", file, err)
		}
		if err = plain(text); err == nil {
			merged, err = patch(merged, text)
		}
		if err != nil {
			return source, misfit(err, file)
		}
	}
	merged.RepoURL, merged.Path, merged.Chart, merged.TargetRevision = source.RepoURL, source.Path, source.Chart, source.TargetRevision
	merged.Ref = source.Ref
	return merged, nil
}

// maxOverride bounds a file of overrides, in bytes.
const maxOverride = 64 << 10

// plain refuses overrides that are large, or that grow by aliases: they are read in this process, not in a worker that may die of them.
func plain(text []byte) error {
	if len(text) > maxOverride {
		return fmt.Errorf("overrides may have %d KiB", maxOverride>>10)
	}
	var root goyaml.Node
	if err := goyaml.Unmarshal(text, &root); err != nil {
		return nil //nolint:nilerr // whoever decodes it says where
	}
	if aliased(&root) {
		return errors.New("overrides may have no aliases")
	}
	return nil
}

func aliased(n *goyaml.Node) bool {
	return n.Kind == goyaml.AliasNode || slices.ContainsFunc(n.Content, aliased)
}

// patch is a JSON merge patch (RFC 7386), written as YAML.
func patch(source argo.ApplicationSource, text []byte) (argo.ApplicationSource, error) {
	change, err := manifest.Value(manifest.Plain(text), "")
	if err != nil {
		return source, err
	}
	raw, err := json.Marshal(source)
	if err != nil {
		return source, err
	}
	var before any
	if err := json.Unmarshal(raw, &before); err != nil {
		return source, err
	}
	if raw, err = json.Marshal(mergePatch(before, change)); err != nil {
		return source, err
	}
	var after argo.ApplicationSource
	return after, errors.Join(json.Unmarshal(raw, &after))
}

// misfit is what is wrong with overrides: a Fault with its line, or a field that holds something else than it may.
func misfit(err error, file string) *object.Fault {
	f := &object.Fault{Place: object.Place{File: file}, Message: discreet(err.Error())}
	if known, ok := object.AsFault(err); ok {
		*f = *known
		f.File, f.Message = file, discreet(f.Message)
	}
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		f.Field, f.Message = other.Field, fmt.Sprintf("expected %s, found %s", shapeOf(other.Type), strings.Fields(other.Value)[0])
	}
	return f
}

// shapeOf names a type as whoever writes YAML knows it.
func shapeOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "a map"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	}
	return "a number"
}

func mergePatch(before, change any) any {
	c, ok := change.(map[string]any)
	if !ok {
		if change == nil {
			return before // an empty file changes nothing
		}
		return change
	}
	b, ok := before.(map[string]any)
	if !ok {
		b = map[string]any{}
	}
	for key, v := range c {
		if v == nil {
			delete(b, key)
			continue
		}
		b[key] = mergePatch(b[key], v)
	}
	return b
}

// variables are those that a build sees.
func variables(source argo.ApplicationSource, req Request) map[string]string {
	short := func(n int) string { return req.Revision[:min(n, len(req.Revision))] }
	return map[string]string{
		"ARGOCD_APP_NAME": req.Name, "ARGOCD_APP_NAMESPACE": req.Namespace, "ARGOCD_APP_PROJECT_NAME": req.Project,
		"ARGOCD_APP_REVISION": req.Revision, "ARGOCD_APP_REVISION_SHORT": short(7), "ARGOCD_APP_REVISION_SHORT_8": short(8),
		"ARGOCD_APP_SOURCE_REPO_URL": source.RepoURL, "ARGOCD_APP_SOURCE_PATH": source.Path,
		"ARGOCD_APP_SOURCE_TARGET_REVISION": source.TargetRevision,
	}
}

// substitute puts build variables into the fields where Argo CD does: $NAME and ${NAME}, $$ for a dollar, nothing for unknown names.
func substitute(source argo.ApplicationSource, req Request) argo.ApplicationSource {
	vars := variables(source, req)
	fill := func(s string) string {
		return os.Expand(s, func(name string) string {
			if name == "$" {
				return "$"
			}
			return vars[name]
		})
	}
	if h := source.Helm; h != nil {
		for i := range h.Parameters {
			h.Parameters[i].Value = fill(h.Parameters[i].Value)
		}
		for i, f := range h.ValueFiles {
			h.ValueFiles[i] = fillFile(f, vars, fill)
		}
		for i := range h.FileParameters {
			h.FileParameters[i].Path = fillFile(h.FileParameters[i].Path, vars, fill)
		}
	}
	if d := source.Directory; d != nil {
		for _, vars := range [][]argo.JsonnetVar{d.Jsonnet.ExtVars, d.Jsonnet.TLAs} {
			for i := range vars {
				vars[i].Value = fill(vars[i].Value)
			}
		}
	}
	if k := source.Kustomize; k != nil {
		for i, image := range k.Images {
			k.Images[i] = argo.KustomizeImage(fill(string(image)))
		}
		for key, v := range k.CommonLabels {
			k.CommonLabels[key] = fill(v)
		}
		for key, v := range k.CommonAnnotations {
			if k.CommonAnnotationsEnvsubst {
				k.CommonAnnotations[key] = fill(v)
			}
		}
	}
	return source
}

// fillFile leaves the "$name" alone with which a file of another source begins.
func fillFile(file string, vars map[string]string, fill func(string) string) string {
	if rest, ok := strings.CutPrefix(file, "$"); ok && !strings.HasPrefix(rest, "{") {
		name, _, _ := strings.Cut(rest, "/")
		if _, isVariable := vars[name]; !isVariable {
			return "$" + name + fill(strings.TrimPrefix(rest, name))
		}
	}
	return fill(file)
}
