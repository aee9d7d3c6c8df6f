package git_test

import (
	"io/fs"
	"path"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLookNotesWhatRealDoes looks at many names of a folder at once, and finds the trace that asking for each leaves.
func TestLookNotesWhatRealDoes(t *testing.T) {
	_, _, tr := checkout(t, map[string]string{"app/a.yaml": "a", "app/sub/b.yaml": "b", "app/link": "-> ../other", "app/dead": "-> nowhere", "other": "o", "way": "-> app"})
	names := []string{"a.yaml", "sub", "link", "dead", "values.yaml"}
	for _, dir := range []string{".", "app", "way", "app/sub", "app/a.yaml", "gone/far"} {
		one, all := tr.Traced(), tr.Traced()
		for _, name := range names {
			_, _ = one.Real(path.Join(dir, name))
		}
		all.Look(dir, names)
		if diff := cmp.Diff(one.Trace(), all.Trace()); diff != "" || len(all.Trace()) == 0 {
			t.Errorf("in %s (- is one by one): %s", dir, diff)
		}
	}
}

func TestFoldersHaveTheIDsOfWhatIsInThem(t *testing.T) {
	_, _, tr := checkout(t, map[string]string{"a/x/f": "1", "b/x/f": "1", "c/x/f": "2", "c/l": "-> x"})
	ids := map[string]string{}
	for _, dir := range []string{"a", "b", "c"} {
		id, items, err := tr.Folder(dir)
		if err != nil || len(items) == 0 || items[len(items)-1].Name != "x" || items[len(items)-1].Type != fs.ModeDir {
			t.Fatalf("%s: %v; %v", dir, items, err)
		}
		ids[dir] = string(id)
	}
	if ids["a"] != ids["b"] || ids["a"] == ids["c"] || ids["a"] == "" {
		t.Errorf("%v", ids)
	}
	if _, _, err := tr.Folder("a/x/f"); err == nil {
		t.Error("a file is listed")
	}
}
