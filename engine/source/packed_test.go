package source_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry/remote"

	oras "oras.land/oras-go/v2"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

// pack makes a chart's archive with Helm's own packer.
func pack(t *testing.T, name, version string) []byte {
	t.Helper()
	file, err := chartutil.Save(&chart.Chart{
		Metadata:  &chart.Metadata{APIVersion: "v2", Name: name, Version: version},
		Templates: []*chart.File{{Name: "templates/version.yaml", Data: []byte("version: " + version + "\n")}},
	}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// shop is a Helm repository, with an index that a test writes, over TLS.
type shop struct {
	t       *testing.T
	server  *httptest.Server
	files   map[string][]byte
	index   string
	user    string // when set, only it may read
	down    atomic.Bool
	mu      sync.Mutex
	asked   []string // paths
	seen    []string // the user names shown
	clock   atomic.Int64
	refuse  error // what the gate says
	reg     source.Registration
	store   *git.Store
	sources *source.Sources
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, files: map[string][]byte{}}
	s.clock.Store(1000)
	s.server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.server.Close)
	s.open(t.TempDir())
	return s
}

func (s *shop) open(dir string) {
	s.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.server.Certificate())
	var err error
	if s.store, err = git.NewStore(git.Options{Dir: dir}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.store.Close)
	s.sources, err = source.New(source.Deps{Store: s.store, Now: func() time.Time { return time.Unix(s.clock.Load(), 0) },
		Registered: func(context.Context, string, string) source.Registration { return s.reg },
		Network:    source.Network{Roots: roots, AllowedHosts: func(string) error { return s.refuse }}})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) serve(w http.ResponseWriter, r *http.Request) {
	user, _, _ := r.BasicAuth()
	s.mu.Lock()
	s.asked, s.seen = append(s.asked, r.URL.Path), append(s.seen, user)
	s.mu.Unlock()
	switch text, ok := s.files[strings.TrimPrefix(r.URL.Path, "/")]; {
	case s.down.Load():
		http.Error(w, "out to lunch", http.StatusBadGateway)
	case s.user != "" && user != s.user:
		http.Error(w, "who are you", http.StatusUnauthorized)
	case r.URL.Path == "/index.yaml":
		_, _ = w.Write([]byte(s.index))
	case ok:
		_, _ = w.Write(text)
	default:
		http.NotFound(w, r)
	}
}

// offer puts a version into the index.
func (s *shop) offer(version, url, digest string) {
	if s.index == "" {
		s.index = "apiVersion: v1\nentries:\n  web:\n"
	}
	s.index += fmt.Sprintf("  - version: %s\n    urls: [%q]\n    digest: %s\n", version, url, digest)
}

func (s *shop) stock(version string) {
	s.t.Helper()
	text := pack(s.t, "web", version)
	s.files["web-"+version+".tgz"] = text
	s.offer(version, "web-"+version+".tgz", digest(text))
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func (s *shop) ask(q source.Query) (*git.Tree, error) {
	if q.RepoURL == "" {
		q.RepoURL = s.server.URL
	}
	if q.Chart == "" {
		q.Chart = "web"
	}
	return s.sources.At(s.t.Context(), q)
}

// want asks for a revision and wants a version.
func (s *shop) want(q source.Query, version string) *git.Tree {
	s.t.Helper()
	tree, err := s.ask(q)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := tree.ReadFile("templates/version.yaml")
	if err != nil || string(text) != "version: "+version+"\n" || tree.Revision() != version {
		s.t.Errorf("%q is %s: %q, %v; want %s", q.Revision, tree.Revision(), text, err, version)
	}
	return tree
}

func (s *shop) count(path string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.asked {
		if p == path {
			n++
		}
	}
	return n
}

func TestChartsOfAnIndex(t *testing.T) {
	s := newShop(t)
	for _, v := range []string{"1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "2.0.0+build.1"} {
		s.stock(v)
	}
	for revision, version := range map[string]string{"1.0.0": "1.0.0", "v1.0.0": "1.0.0", "1": "1.10.0", "1.2": "1.2.0", "~1.2.0": "1.2.0", "^1.0.0": "1.10.0",
		"*": "2.0.0+build.1", ">=1.0.0 <2.0.0": "1.10.0", ">=2.0.0-0 <2.0.0": "2.0.0-rc.1", "2.0.0-rc.1": "2.0.0-rc.1"} {
		s.want(source.Query{Revision: revision}, version)
	}
	if n := s.count("/index.yaml"); n != 1 {
		t.Errorf("the index was read %d times", n)
	}
	if n := s.count("/web-1.10.0.tgz"); n != 1 {
		t.Errorf("an archive was read %d times", n)
	}
	for field, q := range map[string]source.Query{
		"spec.source.targetRevision": {Revision: "3.0.0"}, "spec.source.chart": {Chart: "../web", Revision: "1.0.0"}, "spec.source.repoURL": {RepoURL: "ftp://x/y", Revision: "1.0.0"},
	} {
		_, err := s.ask(q)
		if fault, ok := object.AsFault(err); !ok || fault.Field != field {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for _, q := range []source.Query{{Revision: ">3"}, {Revision: "latest"}, {Revision: ""}, {Chart: "nope", Revision: "1.0.0"}} {
		if _, err := s.ask(q); err == nil {
			t.Errorf("%+v gave a tree", q)
		}
	}
}

func TestRangesAreAskedForAgain(t *testing.T) {
	s := newShop(t)
	s.stock("1.0.0")
	s.want(source.Query{Revision: "1.x"}, "1.0.0")
	s.stock("1.1.0")
	s.clock.Add(170)
	s.want(source.Query{Revision: "1.x"}, "1.0.0")
	s.want(source.Query{Revision: "1.x", Fresh: true}, "1.1.0")
	s.stock("1.2.0")
	s.clock.Add(181)
	s.want(source.Query{Revision: "1.x"}, "1.2.0")
	s.down.Store(true)
	s.clock.Add(181)
	s.want(source.Query{Revision: "1.x"}, "1.2.0") // an outage takes nothing away
	if _, err := s.ask(source.Query{Revision: "1.0.0"}); err != nil {
		t.Errorf("an archive at hand, in an outage: %v", err)
	}
	if _, err := s.ask(source.Query{Revision: "~1.1"}); err != nil {
		t.Errorf("a version that was fetched before, in an outage: %v", err)
	}
	_, err := s.ask(source.Query{Revision: "1.x", Fresh: true})
	if _, wrong := object.AsFault(err); err == nil || wrong {
		t.Errorf("fresh, in an outage: %v", err)
	}
}

func TestArchivesOutliveTheProcess(t *testing.T) {
	s := newShop(t)
	dir := t.TempDir()
	s.open(dir)
	s.stock("1.0.0")
	first := s.want(source.Query{Revision: "1.0.0"}, "1.0.0")
	s.open(dir)
	if second := s.want(source.Query{Revision: "1.0.0"}, "1.0.0"); second.Commit() != first.Commit() {
		t.Error("the commit is another")
	}
	if n := s.count("/web-1.0.0.tgz"); n != 1 {
		t.Errorf("the archive was read %d times", n)
	}
}

func TestManyAskAtOnce(t *testing.T) {
	s := newShop(t)
	s.stock("1.0.0")
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if _, err := s.ask(source.Query{Revision: []string{"1.0.0", "1.x"}[i%2]}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if i, a := s.count("/index.yaml"), s.count("/web-1.0.0.tgz"); i != 1 || a != 1 {
		t.Errorf("index read %d times, archive %d times", i, a)
	}
}

func TestCredentialsOfCharts(t *testing.T) {
	s := newShop(t)
	s.stock("1.0.0")
	s.user = "team"
	_, err := s.ask(source.Query{Revision: "1.0.0"})
	if fault, ok := object.AsFault(err); !ok || !strings.Contains(fault.Message, "401") {
		t.Fatalf("anonymous: %v", err)
	}
	s.reg = source.Registration{Known: true, Repository: settings.Repository{Secret: "s", Username: "team", Password: "HUSH"}}
	s.want(source.Query{Revision: "1.0.0"}, "1.0.0")
	s.reg = source.Registration{}
	if _, err := s.ask(source.Query{Revision: "1.0.0"}); err == nil {
		t.Error("a project without the secret reads what the secret brought")
	}
	written := source.Query{RepoURL: strings.Replace(s.server.URL, "://", "://team:HUSH@", 1), Revision: "1.0.0"}
	s.want(written, "1.0.0")
	s.clock.Add(11)
	if _, err := s.ask(source.Query{Revision: "1.0.0"}); err == nil || strings.Contains(err.Error(), "HUSH") {
		t.Errorf("without what stands in another's URL: %v", err)
	}
	s.user = "somebody else"
	written.Fresh = true
	if _, err := s.ask(written); err == nil || strings.Contains(err.Error(), "HUSH") {
		t.Errorf("turned away: %v", err)
	}
}

// An archive on another host is shown the repository's credentials only where the source says so; a redirect never.
func TestCredentialsStayWithTheirHost(t *testing.T) {
	s, other := newShop(t), newShop(t)
	text := pack(t, "web", "1.0.0")
	other.files["web.tgz"] = text
	s.offer("1.0.0", other.server.URL+"/web.tgz", digest(text))
	s.offer("2.0.0", "moved.tgz", digest(text))
	s.offer("3.0.0", "http://"+strings.TrimPrefix(s.server.URL, "https://")+"/web.tgz", "")
	mux := s.server.Config.Handler
	s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved.tgz" {
			http.Redirect(w, r, other.server.URL+"/web.tgz?signature=HUSH", http.StatusFound)
			return
		}
		mux.ServeHTTP(w, r)
	})
	s.reg = source.Registration{Known: true, Repository: settings.Repository{Secret: "s", Username: "team", Password: "HUSH"}}
	for _, q := range []source.Query{{Revision: "1.0.0"}, {Revision: "2.0.0"}, {Revision: "2.0.0", PassCredentials: true}} {
		if _, err := s.ask(q); err != nil {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if users := strings.Join(other.seen, ""); users != "" {
		t.Errorf("the other host was shown %q", other.seen)
	}
	s.open(t.TempDir())
	if _, err := s.ask(source.Query{Revision: "1.0.0", PassCredentials: true}); err != nil || strings.Join(other.seen, "") != "team" {
		t.Errorf("with passCredentials the other host was shown %q: %v", other.seen, err)
	}
	if _, err := s.ask(source.Query{Revision: "3.0.0"}); err == nil {
		t.Error("an archive was fetched without TLS")
	}
	other.down.Store(true)
	s.open(t.TempDir())
	if _, err := s.ask(source.Query{Revision: "2.0.0"}); err == nil || strings.Contains(err.Error(), "HUSH") {
		t.Errorf("a failure of the other host: %v", err)
	}
}

func TestTheGateIsAsked(t *testing.T) {
	s := newShop(t)
	s.stock("1.0.0")
	s.refuse = errors.New("inner addresses are not for you")
	for _, q := range []source.Query{{Revision: "1.0.0"}, {RepoURL: strings.TrimPrefix(s.server.URL, "https://"), Revision: "1.0.0"},
		{RepoURL: "oci://" + strings.TrimPrefix(s.server.URL, "https://") + "/x", Revision: "1.0.0"}} {
		_, err := s.ask(q)
		if fault, ok := object.AsFault(err); !ok || !strings.Contains(fault.Message, "inner addresses") {
			t.Errorf("%s: %v", q.RepoURL, err)
		}
	}
	if len(s.asked) > 0 {
		t.Errorf("%q was asked for", s.asked)
	}
}

func TestWithoutTLSOnlyWhatIsRegistered(t *testing.T) {
	s := newShop(t)
	s.stock("1.0.0")
	plain := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(plain.Close)
	q := source.Query{RepoURL: plain.URL, Revision: "1.0.0"}
	if _, err := s.ask(q); err == nil || len(s.asked) > 0 {
		t.Errorf("unregistered: %v, asked %q", err, s.asked)
	}
	s.reg.Known, s.reg.Secret = true, "s"
	s.want(q, "1.0.0")
}

// tarOf writes an archive of entries as they are given.
func tarOf(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	w := tar.NewWriter(gz)
	for _, e := range append([]tar.Header{{Name: "web/Chart.yaml", Size: 10}}, entries...) {
		if e.Typeflag == 0 {
			e.Typeflag = tar.TypeReg
		}
		e.Mode = 0o644
		if err := w.WriteHeader(&e); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, e.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHostileArchives(t *testing.T) {
	s := newShop(t)
	huge := make([]tar.Header, 140)
	for i := range huge {
		huge[i] = tar.Header{Name: fmt.Sprintf("web/%d", i), Size: 1 << 20}
	}
	many := make([]tar.Header, 20_001)
	for i := range many {
		many[i] = tar.Header{Name: fmt.Sprintf("web/%d", i)}
	}
	cases := map[string]struct {
		text []byte
		want string
	}{
		"absolute":                {tarOf(t, tar.Header{Name: "/etc/passwd"}), "absolute path"},
		"out":                     {tarOf(t, tar.Header{Name: "web/../../x"}), "leads out"},
		"out with backslash":      {tarOf(t, tar.Header{Name: `web\..\..\x`}), "leads out"},
		"outside the chart":       {tarOf(t, tar.Header{Name: "other"}), "outside of the chart"},
		"link out":                {tarOf(t, tar.Header{Name: "web/a/link", Typeflag: tar.TypeSymlink, Linkname: "../../x"}), "leads out"},
		"absolute link":           {tarOf(t, tar.Header{Name: "web/link", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), "leads out"},
		"hard link":               {tarOf(t, tar.Header{Name: "web/link", Typeflag: tar.TypeLink, Linkname: "web/Chart.yaml"}), "no file"},
		"device":                  {tarOf(t, tar.Header{Name: "web/dev", Typeflag: tar.TypeChar}), "no file"},
		"repository":              {tarOf(t, tar.Header{Name: "web/.git/config"}), "not used"},
		"file through a link":     {tarOf(t, tar.Header{Name: "web/l", Typeflag: tar.TypeSymlink, Linkname: "t"}, tar.Header{Name: "web/l/x"}), "not used"},
		"bomb":                    {tarOf(t, huge...), "MiB when unpacked"},
		"bomb in one file":        {tarOf(t, tar.Header{Name: "web/x", Size: 150 << 20}), "MiB when unpacked"},
		"bomb in what is skipped": {tarOf(t, tar.Header{Name: "web/x", Typeflag: tar.TypeDir}, tar.Header{Name: "web/y", Size: 180 << 20}), "MiB when unpacked"},
		"many files":              {tarOf(t, many...), "entries"},
		"no archive":              {[]byte("<html>"), "tar archive"},
		"cut short":               {tarOf(t)[:20], "archive"},
		"no chart":                {func() []byte { x := pack(t, "web", "1.0.0"); return x[:len(x)/2] }(), "archive"},
	}
	i := 0
	for name, tc := range cases {
		i++
		version := fmt.Sprintf("1.0.%d", i)
		s.files[version] = tc.text
		s.offer(version, version, digest(tc.text))
		t.Run(name, func(t *testing.T) {
			_, err := s.ask(source.Query{Revision: version, Fresh: true})
			if fault, ok := object.AsFault(err); !ok || !strings.Contains(fault.Message, tc.want) {
				t.Errorf("%v", err)
			}
		})
	}
	s.files["other"] = pack(t, "web", "2.0.0")
	s.offer("2.0.0", "other", digest([]byte("something else")))
	if _, err := s.ask(source.Query{Revision: "2.0.0", Fresh: true}); err == nil || !strings.Contains(err.Error(), "promised") {
		t.Errorf("another digest than promised: %v", err)
	}
	link := tarOf(t, tar.Header{Name: "web/a/link", Typeflag: tar.TypeSymlink, Linkname: "../Chart.yaml"})
	s.files["link"] = link
	s.offer("3.0.0", "link", digest(link))
	tree, err := s.ask(source.Query{Revision: "3.0.0", Fresh: true})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := fs.ReadFile(tree, "a/link"); err != nil || len(text) != 10 {
		t.Errorf("a link within: %d bytes, %v", len(text), err)
	}
}

// newRegistry is an OCI registry over TLS, where a user may be needed.
func (s *shop) newRegistry() (host string, push func(name, tag, mediaType string, layers ...[]byte)) {
	s.t.Helper()
	behind := registry.New()
	s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		s.mu.Lock()
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
		s.mu.Unlock()
		if s.user != "" && user != s.user && r.Header.Get("X-Push") == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="charts"`)
			http.Error(w, "{}", http.StatusUnauthorized)
			return
		}
		behind.ServeHTTP(w, r)
	})
	host = strings.TrimPrefix(s.server.URL, "https://")
	return host, func(name, tag, mediaType string, layers ...[]byte) {
		s.t.Helper()
		repo, err := remote.NewRepository(host + "/" + name)
		if err != nil {
			s.t.Fatal(err)
		}
		repo.Client = pusher{s.server.Client()}
		var about []ocispec.Descriptor
		for _, layer := range layers {
			d := content.NewDescriptorFromBytes(mediaType, layer)
			if err := repo.Push(s.t.Context(), d, bytes.NewReader(layer)); err != nil {
				s.t.Fatal(err)
			}
			about = append(about, d)
		}
		d, err := oras.PackManifest(s.t.Context(), repo, oras.PackManifestVersion1_1, "application/vnd.test", oras.PackManifestOptions{Layers: about})
		if err != nil {
			s.t.Fatal(err)
		}
		if err := repo.Tag(s.t.Context(), d, tag); err != nil {
			s.t.Fatal(err)
		}
	}
}

type pusher struct{ *http.Client }

func (p pusher) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-Push", "1")
	return p.Client.Do(r)
}

const helmLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

func TestChartsOfARegistry(t *testing.T) {
	s := newShop(t)
	host, push := s.newRegistry()
	for _, v := range []string{"1.0.0", "1.10.0", "2.0.0-rc.1", "1.2.0+b.1"} {
		push("charts/web", strings.ReplaceAll(v, "+", "_"), helmLayer, pack(t, "web", v))
	}
	push("charts/web", "9.0.0", helmLayer, pack(t, "web", "9.0.0"), pack(t, "web", "9.0.1"))
	s.user = "team"
	q := func(revision string) source.Query { return source.Query{RepoURL: host + "/charts", Revision: revision} }
	_, err := s.ask(q("1.0.0"))
	if fault, ok := object.AsFault(err); !ok || !strings.Contains(fault.Message, "401") {
		t.Fatalf("anonymous: %v", err)
	}
	s.reg = source.Registration{Known: true, Repository: settings.Repository{Secret: "s", Username: "team", Password: "HUSH"}}
	for revision, version := range map[string]string{"1.0.0": "1.0.0", "^1.0.0": "1.10.0", "1.0": "1.0.0", "1.2.0+b.1": "1.2.0+b.1", "~1.2.0": "1.2.0+b.1", ">=2.0.0-0 <3": "2.0.0-rc.1"} {
		s.want(q(revision), version)
	}
	s.want(source.Query{RepoURL: "oci://" + host + "/charts/", Revision: "1.0.0"}, "1.0.0")
	for _, revision := range []string{"3.0.0", ">4 <9", "9.0.0"} {
		if _, err := s.ask(q(revision)); err == nil {
			t.Errorf("%s gave a tree", revision)
		} else if _, ok := object.AsFault(err); !ok {
			t.Errorf("%s: %v", revision, err)
		}
	}
}

func TestArtifactsOfARegistry(t *testing.T) {
	s := newShop(t)
	host, push := s.newRegistry()
	push("acme/shop", "1.0.0", ocispec.MediaTypeImageLayerGzip, tarOf(t, tar.Header{Name: "./app/deploy.yaml", Size: 3}))
	push("acme/shop", "latest", helmLayer, pack(t, "web", "1.0.0"))
	ask := func(revision string) *git.Tree {
		t.Helper()
		tree, err := s.sources.At(t.Context(), source.Query{RepoURL: "oci://" + host + "/acme/shop", Revision: revision})
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	tree := ask("1.x")
	if text, err := tree.ReadFile("app/deploy.yaml"); err != nil || len(text) != 3 {
		t.Errorf("%q, %v", text, err)
	}
	if !strings.HasPrefix(tree.Revision(), "sha256:") || ask("1.0.0").Revision() != tree.Revision() || ask(tree.Revision()).Commit() != tree.Commit() {
		t.Errorf("the revision is %s", tree.Revision())
	}
	if _, err := ask("latest").ReadFile("Chart.yaml"); err != nil {
		t.Error(err)
	}
}

func TestRegisteredCharts(t *testing.T) {
	repo := func(url, user string) settings.Repository {
		return settings.Repository{Secret: user, URL: url, Username: user}
	}
	s := settings.Settings{
		Repositories: []settings.Repository{repo("registry.example.com:5000/charts", "own"), {Secret: "bare", URL: "https://charts.example.com/bare", Insecure: true}},
		Credentials:  []settings.Repository{repo("registry.example.com", "host"), repo("https://charts.example.com", "site")},
		Certificates: map[string]string{"registry.example.com": "PEM"},
	}
	for _, tc := range []struct{ url, user, pem string }{
		{"registry.example.com:5000/charts", "own", "PEM"}, {"oci://registry.example.com:5000/charts/", "own", "PEM"}, {"registry.example.com:5000/other", "", "PEM"},
		{"registry.example.com/other", "host", "PEM"}, {"registry.example.com.evil.example/x", "", ""}, {"https://registry.example.com/x", "", "PEM"},
		{"https://charts.example.com/bare", "site", ""}, {"https://charts.example.com.evil.example", "", ""},
	} {
		r := source.RegisteredCharts(s, tc.url, "team")
		if r.Username != tc.user || r.Certificates != tc.pem || r.Known != (tc.user != "") || r.Insecure != strings.HasSuffix(tc.url, "/bare") {
			t.Errorf("%s: %q %q known %v insecure %v", tc.url, r.Username, r.Certificates, r.Known, r.Insecure)
		}
	}
}
