package git_test

import (
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
)

func TestRevertTakesBackWhatWasMerged(t *testing.T) {
	u := newUpstream(t)
	before := u.commit("before", map[string]string{"a.txt": "1\n", "b.txt": "1\n"})
	after := u.commit("after", map[string]string{"a.txt": "2\n"})
	tip := u.commit("since", map[string]string{"b.txt": "2\n"})
	u.push("main")
	m := u.mirror()
	fetch(t, m)
	request := git.Reversion{Tip: tip, Before: before, After: after, Message: "Revert\n", At: time.Unix(1700000000, 0)}
	got, err := m.Pulls().Revert(t.Context(), request)
	if err != nil || len(got.Conflicts) > 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	tree, err := m.Pulls().Tree(t.Context(), got.Commit)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.txt": "1\n", "b.txt": "2\n"} {
		if content, err := tree.ReadFile(name); err != nil || string(content) != want {
			t.Errorf("%s: %q, %v; want %q", name, content, err, want)
		}
	}
	c, err := m.Pulls().Commit(t.Context(), got.Commit)
	if err != nil || len(c.Parents) != 1 || c.Parents[0] != tip || !c.When.Equal(request.At) {
		t.Errorf("the commit is %+v, %v", c, err)
	}
	if again, err := m.Pulls().Revert(t.Context(), request); err != nil || again.Commit != got.Commit {
		t.Errorf("asked again it is %s, %v; want %s", again.Commit, err, got.Commit)
	}

	request.Tip = got.Commit
	if nothing, err := m.Pulls().Revert(t.Context(), request); err != nil || nothing.Commit != got.Commit {
		t.Errorf("taken back twice it is %s, %v; want the tip", nothing.Commit, err)
	}
	if _, err := m.Repository().Revert(t.Context(), request); err == nil {
		t.Error("the store of branches was written to")
	}
}

func TestRevertNamesConflicts(t *testing.T) {
	u := newUpstream(t)
	before := u.commit("before", map[string]string{"a.txt": "1\n"})
	after := u.commit("after", map[string]string{"a.txt": "2\n"})
	tip := u.commit("since", map[string]string{"a.txt": "3\n"})
	u.push("main")
	m := u.mirror()
	fetch(t, m)
	got, err := m.Pulls().Revert(t.Context(), git.Reversion{Tip: tip, Before: before, After: after, Message: "x\n"})
	if err != nil || strings.Join(got.Conflicts, ",") != "a.txt" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestPushMovesOurBranch(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("one", map[string]string{"a.txt": "1\n"})
	two := u.commit("two", map[string]string{"a.txt": "2\n"})
	u.push("main")
	m := u.mirror()
	fetch(t, m)
	got, err := m.Pulls().Revert(t.Context(), git.Reversion{Tip: two, Before: one, After: two, Message: "x\n", At: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []git.Hash{got.Commit, got.Commit, one} {
		if err := m.Push(t.Context(), nil, h, "slipway/revert-1"); err != nil {
			t.Fatal(err)
		}
		fetch(t, m)
		if now := resolve(t, m.Repository(), "refs/heads/slipway/revert-1"); now != h {
			t.Errorf("the branch is at %s, want %s", now, h)
		}
	}
	for _, bad := range []string{"", "../x", "a b", "x:y"} {
		if err := m.Push(t.Context(), nil, one, bad); err == nil {
			t.Errorf("pushed to %q", bad)
		}
	}
	if err := m.Push(t.Context(), nil, git.Hash(strings.Repeat("0", 40)), "x"); err == nil {
		t.Error("pushed what is not there")
	}
}
