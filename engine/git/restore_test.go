package git_test

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
)

func TestRestoreBringsFilesBack(t *testing.T) {
	u := newUpstream(t)
	then := u.commit("then", map[string]string{"a/one.txt": "1\n", "a/gone": "1\n", "b.txt": "1\n", "name with ' and\ttab": "1\n"})
	tip := u.commit("since", map[string]string{"a/one.txt": "2\n", "a/gone": "", "a/new.txt": "2\n", "b.txt": "2\n", "name with ' and\ttab": "2\n"})
	u.push("main")
	m := u.mirror()
	fetch(t, m)
	request := git.Restoration{Tip: tip, From: then, Paths: []string{"a/one.txt", "a/gone", "a/new.txt", "nowhere", "name with ' and\ttab"}, Message: "Back\n",
		At: time.Unix(1700000000, 0)}
	got, err := m.Pulls().Restore(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := m.Pulls().Tree(t.Context(), got.Commit)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a/one.txt": "1\n", "a/gone": "1\n", "a/new.txt": "", "b.txt": "2\n", "name with ' and\ttab": "1\n"} {
		content, err := tree.ReadFile(name)
		if string(content) != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v; want %q", name, content, err, want)
		}
	}
	c, err := m.Pulls().Commit(t.Context(), got.Commit)
	if err != nil || len(c.Parents) != 1 || c.Parents[0] != tip || !c.When.Equal(request.At) {
		t.Errorf("the commit is %+v, %v", c, err)
	}
	if again, err := m.Pulls().Restore(t.Context(), request); err != nil || again.Commit != got.Commit {
		t.Errorf("asked again it is %s, %v; want %s", again.Commit, err, got.Commit)
	}
	request.Tip = got.Commit
	if nothing, err := m.Pulls().Restore(t.Context(), request); err != nil || nothing.Commit != got.Commit {
		t.Errorf("brought back twice it is %s, %v; want the tip", nothing.Commit, err)
	}
	if _, err := m.Repository().Restore(t.Context(), request); err == nil {
		t.Error("the store of branches was written to")
	}
}

// TestRestoreWhereAFolderCame brings back a file whose name is a folder's now, and the other way round.
func TestRestoreWhereAFolderCame(t *testing.T) {
	u := newUpstream(t)
	then := u.commit("then", map[string]string{"a": "file\n", "b/c": "in a folder\n", "x": "1\n"})
	u.commit("between", map[string]string{"a": "", "b/c": ""})
	tip := u.commit("since", map[string]string{"a/one": "1\n", "a/two": "2\n", "b": "file\n"})
	u.push("main")
	m := u.mirror()
	fetch(t, m)
	got, err := m.Pulls().Restore(t.Context(), git.Restoration{Tip: tip, From: then, Paths: []string{"a", "b/c"}, Message: "Back\n"})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := m.Pulls().Tree(t.Context(), got.Commit)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "file\n", "b/c": "in a folder\n", "x": "1\n"} {
		if content, err := tree.ReadFile(name); err != nil || string(content) != want {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
}
