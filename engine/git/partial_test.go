package git_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/engine/git"
)

func always(string) bool { return true }

// partially is a repository with files in folders, and its partial mirror.
func partially(t *testing.T, filter string) (*upstream, *git.Store, *git.Mirror, string) {
	t.Helper()
	u := newUpstream(t)
	run(t, u.bare, "config", "uploadpack.allowFilter", filter)
	files := map[string]string{}
	for i := range 10 {
		for j := range 20 {
			files[fmt.Sprintf("apps/app%d/file%d.yaml", i, j)] = fmt.Sprintf("app: %d\nfile: %d\n%s", i, j, strings.Repeat("x\n", j))
		}
	}
	files["apps/app1/sub/deep.yaml"], files["apps/link.yaml"] = "deep", "-> app2/file3.yaml"
	u.commit("one", files)
	u.push("main")
	dir := t.TempDir()
	s := u.store(git.Options{Dir: dir, Partial: always})
	m := s.Mirror(u.url)
	fetch(t, m)
	return u, s, m, dir
}

// contents is how many files' contents a mirror's stores have.
func contents(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	for _, store := range []string{"first.git", "pulls.git"} {
		found, err := filepath.Glob(filepath.Join(dir, "????????????????????????", store))
		if err != nil || len(found) != 1 {
			t.Fatalf("stores: %v, %v", found, err)
		}
		n += strings.Count(run(t, found[0], "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"), "blob ")
		if store == "pulls.git" {
			break
		}
	}
	return n / 2 // the second lists what it borrows too
}

func TestPartialMirrorsFetchWhatIsRead(t *testing.T) {
	u, _, m, dir := partially(t, "true")
	if n := contents(t, dir); n != 0 {
		t.Fatalf("%d contents were fetched before anybody read one", n)
	}
	tr := tree(t, m.Repository(), u.head())
	before := u.fetches.Load()
	if list, err := tr.ReadDir("apps/app3"); err != nil || len(list) != 20 {
		t.Fatalf("lists %d, %v", len(list), err)
	}
	if u.fetches.Load() != before {
		t.Error("listing a folder fetched something")
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := tr.Warm("apps/app1", 1000); err != nil {
				t.Error(err)
			}
			for j := range 20 {
				if b, err := tr.ReadFile(fmt.Sprintf("apps/app1/file%d.yaml", j)); err != nil || !strings.HasPrefix(string(b), fmt.Sprintf("app: 1\nfile: %d\n", j)) {
					t.Errorf("file %d reads %q, %v", j, b, err)
				}
			}
		})
	}
	wg.Wait()
	if b, err := tr.ReadFile("apps/app1/sub/deep.yaml"); err != nil || string(b) != "deep" {
		t.Errorf("deep reads %q, %v", b, err)
	}
	if n, took := contents(t, dir), u.fetches.Load()-before; n != 21 || took != 1 {
		t.Errorf("an application's folder took %d conversations and brought %d contents, want 1 and 21", took, n)
	}
	if info, err := tr.Stat("apps/link.yaml"); err != nil || info.Size() == 0 {
		t.Errorf("a link: %v, %v", info, err)
	}
	entries, err := tr.ReadDir("apps/app9")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := entries[0].Info(); err != nil || info.Size() == 0 {
		t.Errorf("a file's size: %v, %v", info, err)
	}
	before = u.fetches.Load()
	if _, err := tr.ReadFile("apps/app9/file19.yaml"); err != nil || u.fetches.Load() != before {
		t.Errorf("a file beside one that was asked about took another conversation (%v)", err)
	}
}

func TestPartialMirrorsMergeCompareAndKeep(t *testing.T) {
	u, _, m, dir := partially(t, "true")
	base := u.head()
	u.git("checkout", "-q", "-b", "feature")
	u.git("mv", "apps/app4", "apps/renamed")
	head := u.commit("head", map[string]string{"apps/app5/file19.yaml": "changed\n" + strings.Repeat("x\n", 19), "new": "n", "apps/renamed/file19.yaml": "app: 4\n" + strings.Repeat("x\n", 19)})
	u.git("checkout", "-q", "main")
	next := u.commit("next", map[string]string{"apps/app5/file19.yaml": "app: 5\nfile: 19\n" + strings.Repeat("x\n", 18) + "y\n"})
	u.push("main", "feature:refs/pull/1/head")
	fetch(t, m)
	if err := m.FetchPulls(t.Context(), nil, "refs/pull/1/head"); err != nil {
		t.Fatal(err)
	}
	if n := contents(t, dir); n != 0 {
		t.Fatalf("%d contents were fetched with a pull request", n)
	}
	got, err := m.Pulls().Changed(t.Context(), base, head)
	if err != nil {
		t.Fatal(err)
	}
	full := u.store(git.Options{}).Mirror(u.url)
	fetch(t, full)
	if err := full.FetchPulls(t.Context(), nil, "refs/pull/1/head"); err != nil {
		t.Fatal(err)
	}
	want, err := full.Pulls().Changed(t.Context(), base, head)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("changed (%v): %s", err, d)
	}
	merge, err := m.Pulls().Merge(t.Context(), next, head)
	wanted, wantErr := full.Pulls().Merge(t.Context(), next, head)
	if d := cmp.Diff(wanted, merge); d != "" || err != nil || wantErr != nil {
		t.Fatalf("merge (%v, %v): %s", err, wantErr, d)
	}
	if err := m.Keep(t.Context(), "lock", merge.Commit); err != nil {
		t.Fatal(err)
	}
	u.server.Close() // what is kept is all there
	for name, want := range map[string]string{"new": "n", "apps/app5/file19.yaml": "changed\n" + strings.Repeat("x\n", 18) + "y\n"} {
		if b, err := tree(t, m.Repository(), merge.Commit).ReadFile(name); err != nil || string(b) != want {
			t.Errorf("kept, %s reads %q, %v", name, b, err)
		}
	}
}

func TestPartialMirrorsOutliveTheirServer(t *testing.T) {
	u, s, m, _ := partially(t, "true")
	head := u.head()
	if _, err := tree(t, m.Repository(), head).ReadFile("apps/app1/file1.yaml"); err != nil {
		t.Fatal(err)
	}
	handler := u.handler()
	down := 0
	u.put(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { down++; http.Error(w, "gone", http.StatusBadGateway) }))
	tr := tree(t, m.Repository(), head)
	if _, err := tr.ReadFile("apps/app1/file2.yaml"); err != nil {
		t.Errorf("what is there: %v", err)
	}
	v := tr.Traced()
	for range 5 {
		if _, err := v.ReadFile("apps/app2/file2.yaml"); !errors.Is(err, git.ErrLeftOut) || errors.Is(err, git.ErrCorrupt) {
			t.Errorf("what is not: %v", err)
		}
	}
	if down != 1 {
		t.Errorf("one tree asked %d times", down)
	}
	if trace := v.Trace(); trace.Holds(tr) || trace.HoldsSince(tr.Root(), tr) {
		t.Error("a trace of what could not be read holds")
	}
	if err := tr.Warm("apps/app3", 100); err != nil {
		t.Errorf("warm: %v", err)
	}
	if !m.Repository().Sound() {
		t.Error("a mirror is suspected for what it never had")
	}
	u.put(handler)
	s.Close()
	if b, err := tree(t, m.Repository(), head).ReadFile("apps/app2/file2.yaml"); err != nil || len(b) == 0 {
		t.Errorf("when it is back: %q, %v", b, err)
	}
}

func TestPartialMirrorsOfServersThatDoNotFilter(t *testing.T) {
	u, _, m, dir := partially(t, "false")
	if n := contents(t, dir); n != 202 {
		t.Errorf("%d contents were fetched, want all", n)
	}
	before := u.fetches.Load()
	if _, err := tree(t, m.Repository(), u.head()).ReadFile("apps/app1/file1.yaml"); err != nil || u.fetches.Load() != before {
		t.Errorf("reading: %v", err)
	}
}

func TestPartialMirrorsAreTidiedAndMended(t *testing.T) {
	u, _, m, dir := partially(t, "true")
	one := u.head()
	if _, err := tree(t, m.Repository(), one).ReadFile("apps/app1/file1.yaml"); err != nil {
		t.Fatal(err)
	}
	first := filepath.Dir(the(t, filepath.Join(dir, "????????????????????????", "first.git", "HEAD")))
	for i := range 31 { // what git does not take for packs, but we count
		if err := os.WriteFile(filepath.Join(first, "objects", "pack", fmt.Sprintf("junk-%d.pack", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	two := u.commit("two", map[string]string{"apps/app1/file1.yaml": "two"})
	u.push("main")
	fetch(t, m)
	promised, err := filepath.Glob(filepath.Join(first, "objects", "pack", "pack-*.promisor"))
	if err != nil || len(promised) != 1 {
		t.Errorf("after tidying: %v, %v", promised, err)
	}
	for h, want := range map[git.Hash]string{one: "app: 1\nfile: 1\nx\n", two: "two"} {
		if b, err := tree(t, m.Repository(), h).ReadFile("apps/app1/file1.yaml"); err != nil || string(b) != want {
			t.Errorf("%s reads %q, %v", h, b, err)
		}
	}
	three := u.commit("three", map[string]string{"apps/app1/file1.yaml": "three"})
	u.push("main")
	fetch(t, m) // on top of what was tidied
	if b, err := tree(t, m.Repository(), three).ReadFile("apps/app1/file1.yaml"); err != nil || string(b) != "three" {
		t.Errorf("reads %q, %v", b, err)
	}

	cutShort(t, filepath.Join(first, "objects", "pack", "pack-*.pack"))
	four := u.commit("four", map[string]string{"apps/app1/file1.yaml": "four"})
	u.push("main")
	again := u.store(git.Options{Dir: dir, Partial: always}).Mirror(u.url)
	fetch(t, again)
	if _, err := again.Repository().Tree(t.Context(), one); err != nil { // found out only now
		fetch(t, again)
	}
	for h, want := range map[git.Hash]string{one: "app: 1\nfile: 1\nx\n", four: "four"} {
		if b, err := tree(t, again.Repository(), h).ReadFile("apps/app1/file1.yaml"); err != nil || string(b) != want {
			t.Errorf("mended, %s reads %q, %v", h, b, err)
		}
	}
}

// TestGitFetchesNothingOnItsOwn has git read what a partial mirror is short of: it must not know where to get it.
func TestGitFetchesNothingOnItsOwn(t *testing.T) {
	u, _, m, dir := partially(t, "true")
	first := filepath.Dir(the(t, filepath.Join(dir, "????????????????????????", "first.git", "HEAD")))
	config, err := os.ReadFile(filepath.Join(first, "config"))
	if err != nil || strings.Contains(string(config), "promisor") || strings.Contains(string(config), "partial") {
		t.Errorf("configuration (%v): %s", err, config)
	}
	before := u.fetches.Load()
	a := u.head()
	b := u.commit("b", map[string]string{"apps/app1/file1.yaml": "b"})
	if ok, err := m.Repository().Contains(t.Context(), a, a); !ok || err != nil {
		t.Error(err)
	}
	if _, err := m.Repository().Resolve(t.Context(), string(b[:8])); !errors.Is(err, git.ErrUnknownRevision) {
		t.Error(err)
	}
	if got := resolve(t, m.Repository(), string(a[:8])); got != a {
		t.Errorf("resolves to %s", got)
	}
	if n := u.fetches.Load(); n != before {
		t.Errorf("%d conversations", n-before)
	}
}
