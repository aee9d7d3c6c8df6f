//lint:file-ignore SA1019 go-gitlab is the client that was chosen; its deprecation names where it continues, not a fault of it.

// Package gitlab is forge.Forge and forge.Verifier on GitLab, as a bot account: gitlab.com, a GitLab of one's own, or the sandbox. Pull
// requests are merge requests there, comments are notes, checks are commit statuses. What GitLab has no word for is left out, and said
// where it is.
package gitlab

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
	"sync/atomic"
	"time"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
)

var (
	_ forge.Forge    = (*Forge)(nil)
	_ forge.Verifier = (*Forge)(nil)
)

// Options of New. Token, AllowedOwners, and one of WebhookToken and SigningToken are required.
type Options struct {
	// BaseURL of the GitLab, such as "https://gitlab.example.com". Empty: gitlab.com.
	BaseURL string
	// Token of the bot account, with scope api.
	Token string
	// GitToken reads repositories, with scope read_repository alone. Empty: Token, which can do more than read.
	GitToken string
	// WebhookToken is the secret that GitLab sends as it is. SigningToken ("whsec_...") is the one it signs with, since 19.0; where it is
	// set, deliveries must be signed.
	WebhookToken string
	SigningToken string
	// AllowedOwners are the groups or users, by full path, whose projects are served, with the groups beneath them.
	AllowedOwners []string
	// HTTP gives the transport beneath everything. Nil: http.DefaultTransport's settings, with RootCAs where there are any.
	HTTP    *http.Client
	RootCAs *x509.CertPool
	// WriteSpacing is the least time between two writes. Zero: 100 ms.
	WriteSpacing time.Duration
	// Timeout of one attempt at a call. Zero: 15 s.
	Timeout time.Duration
	// Backoff before a call is repeated, doubled each time. Zero: 200 ms.
	Backoff time.Duration
	// Now is the clock that signatures' times are held against. Nil: time.Now.
	Now func() time.Time
	// Log receives each call at debug level, without credentials. Nil: no log.
	Log *slog.Logger
}

// Forge speaks to one GitLab as one bot account. It is safe for concurrent use.
type Forge struct {
	verifier
	api      *gitlab.Client
	gitToken string
	token    string
	log      *slog.Logger

	mu   sync.Mutex
	self *atomic.Int64 // the bot's user id, 0 until it is known; shared with the verifier
}

// New checks the options and makes no call.
func New(o Options) (*Forge, error) {
	web, err := o.check()
	if err != nil {
		return nil, err
	}
	f := &Forge{gitToken: o.GitToken, token: o.Token, log: o.Log, self: &atomic.Int64{}}
	if f.verifier, err = newVerifier(o, web, f.self); err != nil {
		return nil, err
	}
	if f.gitToken == "" {
		f.gitToken = o.Token
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.api, err = gitlab.NewClient(o.Token, gitlab.WithBaseURL(web.String()), gitlab.WithoutRetries(),
		gitlab.WithHTTPClient(&http.Client{Transport: unthrottled{line(o, web)}}))
	if err != nil {
		return nil, fmt.Errorf("the address of GitLab: %w", err)
	}
	return f, nil
}

func (o Options) check() (*url.URL, error) {
	switch {
	case o.Token == "":
		return nil, errors.New("the GitLab bot's token is missing")
	case o.WebhookToken == "" && o.SigningToken == "":
		return nil, errors.New("GitLab's webhook token or signing token is missing: unsigned deliveries are never accepted")
	case len(newOwners(o.AllowedOwners)) == 0:
		return nil, errors.New("no owner is allowed: name the groups whose projects are to be served")
	}
	base := o.BaseURL
	if base == "" {
		base = "https://gitlab.com"
	}
	web, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("the address of GitLab: %w", err)
	}
	if (web.Scheme != "https" && web.Scheme != "http") || web.Host == "" || web.User != nil {
		return nil, fmt.Errorf("the address of GitLab is no plain https URL: %s", web.Redacted())
	}
	web.Path = strings.TrimSuffix(strings.TrimSuffix(web.Path, "/"), "/api/v4")
	return web, nil
}

// me is the bot's own user id.
func (f *Forge) me(ctx context.Context) (int64, error) {
	if id := f.self.Load(); id != 0 {
		return id, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if id := f.self.Load(); id != 0 {
		return id, nil
	}
	user, _, err := f.api.Users.CurrentUser(gitlab.WithContext(ctx))
	if err != nil {
		return 0, refused("reading who we are", err)
	}
	f.self.Store(int64(user.ID))
	return int64(user.ID), nil
}

// owners are groups by their full path in lower case. Whoever allows a group allows those beneath it.
type owners []string

func newOwners(names []string) owners {
	var o owners
	for _, name := range names {
		if name = strings.ToLower(strings.Trim(strings.TrimSpace(name), "/")); name != "" {
			o = append(o, name)
		}
	}
	return o
}

func (o owners) allow(path string) bool {
	path = strings.ToLower(path) + "/"
	for _, name := range o {
		if strings.HasPrefix(path, name+"/") {
			return true
		}
	}
	return false
}
