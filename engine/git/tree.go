package git

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// Tree is a commit as a read-only file system. Symbolic links are followed within the repository; one that leads out is
// ErrOutside, a circle is ErrCircle. Submodules are folders with the files of their commit, and files of Git LFS what they stand for,
// where the tree's Access has a way to them; else they are empty folders, and pointers. It is safe for concurrent use.
//
// Its methods take no context, as those of io/fs; each is bounded in time.
type Tree struct {
	objects objects
	commit  Hash
	root    Hash

	revision string // what people call it, if not the commit
	reach    *reach // what is not in its own repository; nil for nothing
}

var (
	_ fs.FS         = (*Tree)(nil)
	_ fs.ReadFileFS = (*Tree)(nil)
	_ fs.ReadDirFS  = (*Tree)(nil)
	_ fs.StatFS     = (*Tree)(nil)
)

// Commit is the commit that the tree is of.
func (t *Tree) Commit() Hash { return t.commit }

// Root is the id of the commit's tree object: equal for commits with equal content.
func (t *Tree) Root() Hash { return t.root }

// Open implements fs.FS.
func (t *Tree) Open(name string) (fs.File, error) { return open(t, name, nil) }

// ReadFile yields a file's content, which the caller may change.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	b, err := t.content(name, nil)
	return bytes.Clone(b), err
}

// ReadDir lists a folder by name. Symbolic links are shown as such.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) { return t.list(name, nil) }

// Item is a line of a folder's listing. Type is fs.ModeDir, fs.ModeSymlink or 0.
type Item struct {
	Name string
	Type fs.FileMode
	ID   Hash // empty for a submodule: what is in it depends on the reader
}

// Folder lists a folder by name with git's ids: its own, and those of what is in it. What has the same id is the same in any tree, but
// for submodules below it, and for pointers of Git LFS, which stand for what the reader can get.
func (t *Tree) Folder(name string) (id Hash, items []Item, err error) {
	n, err := t.walk("open", name, nil)
	if err != nil {
		return "", nil, err
	}
	if !n.mode.IsDir() {
		return "", nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	if n.sub {
		return "", nil, nil
	}
	l, err := n.in.objects.tree(n.id)
	if err != nil {
		return "", nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	items = make([]Item, len(l.entries))
	for i, e := range l.entries {
		items[i] = Item{Name: e.name, Type: e.mode.Type(), ID: e.id}
		if e.sub {
			items[i].ID = ""
		}
	}
	return n.id, items, nil
}

// Stat describes what a name leads to, links followed.
func (t *Tree) Stat(name string) (fs.FileInfo, error) { return t.stat(name, nil) }

// Real is the name without any symbolic link in it.
func (t *Tree) Real(name string) (string, error) {
	n, err := t.walk("stat", name, nil)
	return n.path, err
}

// Warm reads all files below a folder into the cache in one go, which spares a round trip for each. Folders with more than
// limit files are left alone, and so is what lies behind symbolic links.
func (t *Tree) Warm(dir string, limit int) error {
	n, err := t.walk("open", dir, nil)
	if err != nil || !n.mode.IsDir() || n.sub {
		return err
	}
	t = n.in
	ids, err := t.below(n.id, limit+1)
	if err != nil || len(ids) > limit {
		return err
	}
	missing, err := t.objects.warm(ids)
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := t.bring(missing); err != nil {
		return nil //nolint:nilerr // whoever reads one of them is told
	}
	_, err = t.objects.warm(missing)
	return err
}

// node is what a walk arrives at. Its path has no links in it.
type node struct {
	entry
	path string
	in   *Tree  // whose entry it is: this tree, or that of a submodule
	top  string // where that one's root is in this tree
}

// root is where every walk begins.
func (t *Tree) rootNode() node {
	return node{path: ".", entry: entry{name: ".", mode: fs.ModeDir | 0o755, id: t.root}, in: t, top: "."}
}

// maxLinks is how many links one name may lead through, as in Linux.
const maxLinks = 40

// maxLink is how long a link's target may be.
const maxLink = 4096

// walk follows a name from the root. What it learns on its way is told to rec, which may be nil.
func (t *Tree) walk(op, name string, rec *recorder) (node, error) {
	if !fs.ValidPath(name) {
		return node{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	n, err := t.follow(name, rec)
	if err != nil {
		return node{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return n, nil
}

func (t *Tree) follow(name string, rec *recorder) (node, error) {
	above := []node{t.rootNode()}
	pending := strings.Split(name, "/")
	links := 0
	for len(pending) > 0 {
		part := pending[0]
		pending = pending[1:]
		if part == "" || part == "." {
			continue
		}
		if part == ".." {
			if len(above) == 1 {
				return node{}, ErrOutside
			}
			above = above[:len(above)-1]
			continue
		}
		e, err := above[len(above)-1].child(part, rec)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			rec.miss(path.Join(above[len(above)-1].path, part), pending)
			return node{}, err
		case err != nil:
			return node{}, err
		case e.mode.Type() == fs.ModeSymlink:
			if links++; links > maxLinks {
				return node{}, ErrCircle
			}
			rec.link(e.path, e.id)
			target, err := e.target()
			if err != nil {
				return node{}, err
			}
			pending = append(strings.Split(target, "/"), pending...)
		case e.mode.IsDir():
			above = append(above, e)
		default:
			if slices.ContainsFunc(pending, func(p string) bool { return p != "" && p != "." }) {
				rec.miss(e.path, pending)
				return node{}, fs.ErrNotExist // a file on the way, as if there were nothing
			}
			return e, nil
		}
	}
	return above[len(above)-1], nil
}

// child is an entry of a folder; fs.ErrNotExist when there is none of that name. A submodule is entered where there is a way.
func (dir node) child(name string, rec *recorder) (node, error) {
	if dir.sub || !dir.mode.IsDir() {
		return node{}, fs.ErrNotExist
	}
	l, err := dir.in.objects.tree(dir.id)
	if err != nil {
		return node{}, err
	}
	e, ok := l.find(name)
	if !ok {
		return node{}, fs.ErrNotExist
	}
	n := node{entry: e, path: path.Join(dir.path, name), in: dir.in, top: dir.top}
	if !e.sub {
		return n, nil
	}
	return n.enter(rec)
}

// enter goes from a gitlink to the root of its submodule's tree. Without a way there it stays, as an empty folder.
func (dir node) enter(rec *recorder) (node, error) {
	sub, err := dir.in.mount(dir.local(), dir.id, rec, dir.top)
	switch {
	case errors.Is(err, errNoModule):
		rec.module(dir.path, "")
		return dir, nil
	case err != nil:
		return node{}, rec.failed(dir.path, err)
	}
	rec.module(dir.path, dir.id)
	return node{entry: entry{name: dir.name, mode: dir.mode, id: sub.root}, path: dir.path, in: sub, top: dir.path}, nil
}

func (dir node) target() (string, error) {
	b, err := dir.blob()
	if err != nil {
		return "", err
	}
	if len(b) == 0 || len(b) > maxLink || b[0] == '/' || bytes.IndexByte(b, 0) >= 0 {
		return "", ErrOutside
	}
	return string(b), nil
}

func (t *Tree) content(name string, rec *recorder) ([]byte, error) {
	n, err := t.walk("open", name, rec)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		rec.dir(n.path)
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	rec.read(n.path, n.id)
	b, err := n.content(rec)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return b, nil
}

// content is that of a file: for a pointer of Git LFS what it stands for, where that is wanted.
func (n node) content(rec *recorder) ([]byte, error) {
	b, err := n.blob()
	if err != nil {
		return nil, rec.failed(n.path, err)
	}
	p, ok := parsePointer(b)
	switch {
	case !ok:
		return b, nil
	case !n.in.lfs():
		rec.large(n.path, "")
		return b, nil
	}
	rec.large(n.path, Hash(p.oid))
	if b, err = n.in.large(p); err != nil {
		return nil, rec.failed(n.path, err)
	}
	return b, nil
}

func (t *Tree) list(name string, rec *recorder) ([]fs.DirEntry, error) {
	n, err := t.walk("open", name, rec)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		rec.read(n.path, n.id)
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	l := &listing{}
	if !n.sub {
		if l, err = n.in.objects.tree(n.id); err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
		}
	}
	rec.list(n.path, l.digest)
	out := make([]fs.DirEntry, len(l.entries))
	for i, e := range l.entries {
		out[i] = dirEntry{node{entry: e, path: path.Join(n.path, e.name), in: n.in, top: n.top}}
	}
	return out, nil
}

func (t *Tree) stat(name string, rec *recorder) (fs.FileInfo, error) {
	n, err := t.walk("stat", name, rec)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		rec.dir(n.path)
		return fileInfo{name: path.Base(name), mode: n.mode}, nil
	}
	rec.read(n.path, n.id)
	info, err := n.describe(path.Base(name))
	if err != nil {
		return nil, rec.failed(n.path, err)
	}
	return info, nil
}

func (n node) describe(name string) (fs.FileInfo, error) {
	info := fileInfo{name: name, mode: n.mode}
	if n.mode.IsDir() {
		return info, nil
	}
	size, err := n.size()
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	info.size = size
	return info, nil
}

// size is that of the content that is read, without reading it where it is large.
func (n node) size() (int64, error) {
	f, err := n.in.objects.describe(n.id)
	if err == nil && f.kind == "" && n.in.objects.partial != nil && n.in.objects.partial() {
		if err := n.in.bringAround(n); err != nil {
			return 0, err
		}
		f, err = n.in.objects.describe(n.id)
	}
	if err == nil && f.kind != "blob" {
		err = fmt.Errorf("blob %s: %w", n.id, ErrCorrupt)
	}
	if err != nil || !n.in.lfs() || f.size > maxPointer {
		return f.size, n.in.objects.damaged(n.id, err)
	}
	b, err := n.blob()
	if p, ok := parsePointer(b); ok {
		return p.size, err
	}
	return f.size, err
}

// dirEntry is a line of a listing.
type dirEntry struct{ node node }

func (d dirEntry) Name() string               { return d.node.name }
func (d dirEntry) IsDir() bool                { return d.node.mode.IsDir() }
func (d dirEntry) Type() fs.FileMode          { return d.node.mode.Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.node.describe(d.node.name) }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }

type fileInfo struct {
	name string
	mode fs.FileMode
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.mode }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }

// view is a Tree or a Traced.
type view interface {
	fs.ReadDirFS
	fs.StatFS
}

func open(v view, name string, rec *recorder) (fs.File, error) {
	t := treeOf(v)
	n, err := t.walk("open", name, rec)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		rec.dir(n.path)
		return &openDir{view: v, name: name, info: fileInfo{name: path.Base(name), mode: n.mode}}, nil
	}
	b, err := t.content(name, rec)
	if err != nil {
		return nil, err
	}
	info := fileInfo{name: path.Base(name), mode: n.mode, size: int64(len(b))}
	return &openFile{Reader: bytes.NewReader(b), info: info}, nil
}

func treeOf(v view) *Tree {
	if t, ok := v.(*Traced); ok {
		return t.tree
	}
	return v.(*Tree)
}

type openFile struct {
	*bytes.Reader
	info fileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

type openDir struct {
	view    view
	name    string
	info    fileInfo
	started bool
	rest    []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.started {
		all, err := d.view.ReadDir(d.name)
		if err != nil {
			return nil, err
		}
		d.rest, d.started = all, true
	}
	if n <= 0 {
		out := d.rest
		d.rest = nil
		return out, nil
	}
	if len(d.rest) == 0 {
		return nil, io.EOF
	}
	out := d.rest[:min(n, len(d.rest))]
	d.rest = d.rest[len(out):]
	return out, nil
}
