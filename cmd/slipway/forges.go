package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway/bot"
	"github.com/slipway-cd/slipway/bot/web"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/github"
	"github.com/slipway-cd/slipway/forge/gitlab"
)

// forges are those that are served.
type forges struct {
	sites          []bot.Site
	visitors       []web.Site // by which people sign in to the pages
	clientSecret   string     // by which the first of them knows us
	github, gitlab forge.Verifier
	secret         []byte // of the first forge; other keys derive from it
	// What lists for ApplicationSets, where these ask for repositories of the owners that are served.
	owners      []string
	app         *settings.GitHubApp
	gitlabToken string

	mu     sync.Mutex
	listed time.Time
	repos  map[string]served // by normalised clone URL
}

// served is a repository and the forge that gives credentials for it.
type served struct {
	repository forge.Repository
	forge      bot.Forge
}

// seed makes random template functions in reports the same for every report of this installation.
func (f *forges) seed() []byte { return derive(f.secret, "random template functions") }

// openForges makes a client for each forge that is configured. It makes no call.
func openForges(o *serveOptions, log *slog.Logger) (*forges, error) {
	out, pool, err := o.outside()
	if err != nil {
		return nil, err
	}
	client := out.client(pool)
	f := &forges{owners: o.allowOwners}
	if o.github() {
		if err := f.addGitHub(o, github.Options{BaseURL: o.githubURL, AllowedOwners: o.allowOwners, HTTP: client, Log: log}); err != nil {
			return nil, err
		}
	}
	if o.gitlabURL != "" {
		if err := f.addGitLab(o, gitlab.Options{BaseURL: o.gitlabURL, AllowedOwners: o.allowOwners, HTTP: client, Log: log}); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *forges) addGitHub(o *serveOptions, options github.Options) error {
	id, err := o.appID()
	if err != nil {
		return err
	}
	key, err := o.secretOf("github-private-key-file", o.githubKeyFile)
	if err != nil {
		return err
	}
	secret, err := o.secretOf("github-webhook-secret-file", o.githubHookFile)
	if err != nil {
		return err
	}
	options.AppID, options.PrivateKey, options.WebhookSecret = id, []byte(key), []byte(secret)
	f.app = &settings.GitHubApp{ID: id, PrivateKey: settings.Hidden(key)}
	client, err := github.New(options)
	if err != nil {
		return err
	}
	f.github, f.secret = client, []byte(secret)
	host := webHost(o.githubURL, "github.com")
	f.sites = append(f.sites, bot.Site{Kind: forge.GitHub, Host: host, Forge: client})
	return f.addVisitors(o, client, host)
}

func (f *forges) addGitLab(o *serveOptions, options gitlab.Options) error {
	token, err := secretFile("gitlab-token-file", o.gitlabTokenFile)
	if err != nil {
		return err
	}
	options.Token, f.gitlabToken = token, token
	if o.gitlabGitFile != "" {
		if options.GitToken, err = secretFile("gitlab-git-token-file", o.gitlabGitFile); err != nil {
			return err
		}
	}
	if o.gitlabHook == "" && o.gitlabSigningFile == "" {
		return errors.New("GitLab needs --gitlab-signing-token-file or --gitlab-webhook-token-file: unsigned deliveries are never accepted")
	}
	if o.gitlabHook != "" {
		if options.WebhookToken, err = secretFile("gitlab-webhook-token-file", o.gitlabHook); err != nil {
			return err
		}
	}
	if o.gitlabSigningFile != "" {
		if options.SigningToken, err = secretFile("gitlab-signing-token-file", o.gitlabSigningFile); err != nil {
			return err
		}
	}
	client, err := gitlab.New(options)
	if err != nil {
		return err
	}
	f.gitlab = client
	if f.secret == nil {
		f.secret = []byte(options.WebhookToken + options.SigningToken)
	}
	f.sites = append(f.sites, bot.Site{Kind: forge.GitLab, Host: webHost(o.gitlabURL, "gitlab.com"), Forge: client})
	return f.addGitLabVisitors(o, options, client)
}

// webHost is the host people see, from the address of an API.
func webHost(api, otherwise string) string {
	u, err := url.Parse(api)
	if api == "" || err != nil || u.Host == "" {
		return otherwise
	}
	return strings.TrimPrefix(u.Host, "api.")
}

// owns says whether a path, such as "acme/shop", is of an owner that is served.
func (f *forges) owns(path string) bool {
	path = strings.ToLower(strings.Trim(path, "/")) + "/"
	return slices.ContainsFunc(f.owners, func(o string) bool { return strings.HasPrefix(path, strings.ToLower(strings.Trim(o, "/"))+"/") })
}

// relist is how long the list of served repositories is believed.
const relist = time.Minute

// find is the served repository of a clone URL.
func (f *forges) find(ctx context.Context, repoURL string) (served, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := source.NormalizeURL(repoURL)
	if r, ok := f.repos[name]; ok {
		return r, true, nil
	}
	if time.Since(f.listed) < relist {
		return served{}, false, nil
	}
	repos := map[string]served{}
	var failed error
	for _, site := range f.sites {
		list, err := site.Forge.Installed(ctx)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("listing the repositories of %s: %w", site.Host, err))
		}
		for _, r := range list {
			repos[source.NormalizeURL(r.CloneURL)] = served{r, site.Forge}
		}
	}
	r, ok := repos[name]
	switch {
	case failed == nil:
		f.repos, f.listed = repos, time.Now()
	case !ok: // it may be one of those that could not be listed
		return served{}, false, failed
	}
	return r, ok, nil
}

// numbered is the repository that a forge knows by a number, among those that were listed last.
func (f *forges) numbered(host, number string) (served, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.repos {
		if r.repository.Host == host && strconv.FormatInt(r.repository.ID, 10) == number {
			return r, true
		}
	}
	return served{}, false
}

// credentials finds how to read a repository: by a secret of the control namespace, as Argo CD does, else as the App that serves it.
type credentials struct {
	known  *settled
	keys   *source.Keyring
	forges *forges
}

func (c credentials) auth(ctx context.Context, repoURL, project string) (git.Auth, error) {
	return c.keys.Auth(c.known.read(ctx), repoURL, project, func(ctx context.Context) (git.Credential, error) {
		r, ok, err := c.forges.find(ctx, repoURL)
		if err != nil || !ok {
			return git.Credential{}, err
		}
		got, err := r.forge.Credentials(ctx, r.repository)
		return git.Credential{Username: got.Username, Password: got.Password}, err
	}), nil
}

// keyring makes tokens of the GitHub Apps of repositories' secrets, at addresses that pass the gate.
func keyring(o *serveOptions, g gate) (*source.Keyring, error) {
	deps := source.KeyringDeps{Dial: g.dialer().DialContext}
	if o.caFile == "" {
		return source.NewKeyring(deps), nil
	}
	var err error
	if deps.Roots, err = roots(o.caFile); err != nil {
		return nil, err
	}
	if deps.Extra, err = os.ReadFile(o.caFile); err != nil {
		return nil, fmt.Errorf("--ca-file: %w", err)
	}
	return source.NewKeyring(deps), nil
}
