// Package web is the pages behind the links of comments and checks: the report of a pull request whole, its commands and how far they
// have come, the policy explained, applications with their objects, events and logs, and locks.
//
// It stands at the end of the river, beside the comment. Links are locators, not keys: whoever looks signs in by their account on the
// forge, and sees what they may read there now. What does not exist and what they may not see look the same. The pages read; nothing
// here acts on a cluster or a forge, and every command goes by a comment.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// Access is what the pages ask of a forge with the bot's own credentials.
type Access interface {
	Permission(ctx context.Context, r forge.Repository, user forge.User) (forge.Permission, error)
	Repository(ctx context.Context, r forge.Repository) (forge.Repository, error)
}

// Site is a forge at a host by which people sign in.
type Site struct {
	Kind   forge.Kind
	Host   string
	SignIn forge.SignIn
	Access Access
}

// name tells sites apart.
func (s Site) name() string { return string(s.Kind) + " " + s.Host }

// Title is the forge as people call it.
func (s Site) Title() string {
	title := map[forge.Kind]string{forge.GitHub: "GitHub", forge.GitLab: "GitLab"}[s.Kind]
	if s.Host == "github.com" || s.Host == "gitlab.com" {
		return title
	}
	return title + " at " + s.Host
}

// Reports gives the newest report of a pull request whole, and what a /sync of it by somebody would meet now. *bot.Bot is one.
type Reports interface {
	See(ctx context.Context, p *slipway.PullRequest) (bot.Seen, error)
	Gates(ctx context.Context, p *slipway.PullRequest, by forge.User) ([]bot.Prospect, error)
}

// Clusters tells of an application's objects, and of no others: what its project does not permit is not among them.
type Clusters interface {
	Objects(ctx context.Context, app *argo.Application) (Objects, error)
	Events(ctx context.Context, app *argo.Application) ([]Event, error)
	// Logs reads the end of a container's log. ErrNotThere where the pod is not the application's.
	Logs(ctx context.Context, app *argo.Application, r LogRequest) (Log, error)
}

// ErrNotThere says that something does not exist, or is not to be seen: nobody is told which.
var ErrNotThere = errors.New("not there")

// Deps is what the pages work with.
type Deps struct {
	// Client reads Slipway's resources and Applications, from a cache.
	Client   client.Reader
	Reports  Reports
	Clusters Clusters
	Sites    []Site
	// Served finds the repository that is served under a clone URL.
	Served func(ctx context.Context, cloneURL string) (forge.Repository, bool, error)
	Log    *slog.Logger
	Now    func() time.Time
	Options
}

// Options of the pages.
type Options struct {
	// URL is the public address, such as https://slipway.example.com, without a path.
	URL string
	// Keys seal cookies: the first seals, all of them open, so that keys can be changed without signing everybody out. 32 bytes or more each.
	Keys [][]byte
	// Namespace is where Slipway's resources are.
	Namespace string
	// Proxies are networks whose word counts about where a request comes from (X-Forwarded-For).
	Proxies []netip.Prefix
	// SessionAge is how long a sign-in lasts at most: 12 hours.
	SessionAge time.Duration
	// Fresh is how long an answer about a person or a permission is believed: one minute.
	Fresh time.Duration
	// Version is Slipway's.
	Version string
}

// Web serves the pages. Make one with New.
type Web struct {
	Deps
	seal    *seal
	people  *people
	rights  *rights
	sheets  *sheets
	gates   *gates
	visitor *visitors
	pages   *pages
}

// New checks the dependencies and makes the pages' handler.
func New(d Deps) (http.Handler, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	sealed, err := newSeal(d.Keys)
	if err != nil {
		return nil, err
	}
	parsed, err := parsePages()
	if err != nil {
		return nil, err
	}
	w := &Web{Deps: d, seal: sealed, pages: parsed, people: &people{}, rights: &rights{}, sheets: newSheets(), gates: &gates{}, visitor: newVisitors()}
	return w.routes(), nil
}

func (d *Deps) check() error {
	public, err := url.Parse(d.URL)
	switch {
	case err != nil || public.Scheme != "https" || public.Host == "" || public.User != nil || strings.Trim(public.Path, "/") != "" || public.RawQuery != "":
		return fmt.Errorf("the pages' address %q is no https URL without a path: cookies that only browsers over TLS keep are needed", d.URL)
	case d.Client == nil || d.Reports == nil || d.Clusters == nil || d.Served == nil:
		return errors.New("the pages lack what they show")
	case len(d.Sites) == 0:
		return errors.New("the pages need a forge by which people sign in")
	}
	d.URL = public.Scheme + "://" + public.Host
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.SessionAge <= 0 {
		d.SessionAge = 12 * time.Hour
	}
	if d.Fresh <= 0 {
		d.Fresh = time.Minute
	}
	return nil
}

// routes are all there is. Everything but the sign-in, the assets and robots.txt is for people who are signed in.
func (w *Web) routes() http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = w.fail
	e.IPExtractor = w.extractor()
	e.Use(w.guardHeaders, w.limit, w.sameOrigin, compressed)
	e.GET("/robots.txt", robots)
	e.GET("/assets/:file", w.asset)
	e.GET("/signin", w.showSignIn)
	e.GET("/signin/with/:site", w.beginSignIn)
	e.GET("/signin/callback", w.endSignIn)
	private := e.Group("", w.signedIn)
	private.POST("/signout", w.signOut)
	private.GET("/", w.listPulls)
	private.GET("/pull/:name", w.showReport)
	private.GET("/pull/:name/diff", w.showDiff)
	private.GET("/pull/:name/commands", w.showCommands)
	private.GET("/pull/:name/policy", w.showPolicy)
	private.GET("/apps", w.listApps)
	private.GET("/app/:namespace/:name", w.showApp)
	private.GET("/app/:namespace/:name/objects", w.showObjects)
	private.GET("/app/:namespace/:name/logs", w.showLogs)
	private.GET("/locks", w.showLocks)
	private.RouteNotFound("/*", func(echo.Context) error { return ErrNotThere })
	return e
}
