package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"
)

// kept is a tree as a worker sees it: folders that it was given or asked for are kept for the job, and what is used of them is
// noted. It is used by one goroutine.
type kept struct {
	link    *link
	tree    string
	folders map[string]*keptFolder
	uses    map[use]struct{}
	err     error // of the pipe; ends the job
}

type keptFolder struct {
	entries []item
	index   map[string]int
	content map[string][]byte
	missing error // why there is no such folder
	linked  bool
}

var (
	_ fs.ReadFileFS = (*kept)(nil)
	_ fs.ReadDirFS  = (*kept)(nil)
	_ fs.StatFS     = (*kept)(nil)
)

func newKept(l *link, tree string) *kept {
	return &kept{link: l, tree: tree, folders: map[string]*keptFolder{}, uses: map[use]struct{}{}}
}

// take keeps folders whose contents follow each other in blob.
func (k *kept) take(folders []folder, blob []byte) error {
	for _, f := range folders {
		kf := &keptFolder{entries: f.Entries, index: make(map[string]int, len(f.Entries)), content: map[string][]byte{}}
		for i, e := range f.Entries {
			kf.index[e.Name] = i
			if e.Size < 0 {
				continue
			}
			if e.Size > len(blob) {
				return errors.New("a folder came without its contents")
			}
			kf.content[e.Name] = blob[:e.Size:e.Size]
			blob = blob[e.Size:]
		}
		k.folders[f.Path] = kf
	}
	return nil
}

// ask puts a question to the parent.
func (k *kept) ask(op, name string) (reply, []byte, error) {
	if k.err != nil {
		return reply{}, nil, k.err
	}
	var r reply
	err := k.link.send(kindQuery, query{Op: op, Tree: k.tree, Path: name})
	if err != nil {
		k.err = err
		return r, nil, err
	}
	f, err := k.link.receive()
	if err == nil && f.kind != kindAnswer {
		err = fmt.Errorf("expected an answer, got %q", f.kind)
	}
	if err == nil {
		err = f.read(&r)
	}
	k.err = err
	return r, f.blob, err
}

func (k *kept) folder(name string) (*keptFolder, error) {
	if f, ok := k.folders[name]; ok {
		return f, nil
	}
	r, blob, err := k.ask(askFolder, name)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Linked:
		k.folders[name] = &keptFolder{linked: true}
	case r.Problem != nil:
		k.folders[name] = &keptFolder{missing: r.Problem.err("open", name)}
	default:
		if err := k.take([]folder{r.Folder}, blob); err != nil {
			return nil, err
		}
	}
	return k.folders[name], nil
}

// find looks a name up in its kept folder. Not ok: the parent must be asked for it.
func (k *kept) find(op, name string) (e item, in *keptFolder, ok bool, err error) {
	if !fs.ValidPath(name) {
		return item{}, nil, true, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return item{Name: ".", Type: fs.ModeDir}, nil, true, nil
	}
	if f, has := k.folders[name]; has && !f.linked && f.missing == nil {
		return item{Name: path.Base(name), Type: fs.ModeDir}, nil, true, nil
	}
	f, err := k.folder(path.Dir(name))
	if err != nil {
		return item{}, nil, true, err
	}
	if f.linked {
		return item{}, nil, false, nil
	}
	if f.missing != nil {
		if !errors.Is(f.missing, fs.ErrNotExist) {
			return item{}, nil, false, nil
		}
		return item{}, nil, true, k.miss(op, name)
	}
	i, has := f.index[path.Base(name)]
	if !has {
		return item{}, nil, true, k.miss(op, name)
	}
	e = f.entries[i]
	return e, f, e.Type != fs.ModeSymlink, nil
}

func (k *kept) miss(op, name string) error {
	k.use(name, false)
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

func (k *kept) use(name string, list bool) { k.uses[use{k.tree, list, name}] = struct{}{} }

// ReadFile implements fs.ReadFileFS.
func (k *kept) ReadFile(name string) ([]byte, error) {
	e, in, ok, err := k.find("open", name)
	if err != nil {
		return nil, err
	}
	if ok && e.Type == fs.ModeDir {
		k.use(name, false)
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	if ok && e.Size >= 0 {
		k.use(name, false)
		return bytes.Clone(in.content[e.Name]), nil
	}
	r, b, err := k.ask(askRead, name)
	if err == nil {
		err = r.Problem.err("open", name)
	}
	return b, err
}

// ReadDir implements fs.ReadDirFS.
func (k *kept) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := k.folder(name)
	if err != nil {
		return nil, err
	}
	entries := f.entries
	if f.linked || f.missing != nil {
		r, _, err := k.ask(askList, name)
		if err == nil {
			err = r.Problem.err("open", name)
		}
		if err != nil {
			return nil, err
		}
		entries = r.Folder.Entries
	} else {
		k.use(name, true)
	}
	out := make([]fs.DirEntry, len(entries))
	for i, e := range entries {
		out[i] = keptEntry{item: e, in: k, path: path.Join(name, e.Name)}
	}
	return out, nil
}

// Stat implements fs.StatFS.
func (k *kept) Stat(name string) (fs.FileInfo, error) {
	e, _, ok, err := k.find("stat", name)
	if err != nil {
		return nil, err
	}
	if ok && (e.Type == fs.ModeDir || e.Size >= 0) {
		k.use(name, false)
		return keptFile{name: path.Base(name), mode: e.Type, size: int64(max(e.Size, 0))}, nil
	}
	r, _, err := k.ask(askStat, name)
	if err == nil {
		err = r.Problem.err("stat", name)
	}
	if err != nil {
		return nil, err
	}
	f := keptFile{name: path.Base(name), size: r.Size}
	if r.Dir {
		f.mode = fs.ModeDir
	}
	return f, nil
}

// Real is the name without symbolic links.
func (k *kept) Real(name string) (string, error) {
	_, _, ok, err := k.find("stat", name)
	if err != nil {
		return "", err
	}
	// A name in a kept folder has no links in it: folders behind one are not kept.
	if ok {
		k.use(name, false)
		return name, nil
	}
	r, _, err := k.ask(askReal, name)
	if err == nil {
		err = r.Problem.err("stat", name)
	}
	return r.Real, err
}

// Open implements fs.FS.
func (k *kept) Open(name string) (fs.File, error) {
	info, err := k.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("is a directory")}
	}
	b, err := k.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return keptOpen{Reader: bytes.NewReader(b), info: info}, nil
}

type keptEntry struct {
	item item
	in   *kept
	path string
}

func (e keptEntry) Name() string      { return e.item.Name }
func (e keptEntry) IsDir() bool       { return e.item.Type == fs.ModeDir }
func (e keptEntry) Type() fs.FileMode { return e.item.Type }
func (e keptEntry) Info() (fs.FileInfo, error) {
	if e.item.Type == 0 {
		return e.in.Stat(e.path)
	}
	return keptFile{name: e.item.Name, mode: e.item.Type}, nil
}

type keptFile struct {
	name string
	mode fs.FileMode
	size int64
}

func (f keptFile) Name() string       { return f.name }
func (f keptFile) Size() int64        { return f.size }
func (f keptFile) Mode() fs.FileMode  { return f.mode }
func (f keptFile) ModTime() time.Time { return time.Time{} }
func (f keptFile) IsDir() bool        { return f.mode.IsDir() }
func (f keptFile) Sys() any           { return nil }

type keptOpen struct {
	*bytes.Reader
	info fs.FileInfo
}

func (o keptOpen) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o keptOpen) Close() error               { return nil }
