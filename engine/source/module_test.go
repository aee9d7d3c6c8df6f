package source_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/source"
)

// family serves repositories, each to its own password, over TLS; a repository without one is open to all.
type family struct {
	t         *testing.T
	dir       string
	url       string // ends in a slash
	passwords map[string]string
	shown     map[string]string // by repository and project: what is registered
	lfs       atomic.Bool
	off       atomic.Bool // submodules are switched off
	sources   *source.Sources
}

func newFamily(t *testing.T) *family {
	t.Helper()
	f := &family{t: t, dir: t.TempDir(), passwords: map[string]string{}, shown: map[string]string{}}
	path, err := exec.CommandContext(t.Context(), "git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + f.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git")
		if _, password, _ := r.BasicAuth(); f.passwords[name] != "" && password != f.passwords[name] {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		if rest == "/info/lfs/objects/batch" {
			_ = json.NewEncoder(w).Encode(map[string]any{"objects": []any{map[string]any{"oid": abcOID, "size": 3,
				"actions": map[string]any{"download": map[string]any{"href": "https://" + r.Host + "/" + name + ".git/abc"}}}}})
			return
		}
		if rest == "/abc" {
			_, _ = w.Write([]byte("abc"))
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL + "/"
	ca := filepath.Join(f.dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := git.NewStore(git.Options{Dir: filepath.Join(f.dir, "mirrors"), CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	f.sources, err = source.New(source.Deps{Store: store, Submodules: func(context.Context) bool { return !f.off.Load() },
		LFS: func(context.Context, string, string) bool { return f.lfs.Load() },
		Credentials: func(_ context.Context, repoURL, project string) (git.Auth, error) {
			name := strings.TrimSuffix(strings.TrimPrefix(repoURL, f.url), ".git")
			return func(context.Context) (git.Credential, error) {
				if p := f.shown[name+"/"+project]; p != "" {
					return git.Credential{Username: "x", Password: p}, nil
				}
				return git.Credential{}, nil
			}, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// abcOID is the SHA-256 of "abc".
const abcOID = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

func (f *family) run(dir string, args ...string) string {
	f.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@b.c", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@b.c")
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// add makes a repository with files and one submodule, "sub", at a commit of another; an empty URL is none.
func (f *family) add(name string, files map[string]string, url, commit string) string {
	f.t.Helper()
	work := filepath.Join(f.dir, name+"-work")
	f.run(f.dir, "init", "-q", "--bare", "-b", "main", name+".git")
	f.run(f.dir, "init", "-q", "-b", "main", work)
	if url != "" {
		files[".gitmodules"] = "[submodule \"sub\"]\npath = sub\nurl = " + url + "\n"
	}
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(work, file), []byte(content), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	f.run(work, "add", "-A")
	if url != "" {
		f.run(work, "update-index", "--add", "--cacheinfo", "160000,"+commit+",sub")
	}
	f.run(work, "commit", "-q", "-m", name)
	f.run(work, "push", "-q", filepath.Join(f.dir, name+".git"), "main")
	return f.run(work, "rev-parse", "HEAD")
}

func (f *family) read(project, repo, file string) (string, error) {
	f.t.Helper()
	tree, err := f.sources.At(f.t.Context(), source.Query{RepoURL: f.url + repo + ".git", Project: project, Revision: "main"})
	if err != nil {
		return "", err
	}
	b, err := tree.ReadFile(file)
	return string(b), err
}

func TestSubmodulesAreReadWithWhatTheirParentIs(t *testing.T) {
	f := newFamily(t)
	deep := f.add("deep", map[string]string{"a": "deep"}, "", "")
	lib := f.add("lib", map[string]string{"a": "lib"}, "../deep.git", deep)
	f.add("shop", map[string]string{"a": "shop"}, f.url+"lib.git", lib)
	f.passwords["lib"], f.passwords["deep"] = "all", "all"
	f.shown["shop/team"] = "all"
	for file, want := range map[string]string{"a": "shop", "sub/a": "lib", "sub/sub/a": "deep"} {
		if got, err := f.read("team", "shop", file); got != want || err != nil {
			t.Errorf("%s reads %q, %v", file, got, err)
		}
	}
	// What one project may read is no other's, although it is all at hand by now.
	if got, err := f.read("other", "shop", "sub/a"); err == nil || !strings.Contains(err.Error(), "submodule sub (") {
		t.Errorf("another project reads %q, %v", got, err)
	}
	f.shown["lib/other"] = "all" // its own, which is passed on to what lies within
	if _, err := f.sources.At(t.Context(), source.Query{RepoURL: f.url + "lib.git", Project: "other", Revision: "main", Fresh: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := f.read("other", "shop", "sub/sub/a"); got != "deep" || err != nil {
		t.Errorf("with a credential of the submodule's own it reads %q, %v", got, err)
	}
	f.off.Store(true)
	if got, err := f.read("team", "shop", "sub/a"); !strings.Contains(errText(err), "does not exist") {
		t.Errorf("switched off, it reads %q, %v", got, err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSubmodulesThatCannotBe(t *testing.T) {
	f := newFamily(t)
	f.add("lib", map[string]string{"a": "lib"}, "", "")
	f.add("shop", map[string]string{"a": "shop"}, "../lib.git", strings.Repeat("1", 40))
	_, err := f.read("", "shop", "sub/a")
	if fault, ok := object.AsFault(err); !ok || !strings.Contains(fault.Message, "no branch or tag") {
		t.Errorf("a commit that is not there: %v", err)
	}
	f.add("away", map[string]string{"a": "away"}, "http://127.0.0.1/x.git", strings.Repeat("1", 40))
	if _, err := f.read("", "away", "sub/a"); err == nil || !strings.Contains(err.Error(), "only https and ssh") {
		t.Errorf("a URL that is never used: %v", err)
	}
	last := f.add("nest0", map[string]string{"a": "0"}, "", "")
	for i := range 6 {
		last = f.add("nest"+string(rune('1'+i)), map[string]string{"a": "x"}, "../nest"+string(rune('0'+i))+".git", last)
	}
	if got, err := f.read("", "nest6", "sub/sub/sub/sub/sub/a"); got != "x" || err != nil {
		t.Errorf("five deep: %q, %v", got, err)
	}
	if _, err := f.read("", "nest6", "sub/sub/sub/sub/sub/sub/a"); err == nil || !strings.Contains(err.Error(), "deep in each other") {
		t.Errorf("six deep: %v", err)
	}
}

func TestFilesOfLFSAreFetchedWhereTheRepositorySaysSo(t *testing.T) {
	f := newFamily(t)
	pointer := "version https://git-lfs.github.com/spec/v1\noid sha256:" + abcOID + "\nsize 3\n"
	f.add("shop", map[string]string{"a": pointer}, "", "")
	f.passwords["shop"], f.shown["shop/"] = "s3cr3t", "s3cr3t"
	if got, err := f.read("", "shop", "a"); got != pointer || err != nil {
		t.Errorf("without enableLfs it reads %q, %v", got, err)
	}
	f.lfs.Store(true)
	if got, err := f.read("", "shop", "a"); got != "abc" || err != nil {
		t.Errorf("with enableLfs it reads %q, %v", got, err)
	}
}
