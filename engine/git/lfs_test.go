package git_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
)

// lfsForge is an upstream with Git LFS, which keeps its files at another host.
type lfsForge struct {
	*upstream
	store   *httptest.Server // the other host
	objects map[string][]byte
	batches atomic.Int64
	strange string // answered instead of where the file is

	mu     sync.Mutex
	shown  []string // to the other host, as Authorization
	signed bool     // the other host asks for a header of the answer's
}

func newLFS(t *testing.T) *lfsForge {
	t.Helper()
	f := &lfsForge{upstream: newUpstream(t), objects: map[string][]byte{}, signed: true}
	f.store = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.shown = append(f.shown, r.Header.Get("Authorization"))
		if f.signed && r.Header.Get("X-Signed") != "yes" {
			http.Error(w, "not signed", http.StatusForbidden)
			return
		}
		_, _ = w.Write(f.objects[filepath.Base(r.URL.Path)])
	}))
	t.Cleanup(f.store.Close)
	git := f.handler()
	f.put(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/shop.git/info/lfs/objects/batch") {
			git.ServeHTTP(w, r)
			return
		}
		f.batch(w, r)
	}))
	return f
}

func (f *lfsForge) batch(w http.ResponseWriter, r *http.Request) {
	f.batches.Add(1)
	if _, p, _ := r.BasicAuth(); p != f.password {
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	var q struct {
		Operation string
		Objects   []struct {
			OID  string
			Size int64
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Operation != "download" || len(q.Objects) != 1 {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	o := q.Objects[0]
	object := map[string]any{"oid": o.OID, "size": o.Size}
	href := f.store.URL + "/" + o.OID
	if f.strange != "" {
		href = f.strange
	}
	if _, ok := f.objects[o.OID]; ok {
		object["actions"] = map[string]any{"download": map[string]any{"href": href, "header": map[string]string{"X-Signed": "yes"}}}
	} else {
		object["error"] = map[string]any{"code": 404, "message": "no such object"}
	}
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	_ = json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": []any{object}})
}

// keep has the forge hold a file, and yields its pointer.
func (f *lfsForge) keep(content string) string {
	sum := sha256.Sum256([]byte(content))
	oid := hex.EncodeToString(sum[:])
	f.objects[oid] = []byte(content)
	return pointerOf(oid, len(content))
}

func pointerOf(oid string, size int) string {
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, size)
}

// lfsStore is a store that knows both hosts and reads LFS with a password.
func (f *lfsForge) lfsStore(t *testing.T, opt git.Options) *git.Store {
	t.Helper()
	var both strings.Builder
	both.WriteString(f.authorities())
	opt.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(opt.CAFile, []byte(both.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	opt.Access = func(context.Context, string) git.Access { return git.Access{LFS: true, Auth: password(f.password)} }
	return plain(t, opt)
}

func TestFilesOfLFSAreFetchedWhenTheyAreRead(t *testing.T) {
	f := newLFS(t)
	f.password = "s3cr3t"
	big := strings.Repeat("replicas: 3\n", 1000)
	head := f.commit("one", map[string]string{"values.yaml": f.keep(big), "unread": f.keep("u"), "plain": "p", "gone": pointerOf(strings.Repeat("a", 64), 3),
		"huge": pointerOf(strings.Repeat("b", 64), 1<<40), "empty": pointerOf("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0)})
	f.push("main")
	dir := t.TempDir()
	store := f.lfsStore(t, git.Options{Dir: dir})
	m := store.Mirror(f.url)
	if err := m.Fetch(t.Context(), password("s3cr3t")); err != nil {
		t.Fatal(err)
	}
	tr := tree(t, m.Repository(), head)
	v := tr.Traced()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if b, err := v.ReadFile("values.yaml"); err != nil || string(b) != big {
				t.Errorf("reads %.30q, %v", b, err)
			}
		})
	}
	wg.Wait()
	if n := f.batches.Load(); n != 1 {
		t.Errorf("one file took %d questions", n)
	}
	if info, err := v.Stat("values.yaml"); err != nil || info.Size() != int64(len(big)) {
		t.Errorf("stat: %v, %v", info, err)
	}
	if b, err := v.ReadFile("empty"); err != nil || len(b) != 0 {
		t.Errorf("empty reads %q, %v", b, err)
	}
	for name, want := range map[string]string{"gone": "no such object", "huge": git.ErrTooLarge.Error()} {
		if _, err := tr.ReadFile(name); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, shown := range f.shown {
		if shown != "" {
			t.Errorf("the other host was shown %q", shown)
		}
	}
	trace := v.Trace()
	if !trace.HoldsSince(tr.Root(), tr) || trace.HoldsSince(tr.Root(), tr.With(t.Context(), nowhere)) {
		t.Error("the trace does not tell a file from its pointer")
	}

	// Another process finds it on the disk; a damaged one is fetched again.
	before := f.batches.Load()
	again := f.lfsStore(t, git.Options{Dir: dir})
	if b, err := tree(t, again.Mirror(f.url).Repository(), head).ReadFile("values.yaml"); err != nil || string(b) != big {
		t.Errorf("reads %.30q, %v", b, err)
	}
	if n := f.batches.Load() - before; n != 0 {
		t.Errorf("it was asked for %d times more", n)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "lfs", "??", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte(strings.Repeat("x", len(big))), 0o600); err != nil {
		t.Fatal(err)
	}
	again = f.lfsStore(t, git.Options{Dir: dir})
	if b, err := tree(t, again.Mirror(f.url).Repository(), head).ReadFile("values.yaml"); err != nil || string(b) != big {
		t.Errorf("damaged, it reads %.30q, %v", b, err)
	}
}

func TestFilesOfLFSOfARepositoryOverSSH(t *testing.T) {
	f := newLFS(t)
	f.password = "t0ken"
	head := f.commit("one", map[string]string{"a": f.keep("content")})
	f.push("main")
	server := newSSHUpstream(t, f.bare)
	store := plain(t, git.Options{Trust: trusting(git.Trust{KnownHosts: server.known("127.0.0.1"), Certificates: f.authorities()}),
		Access: func(context.Context, string) git.Access { return git.Access{LFS: true} }})
	m := store.Mirror(server.url("127.0.0.1"))
	if err := m.Fetch(t.Context(), with(git.Credential{SSHKey: server.key})); err != nil {
		t.Fatal(err)
	}
	tr := tree(t, m.Repository(), head)
	if _, err := tr.ReadFile("a"); err == nil || !strings.Contains(err.Error(), "over SSH") {
		t.Errorf("a server that does not know LFS: %v", err)
	}
	token := "Basic " + base64.StdEncoding.EncodeToString([]byte("x:t0ken"))
	server.lfs = fmt.Sprintf(`{"href":%q,"header":{"Authorization":%q}}`, f.server.URL+"/shop.git/info/lfs", token)
	if b, err := tr.ReadFile("a"); err != nil || string(b) != "content" {
		t.Errorf("reads %q, %v", b, err)
	}
	server.lfs = `{"href":"http://127.0.0.1:1/shop.git/info/lfs"}`
	again := plain(t, git.Options{Trust: trusting(git.Trust{KnownHosts: server.known("127.0.0.1"), Certificates: f.authorities()}),
		Access: func(context.Context, string) git.Access { return git.Access{LFS: true} }}).Mirror(server.url("127.0.0.1"))
	if err := again.Fetch(t.Context(), with(git.Credential{SSHKey: server.key})); err != nil {
		t.Fatal(err)
	}
	if _, err := tree(t, again.Repository(), head).ReadFile("a"); !errors.Is(err, git.ErrRefused) {
		t.Errorf("an address without TLS: %v", err)
	}
}

func TestLFSGoesTheRepositorysWay(t *testing.T) {
	f := newLFS(t)
	f.password = "s3cr3t"
	head := f.commit("one", map[string]string{"a": f.keep("content")})
	f.push("main")
	proxy := newConnectProxy(t, f.upstream)
	certificate, key, parsed := selfSigned(t)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	strict := httptest.NewUnstartedServer(f.handler())
	strict.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	strict.StartTLS()
	t.Cleanup(strict.Close)
	basic := git.Credential{Username: "x", Password: "s3cr3t"}
	proxied, certified, unverified := basic, basic, basic
	proxied.Proxy = strings.Replace(proxy.URL, "http://", "http://ann:pr0xy%20pass@", 1)
	certified.ClientCertificate, certified.ClientKey = certificate, key
	unverified.AnyCertificate = true
	beyond := strings.Replace(f.url, "127.0.0.1", "example.com", 1)
	for _, tc := range []struct {
		name, url string
		login     git.Credential
		trust     string
		want      string // of the error
	}{
		{"through a proxy", beyond, proxied, f.authorities(), ""},
		{"with a client certificate", strict.URL + "/shop.git", certified, f.authorities(), ""},
		// The file is at another host, which is verified all the same.
		{"without verifying the repository's host", f.url, unverified, "", "failed to verify certificate"},
	} {
		store := plain(t, git.Options{Trust: trusting(git.Trust{Certificates: tc.trust}),
			Access: func(context.Context, string) git.Access { return git.Access{LFS: true, Auth: with(tc.login)} }})
		m := store.Mirror(tc.url)
		if err := m.Fetch(t.Context(), with(tc.login)); err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		proxy.took()
		b, err := tree(t, m.Repository(), head).ReadFile("a")
		if tc.want == "" && (err != nil || string(b) != "content") || tc.want != "" && !strings.Contains(fmt.Sprint(err), tc.want) {
			t.Errorf("%s: reads %q, %v", tc.name, b, err)
		}
		if took := proxy.took(); (len(took) > 0) != (tc.login.Proxy != "") {
			t.Errorf("%s: the proxy was asked %q", tc.name, took)
		}
	}
}

func TestStrangeAnswersOfLFS(t *testing.T) {
	f := newLFS(t)
	f.password = "s3cr3t"
	head := f.commit("one", map[string]string{"a": f.keep("content")})
	f.push("main")
	plainly := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("content")) }))
	t.Cleanup(plainly.Close)
	lies := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			_, _ = w.Write([]byte("c0ntent"))
		case "/long":
			_, _ = w.Write([]byte("content and more"))
		case "/down":
			http.Redirect(w, r, plainly.URL, http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/home": // to a path of the repository's own server
			http.Redirect(w, r, f.server.URL+"/shop.git/info/refs", http.StatusFound)
		}
	}))
	t.Cleanup(lies.Close)
	for _, tc := range []struct{ name, href, want string }{
		{"other bytes", lies.URL + "/other", "not what the pointer says"},
		{"more bytes", lies.URL + "/long", "not what the pointer says"},
		{"without TLS", plainly.URL, "without TLS"},
		{"redirected to no TLS", lies.URL + "/down", "without TLS"},
		{"redirected in a circle", lies.URL + "/round", "too often"},
		{"a file", "file:///etc/passwd", "without TLS"},
		{"no address", "::", ""},
	} {
		f.strange = tc.href
		store := f.lfsStore(t, git.Options{})
		m := store.Mirror(f.url)
		if err := m.Fetch(t.Context(), password("s3cr3t")); err != nil {
			t.Fatal(err)
		}
		_, err := tree(t, m.Repository(), head).ReadFile("a")
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}

	f.strange = ""
	dir := t.TempDir()
	if err := f.lfsStore(t, git.Options{Dir: dir}).Mirror(f.url).Fetch(t.Context(), password("s3cr3t")); err != nil {
		t.Fatal(err)
	}
	gated := f.lfsStore(t, git.Options{Dir: dir, AllowedHosts: func(string) error { return errors.New("an inner address") }})
	if _, err := tree(t, gated.Mirror(f.url).Repository(), head).ReadFile("a"); !errors.Is(err, git.ErrRefused) {
		t.Errorf("an address that may not be dialled: %v", err)
	}
}
