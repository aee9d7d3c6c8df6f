package git_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
)

func TestImport(t *testing.T) {
	files := map[string]git.Content{
		"Chart.yaml":           {Data: []byte("name: a\n")},
		"templates/x y\"\\.js": {Data: []byte("data 3\nabc\ndone\n")},
		"bin/run":              {Mode: 0o755, Data: nil},
		"link":                 {Mode: fs.ModeSymlink, Data: []byte("templates")},
	}
	var commits []git.Hash
	for range 2 {
		dir := t.TempDir()
		store, err := git.NewStore(git.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		if _, err := store.Imported(t.Context(), "a 1.0.0"); !errors.Is(err, git.ErrUnknownRevision) {
			t.Fatalf("before the import: %v", err)
		}
		tree, err := store.Import(t.Context(), "a 1.0.0", files)
		if err != nil {
			t.Fatal(err)
		}
		commits = append(commits, tree.Commit())
		if got, err := fs.ReadFile(tree, "link/x y\"\\.js"); err != nil || string(got) != "data 3\nabc\ndone\n" {
			t.Errorf("read %q, %v", got, err)
		}
		again, err := git.NewStore(git.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(again.Close)
		kept, err := again.Imported(t.Context(), "a 1.0.0")
		if err != nil || kept.Commit() != tree.Commit() {
			t.Errorf("another process finds %v, %v", kept, err)
		}
		if _, err := again.Imported(t.Context(), "a 1.0.1"); !errors.Is(err, git.ErrUnknownRevision) {
			t.Errorf("another name: %v", err)
		}
		if tree.Revision() != string(tree.Commit()) || tree.Called("1.0.0").Revision() != "1.0.0" {
			t.Errorf("called %s", tree.Revision())
		}
		if other, err := again.Import(t.Context(), "b", map[string]git.Content{"f": {}}); err != nil || other.Commit() == tree.Commit() {
			t.Errorf("a second import: %v", err)
		}
	}
	if commits[0] != commits[1] {
		t.Errorf("the same files became %v", commits)
	}
}

func TestImportRefusesPaths(t *testing.T) {
	store, err := git.NewStore(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	for _, name := range []string{"", ".", "/etc/passwd", "../x", "a/../b", "a//b", ".git/config", "sub/.GIT/hooks/x", "a\x00b"} {
		if _, err := store.Import(t.Context(), "x", map[string]git.Content{name: {}}); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	both := map[string]git.Content{"a": {}, "a/b": {}}
	if _, err := store.Import(t.Context(), "x", both); err == nil || !strings.Contains(err.Error(), "folder too") {
		t.Errorf("a file that is a folder too: %v", err)
	}
}

func TestImportsUnusedForLongestGo(t *testing.T) {
	dir := t.TempDir()
	store := plain(t, git.Options{Dir: dir, MaxBytes: 500_000, EvictAfter: time.Nanosecond})
	var trees []*git.Tree
	for i := range 3 {
		tree, err := store.Import(t.Context(), fmt.Sprint("chart ", i), map[string]git.Content{"big": {Data: []byte(noise(i))}})
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, tree)
	}
	for i := range trees {
		if trees[i].Gone() {
			t.Fatalf("import %d is gone before there is need", i)
		}
	}
	if _, err := trees[0].ReadFile("big"); err != nil { // the first is used last
		t.Fatal(err)
	}
	if err := store.Evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true, true} {
		_, err := store.Imported(t.Context(), fmt.Sprint("chart ", i))
		if gone := errors.Is(err, git.ErrUnknownRevision); gone != want && (i != 2 || err != nil) {
			t.Errorf("import %d: %v", i, err)
		}
	}
	if !trees[1].Gone() || trees[0].Gone() {
		t.Error("a tree does not know whether it is gone")
	}
	again, err := store.Import(t.Context(), "chart 1", map[string]git.Content{"big": {Data: []byte(noise(1))}})
	if err != nil || again.Commit() != trees[1].Commit() || trees[1].Gone() {
		t.Fatalf("imported again: %v", err)
	}
	if b, err := trees[1].ReadFile("big"); err != nil || string(b) != noise(1) {
		t.Errorf("it reads %d bytes, %v", len(b), err)
	}
}

func TestDamagedImportsAreForgotten(t *testing.T) {
	files := map[string]git.Content{"a": {Data: []byte(noise(7))}, "b": {Data: []byte("b")}}
	for name, harm := range map[string]func(t *testing.T, dir string){
		"a pack cut short": func(t *testing.T, dir string) { cutShort(t, filepath.Join(dir, "objects", "pack", "*.pack")) },
		"a pack lost":      func(t *testing.T, dir string) { lose(t, filepath.Join(dir, "objects", "pack", "*.pack")) },
		"a byte changed":   func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "objects", "pack", "*.pack")) },
		"no objects":       func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "objects")) },
		"no HEAD":          func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "HEAD")) },
		"another commit": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "slipway-import-1"), []byte(strings.Repeat("1", 40)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := plain(t, git.Options{Dir: dir}).Import(t.Context(), "x", files); err != nil {
				t.Fatal(err)
			}
			found, err := filepath.Glob(filepath.Join(dir, "imports", "*"))
			if err != nil || len(found) != 1 {
				t.Fatalf("imports: %v, %v", found, err)
			}
			harm(t, found[0])
			store := plain(t, git.Options{Dir: dir})
			tree, err := store.Imported(t.Context(), "x")
			if err == nil {
				if _, err = tree.ReadFile("a"); !errors.Is(err, git.ErrCorrupt) || !tree.Gone() {
					t.Fatalf("reading it: %v", err)
				}
				_, err = store.Imported(t.Context(), "x")
			}
			if !errors.Is(err, git.ErrUnknownRevision) {
				t.Fatalf("it is still known: %v", err)
			}
			if tree, err = store.Import(t.Context(), "x", files); err != nil {
				t.Fatal(err)
			}
			if b, err := tree.ReadFile("a"); err != nil || string(b) != noise(7) {
				t.Errorf("imported again, it reads %d bytes, %v", len(b), err)
			}
		})
	}
}

// the is the file that a pattern names, made writable.
func the(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	if err := os.Chmod(found[0], 0o600); err != nil {
		t.Fatal(err)
	}
	return found[0]
}

func cutShort(t *testing.T, pattern string) {
	t.Helper()
	file := the(t, pattern)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, info.Size()/2); err != nil {
		t.Fatal(err)
	}
}

func lose(t *testing.T, pattern string) {
	t.Helper()
	remove(t, the(t, pattern))
}

// flip changes bytes in the middle of a file.
func flip(t *testing.T, pattern string) {
	t.Helper()
	file := the(t, pattern)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 16 {
		b[len(b)/2+i] ^= 0xff
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
