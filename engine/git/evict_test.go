package git_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
)

// threeMirrors are repositories of a quarter of a megabyte each, used one after the other; each commit is its main.
func threeMirrors(t *testing.T, opt git.Options) (*git.Store, []*git.Mirror, []git.Hash) {
	t.Helper()
	var store *git.Store
	var mirrors []*git.Mirror
	var heads []git.Hash
	var authorities strings.Builder
	var urls []string
	for i := range 3 {
		u := newUpstream(t)
		heads = append(heads, u.commit("one", map[string]string{"big": noise(i), "small": fmt.Sprint(i)}))
		u.push("main")
		urls = append(urls, u.url)
		authorities.WriteString(u.authorities())
	}
	opt.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(opt.CAFile, []byte(authorities.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	store = plain(t, opt)
	for _, url := range urls {
		m := store.Mirror(url)
		fetch(t, m)
		mirrors = append(mirrors, m)
	}
	return store, mirrors, heads
}

// noise does not compress.
func noise(seed int) string {
	var b strings.Builder
	x := uint64(seed) + 0x9E3779B97F4A7C15
	for b.Len() < 256<<10 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&b, "%c%c%c%c", byte(x)&127, byte(x>>8)&127, byte(x>>16)&127, byte(x>>24)&127)
	}
	return b.String()
}

func houses(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "slipway-mirror-1"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

func TestTheMirrorUnusedForLongestGoes(t *testing.T) {
	dir := t.TempDir()
	store, mirrors, heads := threeMirrors(t, git.Options{Dir: dir, MaxBytes: 600_000, EvictAfter: time.Nanosecond})
	if !mirrors[0].Repository().Has(t.Context(), heads[0]) { // makes the second the oldest
		t.Fatal("nothing was fetched")
	}
	age(t, dir)
	tree(t, mirrors[0].Repository(), heads[0])
	tree(t, mirrors[2].Repository(), heads[2])
	if err := store.Evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := houses(t, dir); got != 2 {
		t.Fatalf("%d mirrors are left", got)
	}
	for i, want := range []bool{true, false, true} {
		if got := mirrors[i].Repository().Has(t.Context(), heads[i]); got != want {
			t.Errorf("mirror %d is there: %t", i, got)
		}
	}
	fetch(t, mirrors[1])
	if got, err := tree(t, mirrors[1].Repository(), heads[1]).ReadFile("small"); err != nil || string(got) != "1" {
		t.Errorf("fetched again, it reads %q, %v", got, err)
	}
	if got := resolve(t, mirrors[1].Repository(), "main"); got != heads[1] {
		t.Errorf("main is %s", got)
	}
}

// age makes all mirrors look unused for a day, as to a process that has just started.
func age(t *testing.T, dir string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "slipway-mirror-1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		old := time.Now().Add(-24 * time.Hour)
		if err := os.Chtimes(p, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMirrorsInUseStay(t *testing.T) {
	dir := t.TempDir()
	store, mirrors, heads := threeMirrors(t, git.Options{Dir: dir, MaxBytes: 1})
	if err := store.Evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := houses(t, dir); got != 3 {
		t.Errorf("%d mirrors are left of three that were just used", got)
	}

	// To another process that shares the folder all are old. One holds what was kept.
	if err := mirrors[1].Keep(t.Context(), "lock", heads[1]); err != nil {
		t.Fatal(err)
	}
	age(t, dir)
	other := plain(t, git.Options{Dir: dir, MaxBytes: 1})
	if err := other.Evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := houses(t, dir); got != 1 {
		t.Fatalf("%d mirrors are left", got)
	}
	if _, err := mirrors[1].Repository().Tree(t.Context(), heads[1]); err != nil {
		t.Errorf("what was kept is gone: %v", err)
	}

	// What another process took away is noticed and brought back.
	if _, err := mirrors[0].Repository().Tree(t.Context(), heads[0]); err == nil && !mirrors[0].Repository().Has(t.Context(), heads[0]) {
		t.Error("a tree of nothing")
	}
	fetch(t, mirrors[0])
	tree(t, mirrors[0].Repository(), heads[0])
}

func TestEvictionAmongFetches(t *testing.T) {
	dir := t.TempDir()
	store, mirrors, heads := threeMirrors(t, git.Options{Dir: dir, MaxBytes: 1})
	var wg sync.WaitGroup
	for i, m := range mirrors {
		wg.Add(2)
		go func() {
			defer wg.Done()
			for range 5 {
				if err := m.Fetch(t.Context(), nil); err != nil {
					t.Errorf("fetch: %v", err)
				}
				if _, err := m.Repository().Tree(t.Context(), heads[i]); err != nil {
					t.Errorf("tree: %v", err)
				}
			}
		}()
		go func() {
			defer wg.Done()
			for range 5 {
				if err := store.Evict(t.Context()); err != nil {
					t.Errorf("evict: %v", err)
				}
			}
		}()
	}
	wg.Wait()
}

func TestLeftoversGoFirst(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, strings.Repeat("a", 24)+".broken-1")
	if err := os.MkdirAll(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "pack"), []byte(noise(9)), 0o600); err != nil {
		t.Fatal(err)
	}
	store, _, _ := threeMirrors(t, git.Options{Dir: dir, MaxBytes: 820_000, EvictAfter: time.Nanosecond})
	if err := store.Evict(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(broken); err == nil || houses(t, dir) != 3 {
		t.Errorf("the damaged one is there: %t, and %d mirrors", err == nil, houses(t, dir))
	}
}
