package source_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

// pier is a registry over TLS with one image, shop/web:there, that counts what it is asked.
type pier struct {
	t       *testing.T
	sources *source.Sources
	host    string
	now     atomic.Int64
	asked   atomic.Int64
	status  atomic.Int64 // what it answers instead, when set
	user    string       // when set, only it may read
	reg     source.Registration
	refuse  error
}

func newPier(t *testing.T) *pier {
	t.Helper()
	p := &pier{t: t}
	behind := registry.New()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		user, _, _ := r.BasicAuth()
		switch {
		case p.status.Load() != 0:
			w.WriteHeader(int(p.status.Load()))
		case r.Method != http.MethodPut && p.user != "" && user != p.user:
			w.Header().Set("WWW-Authenticate", `Basic realm="pier"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			behind.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	p.host = strings.TrimPrefix(server.URL, "https://")
	const kind = "application/vnd.oci.image.manifest.v1+json"
	put, err := http.NewRequest(http.MethodPut, server.URL+"/v2/shop/web/manifests/there", strings.NewReader(`{"schemaVersion":2,"mediaType":"`+kind+`","layers":[],"config":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	put.Header.Set("Content-Type", kind)
	answer, err := server.Client().Do(put)
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatal(err, answer)
	}
	answer.Body.Close()
	store, err := git.NewStore(git.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	p.sources, err = source.New(source.Deps{Store: store, Now: func() time.Time { return time.Unix(p.now.Load(), 0) },
		Registered: func(_ context.Context, url, project string) source.Registration {
			if url != "oci://"+p.host+"/shop/web" || project != "shop" {
				return source.Registration{}
			}
			return p.reg
		},
		Network: source.Network{Roots: server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, AllowedHosts: func(string) error { return p.refuse }}})
	if err != nil {
		t.Fatal(err)
	}
	p.asked.Store(0)
	return p
}

func TestImages(t *testing.T) {
	registered := source.Registration{Known: true, Repository: settings.Repository{Username: "carol", Password: "x"}}
	for name, c := range map[string]struct {
		image   string // after the host
		project string
		edit    func(*pier)
		found   bool
		fault   string // what cannot be told, or empty
	}{
		"there":                          {image: "/shop/web:there", found: true},
		"by its digest":                  {image: "/shop/web@sha256:" + strings.Repeat("0", 64)},
		"gone":                           {image: "/shop/web:gone"},
		"no such repository":             {image: "/shop/other:there"},
		"without a tag, which is latest": {image: "/shop/web"},
		"a login that nobody registered": {image: "/shop/web:there", edit: func(p *pier) { p.user = "carol" }, fault: "asks for a login"},
		"a login that is registered":     {image: "/shop/web:there", project: "shop", edit: func(p *pier) { p.user, p.reg = "carol", registered }, found: true},
		"another project's login":        {image: "/shop/web:there", project: "other", edit: func(p *pier) { p.user, p.reg = "carol", registered }, fault: "asks for a login"},
		"a registry that is busy":        {image: "/shop/web:there", edit: func(p *pier) { p.status.Store(429) }, fault: "asks to wait"},
		"an address that is not dialled": {image: "/shop/web:there", edit: func(p *pier) { p.refuse = errors.New("not there") }, fault: "is not asked: not there"},
		"no reference":                   {image: "/Shop/WEB:there", fault: "not the reference of an image"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPier(t)
			if c.edit != nil {
				c.edit(p)
			}
			found, err := p.sources.Image(t.Context(), p.host+c.image, c.project)
			if found != c.found {
				t.Errorf("found: %v", found)
			}
			fault, told := object.AsFault(err)
			if told != (c.fault != "") || told && !strings.Contains(fault.Message, c.fault) {
				t.Errorf("%v, want %q", err, c.fault)
			}
		})
	}
}

func TestAnswersAboutImagesAreKept(t *testing.T) {
	p := newPier(t)
	ask := func(tag string) (bool, error) { return p.sources.Image(t.Context(), p.host+"/shop/web:"+tag, "shop") }
	for range 3 {
		for tag, want := range map[string]bool{"there": true, "gone": false} {
			if found, err := ask(tag); found != want || err != nil {
				t.Fatalf("%s: %v, %v", tag, found, err)
			}
		}
	}
	if n := p.asked.Load(); n != 2 {
		t.Errorf("asked %d times, want once for each", n)
	}
	p.now.Add(60) // long enough for one that is being built, not for one that is there
	for _, tag := range []string{"there", "gone"} {
		if _, err := ask(tag); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

func TestARegistryOutOfReachIsLeftAlone(t *testing.T) {
	p := newPier(t)
	p.status.Store(503)
	for _, tag := range []string{"a", "b", "c"} {
		if found, err := p.sources.Image(t.Context(), p.host+"/shop/web:"+tag, ""); found || err == nil {
			t.Errorf("%s: %v, %v", tag, found, err)
		}
	}
	asked := p.asked.Load()
	p.now.Add(300)
	p.status.Store(0)
	if found, err := p.sources.Image(t.Context(), p.host+"/shop/web:there", ""); !found || err != nil {
		t.Errorf("after a while: %v, %v", found, err)
	}
	if asked > 8 { // the client's own tries of one question
		t.Errorf("asked %d times", asked)
	}
}
