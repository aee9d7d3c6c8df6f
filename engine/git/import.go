package git

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// importsDir is the store of what did not come from a Git repository, below a store's folder.
const importsDir = "imports.git"

// Content is a file of an Import.
type Content struct {
	Mode fs.FileMode // 0 or an executable bit for a file, fs.ModeSymlink for a link, whose target Data is
	Data []byte
}

// Import keeps files that did not come from a Git repository, such as an unpacked archive, as a tree like any other. Name identifies
// them for Imported, and must name the content: files imported under a name before are not read again. Paths are those of io/fs; ".git"
// cannot be part of one. The same name and files give the same commit everywhere.
func (s *Store) Import(ctx context.Context, name string, files map[string]Content) (*Tree, error) {
	stream, err := importStream(name, files)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", name, err)
	}
	dir := filepath.Join(s.opt.Dir, importsDir)
	if err := s.prepareImports(ctx, dir); err != nil {
		return nil, fmt.Errorf("importing %s: %w", name, err)
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", name, err)
	}
	defer unlock()
	commit, err := s.line(ctx, command{dir: dir, stdin: stream, args: []string{"fast-import", "--quiet", "--force", "--done"}})
	if err == nil && !Hash(commit).IsFull() {
		err = fmt.Errorf("git fast-import answered %.80q", commit)
	}
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", name, err)
	}
	return s.imports(dir).Tree(ctx, Hash(commit))
}

// Imported is the tree of an earlier Import, of this process or another, or ErrUnknownRevision.
func (s *Store) Imported(ctx context.Context, name string) (*Tree, error) {
	dir := filepath.Join(s.opt.Dir, importsDir)
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return nil, unknown(name)
	}
	commit, err := s.line(ctx, command{dir: dir, args: []string{"for-each-ref", "--format=%(objectname)", importRef(name)}})
	if err != nil {
		return nil, fmt.Errorf("looking for the import %s: %w", name, err)
	}
	if commit == "" {
		return nil, unknown(name)
	}
	return s.imports(dir).Tree(ctx, Hash(commit))
}

func (s *Store) imports(dir string) *Repository {
	return &Repository{objects: objects{store: s, mirror: importsDir, dir: dir}, commits: newCommits()}
}

// prepareImports makes the store beside its place and moves it there as a whole.
func (s *Store) prepareImports(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
		return nil
	}
	unlock, err := lock(ctx, s.opt.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(s.opt.Dir, "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := s.initBare(ctx, filepath.Join(tmp, importsDir)); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(filepath.Join(tmp, importsDir), dir)
}

func importRef(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "refs/slipway/import/" + hex.EncodeToString(sum[:])
}

// importStream writes what git fast-import reads: one commit, with fixed author and dates, that asks for its own name in the end.
func importStream(name string, files map[string]Content) ([]byte, error) {
	const who = "Slipway <slipway@localhost> 946684800 +0000\n"
	var b bytes.Buffer
	fmt.Fprintf(&b, "commit %s\nmark :1\nauthor %scommitter %sdata %d\n%s\n", importRef(name), who, who, len(name), name)
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
