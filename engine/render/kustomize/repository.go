package kustomize

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// root is where the repository appears to kustomize. Names outside of it exist for nobody.
const root = "/repository"

// repository shows Files as kustomize's file system, with some files put over it. It is only read.
type repository struct {
	files Files
	over  map[string][]byte
}

var _ filesys.FileSystem = repository{}

var errReadOnly = fmt.Errorf("the repository is only read: %w", fs.ErrPermission)

func (r repository) Create(string) (filesys.File, error) { return nil, errReadOnly }
func (r repository) Mkdir(string) error                  { return errReadOnly }
func (r repository) MkdirAll(string) error               { return errReadOnly }
func (r repository) RemoveAll(string) error              { return errReadOnly }
func (r repository) WriteFile(string, []byte) error      { return errReadOnly }
func (r repository) Open(string) (filesys.File, error)   { return nil, errReadOnly }

// inner is a name from the repository's root.
func inner(p string) (string, error) {
	if !path.IsAbs(p) {
		p = path.Join(root, p)
	}
	p = path.Clean(p)
	if p == root {
		return ".", nil
	}
	rel, ok := strings.CutPrefix(p, root+"/")
	if !ok {
		return "", &fs.PathError{Op: "open", Path: p, Err: fmt.Errorf("outside of the repository: %w", fs.ErrNotExist)}
	}
	return rel, nil
}

func (r repository) IsDir(p string) bool {
	info, err := r.stat(p)
	return err == nil && info.IsDir()
}

func (r repository) Exists(p string) bool {
	_, err := r.stat(p)
	return err == nil
}

func (r repository) stat(p string) (fs.FileInfo, error) {
	name, err := inner(p)
	if err != nil {
		return nil, err
	}
	return r.files.Stat(name)
}

func (r repository) ReadDir(p string) ([]string, error) {
	name, err := inner(p)
	if err != nil {
		return nil, err
	}
	entries, err := r.files.ReadDir(name)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (r repository) CleanedAbs(p string) (filesys.ConfirmedDir, string, error) {
	name, err := inner(p)
	if err != nil {
		return "", "", err
	}
	real, err := r.files.Real(name)
	if err != nil {
		return "", "", err
	}
	info, err := r.files.Stat(real)
	if err != nil {
		return "", "", err
	}
	full := path.Join(root, real)
	if info.IsDir() {
		return filesys.ConfirmedDir(full), "", nil
	}
	return filesys.ConfirmedDir(path.Dir(full)), path.Base(full), nil
}

func (r repository) Glob(pattern string) ([]string, error) {
	name, err := inner(pattern)
	if err != nil {
		return nil, err
	}
	found, err := fs.Glob(r.files, name)
	for i := range found {
		found[i] = path.Join(root, found[i])
	}
	return found, err
}

func (r repository) ReadFile(p string) ([]byte, error) {
	name, err := inner(p)
	if err != nil {
		return nil, err
	}
	if text, ok := r.over[name]; ok {
		return text, nil
	}
	return r.files.ReadFile(name)
}

func (r repository) Walk(p string, walk filepath.WalkFunc) error {
	name, err := inner(p)
	if err != nil {
		return err
	}
	return fs.WalkDir(r.files, name, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return walk(path.Join(root, name), nil, err)
		}
		info, err := d.Info()
		return walk(path.Join(root, name), info, err)
	})
}
