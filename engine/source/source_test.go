package source_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/source"
)

// forge serves one repository over TLS and counts conversations.
type forge struct {
	t       *testing.T
	work    string
	url     string
	asked   atomic.Int64
	down    atomic.Bool
	sources *source.Sources
	clock   atomic.Int64 // seconds
	shown   atomic.Value // the project whose credential was asked for
	signers *source.Signers
	private atomic.Bool // only the project "team" has a credential that is taken
}

func newForge(t *testing.T) *forge {
	t.Helper()
	dir := t.TempDir()
	f := &forge{t: t, work: filepath.Join(dir, "work")}
	f.clock.Store(1000)
	f.run(dir, "init", "-q", "--bare", "-b", "main", "shop.git")
	f.run(dir, "init", "-q", "-b", "main", "work")
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(f.run(dir, "--exec-path")), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/info/refs") {
			f.asked.Add(1)
		}
		if _, password, _ := r.BasicAuth(); f.private.Load() && password != "team's own" {
			w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		if f.down.Load() {
			http.Error(w, "out to lunch", http.StatusBadGateway)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL + "/shop.git"
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := git.NewStore(git.Options{Dir: filepath.Join(dir, "mirrors"), CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	f.sources, err = source.New(source.Deps{Store: store, Signers: func(context.Context) *source.Signers { return f.signers }, Now: func() time.Time { return time.Unix(f.clock.Load(), 0) },
		Credentials: func(_ context.Context, _, project string) (git.Auth, error) {
			f.shown.Store(project)
			if project == "team" {
				return func(context.Context) (git.Credential, error) {
					return git.Credential{Username: "x", Password: "team's own"}, nil
				}, nil
			}
			return nil, nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *forge) run(dir string, args ...string) string {
	f.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@b.c", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@b.c")
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (f *forge) push(text string) git.Hash {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.work, "file"), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.run(f.work, "add", "-A")
	f.run(f.work, "commit", "-q", "-m", text)
	f.run(f.work, "push", "-q", "../shop.git", "main", "--tags")
	return git.Hash(strings.TrimSpace(f.run(f.work, "rev-parse", "HEAD")))
}

func (f *forge) main(fresh bool) git.Hash {
	f.t.Helper()
	tree, err := f.sources.Tree(f.t.Context(), f.url, "main", fresh)
	if err != nil {
		f.t.Fatal(err)
	}
	return tree.Commit()
}

func TestFetchesNoMoreOftenThanNeeded(t *testing.T) {
	f := newForge(t)
	one := f.push("one")
	if got := f.main(false); got != one {
		t.Fatalf("main is %s", got)
	}
	two := f.push("two")
	f.clock.Add(170)
	if got := f.main(false); got != one || f.asked.Load() != 1 {
		t.Errorf("after less than three minutes main is %s, asked %d times", got, f.asked.Load())
	}
	f.clock.Add(20)
	if got := f.main(false); got != two || f.asked.Load() != 2 {
		t.Errorf("after three minutes main is %s, asked %d times", got, f.asked.Load())
	}
	three := f.push("three")
	if got := f.main(true); got != three {
		t.Errorf("fresh main is %s", got)
	}
	if h, err := f.sources.Resolve(t.Context(), source.Query{RepoURL: f.url, Revision: string(one)}); err != nil || h != one || f.asked.Load() != 3 {
		t.Errorf("a commit at hand: %s, %v, asked %d times", h, err, f.asked.Load())
	}
}

func TestUnknownRevisionIsLookedForOnceMore(t *testing.T) {
	f := newForge(t)
	f.push("one")
	f.main(false)
	f.run(f.work, "tag", "v2.0.0")
	two := f.push("two")
	f.clock.Add(11)
	h, err := f.sources.Resolve(t.Context(), source.Query{RepoURL: f.url, Revision: string(two), Project: "team"})
	if err != nil || h != two {
		t.Errorf("got %s, %v", h, err)
	}
	if f.shown.Load() != "team" {
		t.Errorf("credentials of project %q were asked for", f.shown.Load())
	}
	for range 3 {
		_, err = f.sources.Tree(t.Context(), f.url, "nope", false)
		if fault, ok := object.AsFault(err); !ok || fault.Field != "spec.source.targetRevision" {
			t.Errorf("got %v", err)
		}
	}
	if n := f.asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// A mirror is shared between projects; what the credential of one has brought must not be another's to read.
func TestAProjectReadsOnlyWhatItsOwnCredentialOpens(t *testing.T) {
	f := newForge(t)
	f.private.Store(true)
	one := f.push("one")
	ask := func(project, revision string, fresh bool) (git.Hash, error) {
		return f.sources.Resolve(t.Context(), source.Query{RepoURL: f.url, Revision: revision, Project: project, Fresh: fresh})
	}
	if h, err := ask("team", "main", false); err != nil || h != one {
		t.Fatalf("the team itself: %s, %v", h, err)
	}
	for _, project := range []string{"others", ""} {
		for _, revision := range []string{"main", "", string(one), string(one)[:10]} {
			for _, fresh := range []bool{false, true} {
				if h, err := ask(project, revision, fresh); err == nil {
					t.Errorf("project %q reads %q (fresh %v): %s", project, revision, fresh, h)
				}
			}
		}
	}
	if h, err := ask("team", "main", true); err != nil || h != one {
		t.Errorf("the team, after others were turned away: %s, %v", h, err)
	}
	f.private.Store(false)
	f.clock.Add(11)
	if h, err := ask("others", "main", false); err != nil || h != one {
		t.Errorf("others, once the repository is public: %s, %v", h, err)
	}
	f.down.Store(true)
	f.clock.Add(3600)
	if h, err := ask("others", string(one), false); err != nil || h != one {
		t.Errorf("others, in an outage: %s, %v", h, err)
	}
	f.down.Store(false)
	f.private.Store(true)
	f.clock.Add(181)
	if h, err := ask("others", string(one), false); err == nil {
		t.Errorf("others, long after it was made private again: %s", h)
	}
}

func TestFailuresAreNotRepeatedAtOnce(t *testing.T) {
	f := newForge(t)
	f.push("one")
	f.down.Store(true)
	for range 5 {
		_, err := f.sources.Tree(t.Context(), f.url, "main", false)
		if _, isFault := object.AsFault(err); err == nil || isFault {
			t.Fatalf("got %v", err)
		}
	}
	if n := f.asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	f.down.Store(false)
	f.clock.Add(11)
	f.main(false)
}

func TestWhatIsNoGitRepositoryIsRefused(t *testing.T) {
	f := newForge(t)
	for _, url := range []string{"", "http://forge.example/x", "file:///etc", "https://"} {
		_, err := f.sources.Tree(t.Context(), url, "main", false)
		var fault *object.Fault
		if !errors.As(err, &fault) || fault.Field != "spec.source.repoURL" {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestNormalizeURL(t *testing.T) {
	for _, same := range [][]string{
		{"https://forge.example/team/shop", "https://Forge.example/Team/Shop.git", "https://forge.example:443/team/shop/", " https://u:p@forge.example/team/shop.git/"},
		{"ssh://forge.example/team/shop", "git@forge.example:team/shop.git", "ssh://git@forge.example:22/team/shop"},
		{"https://forge.example:8443/x", "https://forge.example:8443/x.git"},
		{"", " "},
	} {
		for _, url := range same {
			if got := source.NormalizeURL(url); got != same[0] {
				t.Errorf("%q became %q, want %q", url, got, same[0])
			}
		}
	}
}

func FuzzNormalizeURL(f *testing.F) {
	f.Add("git@h:x/y.git")
	f.Add("https://a:b@h:443/x/.git//")
	f.Fuzz(func(t *testing.T, raw string) {
		once := source.NormalizeURL(raw)
		if twice := source.NormalizeURL(once); strings.HasPrefix(once, "https://") && twice != once {
			t.Fatalf("%q became %q, and that %q", raw, once, twice)
		}
	})
}
