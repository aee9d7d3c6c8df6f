package git

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// importsDir holds what did not come from a Git repository, below a store's folder: for each import a store of its own, so that one can
// be evicted, or damaged, without the others.
const importsDir = "imports"

// Content is a file of an Import.
type Content struct {
	Mode fs.FileMode // 0 or an executable bit for a file, fs.ModeSymlink for a link, whose target Data is
	Data []byte
}

// Import keeps files that did not come from a Git repository, such as an unpacked archive, as a tree like any other. Name identifies
// them for Imported, and must name the content: files imported under a name before are not read again. Paths are those of io/fs; ".git"
// cannot be part of one. The same name and files give the same commit everywhere. What was not used for long may be evicted; then it is
// to be imported again.
func (s *Store) Import(ctx context.Context, name string, files map[string]Content) (*Tree, error) {
	stream, err := importStream(name, files)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", name, err)
	}
	tree, err := s.importAs(ctx, name, stream)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", name, err)
	}
	s.sweep(ctx)
	return tree, nil
}

// importAs makes the import's store beside its place and moves it there as a whole. Who comes second finds the first one's.
func (s *Store) importAs(ctx context.Context, name string, stream []byte) (*Tree, error) {
	at := filepath.Join(s.opt.Dir, importsDir)
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(s.opt.Dir, makingPrefix)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	if err := s.initBare(ctx, tmp); err != nil {
		return nil, err
	}
	commit, err := s.line(ctx, command{dir: tmp, stdin: stream, config: []setting{{"fastimport.unpackLimit", "0"}},
		args: []string{"fast-import", "--quiet", "--force", "--done"}})
	if err == nil && !Hash(commit).IsFull() {
		err = fmt.Errorf("git fast-import answered %.80q", commit)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, importFile), []byte(commit+"\n"), 0o600)
	}
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(at, importKey(name))
	for range 2 {
		if err = os.Rename(tmp, dir); err == nil {
			break
		}
		if tree, err := s.Imported(ctx, name); err == nil {
			return tree, nil
		}
		_ = os.RemoveAll(dir) // half of one
	}
	if err != nil {
		return nil, err
	}
	return s.Imported(ctx, name)
}

// Imported is the tree of an earlier Import, of this process or another, or ErrUnknownRevision. One that turns out to be damaged when
// it is read is unknown from then on.
func (s *Store) Imported(ctx context.Context, name string) (*Tree, error) {
	dir := filepath.Join(s.opt.Dir, importsDir, importKey(name))
	commit, err := os.ReadFile(filepath.Join(dir, importFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unknown(name)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the import %s: %w", name, err)
	}
	r := s.imported(dir)
	tree, err := r.Tree(ctx, Hash(strings.TrimSpace(string(commit))))
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnknownRevision) {
		r.objects.suspect("")
		return nil, unknown(name)
	}
	return tree, err
}

// imported reads an import's store, which goes when it is damaged.
func (s *Store) imported(dir string) *Repository {
	key := importsDir + "/" + filepath.Base(dir)
	suspect := func(Hash) {
		s.opt.Log.Warn("an import is damaged, to be made anew", "import", filepath.Base(dir))
		s.removeImport(dir)
	}
	return &Repository{commits: newCommits(), objects: objects{store: s, mirror: key, dir: dir, suspect: suspect,
		usage: s.importUsage(dir)}}
}

// removeImport moves an import out of its place before it is removed, so that nobody finds half of it.
func (s *Store) removeImport(dir string) {
	s.readers.drop(dir)
	if tmp, err := os.MkdirTemp(s.opt.Dir, gonePrefix); err == nil {
		_ = os.Rename(dir, filepath.Join(tmp, "import"))
		_ = os.RemoveAll(tmp)
	}
}

// importUsage is shared by all who read an import.
func (s *Store) importUsage(dir string) *usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.imports[dir]
	if !ok {
		if s.imports == nil || len(s.imports) > maxUsages {
			s.imports = map[string]*usage{}
		}
		u = &usage{file: filepath.Join(dir, importFile)}
		s.imports[dir] = u
	}
	return u
}

// maxUsages bounds what is remembered of imports that may be gone.
const maxUsages = 10_000

// importFile marks an import that was made as a whole; it says the commit.
const importFile = "slipway-import-1"

func importKey(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:12])
}

// Gone says that what the tree is read from is no longer there: it was evicted, or removed because it was damaged. It has to be
// fetched or imported again.
func (t *Tree) Gone() bool {
	t.objects.usage.note()
	if t.objects.usage == nil {
		return false
	}
	_, err := os.Stat(t.objects.usage.file)
	return errors.Is(err, fs.ErrNotExist)
}

// importStream writes what git fast-import reads: one commit, with fixed author and dates, that asks for its own name in the end.
func importStream(name string, files map[string]Content) ([]byte, error) {
	const who = "Slipway <slipway@localhost> 946684800 +0000\n"
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit refs/heads/import\nmark :1\nauthor %scommitter %sdata %d\n%s\n", who, who, len(name), name)
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if err := importable(file, files); err != nil {
			return nil, err
		}
		c := files[file]
		mode := "100644"
		switch {
		case c.Mode&fs.ModeSymlink != 0:
			mode = "120000"
		case c.Mode.Perm()&0o111 != 0:
			mode = "100755"
		}
		fmt.Fprintf(&b, "M %s inline %s\ndata %d\n", mode, quotePath(file), len(c.Data))
		b.Write(c.Data)
		b.WriteByte('\n')
	}
	b.WriteString("get-mark :1\ndone\n")
	return b.Bytes(), nil
}

// importable refuses paths that no tree can hold, and files that are also folders.
func importable(file string, files map[string]Content) error {
	bad := !fs.ValidPath(file) || file == "." || strings.ContainsRune(file, 0)
	for part := range strings.SplitSeq(file, "/") {
		bad = bad || strings.EqualFold(part, ".git")
	}
	if bad {
		return fmt.Errorf("file %.200q: %w", file, fs.ErrInvalid)
	}
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if _, ok := files[dir]; ok {
			return fmt.Errorf("file %.200q is a folder too: %w", dir, fs.ErrInvalid)
		}
	}
	return nil
}

// quotePath writes a path as git quotes it.
func quotePath(file string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(file) + `"`
}

// Revision is what people call the tree's content: the version of an imported archive where that was given, else the commit.
func (t *Tree) Revision() string { return cmp.Or(t.revision, string(t.commit)) }

// Called is the tree with another Revision.
func (t *Tree) Called(revision string) *Tree {
	named := *t
	named.revision = revision
	return &named
}
