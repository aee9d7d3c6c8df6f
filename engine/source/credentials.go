package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/settings"
)

// Credentials finds what a repository is shown for a project, as Argo CD finds it: the repository's own secret, one that belongs
// to the project before one for all; without one, or when it holds no credentials, the template with the longest prefix. Nil means
// that nothing is registered.
func Credentials(s settings.Settings, repoURL, project string) git.Auth {
	name := NormalizeURL(repoURL)
	own, found := pick(s.Repositories, project, func(r settings.Repository) int {
		if NormalizeURL(r.URL) == name {
			return 1
		}
		return 0
	})
	if found && own.HasCredentials() {
		return authOf(own)
	}
	template, found := pick(s.Credentials, project, func(r settings.Repository) int {
		if prefix := NormalizeURL(r.URL); strings.HasPrefix(name, prefix) && site(name) == site(prefix) {
			return len(prefix)
		}
		return 0
	})
	if !found {
		return nil
	}
	return authOf(template)
}

// site is the scheme and host of a normalised URL. A template never reaches beyond its own: "https://git.example.com" is a prefix of
// "https://git.example.com.evil.example" too.
func site(normalized string) string {
	scheme, rest, _ := strings.Cut(normalized, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// pick is the candidate with the highest score above 0; of equals, the one that belongs to the project. Those of other projects are
// none of its business.
func pick(candidates []settings.Repository, project string, score func(settings.Repository) int) (settings.Repository, bool) {
	var best settings.Repository
	most := 0
	for _, r := range candidates {
		if r.Project != "" && r.Project != project {
			continue
		}
		// Doubled, so that belonging to the project decides between equals and nothing else.
		n := 2 * score(r)
		if n > 0 && r.Project != "" {
			n++
		}
		if n > most {
			best, most = r, n
		}
	}
	return best, most > 0
}

// authOf shows what this version can show: a user name and password over HTTPS.
func authOf(r settings.Repository) git.Auth {
	return func(context.Context) (git.Credential, error) {
		if r.Password == "" && r.Username == "" {
			return git.Credential{}, fmt.Errorf("the secret %s holds credentials of a kind that this version cannot use: give it a username and a password, such as an access token", r.Secret)
		}
		return git.Credential{Username: r.Username, Password: string(r.Password)}, nil
	}
}
