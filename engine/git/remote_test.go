package git_test

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
)

// upstream is a real repository, served by git's own smart HTTP over TLS.
type upstream struct {
	t        testing.TB
	work     string // a checkout, from which bare is pushed to
	bare     string
	server   *httptest.Server
	url      string
	ca       string
	fetches  atomic.Int64
	password string // asked for when not empty
	front    atomic.Pointer[http.Handler]

	mu   sync.Mutex
	hold chan struct{} // when not nil, conversations wait for it
}

func newUpstream(t testing.TB) *upstream {
	t.Helper()
	dir := t.TempDir()
	u := &upstream{t: t, work: filepath.Join(dir, "work"), bare: filepath.Join(dir, "srv", "shop.git")}
	run(t, dir, "init", "-q", "--bare", "-b", "main", u.bare)
	run(t, u.bare, "config", "http.receivepack", "true")
	run(t, u.bare, "config", "uploadpack.allowAnySHA1InWant", "true")
	run(t, dir, "init", "-q", "-b", "main", u.work)
	run(t, u.work, "remote", "add", "origin", u.bare)
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(run(t, dir, "--exec-path")), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(u.bare), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=/dev/null",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
		InheritEnv: []string{"PATH"}}
	u.put(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { u.serve(backend, w, r) }))
	u.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { u.handler().ServeHTTP(w, r) }))
	t.Cleanup(u.server.Close)
	u.url = u.server.URL + "/shop.git"
	u.ca = filepath.Join(dir, "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: u.server.Certificate().Raw})
	if err := os.WriteFile(u.ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return u
}

// handler is what answers now.
func (u *upstream) handler() http.Handler { return *u.front.Load() }

// put has something else answer from now on, while the server runs.
func (u *upstream) put(h http.Handler) { u.front.Store(&h) }

func (u *upstream) serve(backend http.Handler, w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/moved") {
		http.Redirect(w, r, "/shop.git"+strings.TrimPrefix(r.URL.Path, "/moved.git")+"?"+r.URL.RawQuery, http.StatusFound)
		return
	}
	if u.password != "" {
		if _, p, _ := r.BasicAuth(); p != u.password {
			w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
	}
	if strings.HasSuffix(r.URL.Path, "/info/refs") {
		u.fetches.Add(1)
		u.mu.Lock()
		hold := u.hold
		u.mu.Unlock()
		if hold != nil {
			<-hold
		}
	}
	if p := r.Header.Get("Git-Protocol"); p != "" {
		b := *backend.(*cgi.Handler)
		b.Env = append(append([]string(nil), b.Env...), "GIT_PROTOCOL="+p)
		backend = &b
	}
	backend.ServeHTTP(w, r)
}

// commit writes files (nil content removes) on the current branch and yields the new commit.
func (u *upstream) commit(message string, files map[string]string) git.Hash {
	u.t.Helper()
	for name, content := range files {
		p := filepath.Join(u.work, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			u.t.Fatal(err)
		}
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			if err := os.Symlink(target, p); err != nil {
				u.t.Fatal(err)
			}
			continue
		}
		if content == "" {
			run(u.t, u.work, "rm", "-q", "-r", name)
			continue
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			u.t.Fatal(err)
		}
	}
	run(u.t, u.work, "add", "-A")
	run(u.t, u.work, "commit", "-q", "--allow-empty", "-m", message)
	return u.head()
}

func (u *upstream) head() git.Hash {
	return git.Hash(strings.TrimSpace(run(u.t, u.work, "rev-parse", "HEAD")))
}

func (u *upstream) git(args ...string) string {
	u.t.Helper()
	return run(u.t, u.work, args...)
}

// push puts refs of the checkout where the server shows them.
func (u *upstream) push(specs ...string) {
	u.t.Helper()
	run(u.t, u.work, append([]string{"push", "-q", "--force", "origin"}, specs...)...)
}

func (u *upstream) store(opt git.Options) *git.Store {
	u.t.Helper()
	if opt.Dir == "" {
		opt.Dir = u.t.TempDir()
	}
	opt.CAFile = u.ca
	s, err := git.NewStore(opt)
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(s.Close)
	return s
}

func (u *upstream) mirror() *git.Mirror {
	u.t.Helper()
	return u.store(git.Options{}).Mirror(u.url)
}

func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.com",
		"GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.com", "GIT_AUTHOR_DATE=1700000000 +0000", "GIT_COMMITTER_DATE=1700000000 +0000")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func fetch(t testing.TB, m *git.Mirror) {
	t.Helper()
	if err := m.Fetch(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
}

func resolve(t testing.TB, r *git.Repository, revision string) git.Hash {
	t.Helper()
	h, err := r.Resolve(t.Context(), revision)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func tree(t testing.TB, r *git.Repository, h git.Hash) *git.Tree {
	t.Helper()
	tr, err := r.Tree(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func password(p string) git.Auth {
	return func(context.Context) (git.Credential, error) {
		return git.Credential{Username: "x-access-token", Password: p}, nil
	}
}
