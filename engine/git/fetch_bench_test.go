package git_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
)

// monorepo is a served repository of 2,000 files, each changed in a history of commits.
func monorepo(b *testing.B, commits int) *upstream {
	b.Helper()
	u := newUpstream(b)
	run(b, u.bare, "config", "uploadpack.allowFilter", "true")
	files := demo(2000)
	u.commit("demo", files)
	for i := range commits {
		some := map[string]string{}
		for j := range 40 {
			name := fmt.Sprintf("apps/app%d/templates/file%d.yaml", (i*7+j)%200, j%10)
			some[name] = strings.Repeat(fmt.Sprintf("commit%d: value%d\n", i, j), 20)
		}
		u.commit(fmt.Sprint("change ", i), some)
	}
	u.push("main")
	return u
}

// BenchmarkColdFetch, of a repository with much text and of one with a history of large files, is a first fetch with the read of one application, in full and in part, beside git clone with a checkout.
func BenchmarkColdFetch(b *testing.B) {
	small, large := monorepo(b, 50), monorepo(b, 0)
	for i := range 60 {
		large.commit(fmt.Sprint("picture ", i), map[string]string{"docs/picture": noise(i)})
	}
	large.push("main")
	for name, u := range map[string]*upstream{"manifests": small, "with-pictures": large} {
		head := u.head()
		for way, partial := range map[string]func(string) bool{"full": nil, "partial": always} {
			b.Run(name+"/"+way, func(b *testing.B) {
				for b.Loop() {
					dir := b.TempDir()
					m := u.store(git.Options{Dir: dir, Partial: partial}).Mirror(u.url)
					fetch(b, m)
					readApplication(b, tree(b, m.Repository(), head), 7)
					b.ReportMetric(float64(folderSize(b, dir))/1024, "KiB-disk")
				}
			})
		}
		b.Run(name+"/git-clone", func(b *testing.B) {
			for b.Loop() {
				dir := filepath.Join(b.TempDir(), "clone")
				run(b, u.work, "-c", "http.sslVerify=false", "clone", "-q", u.url, dir)
				b.ReportMetric(float64(folderSize(b, dir))/1024, "KiB-disk")
			}
		})
	}
}

// BenchmarkNextFetch is a fetch of one new commit with the read of the application that it changes.
func BenchmarkNextFetch(b *testing.B) {
	for name, partial := range map[string]func(string) bool{"full": nil, "partial": always} {
		b.Run(name, func(b *testing.B) {
			u := monorepo(b, 0)
			m := u.store(git.Options{Partial: partial}).Mirror(u.url)
			fetch(b, m)
			n := 0
			for b.Loop() {
				b.StopTimer()
				n++
				head := u.commit("change", map[string]string{"apps/app7/templates/file3.yaml": fmt.Sprintf("n: %d\n", n)})
				u.push("main")
				b.StartTimer()
				fetch(b, m)
				readApplication(b, tree(b, m.Repository(), head), 7)
			}
		})
	}
}

// BenchmarkRevision is what it takes to read one application at a commit, beside git worktree, which checks the commit out.
func BenchmarkRevision(b *testing.B) {
	u, r, _ := checkout(b, demo(2000))
	h := u.head()
	b.Run("tree", func(b *testing.B) {
		for b.Loop() {
			readApplication(b, tree(b, r, h), 7)
		}
	})
	b.Run("tree-cold", func(b *testing.B) { // in a process that has just started
		for b.Loop() {
			b.StopTimer()
			fresh, err := git.OpenCheckout(b.Context(), u.work, b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			readApplication(b, tree(b, fresh, h), 7)
		}
	})
	b.Run("git-worktree", func(b *testing.B) {
		for b.Loop() {
			dir := filepath.Join(b.TempDir(), "tree")
			run(b, u.work, "worktree", "add", "-q", "--detach", dir, string(h))
			readApplication(b, os.DirFS(dir), 7)
		}
	})
}

// BenchmarkSubmodule is what entering a submodule adds to a read.
func BenchmarkSubmodule(b *testing.B) {
	lib := newUpstream(b)
	one := lib.commit("one", demo(2000))
	u := newUpstream(b)
	u.commit("app", modulesFile("lib", lib.url))
	u.link("lib", one)
	run(b, u.work, "clone", "-q", "--bare", lib.work, filepath.Join(u.work, ".git", "modules", "lib"))
	r, err := git.OpenCheckout(b.Context(), u.work, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	h := u.head()
	for b.Loop() {
		sub, err := fs.Sub(tree(b, r, h), "lib")
		if err != nil {
			b.Fatal(err)
		}
		readApplication(b, sub, 7)
	}
}

// BenchmarkChanged is which files differ between two commits.
func BenchmarkChanged(b *testing.B) {
	u, r, _ := checkout(b, demo(2000))
	before := u.head()
	after := u.commit("change", map[string]string{"apps/app7/templates/file3.yaml": "changed\n"})
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			if got, err := r.Changed(b.Context(), before, after); err != nil || len(got) != 1 {
				b.Fatal(got, err)
			}
		}
	})
	b.Run("git-diff", func(b *testing.B) {
		for b.Loop() {
			cmd := exec.Command("git", "diff", "--name-status", string(before), string(after))
			cmd.Dir = u.work
			if err := cmd.Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// readApplication reads the ten files of an application.
func readApplication(b *testing.B, fsys fs.FS, app int) {
	b.Helper()
	if t, ok := fsys.(*git.Tree); ok {
		if err := t.Warm(fmt.Sprintf("apps/app%d", app), 1000); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 10 {
		if _, err := fs.ReadFile(fsys, fmt.Sprintf("apps/app%d/templates/file%d.yaml", app, i)); err != nil {
			b.Fatal(err)
		}
	}
}

func folderSize(b *testing.B, dir string) (size int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				size += info.Size()
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}
