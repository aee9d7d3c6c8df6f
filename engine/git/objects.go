package git

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // a listing's digest tells two listings of one repository apart; nothing is trusted by it
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"slices"
	"strings"
)

// objects reads the objects of one store, those it borrows included.
type objects struct {
	store  *Store
	mirror string // whose cache entries are used
	dir    string
	usage  *usage // nil for what is never evicted
	// suspect is told of an object that must be there and is not, or cannot be read. Nil for stores that are not ours to mend.
	suspect func(Hash)
	// partial says whether contents of files may be missing. Nil is no.
	partial func() bool
}

// read yields an object that must be there and be of the kind.
func (o objects) read(id Hash, kind string, limit int64) ([]byte, error) {
	var f found
	err := o.store.readers.with(o.dir, func(r *reader) error {
		return r.ask("contents", []Hash{id}, limit, func(a found) error { f = a; return nil })
	})
	if err == nil && f.kind == "" && kind == "blob" && o.partial != nil && o.partial() {
		return nil, fmt.Errorf("blob %s: %w", id, ErrLeftOut)
	}
	if err == nil && (f.kind != kind || !f.genuine()) {
		err = fmt.Errorf("%s %s: %w", kind, id, ErrCorrupt)
	}
	if err != nil {
		return nil, o.damaged(id, err)
	}
	return f.content, nil
}

// damaged passes an error on, and what it says about the store.
func (o objects) damaged(id Hash, err error) error {
	if o.suspect != nil && errors.Is(err, ErrCorrupt) {
		o.suspect(id)
	}
	return err
}

// genuine says whether an object is what its id says. Git itself does not look when it reads.
func (f found) genuine() bool {
	var h hash.Hash = sha1.New() //nolint:gosec // which it is that git's ids are made by
	if len(f.id) == 64 {
		h = sha256.New()
	}
	fmt.Fprintf(h, "%s %d\x00", f.kind, f.size)
	h.Write(f.content)
	return hex.EncodeToString(h.Sum(nil)) == string(f.id)
}

// describe says kind and size of an object; the kind is empty when it is not there. Git is not asked for a file that is in the cache.
func (o objects) describe(id Hash) (found, error) {
	if v, ok := o.store.cache.find(cacheKey{o.mirror, id}); ok {
		if b, isBlob := v.([]byte); isBlob {
			return found{id: id, kind: "blob", size: int64(len(b))}, nil
		}
	}
	var f found
	err := o.store.readers.with(o.dir, func(r *reader) error {
		return r.ask("info", []Hash{id}, 0, func(a found) error { f = a; return nil })
	})
	return f, err
}

// maxTree bounds one tree object; a folder of 100,000 files takes about 5 MB.
const maxTree = 64 << 20

// tree yields a parsed tree object.
func (o objects) tree(id Hash) (*listing, error) {
	o.usage.note()
	key := cacheKey{o.mirror, id}
	if v, ok := o.store.cache.find(key); ok {
		if l, ok := v.(*listing); ok {
			return l, nil
		}
	}
	raw, err := o.read(id, "tree", maxTree)
	if err != nil {
		return nil, err
	}
	l, err := parseTree(raw, len(id)/2)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", id, err)
	}
	o.store.cache.keep(key, l, int64(len(raw)*4))
	return l, nil
}

// blob yields a file's content, which callers must not change.
func (o objects) blob(id Hash) ([]byte, error) {
	o.usage.note()
	key := cacheKey{o.mirror, id}
	if v, ok := o.store.cache.find(key); ok {
		if b, ok := v.([]byte); ok {
			return b, nil
		}
	}
	b, err := o.read(id, "blob", o.store.opt.MaxBlob)
	if err != nil {
		return nil, err
	}
	o.store.cache.keep(key, b, int64(len(b)))
	return b, nil
}

// warm reads the files that are not in the cache in one go, and yields those that a partial mirror has left out. What else is missing,
// or too large, is left for the reader to find.
func (o objects) warm(ids []Hash) (leftOut []Hash, err error) {
	var want []Hash
	for _, id := range ids {
		if _, ok := o.store.cache.find(cacheKey{o.mirror, id}); !ok && !slices.Contains(want, id) {
			want = append(want, id)
		}
	}
	if len(want) == 0 {
		return nil, nil
	}
	err = o.store.readers.with(o.dir, func(r *reader) error {
		return r.ask("contents", want, o.store.opt.MaxBlob, func(f found) error {
			if f.kind == "blob" && f.genuine() {
				o.store.cache.keep(cacheKey{o.mirror, f.id}, f.content, f.size)
			}
			if f.kind == "" {
				leftOut = append(leftOut, f.id)
			}
			return nil
		})
	})
	if errors.Is(err, ErrTooLarge) {
		err = nil
	}
	if o.partial == nil || !o.partial() {
		leftOut = nil
	}
	return leftOut, err
}

// listing is a tree object: its entries by name.
type listing struct {
	entries []entry // sorted by name
	digest  Hash    // of names and kinds: the same when only contents differ
}

// entry is one name in a tree.
type entry struct {
	name string
	mode fs.FileMode // fs.ModeDir, fs.ModeSymlink or 0, with permissions
	id   Hash
	sub  bool // a submodule: shown as an empty folder
}

func (l *listing) find(name string) (entry, bool) {
	i, ok := slices.BinarySearchFunc(l.entries, name, func(e entry, n string) int { return strings.Compare(e.name, n) })
	if !ok {
		return entry{}, false
	}
	return l.entries[i], true
}

// parseTree reads a tree object: entries of "<octal mode> <name>\0<raw id>". Names that would leave their folder are refused;
// git itself only warns of them.
func parseTree(raw []byte, idBytes int) (*listing, error) {
	l := &listing{}
	for len(raw) > 0 {
		mode, rest, ok := bytes.Cut(raw, []byte{' '})
		if !ok {
			return nil, fmt.Errorf("entry without a name: %w", ErrCorrupt)
		}
		name, rest, ok := bytes.Cut(rest, []byte{0})
		if !ok || len(rest) < idBytes {
			return nil, fmt.Errorf("entry cut short: %w", ErrCorrupt)
		}
		e := entry{name: string(name), id: Hash(hex.EncodeToString(rest[:idBytes]))}
		if e.name == "" || e.name == "." || e.name == ".." || strings.ContainsRune(e.name, '/') {
			return nil, fmt.Errorf("entry named %q: %w", e.name, ErrCorrupt)
		}
		switch strings.TrimLeft(string(mode), "0") {
		case "40000":
			e.mode = fs.ModeDir | 0o755
		case "120000":
			e.mode = fs.ModeSymlink | 0o777
		case "160000":
			e.mode, e.sub = fs.ModeDir|0o755, true
		case "100755":
			e.mode = 0o755
		case "100644", "100664":
			e.mode = 0o644
		default:
			return nil, fmt.Errorf("entry of mode %.10q: %w", mode, ErrCorrupt)
		}
		l.entries = append(l.entries, e)
		raw = rest[idBytes:]
	}
	slices.SortFunc(l.entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	h := sha1.New()
	for i, e := range l.entries {
		if i > 0 && l.entries[i-1].name == e.name {
			return nil, fmt.Errorf("two entries named %q: %w", e.name, ErrCorrupt)
		}
		fmt.Fprintf(h, "%s\x00%o\x00", e.name, e.mode.Type())
	}
	l.digest = Hash(hex.EncodeToString(h.Sum(nil)))
	return l, nil
}
