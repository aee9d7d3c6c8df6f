package kustomize

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"
)

// trees are the repository with what was fetched for it put in its places, and with files that only a build sees. Nothing of it is
// on disk.
type trees struct {
	Files
	mounts []mount
	made   map[string][]byte // files that are in no repository; the folders above them are there with them
}

// mount is a fetched tree at a folder.
type mount struct {
	at    string
	files Files
	from  Remote // of a repository; of a chart it is empty
}

// fetchedDir is the folder at which repositories are put. A folder of this name within a repository is not seen by kustomizations.
const fetchedDir = ".slipway-fetched"

// in is the mount that a name lies in, or nil for the repository itself.
func (t *trees) in(name string) (m *mount, inside string) {
	for i := len(t.mounts) - 1; i >= 0; i-- { // a chart lies within a repository, and was put there later
		if inside, ok := below(t.mounts[i].at, name); ok {
			return &t.mounts[i], inside
		}
	}
	return nil, name
}

// below is a name as seen from a folder that it is in.
func below(dir, name string) (string, bool) {
	if dir == "." {
		return name, true
	}
	if name == dir {
		return ".", true
	}
	return strings.CutPrefix(name, dir+"/")
}

// put adds a file that only the build sees.
func (t *trees) put(name string, text []byte) {
	if t.made == nil {
		t.made = map[string][]byte{}
	}
	t.made[name] = text
}

// above says whether files were made below a folder.
func (t *trees) above(dir string) bool {
	for name := range t.made {
		if inside, ok := below(dir, name); ok && inside != "." {
			return true
		}
	}
	return false
}

// ReadFile implements fs.ReadFileFS.
func (t *trees) ReadFile(name string) ([]byte, error) {
	if text, ok := t.made[name]; ok {
		return text, nil
	}
	m, inside := t.in(name)
	if m == nil {
		return t.Files.ReadFile(name)
	}
	text, err := m.files.ReadFile(inside)
	return text, m.error(err)
}

// ReadDir implements fs.ReadDirFS. What was put into a folder is not listed: it is only known to who put it there.
func (t *trees) ReadDir(name string) ([]fs.DirEntry, error) {
	m, inside := t.in(name)
	if m == nil {
		return t.Files.ReadDir(name)
	}
	entries, err := m.files.ReadDir(inside)
	return entries, m.error(err)
}

// Stat implements fs.StatFS.
func (t *trees) Stat(name string) (fs.FileInfo, error) {
	if text, ok := t.made[name]; ok {
		return madeFile{name: path.Base(name), size: len(text)}, nil
	}
	m, inside := t.in(name)
	files := t.Files
	if m != nil {
		files = m.files
	}
	info, err := files.Stat(inside)
	if errors.Is(err, fs.ErrNotExist) && t.above(name) {
		return madeFile{name: path.Base(name), dir: true}, nil
	}
	return info, m.error(err)
}

// Real is a name without symbolic links; they lead nowhere out of the tree that they are in.
func (t *trees) Real(name string) (string, error) {
	if _, ok := t.made[name]; ok {
		return name, nil
	}
	m, inside := t.in(name)
	files := t.Files
	if m != nil {
		files = m.files
	}
	real, err := files.Real(inside)
	if errors.Is(err, fs.ErrNotExist) && t.above(name) {
		return name, nil
	}
	if err != nil || m == nil {
		return real, m.error(err)
	}
	return path.Join(m.at, real), nil
}

// Open implements fs.FS.
func (t *trees) Open(name string) (fs.File, error) {
	if text, ok := t.made[name]; ok {
		return madeOpen{bytes.NewReader(text), madeFile{name: path.Base(name), size: len(text)}}, nil
	}
	m, inside := t.in(name)
	if m == nil {
		return t.Files.Open(name)
	}
	f, err := m.files.Open(inside)
	return f, m.error(err)
}

// error puts the place of a tree into what it says of a file.
func (m *mount) error(err error) error {
	var p *fs.PathError
	if m == nil || !errors.As(err, &p) {
		return err
	}
	return &fs.PathError{Op: p.Op, Path: path.Join(m.at, p.Path), Err: p.Err}
}

// repositoryOf is the fetched repository that a name lies in, or nil for the one that is built. A chart counts to where it was put.
func (t *trees) repositoryOf(name string) *mount {
	for i := range t.mounts {
		if _, ok := below(t.mounts[i].at, name); ok && t.mounts[i].from.URL != "" {
			return &t.mounts[i]
		}
	}
	return nil
}

// confined says whether a kustomization may name something: both must lie in the same repository.
func (t *trees) confined(from, to string) bool {
	of := t.repositoryOf(to)
	_, hidden := below(fetchedDir, to)
	return of == t.repositoryOf(from) && (of != nil || !hidden)
}

// madeFile describes what a build made.
type madeFile struct {
	name string
	size int
	dir  bool
}

func (f madeFile) Name() string       { return f.name }
func (f madeFile) Size() int64        { return int64(f.size) }
func (f madeFile) ModTime() time.Time { return time.Time{} }
func (f madeFile) IsDir() bool        { return f.dir }
func (f madeFile) Sys() any           { return nil }
func (f madeFile) Mode() fs.FileMode {
	if f.dir {
		return fs.ModeDir
	}
	return 0
}

type madeOpen struct {
	*bytes.Reader
	info madeFile
}

func (o madeOpen) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o madeOpen) Close() error               { return nil }
