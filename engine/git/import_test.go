package git_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

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
