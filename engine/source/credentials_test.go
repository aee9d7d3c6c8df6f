package source_test

import (
	"context"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

func TestCredentials(t *testing.T) {
	repo := func(url, project, user string) settings.Repository {
		return settings.Repository{Secret: user, URL: url, Project: project, Username: user, Password: "p"}
	}
	s := settings.Settings{
		Repositories: []settings.Repository{
			repo("https://git.example.com/acme/shop.git", "", "global"),
			repo("https://git.example.com/acme/shop", "team", "scoped"),
			repo("https://git.example.com/acme/secret.git", "other", "others"),
			{Secret: "bare", URL: "https://git.example.com/acme/bare.git"},
		},
		Credentials: []settings.Repository{
			repo("https://git.example.com/", "", "short"),
			repo("https://git.example.com/acme", "", "long"),
		},
	}
	for _, tc := range []struct{ name, url, project, want string }{
		{"the repository's own", "https://git.example.com/acme/shop.git", "default", "global"},
		{"the project's before the one for all", "https://git.example.com/acme/shop.git", "team", "scoped"},
		{"written in another way", "https://GIT.example.com/acme/shop/", "default", "global"},
		{"another project's is not seen; the template is", "https://git.example.com/acme/secret.git", "team", "long"},
		{"without credentials of its own it inherits", "https://git.example.com/acme/bare.git", "team", "long"},
		{"the longest prefix", "https://git.example.com/acme/new.git", "team", "long"},
		{"a shorter prefix", "https://git.example.com/else/new.git", "team", "short"},
		{"a host that begins alike", "https://git.example.com.evil.example/x.git", "team", ""},
		{"a host that ends in a port", "https://git.example.com:8443/x.git", "team", ""},
		{"a user that looks like the host", "https://git.example.com@evil.example/x.git", "team", ""},
		{"another scheme", "http://git.example.com/acme/shop.git", "team", ""},
		{"ssh", "git@git.example.com:acme/shop.git", "team", ""},
		{"a query", "https://evil.example/?https://git.example.com/acme", "team", ""},
		{"nothing registered", "https://elsewhere.example.com/x.git", "team", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := shown(t, s, tc.url, tc.project)
			if got := c.Username; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func shown(t *testing.T, s settings.Settings, url, project string) git.Credential {
	t.Helper()
	c, err := source.NewKeyring(source.KeyringDeps{}).Auth(s, url, project, nil)(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatIsShownOfASecret(t *testing.T) {
	const https, ssh = "https://git.example.com/acme/shop.git", "git@git.example.com:acme/shop.git"
	for _, tc := range []struct {
		name   string
		url    string
		secret settings.Repository
		want   git.Credential
		fails  string
	}{
		{"a password", https, settings.Repository{Username: "u", Password: "p"}, git.Credential{Username: "u", Password: "p"}, ""},
		{"a token alone", https, settings.Repository{Username: "t"}, git.Credential{Username: "t"}, ""},
		{"a bearer token", https, settings.Repository{BearerToken: "b"}, git.Credential{Bearer: "b"}, ""},
		{"a bearer token before a password", https, settings.Repository{Username: "u", Password: "p", BearerToken: "b"}, git.Credential{Bearer: "b"}, ""},
		{"unless basic is forced", https, settings.Repository{Username: "u", Password: "p", BearerToken: "b", ForceBasicAuth: true}, git.Credential{Username: "u", Password: "p"}, ""},
		{"a password before an App", https, settings.Repository{Username: "u", Password: "p", GitHubApp: settings.GitHubApp{ID: 1, PrivateKey: "k"}}, git.Credential{Username: "u", Password: "p"}, ""},
		{"a client certificate", https, settings.Repository{ClientCertificate: "c", ClientKey: "k"}, git.Credential{ClientCertificate: "c", ClientKey: "k"}, ""},
		{"a client certificate and a password", https, settings.Repository{ClientCertificate: "c", ClientKey: "k", Password: "p"}, git.Credential{Password: "p", ClientCertificate: "c", ClientKey: "k"}, ""},
		{"no verification, a proxy", https, settings.Repository{Insecure: true, Proxy: "http://proxy", NoProxy: "x"}, git.Credential{AnyCertificate: true, Proxy: "http://proxy", NoProxy: "x"}, ""},
		{"a key", ssh, settings.Repository{SSHPrivateKey: "k"}, git.Credential{SSHKey: "k"}, ""},
		{"a key among others", ssh, settings.Repository{Username: "u", Password: "p", SSHPrivateKey: "k", InsecureHostKey: true}, git.Credential{SSHKey: "k", AnyHostKey: true}, ""},
		{"no key", ssh, settings.Repository{Username: "u", Password: "p"}, git.Credential{}, "nothing that is shown over SSH"},
		{"a key only", https, settings.Repository{SSHPrivateKey: "k"}, git.Credential{}, "holds an SSH key"},
		{"Google's", https, settings.Repository{GCPServiceAccount: "{}"}, git.Credential{}, "of a kind that this version cannot use"},
		{"an App's key that is none", https, settings.Repository{GitHubApp: settings.GitHubApp{ID: 1, PrivateKey: "s3cr3t"}}, git.Credential{}, "no RSA key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.secret.Secret, tc.secret.URL = "shop", tc.url
			s := settings.Settings{Repositories: []settings.Repository{tc.secret}}
			got, err := source.NewKeyring(source.KeyringDeps{}).Auth(s, tc.url, "team", nil)(t.Context())
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) || strings.Contains(err.Error(), "s3cr3t") {
					t.Fatalf("got %v, want %q", err, tc.fails)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("shown something else than wanted (%v)", err)
			}
		})
	}
}

func TestVerificationIsNotInherited(t *testing.T) {
	s := settings.Settings{
		Repositories: []settings.Repository{{URL: "https://git.example.com/acme/own.git", Insecure: true, Proxy: "http://own"}},
		Credentials: []settings.Repository{{URL: "https://git.example.com/", Username: "u", Password: "p", Insecure: true, InsecureHostKey: true,
			Proxy: "http://template"}},
	}
	if got, want := shown(t, s, "https://git.example.com/acme/x.git", "team"), (git.Credential{Username: "u", Password: "p", Proxy: "http://template"}); got != want {
		t.Errorf("a repository that is not registered inherits something else than credentials and proxy")
	}
	if got, want := shown(t, s, "https://git.example.com/acme/own.git", "team"), (git.Credential{Username: "u", Password: "p", AnyCertificate: true, Proxy: "http://own"}); got != want {
		t.Errorf("a registered repository's own words do not hold")
	}
}

func TestOtherwiseIsAskedWithoutASecret(t *testing.T) {
	s := settings.Settings{Repositories: []settings.Repository{{URL: "https://git.example.com/acme/bare.git", Insecure: true}}}
	otherwise := func(context.Context) (git.Credential, error) { return git.Credential{Username: "app"}, nil }
	keys := source.NewKeyring(source.KeyringDeps{})
	for url, want := range map[string]git.Credential{
		"https://git.example.com/acme/bare.git":  {Username: "app", AnyCertificate: true},
		"https://git.example.com/acme/other.git": {Username: "app"},
	} {
		if got, err := keys.Auth(s, url, "team", otherwise)(t.Context()); err != nil || got != want {
			t.Errorf("%s: shown something else than wanted (%v)", url, err)
		}
	}
}
