package git_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/engine/git"
)

// library is a repository that others have as a submodule, and what was asked for of it.
type library struct {
	*upstream
	mirror *git.Mirror
	asked  []git.Module
	fail   error
}

// family is a repository and a library, whose mirrors are in one store; a submodule by any URL is the library.
func family(t *testing.T) (*upstream, *library, *git.Store) {
	t.Helper()
	u, lib := newUpstream(t), &library{upstream: newUpstream(t)}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte(u.authorities()+lib.authorities()), 0o600); err != nil {
		t.Fatal(err)
	}
	store := plain(t, git.Options{CAFile: ca, Access: func(context.Context, string) git.Access {
		return git.Access{Module: func(ctx context.Context, m git.Module) (*git.Tree, error) {
			lib.asked = append(lib.asked, m)
			if lib.fail != nil {
				return nil, lib.fail
			}
			return lib.mirror.Repository().Tree(ctx, m.Commit)
		}}
	}})
	lib.mirror = store.Mirror(lib.url)
	return u, lib, store
}

// link points a path of the checkout's next commit to a submodule's commit.
func (u *upstream) link(path string, commit git.Hash) {
	u.t.Helper()
	u.git("update-index", "--add", "--cacheinfo", "160000,"+string(commit)+","+path)
	u.git("commit", "-q", "-m", "link "+path)
}

func modulesFile(path, url string) map[string]string {
	return map[string]string{".gitmodules": "[submodule \"lib\"]\n\tpath = " + path + "\n\turl = " + url + " ; ours\n"}
}

// nowhere is what one has who comes to nothing but the repository itself.
func nowhere(context.Context) git.Access { return git.Access{} }

func TestSubmodulesAreReadWhereThereIsAWay(t *testing.T) {
	u, lib, store := family(t)
	one := lib.commit("one", map[string]string{"chart/values.yaml": "v: 1\n", "chart/up": "-> ../../../app/own.yaml", "out": "-> ../../../x", "other": "o"})
	lib.push("main")
	fetch(t, lib.mirror)
	files := modulesFile("vendor/lib", "../lib.git")
	files["app/own.yaml"], files["app/link"] = "own", "-> ../vendor/lib/chart"
	u.commit("app", files)
	u.link("vendor/lib", one)
	u.link("vendor/stray", one) // which .gitmodules does not name
	u.push("main")
	m := store.Mirror(u.url)
	fetch(t, m)
	before := tree(t, m.Repository(), u.head())

	v := before.Traced()
	for name, want := range map[string]string{"vendor/lib/chart/values.yaml": "v: 1\n", "app/link/values.yaml": "v: 1\n", "vendor/lib/chart/up": "own"} {
		if b, err := v.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%s reads %q, %v", name, b, err)
		}
	}
	if info, err := v.Stat("vendor/lib/other"); err != nil || info.Size() != 1 {
		t.Errorf("stat: %v, %v", info, err)
	}
	if list, err := v.ReadDir("vendor/lib"); err != nil || len(list) != 3 {
		t.Errorf("lists %v, %v", list, err)
	}
	if real, err := v.Real("app/link/values.yaml"); err != nil || real != "vendor/lib/chart/values.yaml" {
		t.Errorf("is really %q, %v", real, err)
	}
	if _, err := before.ReadFile("vendor/lib/out"); !errors.Is(err, git.ErrOutside) {
		t.Errorf("a link out of the repository: %v", err)
	}
	if err := before.Warm("vendor/lib", 100); err != nil {
		t.Error(err)
	}
	if list, err := before.ReadDir("vendor/stray"); err != nil || len(list) != 0 {
		t.Errorf("what .gitmodules does not name lists %v, %v", list, err)
	}
	want := []git.Module{{Name: "lib", Path: "vendor/lib", Commit: one, URL: strings.TrimSuffix(u.url, "shop.git") + "lib.git"}}
	if d := cmp.Diff(want, lib.asked); d != "" {
		t.Errorf("asked for %s", d)
	}
	if got := v.Absent(10); len(got) != 0 {
		t.Errorf("absent: %v", got)
	}

	trace := v.Trace()
	moves := func(name string, files map[string]string, holds bool) {
		t.Helper()
		next := lib.commit(name, files)
		lib.push("main")
		fetch(t, lib.mirror)
		u.link("vendor/lib", next)
		u.push("main")
		fetch(t, m)
		after := tree(t, m.Repository(), u.head())
		if got := trace.Holds(after); got != holds {
			t.Errorf("%s: holds is %t", name, got)
		}
		if got := trace.HoldsSince(before.Root(), after); got != holds {
			t.Errorf("%s: since before, holds is %t", name, got)
		}
	}
	moves("a file that nobody read", map[string]string{"chart/README": "r"}, true)
	moves("a file that was read", map[string]string{"chart/values.yaml": "v: 2\n"}, false)
	moves("as before", map[string]string{"chart/values.yaml": "v: 1\n"}, true)
	moves("another file in the listed folder", map[string]string{"new": "n"}, false)

	if !trace.HoldsSince(before.Root(), before) {
		t.Error("it does not hold where it was made")
	}
	if bare := before.With(t.Context(), nowhere); trace.HoldsSince(before.Root(), bare) || trace.Holds(bare) {
		t.Error("it holds for one who may not read the submodule")
	}
}

func TestEmptySubmodulesAreNoOnesForAReaderWithAWay(t *testing.T) {
	u, lib, store := family(t)
	one := lib.commit("one", map[string]string{"a": "1"})
	lib.push("main")
	fetch(t, lib.mirror)
	u.commit("app", modulesFile("lib", lib.url))
	u.link("lib", one)
	u.push("main")
	m := store.Mirror(u.url)
	fetch(t, m)
	full := tree(t, m.Repository(), u.head())
	bare := full.With(t.Context(), nowhere)
	v := bare.Traced()
	if _, err := v.ReadFile("lib/b"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("read: %v", err)
	}
	trace := v.Trace()
	if !trace.HoldsSince(bare.Root(), bare) || trace.HoldsSince(full.Root(), full) || trace.Holds(full) {
		t.Error("a trace of an empty folder is taken for one of a submodule, or not for its own")
	}

	lib.fail = errors.New("the server is gone")
	broken := tree(t, m.Repository(), u.head())
	v = broken.Traced()
	_, err := v.ReadFile("lib/a")
	if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "submodule lib (") || !strings.Contains(err.Error(), "server is gone") {
		t.Errorf("a submodule that cannot be fetched: %v", err)
	}
	if _, err := broken.ReadFile(".gitmodules"); err != nil {
		t.Errorf("the rest: %v", err)
	}
	if trace := v.Trace(); trace.HoldsSince(broken.Root(), broken) {
		t.Error("what could not be read holds")
	}
}

func TestPullRequestsNameNoSubmodulesOfTheirOwn(t *testing.T) {
	u, lib, store := family(t)
	one := lib.commit("one", map[string]string{"a": "1"})
	two := lib.commit("two", map[string]string{"a": "2"})
	lib.push("main")
	fetch(t, lib.mirror)
	u.commit("app", modulesFile("lib", lib.url))
	u.link("lib", one)
	u.push("main")
	base := u.head()
	u.git("checkout", "-q", "-b", "moves")
	u.link("lib", two)
	moves := u.head()
	u.git("checkout", "-q", "-b", "names")
	u.commit("names", modulesFile("lib", "https://git.example/secret.git"))
	u.link("lib", two)
	names := u.head()
	u.push("moves:refs/pull/1/head", "names:refs/pull/2/head")
	m := store.Mirror(u.url)
	fetch(t, m)
	if err := m.FetchPulls(t.Context(), nil, "refs/pull/1/head", "refs/pull/2/head"); err != nil {
		t.Fatal(err)
	}
	merge, err := m.Pulls().Merge(t.Context(), base, moves)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []git.Hash{moves, merge.Commit} {
		if b, err := tree(t, m.Pulls(), h).ReadFile("lib/a"); err != nil || string(b) != "2" {
			t.Errorf("a submodule that the base names reads %q, %v", b, err)
		}
	}
	lib.asked = nil
	if _, err := tree(t, m.Pulls(), names).ReadFile("lib/a"); !errors.Is(err, git.ErrRefused) || len(lib.asked) > 0 {
		t.Errorf("a submodule that only the pull request names: %v, asked for %v", err, lib.asked)
	}
	if err := m.Keep(t.Context(), "kept", names); err != nil {
		t.Fatal(err)
	}
	if _, err := tree(t, m.Repository(), names).ReadFile("lib/a"); !errors.Is(err, git.ErrRefused) || len(lib.asked) > 0 {
		t.Errorf("kept, it is taken for what a branch reaches: %v, asked for %v", err, lib.asked)
	}
}

func TestCheckoutsReadTheSubmodulesThatTheyHave(t *testing.T) {
	lib := newUpstream(t)
	one := lib.commit("one", map[string]string{"a": "1"})
	u := newUpstream(t)
	u.commit("app", modulesFile("lib", lib.url))
	u.link("lib", one)
	read := func() ([]byte, error) {
		r, err := git.OpenCheckout(t.Context(), u.work, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return tree(t, r, u.head()).ReadFile("lib/a")
	}
	if _, err := read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before it is there: %v", err)
	}
	run(t, u.work, "clone", "-q", "--bare", lib.work, filepath.Join(u.work, ".git", "modules", "lib"))
	if b, err := read(); err != nil || string(b) != "1" {
		t.Errorf("reads %q, %v", b, err)
	}
}
