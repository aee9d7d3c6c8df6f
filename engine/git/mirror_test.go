package git_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/engine/git"
)

func TestFetchFollowsBranchesTagsAndHead(t *testing.T) {
	u := newUpstream(t)
	one := u.commit("one", map[string]string{"a.txt": "1"})
	u.git("tag", "-a", "v1.0.0", "-m", "first")
	u.git("branch", "old")
	u.push("main", "v1.0.0", "old")
	m := u.mirror()
	fetch(t, m)
	two := u.commit("two", map[string]string{"a.txt": "2"})
	u.git("tag", "v1.2.0")
	u.push("main", "v1.2.0", ":old")
	fetch(t, m)

	r := m.Repository()
	for revision, want := range map[string]git.Hash{"": two, "HEAD": two, "main": two, "refs/heads/main": two, "v1.0.0": one,
		"refs/tags/v1.0.0": one, "1.x": two, "~1.0": one, ">=1.0.0 <1.2.0": one, string(one): one, string(one[:8]): one} {
		if got := resolve(t, r, revision); got != want {
			t.Errorf("%q resolved to %s, want %s", revision, got, want)
		}
	}
	for _, revision := range []string{"old", "nope", "--all", "-h", "main^{tree}", "HEAD~1", string(one[:6]), "refs/slipway/HEAD",
		strings.Repeat("0", 40), "2.x", "../../etc", "main\nmain"} {
		if h, err := r.Resolve(t.Context(), revision); !errors.Is(err, git.ErrUnknownRevision) {
			t.Errorf("%q resolved to %q (%v)", revision, h, err)
		}
	}
}

func TestEmptyRemoteHasNoHead(t *testing.T) {
	u := newUpstream(t)
	m := u.mirror()
	fetch(t, m)
	if _, err := m.Repository().Resolve(t.Context(), ""); !errors.Is(err, git.ErrUnknownRevision) {
		t.Fatalf("got %v", err)
	}
}

func TestPullsAreSeenOnlyInTheSecondStore(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("base", map[string]string{"a.txt": "1"})
	u.push("main")
	u.git("checkout", "-q", "-b", "feature")
	head := u.commit("head", map[string]string{"b.txt": "2"})
	u.push("feature:refs/pull/7/head")
	m := u.mirror()
	fetch(t, m)
	if err := m.FetchPulls(t.Context(), nil, "refs/pull/7/head"); err != nil {
		t.Fatal(err)
	}
	if m.Repository().Has(t.Context(), head) {
		t.Error("the first store holds what only a pull request brought")
	}
	if !m.Pulls().Has(t.Context(), head) || !m.Pulls().Has(t.Context(), base) {
		t.Error("the second store does not hold head and base")
	}
	for _, r := range []*git.Repository{m.Repository(), m.Pulls()} {
		for _, name := range []string{string(head[:10]), "refs/pull/7/head", "pull/7/head"} {
			if h, err := r.Resolve(t.Context(), name); err == nil {
				t.Errorf("%q resolved to %s", name, h)
			}
		}
	}
	if got := resolve(t, m.Pulls(), string(head)); got != head {
		t.Errorf("full hash resolved to %s", got)
	}
	if got := resolve(t, m.Pulls(), "main"); got != base {
		t.Errorf("main resolved to %s", got)
	}
	if ok, err := m.Pulls().Contains(t.Context(), base, head); err != nil || !ok {
		t.Errorf("head does not contain base: %v", err)
	}
	err := m.FetchPulls(t.Context(), nil, "refs/pull/8/head")
	if !errors.Is(err, git.ErrUnknownRevision) {
		t.Errorf("a missing pull request: %v", err)
	}
}

func TestKeptCommitsOutliveNothingElse(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("base", map[string]string{"a.txt": "1"})
	u.push("main")
	u.git("checkout", "-q", "-b", "feature")
	head := u.commit("head", map[string]string{"b.txt": "2"})
	u.push("feature:refs/pull/7/head")
	m := u.mirror()
	fetch(t, m)
	if err := m.FetchPulls(t.Context(), nil, "refs/pull/7/head"); err != nil {
		t.Fatal(err)
	}
	merge, err := m.Pulls().Merge(t.Context(), base, head)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.Keep(t.Context(), "lock-7", merge.Commit); err != nil {
			t.Fatal(err)
		}
	}
	fetch(t, m) // must not prune it
	if got := resolve(t, m.Repository(), string(merge.Commit)); got != merge.Commit {
		t.Errorf("resolved to %s", got)
	}
	if b, err := tree(t, m.Repository(), merge.Commit).ReadFile("b.txt"); err != nil || string(b) != "2" {
		t.Errorf("kept commit reads %q, %v", b, err)
	}
	for _, name := range []string{string(merge.Commit[:10]), "lock-7", "refs/slipway/keep/lock-7", "slipway/keep/lock-7"} {
		if h, err := m.Repository().Resolve(t.Context(), name); err == nil {
			t.Errorf("%q resolved to %s", name, h)
		}
	}
	for range 2 {
		if err := m.Release(t.Context(), "lock-7"); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"../heads/main", "-d", "a/b", "", "x.lock", "a..b"} {
		if err := m.Keep(t.Context(), name, merge.Commit); !errors.Is(err, git.ErrRefused) {
			t.Errorf("kept as %q: %v", name, err)
		}
	}
}

func TestMergeIsTheSameEverywhere(t *testing.T) {
	u := newUpstream(t)
	u.commit("base", map[string]string{"a.txt": "1\n2\n3\n4\n5\n"})
	u.git("checkout", "-q", "-b", "feature")
	head := u.commit("head", map[string]string{"a.txt": "1\n2\n3\n4\nfive\n"})
	u.git("checkout", "-q", "main")
	base := u.commit("more", map[string]string{"a.txt": "one\n2\n3\n4\n5\n"})
	u.git("checkout", "-q", "-b", "clash")
	clash := u.commit("clash", map[string]string{"a.txt": "one\n2\n3\n4\nV\n"})
	u.push("main", "feature", "clash")
	var made []git.Merge
	for range 2 {
		m := u.mirror()
		fetch(t, m)
		merge, err := m.Pulls().Merge(t.Context(), base, head)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, merge)
		b, err := tree(t, m.Pulls(), merge.Commit).ReadFile("a.txt")
		if err != nil || string(b) != "one\n2\n3\n4\nfive\n" {
			t.Errorf("merged file is %q, %v", b, err)
		}
		parents, err := m.Pulls().Parents(t.Context(), merge.Commit)
		if diff := cmp.Diff([]git.Hash{base, head}, parents); diff != "" || err != nil {
			t.Errorf("parents (%v): %s", err, diff)
		}
		conflict, err := m.Pulls().Merge(t.Context(), clash, head)
		if diff := cmp.Diff(git.Merge{Conflicts: []string{"a.txt"}}, conflict); diff != "" || err != nil {
			t.Errorf("conflict (%v): %s", err, diff)
		}
		if _, err := m.Repository().Merge(t.Context(), base, head); !errors.Is(err, git.ErrRefused) {
			t.Errorf("merged in the first store: %v", err)
		}
	}
	if diff := cmp.Diff(made[0], made[1]); diff != "" {
		t.Errorf("two stores made different merges: %s", diff)
	}
}

func TestChangedFindsRenames(t *testing.T) {
	u := newUpstream(t)
	body := strings.Repeat("line\n", 40)
	a := u.commit("a", map[string]string{"keep": "k", "old name": body, "gone": "g", "mod": "1"})
	u.git("mv", "old name", "new\"name")
	b := u.commit("b", map[string]string{"gone": "", "mod": "2", "added": "x"})
	u.push("main")
	m := u.mirror()
	fetch(t, m)
	got, err := m.Repository().Changed(t.Context(), a, b)
	want := []git.FileChange{{Path: "added", Kind: git.Added}, {Path: "gone", Kind: git.Removed}, {Path: "mod", Kind: git.Modified},
		{Path: "new\"name", Old: "old name", Kind: git.Renamed}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("(%v) %s", err, diff)
	}
}

func TestConcurrentFetchesShareConversations(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a.txt": "1"})
	u.push("main")
	m := u.mirror()
	fetch(t, m)
	before := u.fetches.Load()
	hold := make(chan struct{})
	u.mu.Lock()
	u.hold = hold
	u.mu.Unlock()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := m.Fetch(t.Context(), nil); err != nil {
				t.Error(err)
			}
		})
	}
	close(hold)
	wg.Wait()
	if n := u.fetches.Load() - before; n >= 20 {
		t.Errorf("20 callers took %d conversations", n)
	}
}

// TestManyRevisionsAtOnce reads twenty commits, some of pull requests, while others are fetched and merged.
func TestManyRevisionsAtOnce(t *testing.T) {
	u := newUpstream(t)
	var commits []git.Hash
	for i := range 20 {
		commits = append(commits, u.commit("more", map[string]string{"dir/n": fmt.Sprint("n", i), fmt.Sprintf("dir/own%d", i): "own"}))
	}
	u.push("main", "main:refs/pull/1/head")
	m := u.mirror()
	fetch(t, m)
	if err := m.FetchPulls(t.Context(), nil, "refs/pull/1/head"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i, h := range commits {
		for _, r := range []*git.Repository{m.Repository(), m.Pulls()} {
			wg.Go(func() {
				tr, err := r.Tree(t.Context(), h)
				if err != nil {
					t.Error(err)
					return
				}
				if b, err := tr.ReadFile("dir/n"); err != nil || string(b) != fmt.Sprint("n", i) {
					t.Errorf("commit %d reads %q, %v", i, b, err)
				}
				if list, err := tr.ReadDir("dir"); err != nil || len(list) != i+2 {
					t.Errorf("commit %d lists %d, %v", i, len(list), err)
				}
			})
		}
	}
	wg.Go(func() {
		if err := m.Fetch(t.Context(), nil); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		if merge, err := m.Pulls().Merge(t.Context(), commits[5], commits[19]); err != nil || merge.Commit == "" {
			t.Error(merge, err)
		}
	})
	wg.Wait()
}

func TestFetchesAreBounded(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux bounds another process")
	}
	u := newUpstream(t)
	one := u.commit("one", map[string]string{"a": "1"})
	u.push("main")
	m := u.store(git.Options{MaxPack: 100_000}).Mirror(u.url)
	fetch(t, m)
	u.commit("two", map[string]string{"big": noise(1)})
	u.push("main")
	if err := m.Fetch(t.Context(), nil); err == nil {
		t.Error("more was fetched than may be")
	}
	if got := resolve(t, m.Repository(), "main"); got != one {
		t.Errorf("main is %s", got)
	}
}

func TestTwoStoresShareAFolder(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", map[string]string{"a.txt": "1"})
	u.push("main", "main:refs/pull/1/head")
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		m := u.store(git.Options{Dir: dir}).Mirror(u.url)
		wg.Go(func() {
			for range 3 {
				if err := errors.Join(m.Fetch(t.Context(), nil), m.FetchPulls(t.Context(), nil, "refs/pull/1/head")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestDamagedMirrorIsRebuilt(t *testing.T) {
	damage := map[string]func(t *testing.T, mirror string){
		"half made": func(t *testing.T, mirror string) { remove(t, filepath.Join(mirror, "pulls.git", "HEAD")) },
		"cut short": func(t *testing.T, mirror string) {
			if err := os.Truncate(filepath.Join(mirror, "first.git", "HEAD"), 0); err != nil {
				t.Fatal(err)
			}
		},
		"objects lost": func(t *testing.T, mirror string) {
			remove(t, filepath.Join(mirror, "first.git", "objects"))
			if err := os.MkdirAll(filepath.Join(mirror, "first.git", "objects", "info"), 0o700); err != nil {
				t.Fatal(err)
			}
		},
		"a pack cut short": func(t *testing.T, mirror string) {
			cutShort(t, filepath.Join(mirror, "first.git", "objects", "pack", "*.pack"))
		},
		"a pack's index cut short": func(t *testing.T, mirror string) {
			cutShort(t, filepath.Join(mirror, "first.git", "objects", "pack", "*.idx"))
		},
		"a pack lost": func(t *testing.T, mirror string) {
			lose(t, filepath.Join(mirror, "first.git", "objects", "pack", "*.pack"))
		},
		"bytes changed in a pack": func(t *testing.T, mirror string) {
			flip(t, filepath.Join(mirror, "first.git", "objects", "pack", "*.pack"))
		},
		"a ref emptied": func(t *testing.T, mirror string) {
			if err := os.WriteFile(filepath.Join(mirror, "first.git", "refs", "heads", "main"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"refs garbled": func(t *testing.T, mirror string) {
			if err := os.WriteFile(filepath.Join(mirror, "first.git", "packed-refs"), []byte("\x00\x01 nonsense\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"configuration garbled": func(t *testing.T, mirror string) {
			if err := os.WriteFile(filepath.Join(mirror, "first.git", "config"), []byte("[core\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"stale locks": func(t *testing.T, mirror string) {
			for _, name := range []string{"first.git/packed-refs.lock", "first.git/refs/heads/main.lock", "first.git/HEAD.lock"} {
				if err := os.WriteFile(filepath.Join(mirror, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
	for name, harm := range damage {
		t.Run(name, func(t *testing.T) {
			u := newUpstream(t)
			u.commit("one", map[string]string{"a.txt": "1", "big": noise(1)})
			u.push("main")
			dir := t.TempDir()
			old := u.store(git.Options{Dir: dir}).Mirror(u.url)
			fetch(t, old)
			before, err := old.Repository().Resolve(t.Context(), "main")
			if err != nil {
				t.Fatal(err)
			}
			mirrors, err := filepath.Glob(filepath.Join(dir, "????????????????????????"))
			if err != nil || len(mirrors) != 1 {
				t.Fatalf("mirrors: %v, %v", mirrors, err)
			}
			harm(t, mirrors[0])
			want := u.commit("two", map[string]string{"a.txt": "2"})
			u.push("main")
			m := u.store(git.Options{Dir: dir}).Mirror(u.url)
			fetch(t, m)
			if tr, err := m.Repository().Tree(t.Context(), before); err == nil {
				if _, err := tr.ReadFile("big"); err != nil { // found out only now
					if m.Repository().Sound() {
						t.Error("a file cannot be read, and nothing is suspected")
					}
					fetch(t, m)
				}
			}
			if got := resolve(t, m.Repository(), "main"); got != want {
				t.Errorf("main is %s, want %s", got, want)
			}
			if b, err := tree(t, m.Repository(), want).ReadFile("a.txt"); err != nil || string(b) != "2" {
				t.Errorf("read %q, %v", b, err)
			}
			for _, h := range []git.Hash{before, want} {
				if b, err := tree(t, m.Repository(), h).ReadFile("big"); err != nil || string(b) != noise(1) {
					t.Errorf("%s reads %d bytes, %v", h, len(b), err)
				}
			}
			if !m.Repository().Sound() {
				t.Error("it is still suspect")
			}
		})
	}
}

func TestWhatWasKeptOutlivesADamagedMirror(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("base", map[string]string{"a.txt": "1"})
	u.push("main")
	u.git("checkout", "-q", "-b", "feature")
	head := u.commit("head", map[string]string{"b.txt": "2"})
	u.push("feature:refs/pull/7/head")
	dir := t.TempDir()
	m := u.store(git.Options{Dir: dir}).Mirror(u.url)
	fetch(t, m)
	if err := m.FetchPulls(t.Context(), nil, "refs/pull/7/head"); err != nil {
		t.Fatal(err)
	}
	merge, err := m.Pulls().Merge(t.Context(), base, head)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Keep(t.Context(), "lock-7", merge.Commit); err != nil {
		t.Fatal(err)
	}
	remove(t, the(t, filepath.Join(dir, "????????????????????????", "pulls.git", "HEAD")))
	fetch(t, m)
	if b, err := tree(t, m.Repository(), merge.Commit).ReadFile("b.txt"); err != nil || string(b) != "2" {
		t.Errorf("kept commit reads %q, %v", b, err)
	}
	fetch(t, m)
	if !m.Repository().Has(t.Context(), merge.Commit) {
		t.Error("it is not kept any more")
	}
}

// TestKilledInTheMiddleOfAFetch fetches in another process, which is killed while a pack is on its way.
func TestKilledInTheMiddleOfAFetch(t *testing.T) {
	if dir := os.Getenv("SLIPWAY_FETCH_INTO"); dir != "" {
		s := plain(t, git.Options{Dir: dir, CAFile: os.Getenv("SLIPWAY_FETCH_CA")})
		_ = s.Mirror(os.Getenv("SLIPWAY_FETCH_URL")).Fetch(t.Context(), nil)
		return
	}
	u := newUpstream(t)
	one := u.commit("one", map[string]string{"a.txt": "1"})
	u.push("main")
	dir := t.TempDir()
	m := u.store(git.Options{Dir: dir}).Mirror(u.url)
	fetch(t, m)
	big := u.commit("two", map[string]string{"a.txt": "2", "one": noise(1), "two": noise(2), "three": noise(3)})
	u.push("main")

	stuck, next := make(chan struct{}), u.handler()
	sent, halfway := atomic.Int64{}, make(chan struct{})
	u.put(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&halting{ResponseWriter: w, sent: &sent, halfway: halfway, until: stuck}, r)
	}))
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledInTheMiddleOfAFetch$")
	child.Env = append(os.Environ(), "SLIPWAY_FETCH_INTO="+dir, "SLIPWAY_FETCH_URL="+u.url, "SLIPWAY_FETCH_CA="+u.ca)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	<-halfway
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	close(stuck)
	u.put(next)

	if b, err := tree(t, m.Repository(), one).ReadFile("a.txt"); err != nil || string(b) != "1" {
		t.Errorf("after the kill, it reads %q, %v", b, err)
	}
	fetch(t, m)
	for name, want := range map[string]string{"a.txt": "2", "three": noise(3)} {
		if b, err := tree(t, m.Repository(), big).ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%s reads %d bytes, %v", name, len(b), err)
		}
	}
	packs := filepath.Join(dir, "????????????????????????", "first.git", "objects", "pack")
	leftover := filepath.Join(filepath.Dir(the(t, filepath.Join(packs, "*.pack"))), "tmp_pack_left")
	if err := os.WriteFile(leftover, []byte("PACK"), 0o600); err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(leftover, long, long); err != nil {
		t.Fatal(err)
	}
	fetch(t, m)
	if _, err := os.Stat(leftover); err == nil {
		t.Error("what a killed process had begun to write is still there")
	}
}

// halting sends part of a large answer, and the rest never.
type halting struct {
	http.ResponseWriter
	sent    *atomic.Int64
	halfway chan struct{}
	until   chan struct{}
}

func (h *halting) Write(b []byte) (int, error) {
	if before := h.sent.Add(int64(len(b))) - int64(len(b)); before <= 300_000 && before+int64(len(b)) > 300_000 {
		_, _ = h.ResponseWriter.Write(b[:len(b)/2])
		_ = http.NewResponseController(h.ResponseWriter).Flush()
		close(h.halfway)
		<-h.until
		return 0, errors.New("halted")
	}
	return h.ResponseWriter.Write(b)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func TestManyFetchesAreTidied(t *testing.T) {
	u := newUpstream(t)
	base := u.commit("base", demo(20))
	u.push("main")
	dir := t.TempDir()
	m := u.store(git.Options{Dir: dir}).Mirror(u.url)
	fetch(t, m)
	stores, err := filepath.Glob(filepath.Join(dir, "*", "pulls.git", "objects"))
	if err != nil || len(stores) != 1 {
		t.Fatalf("stores: %v, %v", stores, err)
	}
	u.git("checkout", "-q", "-b", "feature")
	var heads []git.Hash
	pull := func() (packs int) {
		heads = append(heads, u.commit("more", map[string]string{"file": fmt.Sprint(len(heads))}))
		u.push("feature:refs/pull/1/head")
		if err := m.FetchPulls(t.Context(), nil, "refs/pull/1/head"); err != nil {
			t.Fatal(err)
		}
		found, err := filepath.Glob(filepath.Join(stores[0], "pack", "pack-*.pack"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	pull()
	if n := pull(); n < 2 {
		t.Fatalf("two fetches gave %d packs: the test shows nothing", n)
	}
	for i := range 31 { // what git does not take for packs, but we count: it spares 31 fetches
		if err := os.WriteFile(filepath.Join(stores[0], "pack", fmt.Sprintf("junk-%d.pack", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if n := pull(); n != 1 {
		t.Errorf("%d packs are left", n)
	}
	for _, h := range append(heads, base) {
		if _, err := tree(t, m.Pulls(), h).ReadDir("."); err != nil {
			t.Errorf("%s: %v", h, err)
		}
	}
}
