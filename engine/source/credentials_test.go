package source_test

import (
	"testing"

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
			{Secret: "key", URL: "https://git.example.com/acme/key.git", SSHPrivateKey: "k"},
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
			got := ""
			if auth := source.Credentials(s, tc.url, tc.project); auth != nil {
				c, err := auth(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got = c.Username
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	if _, err := source.Credentials(s, "https://git.example.com/acme/key.git", "team")(t.Context()); err == nil {
		t.Error("a kind of credentials that cannot be used gave no error")
	}
}
