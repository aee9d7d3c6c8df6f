package source

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/settings"
)

// Registered is what is registered for a repository and a project, as Argo CD finds it: the repository's own secret, one that belongs
// to the project before one for all; without one, or when it holds no credentials, with those of the template with the longest prefix.
// It is false when neither is there.
func Registered(s settings.Settings, repoURL, project string) (settings.Repository, bool) {
	name := NormalizeURL(repoURL)
	own, registered := pick(s.Repositories, project, func(r settings.Repository) int {
		if NormalizeURL(r.URL) == name {
			return 1
		}
		return 0
	})
	if registered && own.HasCredentials() {
		return own, true
	}
	template, found := pick(s.Credentials, project, func(r settings.Repository) int {
		if prefix := NormalizeURL(r.URL); strings.HasPrefix(name, prefix) && site(name) == site(prefix) {
			return len(prefix)
		}
		return 0
	})
	if !found {
		return own, registered
	}
	// What a connection is not verified by is never inherited: it is said of one repository.
	template.Insecure, template.InsecureHostKey = own.Insecure, own.InsecureHostKey
	if own.Proxy != "" {
		template.Proxy, template.NoProxy = own.Proxy, own.NoProxy
	}
	template.URL, template.LFS, template.Depth = repoURL, own.LFS, own.Depth
	if registered {
		template.Name, template.Type = own.Name, own.Type
	}
	return template, true
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

// Keyring finds what repositories are shown. It keeps the tokens that it makes of GitHub Apps' keys. It is safe for concurrent use.
type Keyring struct{ apps *appTokens }

// NewKeyring makes a keyring.
func NewKeyring(deps KeyringDeps) *Keyring { return &Keyring{apps: newAppTokens(deps)} }

// Auth is what a repository is shown for a project. Where nothing is registered that it could be shown, otherwise is asked; nil shows
// nothing.
func (k *Keyring) Auth(s settings.Settings, repoURL, project string, otherwise git.Auth) git.Auth {
	r, _ := Registered(s, repoURL, project)
	return func(ctx context.Context) (git.Credential, error) {
		var c git.Credential
		var err error
		switch {
		case r.HasCredentials():
			c, err = k.login(ctx, s, r, repoURL)
		case otherwise != nil:
			c, err = otherwise(ctx)
		}
		if err != nil {
			return git.Credential{}, err
		}
		c.AnyCertificate, c.AnyHostKey = r.Insecure, r.InsecureHostKey
		c.Proxy, c.NoProxy = r.Proxy, r.NoProxy
		return c, nil
	}
}

// login chooses among the credentials of a secret: the first in Argo CD's order that the repository's protocol can carry.
func (k *Keyring) login(ctx context.Context, s settings.Settings, r settings.Repository, repoURL string) (git.Credential, error) {
	if strings.HasPrefix(NormalizeURL(repoURL), "ssh://") {
		if r.SSHPrivateKey == "" {
			return git.Credential{}, fmt.Errorf("the secret %s holds nothing that is shown over SSH: give it an sshPrivateKey, or the repository its https URL", r.Secret)
		}
		return git.Credential{SSHKey: string(r.SSHPrivateKey)}, nil
	}
	c := git.Credential{ClientCertificate: r.ClientCertificate, ClientKey: string(r.ClientKey)}
	switch {
	case r.Password != "" && (r.ForceBasicAuth || r.BearerToken == ""):
		c.Username, c.Password = r.Username, string(r.Password)
	case r.BearerToken != "":
		c.Bearer = string(r.BearerToken)
	case r.GitHubApp.PrivateKey != "":
		token, err := k.apps.of(ctx, s, r, repoURL)
		if err != nil {
			return git.Credential{}, fmt.Errorf("the GitHub App of the secret %s: %w", r.Secret, err)
		}
		c.Username, c.Password = "x-access-token", token
	case r.Username != "": // some forges take a token as the name
		c.Username = r.Username
	case r.ClientCertificate != "" && r.ClientKey != "":
	case r.SSHPrivateKey != "":
		return git.Credential{}, fmt.Errorf("the secret %s holds an SSH key, which is not shown over https: give it a password or a token, or the repository its SSH URL", r.Secret)
	default:
		return git.Credential{}, fmt.Errorf("the secret %s holds credentials of a kind that this version cannot use (Google's or Azure's): give it a username and a password, such as an access token", r.Secret)
	}
	return c, nil
}

// Trust is what an installation's settings know of a host.
func Trust(s settings.Settings, host string) git.Trust {
	return git.Trust{KnownHosts: s.KnownHosts, Certificates: s.Certificates[host]}
}
