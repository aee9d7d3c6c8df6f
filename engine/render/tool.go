package render

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/kustomize"
)

// The tools, by the names that Argo CD gives them in status.sourceType.
const (
	Helm      = "Helm"
	Kustomize = "Kustomize"
	Directory = "Directory"
	Plugin    = "Plugin"
)

// Tool finds out which tool renders a folder that says nothing itself: a kustomization before a chart, else plain manifests.
func Tool(files fs.FS, dir string) (string, error) { return detect(files, dir, Switches{}) }

func detect(files fs.FS, dir string, s Switches) (string, error) {
	for _, name := range kustomize.FileNames {
		if !s.KustomizeOff && isFile(files, path.Join(dir, name)) {
			return Kustomize, nil
		}
	}
	if !s.HelmOff && isFile(files, path.Join(dir, "Chart.yaml")) {
		return Helm, nil
	}
	info, err := fs.Stat(files, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", pathFault(dir, "app path does not exist")
	case err != nil:
		var p *fs.PathError
		if errors.As(err, &p) {
			return "", pathFault(dir, p.Err.Error())
		}
		return "", err
	case !info.IsDir():
		return "", pathFault(dir, "app path is a file, expected a folder")
	}
	return Directory, nil
}

func isFile(files fs.FS, name string) bool {
	info, err := fs.Stat(files, name)
	return err == nil && !info.IsDir()
}

func pathFault(dir, message string) *object.Fault {
	return &object.Fault{Place: object.Place{File: dir}, Field: "spec.source.path", Message: message}
}

// explicit is the tool that a source names by having a block for it, or "". A block that sets nothing does not count.
func explicit(s argo.ApplicationSource) (string, error) {
	var named []string
	if s.Kustomize != nil && !empty(s.Kustomize) {
		named = append(named, Kustomize)
	}
	if s.Helm != nil && !empty(s.Helm) {
		named = append(named, Helm)
	}
	// As in Argo CD, include and exclude alone do not make a source a directory.
	if d := s.Directory; d != nil && (d.Recurse || len(d.Jsonnet.ExtVars)+len(d.Jsonnet.TLAs)+len(d.Jsonnet.Libs) > 0) {
		named = append(named, Directory)
	}
	if s.Plugin != nil {
		named = append(named, Plugin)
	}
	if len(named) > 1 {
		return "", &object.Fault{Field: "spec.source", Message: "multiple application sources defined: " + strings.Join(named, ",")}
	}
	if len(named) == 0 {
		return "", nil
	}
	return named[0], nil
}

// off says whether a tool is switched off.
func (s Switches) off(tool string) bool {
	return tool == Helm && s.HelmOff || tool == Kustomize && s.KustomizeOff
}

// clean is the source's folder as a name within the tree.
func clean(s argo.ApplicationSource) (string, error) {
	if path.IsAbs(s.Path) {
		return "", pathFault(s.Path, "app path is absolute")
	}
	dir := path.Clean(s.Path)
	if s.Path == "" {
		dir = "."
	}
	if !fs.ValidPath(dir) {
		return "", pathFault(s.Path, "app path is outside of the repository")
	}
	return dir, nil
}

// unsupported refuses what this version does not render, by name.
func unsupported(s argo.ApplicationSource, tool string) error {
	if tool == Plugin {
		return &object.Fault{Field: "spec.source.plugin", Message: "config management plugins are not run by this version"}
	}
	return nil
}
