package render_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/render"
)

// kept are the files below a folder with their contents.
func kept(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files[path], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestResultsOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	repo, tree := newRepo(t, webChart)
	source := argo.ApplicationSource{Path: "chart"}
	first := run(t, renderer(t, render.Options{CacheDir: dir}), request(tree, source))
	if first.Cached || len(kept(t, dir)) != 1 {
		t.Fatalf("cached %v, %d files", first.Cached, len(kept(t, dir)))
	}
	later := repo.commit(map[string]string{"README.md": "hello"})
	r := renderer(t, render.Options{CacheDir: dir})
	again := run(t, r, request(later, source))
	if !again.Cached {
		t.Error("it was rendered again after a restart")
	}
	again.Cached, again.Elapsed, first.Elapsed = false, 0, 0
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("another result after a restart (-before +after):\n%s", diff)
	}
	changed := repo.commit(map[string]string{"chart/values.yaml": webChart["chart/values.yaml"] + "more: 1\n"})
	if run(t, r, request(changed, source)).Cached {
		t.Error("the values changed, but a kept result was used")
	}
	stranger := request(tree, source)
	stranger.Trusted = false
	if run(t, renderer(t, render.Options{CacheDir: dir}), stranger).Cached {
		t.Error("an untrusted request was served a trusted result")
	}
}

func TestStrangersResultsStayApart(t *testing.T) {
	dir := t.TempDir()
	_, tree := newRepo(t, webChart)
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	run(t, renderer(t, render.Options{CacheDir: filepath.Join(dir, "a")}), req)
	req.Trusted = false
	run(t, renderer(t, render.Options{CacheDir: filepath.Join(dir, "b")}), req)
	// Even a stranger's file under the name of a trusted one is not believed.
	var name string
	for path := range kept(t, filepath.Join(dir, "a")) {
		name = filepath.Base(path)
	}
	for path, content := range kept(t, filepath.Join(dir, "b")) {
		if filepath.Base(filepath.Dir(path)) != "untrusted" {
			t.Errorf("a stranger's result lies in %s", path)
		}
		if err := os.WriteFile(filepath.Join(dir, "a", "trusted", name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	req.Trusted = true
	if run(t, renderer(t, render.Options{CacheDir: filepath.Join(dir, "a")}), req).Cached {
		t.Error("a stranger's result was used for a trusted request")
	}
}

func TestSecretsAreNotWritten(t *testing.T) {
	const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}\n"
	for name, text := range map[string]string{
		"a Secret":           secret,
		"one among others":   cm("a") + "---\n" + secret,
		"a list":             "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {password: hunter2}}]\n",
		"a template":         "apiVersion: example.com/v1\nkind: Template\nmetadata: {name: t}\nobjects: [{apiVersion: v1, kind: Secret, stringData: {password: hunter2}}]\n",
		"what is a mistake":  secret + "---\nkind: [\n",
		"of another version": strings.Replace(secret, "v1", "v2", 1),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, tree := newRepo(t, map[string]string{"app/a.yaml": text})
			req := request(tree, argo.ApplicationSource{Path: "app"})
			r := renderer(t, render.Options{CacheDir: dir})
			for range 2 {
				if _, err := r.Render(t.Context(), req); err != nil {
					t.Fatal(err)
				}
			}
			for path, content := range kept(t, dir) {
				t.Errorf("%s was written, with the password: %v", path, bytes.Contains(content, []byte("hunter2")))
			}
		})
	}
}

func TestDamagedFilesAreRenderedAgain(t *testing.T) {
	_, tree := newRepo(t, webChart)
	req := request(tree, argo.ApplicationSource{Path: "chart"})
	for name, damage := range map[string]func([]byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"half":      func(b []byte) []byte { return b[:len(b)/2] },
		"one bit":   func(b []byte) []byte { b[len(b)-3] ^= 1; return b },
		"the head":  func(b []byte) []byte { b[60] ^= 1; return b },
		"no result": func([]byte) []byte { return []byte("something else altogether") },
		"longer":    func(b []byte) []byte { return append(b, ' ') },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			want := run(t, renderer(t, render.Options{CacheDir: dir}), req)
			for path, content := range kept(t, dir) {
				if err := os.WriteFile(path, damage(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "trusted", "new-left"), []byte("half a file"), 0o600); err != nil {
				t.Fatal(err)
			}
			got := run(t, renderer(t, render.Options{CacheDir: dir}), req)
			if got.Cached || got.Digest != want.Digest {
				t.Errorf("cached %v, the same %v", got.Cached, got.Digest == want.Digest)
			}
			if n := len(kept(t, dir)); n != 1 {
				t.Errorf("%d files are there", n)
			}
			if !run(t, renderer(t, render.Options{CacheDir: dir}), req).Cached {
				t.Error("what took the damaged file's place is not used")
			}
		})
	}
}

func TestTheFolderIsBounded(t *testing.T) {
	dir, limit := t.TempDir(), int64(64<<10)
	repo, tree := newRepo(t, map[string]string{"app/a.yaml": cm("a")})
	r := renderer(t, render.Options{CacheDir: dir, CacheDirBytes: limit})
	for i := range 60 {
		req := request(tree, argo.ApplicationSource{Path: "app"})
		req.Namespace = strings.Repeat("n", i+1)
		run(t, r, req)
	}
	all := int64(0)
	for _, content := range kept(t, dir) {
		all += int64(len(content))
	}
	if all > limit || all < limit/4 {
		t.Errorf("%d bytes are kept of %d", all, limit)
	}
	again := renderer(t, render.Options{CacheDir: dir, CacheDirBytes: limit})
	for length, cached := range map[int]bool{60: true, 1: false} {
		req := request(repo.commit(map[string]string{"other": strings.Repeat("x", length)}), argo.ApplicationSource{Path: "app"})
		req.Namespace = strings.Repeat("n", length)
		if got := run(t, again, req).Cached; got != cached {
			t.Errorf("render %d: kept %v", length, got)
		}
	}
}

func TestResultsThatNameTheCommit(t *testing.T) {
	r := renderer(t, render.Options{CacheDir: t.TempDir()})
	repo, tree := newRepo(t, webChart)
	source := argo.ApplicationSource{Path: "chart", Helm: &argo.ApplicationSourceHelm{Parameters: []argo.HelmParameter{{Name: "revision", Value: "$ARGOCD_APP_REVISION"}}}}
	if got := run(t, r, request(tree, source)); got.Lasting {
		t.Error("it is said to be the same at every commit")
	}
	if !run(t, r, request(tree, source)).Cached {
		t.Error("the same commit was rendered twice")
	}
	other := repo.commit(map[string]string{"README.md": "hello"})
	if run(t, r, request(other, source)).Cached {
		t.Error("the result of another commit was used")
	}
	if got := run(t, r, request(other, argo.ApplicationSource{Path: "chart"})); !got.Lasting {
		t.Error("one that does not name its commit is not lasting")
	}
}
