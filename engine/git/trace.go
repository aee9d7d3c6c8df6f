package git

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

// Op is a way of learning something from a tree.
type Op string

// The ways of learning something.
const (
	Read Op = "read" // a file was read; OID is its content's
	Link Op = "link" // a symbolic link was followed; OID is its target's
	List Op = "list" // a folder was listed; OID is a digest of the names and kinds in it
	Dir  Op = "dir"  // a folder was seen to be one
	Miss Op = "miss" // nothing was found by that name

	// Sub: a submodule was entered; OID is its commit, and empty when it was an empty folder for want of a way there. What was learned in
	// it follows as in any folder, so that another commit which has the same is as good.
	Sub Op = "sub"
	// Large: what was read stood for a file of Git LFS; OID is the SHA-256 of its content, and empty when the pointer was taken instead.
	Large Op = "lfs"
	// Fail: something could not be learned, for want of the network or of a sound mirror. It holds nowhere.
	Fail Op = "fail"
)

// Entry is one thing learned. Paths have no symbolic links in them.
type Entry struct {
	Path string `json:"path"`
	Op   Op     `json:"op"`
	OID  Hash   `json:"oid,omitempty"`
}

// Trace is all that a reader learned from a tree, in the order of paths. Whoever reads another tree in which the trace holds,
// in the same way, learns the same.
type Trace []Entry

// Holds says whether everything in the trace is so in t. When in doubt (an object cannot be read) it does not hold.
func (tr Trace) Holds(t *Tree) bool {
	for _, e := range tr {
		if !e.holds(t) {
			return false
		}
	}
	return true
}

// HoldsSince is Holds for a trace that is known to hold in another tree of the repository, whose root is since. What the two trees
// have in common need not be looked at again, which is nearly all of it when they are a commit apart.
func (tr Trace) HoldsSince(since Hash, t *Tree) bool {
	// What lies beyond the repository depends on the reader, too.
	for _, e := range tr {
		if (e.Op == Sub || e.Op == Large || e.Op == Fail) && !e.holds(t) {
			return false
		}
	}
	if since == t.root {
		t.objects.usage.note()
		return true
	}
	old := entry{mode: fs.ModeDir, id: since}
	return tr.holdsBelow(t, "", old, entry{mode: fs.ModeDir, id: t.root})
}

// holdsBelow checks entries whose paths begin with prefix, which is old in the tree where they held and now in t.
func (tr Trace) holdsBelow(t *Tree, prefix string, old, now entry) bool {
	// An import has a store of its own, without the trees of the one before it: that is no damage.
	before := t.objects
	before.suspect = nil
	was, err := before.tree(old.id)
	if err != nil {
		return tr.Holds(t)
	}
	is, err := t.objects.tree(now.id)
	if err != nil {
		return false
	}
	for i := 0; i < len(tr); {
		name, _, deeper := strings.Cut(tr[i].Path[len(prefix):], "/")
		a, hadIt := was.find(name)
		b, hasIt := is.find(name)
		same := hadIt == hasIt && a == b && name != "."
		if !deeper {
			if !same && !tr[i].holds(t) {
				return false
			}
			i++
			continue
		}
		below := prefix + name + "/"
		n := i + 1
		for n < len(tr) && strings.HasPrefix(tr[n].Path, below) {
			n++
		}
		part := tr[i:n]
		i = n
		switch {
		case same:
		case hadIt && hasIt && a.mode.IsDir() && b.mode.IsDir() && !a.sub && !b.sub:
			if !part.holdsBelow(t, below, a, b) {
				return false
			}
		case !part.Holds(t):
			return false
		}
	}
	return true
}

func (e Entry) holds(t *Tree) bool {
	dir := t.rootNode()
	if e.Path != "." {
		for part := range strings.SplitSeq(e.Path, "/") {
			if dir.mode.Type() == fs.ModeSymlink {
				return false // a link where there was none
			}
			next, err := dir.child(part, nil)
			if err != nil {
				return errors.Is(err, fs.ErrNotExist) && e.Op == Miss
			}
			dir = next
		}
	}
	switch e.Op {
	case Sub:
		entered := dir.path != "." && dir.top == dir.path
		return dir.mode.IsDir() && (entered || dir.sub) && entered == (e.OID != "")
	case Large:
		return dir.mode.IsRegular() && dir.in.lfs() == (e.OID != "")
	case Read:
		return dir.mode.IsRegular() && dir.id == e.OID
	case Link:
		return dir.mode.Type() == fs.ModeSymlink && dir.id == e.OID
	case Dir:
		return dir.mode.IsDir()
	case List:
		return dir.mode.IsDir() && listed(dir) == e.OID
	}
	return false
}

func listed(dir node) Hash {
	if dir.sub {
		return ""
	}
	l, err := dir.in.objects.tree(dir.id)
	if err != nil {
		return "unreadable"
	}
	return l.digest
}

// Files are the files and links that were read, each once, in order.
func (tr Trace) Files() []string {
	var out []string
	for _, e := range tr {
		if (e.Op == Read || e.Op == Link) && (len(out) == 0 || out[len(out)-1] != e.Path) {
			out = append(out, e.Path)
		}
	}
	return out
}

// recorder notes what is learned. A nil recorder notes nothing.
type recorder struct {
	mu   sync.Mutex
	seen map[Entry]struct{}
}

func (r *recorder) note(e Entry) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[e] = struct{}{}
}

func (r *recorder) read(p string, id Hash) { r.note(Entry{p, Read, id}) }
func (r *recorder) link(p string, id Hash) { r.note(Entry{p, Link, id}) }
func (r *recorder) list(p string, d Hash)  { r.note(Entry{p, List, d}) }
func (r *recorder) dir(p string)           { r.note(Entry{p, Dir, ""}) }

// failed notes that something could not be learned, and passes the error on. That a file is too large is learned.
func (r *recorder) failed(p string, err error) error {
	if !errors.Is(err, ErrTooLarge) {
		r.note(Entry{p, Fail, ""})
	}
	return err
}

func (r *recorder) module(p string, commit Hash) { r.note(Entry{p, Sub, commit}) }
func (r *recorder) large(p string, oid Hash)     { r.note(Entry{p, Large, oid}) }

// miss notes that there was nothing at here; rest is what would have come after. The full name is the more exact note: it
// stays true when a part of it comes into being. With ".." in it, it would not mean the same.
func (r *recorder) miss(here string, rest []string) {
	if r == nil {
		return
	}
	if !slices.Contains(rest, "..") {
		here = path.Join(here, path.Join(rest...))
	}
	r.note(Entry{here, Miss, ""})
}

// Traced is a Tree that remembers what was learned from it. It is safe for concurrent use.
type Traced struct {
	tree *Tree
	rec  *recorder
}

var (
	_ fs.ReadFileFS = (*Traced)(nil)
	_ fs.ReadDirFS  = (*Traced)(nil)
	_ fs.StatFS     = (*Traced)(nil)
)

// Traced is a view of the tree with a memory of its own, empty at first.
func (t *Tree) Traced() *Traced {
	return &Traced{tree: t, rec: &recorder{seen: map[Entry]struct{}{}}}
}

// Tree is the tree that is viewed.
func (t *Traced) Tree() *Tree { return t.tree }

// Commit is the commit that the tree is of.
func (t *Traced) Commit() Hash { return t.tree.commit }

// Open implements fs.FS.
func (t *Traced) Open(name string) (fs.File, error) { return open(t, name, t.rec) }

// ReadFile yields a file's content, which the caller may change.
func (t *Traced) ReadFile(name string) ([]byte, error) {
	b, err := t.tree.content(name, t.rec)
	return bytes.Clone(b), err
}

// ReadDir lists a folder by name. Symbolic links are shown as such.
func (t *Traced) ReadDir(name string) ([]fs.DirEntry, error) { return t.tree.list(name, t.rec) }

// Stat describes what a name leads to, links followed.
func (t *Traced) Stat(name string) (fs.FileInfo, error) { return t.tree.stat(name, t.rec) }

// Real is the name without any symbolic link in it.
func (t *Traced) Real(name string) (string, error) {
	n, err := t.tree.walk("stat", name, t.rec)
	if err == nil && n.mode.IsDir() {
		t.rec.dir(n.path)
	} else if err == nil {
		t.rec.read(n.path, n.id)
	}
	return n.path, err
}

// Look notes of each of the names in a folder what it is, as Real does.
func (t *Traced) Look(dir string, names []string) {
	at, err := t.tree.walk("stat", dir, nil)
	if err == nil {
		at, err = t.tree.walk("stat", dir, t.rec) // for the links on the way
	}
	for _, name := range names {
		if err != nil || !fs.ValidPath(name) || name == "." || strings.Contains(name, "/") {
			_, _ = t.Real(path.Join(dir, name)) // which notes what is missing on the way
			continue
		}
		n, err := at.child(name, t.rec)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			t.rec.miss(path.Join(at.path, name), nil)
		case err != nil:
		case n.mode.Type() == fs.ModeSymlink:
			_, _ = t.Real(path.Join(dir, name))
		case n.mode.IsDir():
			t.rec.dir(n.path)
		default:
			t.rec.read(n.path, n.id)
		}
	}
}

// Trace is what was learned so far.
func (t *Traced) Trace() Trace {
	t.rec.mu.Lock()
	defer t.rec.mu.Unlock()
	out := make(Trace, 0, len(t.rec.seen))
	for e := range t.rec.seen {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(string(a.Op), string(b.Op))
	})
	return out
}
