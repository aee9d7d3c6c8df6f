package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/render/helm"
)

// kept is a tree as a worker sees it: folders that it was given or asked for are kept for the job, and what is used of them is
// noted. It is used by one goroutine.
type kept struct {
	link    *link
	store   *store
	tree    string
	folders map[string]*keptFolder
	used    map[string]*usedFolder
	err     error // of the pipe; ends the job
}

// store is what a worker keeps from job to job, by git's ids.
type store struct {
	folders map[git.Hash]*keptFolder
	files   map[git.Hash][]byte
	bytes   int // in files
}

func newStore() *store {
	return &store{folders: map[git.Hash]*keptFolder{}, files: map[git.Hash][]byte{}}
}

// keep keeps a file's content.
func (s *store) keep(id git.Hash, content []byte) {
	if _, ok := s.files[id]; !ok {
		s.files[id] = content
		s.bytes += len(content)
	}
}

type keptFolder struct {
	id      git.Hash
	entries []item
	index   map[string]int
	sealed  bool  // that it is; see store.sealed
	missing error // why there is no such folder
	linked  bool
}

var (
	_ fs.ReadFileFS = (*kept)(nil)
	_ fs.ReadDirFS  = (*kept)(nil)
	_ fs.StatFS     = (*kept)(nil)
	_ helm.Sealed   = (*kept)(nil)
)

func newKept(l *link, s *store, tree string) *kept {
	return &kept{link: l, store: s, tree: tree, folders: map[string]*keptFolder{}, used: map[string]*usedFolder{}}
}

var errShort = errors.New("a folder came without its contents")

// take keeps folders whose contents follow each other in blob.
func (k *kept) take(folders []folder, blob []byte) error {
	for _, f := range folders {
		if f.Given {
			kf, ok := k.store.folders[f.ID]
			if !ok {
				return errShort
			}
			k.folders[f.Path] = kf
			continue
		}
		kf := &keptFolder{id: f.ID, entries: f.Entries, index: make(map[string]int, len(f.Entries))}
		for i, e := range f.Entries {
			kf.index[e.Name] = i
			if e.Size < 0 {
				continue
			}
			if e.Size > len(blob) {
				return errShort
			}
			k.store.keep(e.ID, blob[:e.Size:e.Size])
			blob = blob[e.Size:]
		}
		k.folders[f.Path] = kf
		if f.ID != "" {
			k.store.folders[f.ID] = kf
		}
	}
	return nil
}

// sealed says whether all that lies in a folder, at any depth, is told by its id.
func (s *store) sealed(f *keptFolder) bool {
	if f.sealed {
		return true
	}
	for _, e := range f.entries {
		if e.ID == "" {
			return false
		}
		if e.Type == fs.ModeDir {
			if below, ok := s.folders[e.ID]; !ok || !s.sealed(below) {
				return false
			}
		}
	}
	f.sealed = f.id != ""
	return f.sealed
}

// Seal implements helm.Sealed.
func (k *kept) Seal(dir string) string {
	f, err := k.folder(dir)
	if err != nil || f.linked || f.missing != nil || !k.store.sealed(f) {
		return ""
	}
	return string(f.id)
}

// Again implements helm.Sealed.
func (k *kept) Again(files, folders []string) {
	for _, name := range files {
		k.use(name, false)
	}
	for _, name := range folders {
		k.use(name, true)
	}
}

// ask puts a question to the parent.
func (k *kept) ask(op, name string, id git.Hash) (reply, []byte, error) {
	if k.err != nil {
		return reply{}, nil, k.err
	}
	var r reply
	err := k.link.send(kindQuery, query{Op: op, Tree: k.tree, Path: name, ID: id})
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
	if f := k.stored(name); f != nil {
		return f, nil
	}
	r, blob, err := k.ask(askFolder, name, "")
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

// stored is a folder that is there, or that the listing of one that is there tells.
func (k *kept) stored(name string) *keptFolder {
	if f, ok := k.folders[name]; ok || name == "." {
		return f
	}
	above := k.stored(path.Dir(name))
	if above == nil || above.linked || above.missing != nil {
		return nil
	}
	i, ok := above.index[path.Base(name)]
	if !ok || above.entries[i].Type != fs.ModeDir || above.entries[i].ID == "" {
		return nil
	}
	f, ok := k.store.folders[above.entries[i].ID]
	if !ok {
		return nil
	}
	k.folders[name] = f
	return f
}

// find looks a name up in its kept folder. Not ok: the parent must be asked for it.
func (k *kept) find(op, name string) (e item, ok bool, err error) {
	if !fs.ValidPath(name) {
		return item{}, true, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return item{Name: ".", Type: fs.ModeDir}, true, nil
	}
	if f, has := k.folders[name]; has && !f.linked && f.missing == nil {
		return item{Name: path.Base(name), Type: fs.ModeDir}, true, nil
	}
	f, err := k.folder(path.Dir(name))
	if err != nil {
		return item{}, true, err
	}
	if f.linked {
		return item{}, false, nil
	}
	if f.missing != nil {
		if !errors.Is(f.missing, fs.ErrNotExist) {
			return item{}, false, nil
		}
		return item{}, true, k.miss(op, name)
	}
	i, has := f.index[path.Base(name)]
	if !has {
		return item{}, true, k.miss(op, name)
	}
	e = f.entries[i]
	return e, e.Type != fs.ModeSymlink, nil
}

func (k *kept) miss(op, name string) error {
	k.use(name, false)
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// usedFolder is what was learned of a folder.
type usedFolder struct {
	list  bool
	names map[string]struct{}
}

func (k *kept) in(dir string) *usedFolder {
	u, ok := k.used[dir]
	if !ok {
		u = &usedFolder{names: map[string]struct{}{}}
		k.used[dir] = u
	}
	return u
}

func (k *kept) use(name string, list bool) {
	if list {
		k.in(name).list = true
		return
	}
	k.in(path.Dir(name)).names[path.Base(name)] = struct{}{}
}

// uses are all that was learned.
func (k *kept) uses() []use {
	all := make([]use, 0, len(k.used))
	for dir, u := range k.used {
		all = append(all, use{Tree: k.tree, Dir: dir, List: u.list, Names: slices.Collect(maps.Keys(u.names))})
	}
	return all
}

// content is that of a file in a kept folder, if it is kept.
func (k *kept) content(e item) ([]byte, bool) {
	b, ok := k.store.files[e.ID]
	return b, ok && e.Type == 0 && e.ID != ""
}

// ReadFile implements fs.ReadFileFS.
func (k *kept) ReadFile(name string) ([]byte, error) {
	e, ok, err := k.find("open", name)
	if err != nil {
		return nil, err
	}
	if ok && e.Type == fs.ModeDir {
		k.use(name, false)
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	if b, has := k.content(e); ok && has {
		k.use(name, false)
		return bytes.Clone(b), nil
	}
	r, b, err := k.ask(askRead, name, e.ID)
	if err == nil {
		err = r.Problem.err("open", name)
	}
	if err == nil && e.ID != "" && len(b) <= maxKeptFile && k.store.bytes < maxGiven {
		k.store.keep(e.ID, bytes.Clone(b)) // a job that reads more than that reads it again
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
		r, _, err := k.ask(askList, name, "")
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
	e, ok, err := k.find("stat", name)
	if err != nil {
		return nil, err
	}
	if b, has := k.content(e); ok && (e.Type == fs.ModeDir || has) {
		k.use(name, false)
		return keptFile{name: path.Base(name), mode: e.Type, size: int64(len(b))}, nil
	}
	r, _, err := k.ask(askStat, name, "")
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
	_, ok, err := k.find("stat", name)
	if err != nil {
		return "", err
	}
	// A name in a kept folder has no links in it: folders behind one are not kept.
	if ok {
		k.use(name, false)
		return name, nil
	}
	r, _, err := k.ask(askReal, name, "")
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
