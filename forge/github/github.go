// Package github is forge.Forge and forge.Verifier on GitHub, as a GitHub App: github.com, GitHub Enterprise Server, or the sandbox. It
// verifies deliveries at the river's source and writes comments, checks and deployments at its mouth. Each job runs with an
// installation token that is narrowed to one repository and to what the job needs.
package github

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

var (
	_ forge.Forge    = (*Forge)(nil)
	_ forge.Verifier = (*Forge)(nil)
)

// Options of New. AppID, PrivateKey, WebhookSecret and AllowedOwners are required.
type Options struct {
	// BaseURL of the REST API, such as "https://ghe.example.com/api/v3/". Empty: github.com. Without a path, /api/v3/ is meant.
	BaseURL string
	// AppID is the App's numeric ID, PrivateKey its RSA key in PEM.
	AppID         int64
	PrivateKey    []byte
	WebhookSecret []byte
	// AllowedOwners are the accounts (organisations or users) whose installations are served. Others are ignored.
	AllowedOwners []string
	// HTTP gives the transport beneath everything. Nil: http.DefaultTransport's settings, with RootCAs where there are any.
	HTTP    *http.Client
	RootCAs *x509.CertPool
	// WriteSpacing is the least time between two writes by one installation. Zero: 100 ms.
	WriteSpacing time.Duration
	// Timeout of one attempt at a call. Zero: 15 s.
	Timeout time.Duration
	// Backoff before a call is repeated, doubled each time. Zero: 200 ms.
	Backoff time.Duration
	// Log receives each call at debug level, without credentials. Nil: no log.
	Log *slog.Logger
}

// Forge speaks to one GitHub as one App. It is safe for concurrent use.
type Forge struct {
	verifier
	api    *url.URL
	web    *url.URL
	app    *github.Client // as the App itself, by JWT
	tokens *tokens
	log    *slog.Logger
	line   wire.Transport // what all calls share; copied for each client

	mu      sync.Mutex
	paces   map[int64]*wire.Pace // by installation
	found   map[int64]finding    // installations by repository, where a caller did not know them
	ignored map[int64]bool       // installations of owners that are not allowed, to log each once
	spacing time.Duration
}

// New checks the options and makes no call.
func New(o Options) (*Forge, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	api, web, err := Addresses(o.BaseURL)
	if err != nil {
		return nil, err
	}
	f := &Forge{
		api: api, web: web, log: o.Log, spacing: o.WriteSpacing,
		verifier: verifier{secret: o.WebhookSecret, app: o.AppID, web: web, owners: newOwners(o.AllowedOwners)},
		paces:    map[int64]*wire.Pace{}, found: map[int64]finding{}, ignored: map[int64]bool{},
		line: wire.Transport{
			Next: transport(o), Host: api.Host, Scheme: api.Scheme, Limited: limited, Cache: wire.NewCache(16 << 20),
			Timeout: o.Timeout, Backoff: o.Backoff, RequestID: "X-GitHub-Request-Id", Log: o.Log,
		},
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.spacing == 0 {
		f.spacing = 100 * time.Millisecond
	}
	line := f.line
	line.Cache, line.Pace = nil, wire.NewPace(wire.Limits{})
	signed, err := ghinstallation.NewAppsTransport(&line, o.AppID, o.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("the App's private key cannot be used: %w", err)
	}
	f.app = f.client(signed)
	f.tokens = newTokens(f.app, f.owners)
	return f, nil
}

func (o Options) check() error {
	switch {
	case o.AppID <= 0:
		return errors.New("the GitHub App's ID is missing")
	case len(o.PrivateKey) == 0:
		return errors.New("the GitHub App's private key is missing")
	case len(o.WebhookSecret) == 0:
		return errors.New("the GitHub App's webhook secret is missing: unsigned deliveries are never accepted")
	case len(newOwners(o.AllowedOwners)) == 0:
		return errors.New("no owner is allowed: name the accounts whose installations are to be served")
	}
	return nil
}

// Addresses of the API and of the pages and repositories, from what an operator says of the API; nothing is github.com.
func Addresses(base string) (api, web *url.URL, err error) {
	if base == "" {
		base = "https://api.github.com/"
	}
	api, err = url.Parse(base)
	if err != nil {
		return nil, nil, fmt.Errorf("the address of GitHub's API: %w", err)
	}
	if (api.Scheme != "https" && api.Scheme != "http") || api.Host == "" || api.User != nil {
		return nil, nil, fmt.Errorf("the address of GitHub's API is no plain https URL: %s", api.Redacted())
	}
	web = &url.URL{Scheme: api.Scheme, Host: api.Host}
	if api.Host == "api.github.com" {
		web.Host = "github.com"
	} else if strings.Trim(api.Path, "/") == "" {
		api.Path = "/api/v3/"
	}
	if !strings.HasSuffix(api.Path, "/") {
		api.Path += "/"
	}
	return api, web, nil
}

func (f *Forge) client(rt http.RoundTripper) *github.Client {
	c := github.NewClient(&http.Client{Transport: rt})
	c.BaseURL, c.UploadURL, c.UserAgent = f.api, f.api, "slipway"
	return c
}

// reach is a client that may do job in r, and nothing else. The client is for this one call: what lasts is in the Forge.
func (f *Forge) reach(ctx context.Context, r forge.Repository, j job) (*github.Client, error) {
	installation, err := f.installation(ctx, r)
	if err != nil {
		return nil, err
	}
	grant := grant{installation: installation, repository: r.ID, job: j}
	line := f.line
	line.Pace, line.Scope = f.pace(installation), grant.String()
	return f.client(&authorised{tokens: f.tokens, grant: grant, next: &line}), nil
}

// pace of an installation: GitHub counts 80 creations a minute and 500 an hour for each, and 900 points a minute; it takes 100 calls at once.
func (f *Forge) pace(installation int64) *wire.Pace {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.paces[installation]
	if p == nil {
		p = wire.NewPace(wire.Limits{Spacing: f.spacing, PerMinute: 80, PerHour: 500, Points: 900, Readers: 50})
		f.paces[installation] = p
	}
	return p
}

// owners whose installations are served, in lower case: logins on GitHub do not differ by case.
type owners map[string]bool

func newOwners(names []string) owners {
	o := owners{}
	for _, name := range names {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			o[name] = true
		}
	}
	return o
}

func (o owners) allow(login string) bool { return o[strings.ToLower(login)] }
