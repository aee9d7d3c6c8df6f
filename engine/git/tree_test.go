package git_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/engine/git"
)

// checkout is a local repository with files, and the tree of its only commit.
func checkout(t testing.TB, files map[string]string) (*upstream, *git.Repository, *git.Tree) {
	t.Helper()
	u := newUpstream(t)
	h := u.commit("files", files)
	r, err := git.OpenCheckout(t.Context(), u.work, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return u, r, tree(t, r, h)
}

func TestTreeIsAFileSystem(t *testing.T) {
	_, _, tr := checkout(t, map[string]string{"a.txt": "a", "dir/b.txt": "bb", "dir/deep/c": "ccc", "z": "z", "dir.x/y": "y"})
	if err := fstest.TestFS(tr, "a.txt", "dir/b.txt", "dir/deep/c", "z", "dir.x/y"); err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(tr.Traced(), "a.txt", "dir/deep/c"); err != nil {
		t.Fatal(err)
	}
}

func TestSymbolicLinksStayInside(t *testing.T) {
	_, _, tr := checkout(t, map[string]string{"real/file": "here", "real/up": "-> ../top", "top": "top", "in": "-> real/../real/file", "dir": "-> real",
		"absolute": "-> /etc/passwd", "out": "-> ../../etc/passwd", "real/out": "-> ../../x", "loop": "-> pool", "pool": "-> loop", "self": "-> self/x",
		"dangling": "-> nowhere", "via": "-> top/../real/file", "slow": "-> real/./././file"})
	for name, want := range map[string]string{"in": "here", "dir/file": "here", "dir/up": "top", "real/up": "top", "slow": "here"} {
		if b, err := tr.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%s reads %q, %v", name, b, err)
		}
	}
	for name, want := range map[string]error{"absolute": git.ErrOutside, "out": git.ErrOutside, "real/out": git.ErrOutside, "dir/out": git.ErrOutside,
		"loop": git.ErrCircle, "self": git.ErrCircle, "dangling": fs.ErrNotExist, "via": fs.ErrNotExist, "../x": fs.ErrInvalid,
		"/etc/passwd": fs.ErrInvalid, "real/../top": fs.ErrInvalid, "": fs.ErrInvalid, "top/x": fs.ErrNotExist} {
		if b, err := tr.ReadFile(name); !errors.Is(err, want) {
			t.Errorf("%s reads %q, %v; want %v", name, b, err, want)
		}
		if _, err := tr.Stat(name); !errors.Is(err, want) {
			t.Errorf("%s: stat says %v; want %v", name, err, want)
		}
		if _, err := tr.Open(name); !errors.Is(err, want) {
			t.Errorf("%s: open says %v; want %v", name, err, want)
		}
	}
	if real, err := tr.Real("dir/up"); err != nil || real != "top" {
		t.Errorf("dir/up is really %q, %v", real, err)
	}
}

func TestSubmodulesAreEmptyFolders(t *testing.T) {
	u := newUpstream(t)
	h := u.commit("one", map[string]string{"a": "1"})
	u.git("update-index", "--add", "--cacheinfo", "160000,"+string(h)+",sub")
	u.git("commit", "-q", "-m", "sub")
	r, err := git.OpenCheckout(t.Context(), u.work, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tr := tree(t, r, u.head())
	list, err := tr.ReadDir("sub")
	if err != nil || len(list) != 0 {
		t.Errorf("sub lists %v, %v", list, err)
	}
	if _, err := tr.ReadFile("sub/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("sub/a: %v", err)
	}
}

func TestLargeFilesAreRefusedWithoutReadingThem(t *testing.T) {
	u := newUpstream(t)
	if err := os.WriteFile(filepath.Join(u.work, "huge"), make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	h := u.commit("huge", map[string]string{"small": "s"})
	r, err := git.OpenCheckout(t.Context(), u.work, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tr := tree(t, r, h)
	if err := tr.Warm(".", 100); err != nil {
		t.Errorf("warm: %v", err)
	}
	if _, err := tr.ReadFile("huge"); !errors.Is(err, git.ErrTooLarge) {
		t.Errorf("huge: %v", err)
	}
	if b, err := tr.ReadFile("small"); err != nil || string(b) != "s" {
		t.Errorf("small reads %q, %v", b, err)
	}
}

func TestTraceHoldsUntilWhatWasReadChanges(t *testing.T) {
	u, r, before := checkout(t, map[string]string{"app/a.yaml": "a", "app/sub/b.yaml": "b", "other": "o", "link": "-> app/a.yaml"})
	read := func(tr *git.Tree) git.Trace {
		v := tr.Traced()
		for _, name := range []string{"link", "app/sub/b.yaml", "app/values.yaml", "nowhere/x"} {
			_, _ = v.ReadFile(name)
		}
		_, _ = v.ReadDir("app")
		_, _ = v.Stat("app/sub")
		return v.Trace()
	}
	trace := read(before)
	want := []string{"app/a.yaml", "app/sub/b.yaml", "link"}
	if diff := cmp.Diff(want, trace.Files()); diff != "" {
		t.Errorf("files: %s", diff)
	}
	changes := []struct {
		name  string
		files map[string]string
		holds bool
	}{
		{"another file", map[string]string{"other": "x"}, true},
		{"a file beside one that was read", map[string]string{"app/sub/c.yaml": "c"}, true},
		{"a part of a name that was missed", map[string]string{"nowhere/y": "y"}, true},
		{"a file that was read", map[string]string{"app/a.yaml": "changed"}, false},
		{"a file in a listed folder", map[string]string{"app/a.yaml": "a", "app/z.yaml": "z"}, false},
		{"the file that was missed", map[string]string{"app/values.yaml": "v"}, false},
		{"a link elsewhere", map[string]string{"app/z.yaml": "", "app/values.yaml": "", "link": ""}, false},
		{"as before", map[string]string{"link": "-> app/a.yaml"}, true},
		{"a folder become a file", map[string]string{"app/sub": ""}, false},
	}
	for _, c := range changes {
		after := tree(t, r, u.commit(c.name, c.files))
		if got := trace.Holds(after); got != c.holds {
			t.Errorf("%s: holds is %v", c.name, got)
		}
		if got := trace.HoldsSince(before.Root(), after); got != c.holds {
			t.Errorf("%s: since before, holds is %v", c.name, got)
		}
		if same := cmp.Equal(trace, read(after)); same != c.holds {
			t.Errorf("%s: reading again gives the same trace: %v", c.name, same)
		}
	}
}

func TestForgedNamesInTreesAreRefused(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	for _, name := range []string{"..", ".", "a/b"} {
		raw := "100644 " + name + "\x00" + strings.Repeat("\x11", 20)
		file := filepath.Join(t.TempDir(), "tree")
		if err := os.WriteFile(file, []byte(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		id := strings.TrimSpace(u.git("hash-object", "-t", "tree", "--literally", "-w", file))
		h := strings.TrimSpace(u.git("commit-tree", id, "-m", "forged"))
		r, err := git.OpenCheckout(t.Context(), u.work, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Tree(t.Context(), git.Hash(h)); !errors.Is(err, git.ErrCorrupt) {
			t.Errorf("a tree with an entry named %q: %v", name, err)
		}
	}
}

func TestCheckoutIsOnlyRead(t *testing.T) {
	u := newUpstream(t)
	u.commit("base", map[string]string{"a": "1"})
	u.git("checkout", "-q", "-b", "feature")
	head := u.commit("head", map[string]string{"b": "2"})
	before := strings.TrimSpace(u.git("count-objects"))
	u.git("worktree", "add", "-q", "--detach", filepath.Join(t.TempDir(), "tree"), "main")
	for _, dir := range []string{u.work, filepath.Join(u.work, ".git")} {
		r, err := git.OpenCheckout(t.Context(), dir, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if got := resolve(t, r, "HEAD"); got != head {
			t.Errorf("HEAD is %s", got)
		}
		base := resolve(t, r, "HEAD~1")
		if base != resolve(t, r, "main") {
			t.Error("HEAD~1 is not main")
		}
		merge, err := r.Merge(t.Context(), base, head)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := tree(t, r, merge.Commit).ReadFile("b"); err != nil || string(b) != "2" {
			t.Errorf("merge reads %q, %v", b, err)
		}
		if _, err := r.Resolve(t.Context(), "--git-dir"); !errors.Is(err, git.ErrUnknownRevision) {
			t.Errorf("an option resolved: %v", err)
		}
	}
	if after := strings.TrimSpace(u.git("count-objects")); after != before {
		t.Errorf("the checkout's objects changed: %s, then %s", before, after)
	}
}

func TestShallowCheckoutCanBeRead(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a": "1"})
	two := u.commit("two", map[string]string{"a": "2"})
	u.push("main")
	shallow := filepath.Join(t.TempDir(), "shallow")
	run(t, u.work, "clone", "-q", "--depth=1", "file://"+u.bare, shallow)
	r, err := git.OpenCheckout(t.Context(), shallow, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := r.Contains(t.Context(), two, two); err != nil || !ok {
		t.Errorf("contains: %v, %v", ok, err)
	}
	if b, err := tree(t, r, two).ReadFile("a"); err != nil || string(b) != "2" {
		t.Errorf("read %q, %v", b, err)
	}
}
