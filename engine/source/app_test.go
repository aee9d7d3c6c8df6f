package source_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
	sandbox "github.com/slipway-cd/slipway/fixtures/forge"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
)

// appWorld is a forge with a private repository and an App on it, and the secret that a team would register.
type appWorld struct {
	*sandbox.Server
	secret   settings.Repository
	settings settings.Settings
	url      string
	issued   atomic.Int64
}

func newAppWorld(t *testing.T) *appWorld {
	t.Helper()
	w := &appWorld{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	w.Server, err = sandbox.Start(t.Context(), sandbox.Options{Dir: t.TempDir(), Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/access_tokens") {
				w.issued.Add(1)
			}
			next.ServeHTTP(rw, r)
		})
	}})
	must(err)
	t.Cleanup(w.Close)
	_, err = w.Org("acme", "alice")
	must(err)
	for _, name := range []string{"deploy", "other"} {
		_, err = w.Repo(t.Context(), store.NewRepo{Owner: "acme", Name: name, Private: true})
		must(err)
		_, err = w.As("alice").Commit(t.Context(), "acme/"+name, store.FileCommit{Branch: "main", Message: "first", Files: map[string]string{"a": "1\n"}})
		must(err)
	}
	hook := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(hook.Close)
	app, key, err := w.App(sandbox.NewApp{Slug: "slipway", Owner: "acme", HookURL: hook.URL, Secret: "hush"})
	must(err)
	installed, err := w.Install(app.ID, "acme")
	must(err)
	w.url = w.CloneURL("acme/deploy", "")
	w.secret = settings.Repository{Secret: "deploy", URL: w.url, GitHubApp: settings.GitHubApp{ID: app.ID, InstallationID: installed.ID,
		PrivateKey: settings.Hidden(key), EnterpriseURL: strings.TrimSuffix(w.APIURL(), "/")}}
	w.settings = settings.Settings{Certificates: map[string]string{"127.0.0.1": string(w.CA())}}
	return w
}

func (w *appWorld) fetch(t *testing.T, keys *source.Keyring, url string, secret settings.Repository) error {
	t.Helper()
	s := w.settings
	s.Repositories = []settings.Repository{secret}
	mirrors, err := git.NewStore(git.Options{Dir: t.TempDir(), Trust: func(_ context.Context, host string) (git.Trust, error) { return source.Trust(s, host), nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mirrors.Close)
	return mirrors.Mirror(url).Fetch(t.Context(), keys.Auth(s, url, "team", nil))
}

func TestGitHubAppsOfSecrets(t *testing.T) {
	w := newAppWorld(t)
	keys := source.NewKeyring(source.KeyringDeps{})
	for range 2 {
		if err := w.fetch(t, keys, w.url, w.secret); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.issued.Load(); n != 1 {
		t.Errorf("made %d tokens for two fetches", n)
	}
	found := w.secret
	found.GitHubApp.InstallationID = 0
	if err := w.fetch(t, keys, w.url, found); err != nil {
		t.Errorf("finding the installation: %v", err)
	}
	if err := w.fetch(t, keys, w.url, settings.Repository{Secret: "none", URL: w.url}); err == nil {
		t.Error("the repository is not private, and the test shows nothing")
	}

	s := w.settings
	s.Repositories = []settings.Repository{w.secret}
	c, err := keys.Auth(s, w.url, "team", nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other := w.CloneURL("acme/other", "")
	if err := w.fetch(t, keys, other, settings.Repository{Secret: "narrow", URL: other, Username: c.Username, Password: settings.Hidden(c.Password)}); err == nil {
		t.Error("a token for one repository reads another")
	}
}

func TestGitHubAppsFailClearly(t *testing.T) {
	w := newAppWorld(t)
	for name, tc := range map[string]struct {
		change func(*settings.Repository)
		dial   func(context.Context, string, string) (net.Conn, error)
		want   string
	}{
		"no such installation": {change: func(r *settings.Repository) { r.GitHubApp.InstallationID = 1 }, want: "making a token for acme/deploy"},
		"http":                 {change: func(r *settings.Repository) { r.GitHubApp.EnterpriseURL = "http://127.0.0.1/api/v3" }, want: "no https URL"},
		"a refused address": {dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("dialling is not allowed")
		},
			want: "not allowed"},
		"an App without the repository": {change: func(r *settings.Repository) { r.GitHubApp.ID = 999999 }, want: "making a token for acme/deploy"},
	} {
		t.Run(name, func(t *testing.T) {
			secret := w.secret
			if tc.change != nil {
				tc.change(&secret)
			}
			err := w.fetch(t, source.NewKeyring(source.KeyringDeps{Dial: tc.dial}), w.url, secret)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
