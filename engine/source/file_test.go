package source_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

// file asks for a single file.
func (s *shop) file(name string, more source.Query) (*git.Tree, error) {
	more.RepoURL, more.File = s.server.URL+"/"+name, true
	return s.sources.At(s.t.Context(), more)
}

func (s *shop) holds(tree *git.Tree, want string) {
	s.t.Helper()
	text, err := tree.ReadFile(source.Content)
	if err != nil || string(text) != want {
		s.t.Errorf("the file holds %q, %v; want %q", text, err, want)
	}
	if !strings.HasPrefix(tree.Revision(), "sha256:") {
		s.t.Errorf("its revision is %s", tree.Revision())
	}
}

// TestFilesAreKeptAWhile has a file asked for as often as a branch: rarely, and shared by all who want it.
func TestFilesAreKeptAWhile(t *testing.T) {
	s := newShop(t)
	s.files["values.yaml"] = []byte("a: 1\n")
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			tree, err := s.file("values.yaml", source.Query{})
			if err != nil {
				t.Error(err)
				return
			}
			s.holds(tree, "a: 1\n")
		})
	}
	all.Wait()
	if n := s.count("/values.yaml"); n != 1 {
		t.Errorf("it was asked for %d times", n)
	}
	s.files["values.yaml"] = []byte("a: 2\n")
	tree, err := s.file("values.yaml", source.Query{})
	if err != nil {
		t.Fatal(err)
	}
	s.holds(tree, "a: 1\n")
	if tree, err = s.file("values.yaml", source.Query{Fresh: true}); err != nil {
		t.Fatal(err)
	}
	s.holds(tree, "a: 2\n")
	s.files["values.yaml"] = []byte("a: 3\n")
	s.clock.Add(181)
	if tree, err = s.file("values.yaml", source.Query{}); err != nil {
		t.Fatal(err)
	}
	s.holds(tree, "a: 3\n")
	s.down.Store(true)
	s.clock.Add(181)
	if tree, err = s.file("values.yaml", source.Query{}); err != nil {
		t.Fatalf("during an outage: %v", err)
	}
	s.holds(tree, "a: 3\n")
}

// TestFailuresAreRememberedBriefly has a server that is down not asked by each render.
func TestFailuresAreRememberedBriefly(t *testing.T) {
	s := newShop(t)
	for range 5 {
		if _, err := s.file("none.yaml", source.Query{}); err == nil {
			t.Fatal("a file that is not there")
		}
	}
	if n := s.count("/none.yaml"); n != 1 {
		t.Errorf("it was asked for %d times", n)
	}
	s.files["none.yaml"] = []byte("now: it is\n")
	s.clock.Add(11)
	if _, err := s.file("none.yaml", source.Query{}); err != nil {
		t.Error(err)
	}
}

func TestFilesOfStrangers(t *testing.T) {
	s := newShop(t)
	s.user = "team" // only it may read
	s.reg = source.Registration{Known: true, Repository: settings.Repository{Secret: "s", Username: "team", Password: "HUSH"}}
	s.files["secret.yaml"], s.files["large.yaml"] = []byte("a: 1\n"), make([]byte, 17<<20)
	_, err := s.file("secret.yaml?token=HUSH", source.Query{})
	if f, ok := object.AsFault(err); !ok || !strings.Contains(f.Message, "401") || !strings.Contains(f.Hint, "without credentials") || strings.Contains(f.Error(), "HUSH") {
		t.Errorf("credentials of a repository: %v", err)
	}
	for _, user := range s.seen {
		if user != "" {
			t.Errorf("the server was shown %q", user)
		}
	}
	s.user = ""
	if _, err := s.file("large.yaml", source.Query{}); err == nil || !strings.Contains(err.Error(), "more than 16 MiB") {
		t.Errorf("a large file: %v", err)
	}
	mux := s.server.Config.Handler
	s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved.yaml" {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data?HUSH", http.StatusFound)
			return
		}
		mux.ServeHTTP(w, r)
	})
	if _, err := s.file("moved.yaml", source.Query{}); err == nil || !strings.Contains(err.Error(), "without TLS") || strings.Contains(err.Error(), "HUSH") {
		t.Errorf("a redirect to another scheme: %v", err)
	}
	s.refuse = errors.New("inner addresses are not for you")
	s.open(t.TempDir())
	if _, err := s.file("secret.yaml", source.Query{}); err == nil || !strings.Contains(err.Error(), "inner addresses") {
		t.Errorf("the gate: %v", err)
	}
	for _, url := range []string{"http://169.254.169.254/latest/meta-data", "file:///etc/hostname", "ftp://x/y", "https://eve:HUSH@x/y", "https:///x", "x"} {
		_, err := s.sources.At(t.Context(), source.Query{RepoURL: url, File: true})
		if _, ok := object.AsFault(err); !ok || strings.Contains(err.Error(), "HUSH") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
