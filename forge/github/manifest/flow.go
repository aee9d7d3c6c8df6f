package manifest

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	gogithub "github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/github"
)

// Options of New. Template, Key and Store are required.
type Options struct {
	// Template is the App's manifest, as YAML.
	Template []byte
	// Path is where the pages are, such as "/setup".
	Path string
	// Key opens the pages: they make an identity, and are for whoever was told the key.
	Key string
	// URL at which GitHub reaches Slipway; empty: the visitor is asked.
	URL string
	// Here is the address of these pages, to which GitHub sends the browser back; empty: URL.
	Here string
	// Organization that the App is to belong to; empty: the visitor's own account, or what they say.
	Organization string
	// Name of the App, which is to be free on GitHub; empty: the manifest's.
	Name string
	// API is the address of GitHub's API; empty: github.com.
	API string
	// Store keeps the identity. What it says goes onto the page.
	Store func(ctx context.Context, i Identity) (where string, err error)
	// HTTP reaches GitHub. Nil: http.DefaultClient.
	HTTP *http.Client
	Log  *slog.Logger
}

// Flow is the pages of the registration.
type Flow struct {
	o    Options
	mux  *http.ServeMux
	done chan struct{}

	mu       sync.Mutex
	states   map[string]started
	made     *Identity
	where    string
	verified bool
}

// started is a registration that GitHub has not sent the browser back from.
type started struct {
	api string
	at  time.Time
}

// lasts is how long a registration may take: GitHub keeps its code for as long.
const lasts = time.Hour

// New checks the options.
func New(o Options) (*Flow, error) {
	if len(o.Template) == 0 || o.Key == "" || o.Store == nil {
		return nil, errors.New("registering an App needs its manifest, a key and a place for its identity")
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.URL != "" {
		var err error
		if o.URL, err = Address(o.URL); err != nil {
			return nil, err
		}
	}
	if _, _, err := github.Addresses(o.API); err != nil {
		return nil, err
	}
	f := &Flow{o: o, mux: http.NewServeMux(), done: make(chan struct{}), states: map[string]started{}}
	f.mux.HandleFunc("GET "+o.Path, f.begin)
	f.mux.HandleFunc("GET "+o.Path+"/created", f.created)
	f.mux.HandleFunc("GET "+o.Path+"/status", f.status)
	return f, nil
}

// Done is closed when GitHub has delivered a ping to Slipway, and Slipway has taken it.
func (f *Flow) Done() <-chan struct{} { return f.done }

// Identity is the App's, once it is made.
func (f *Flow) Identity() (Identity, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made == nil {
		return Identity{}, false
	}
	return *f.made, true
}

const cookie = "slipway_setup"

// ServeHTTP serves the pages to whoever has the key: in the address at first, then in a cookie.
func (f *Flow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex")
	given := r.URL.Query().Get("key")
	if given == "" {
		if c, err := r.Cookie(cookie); err == nil {
			given = c.Value
		}
	}
	if subtle.ConstantTimeCompare([]byte(given), []byte(f.o.Key)) != 1 {
		f.show(w, http.StatusForbidden, page{Title: "Not without the key", Problem: "Open the address that Slipway printed when it started; it has the key."})
		return
	}
	// Lax: GitHub's redirect back is to bring it along.
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: f.o.Key, Path: f.o.Path, HttpOnly: true, Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
		SameSite: http.SameSiteLaxMode, MaxAge: int(lasts.Seconds())})
	f.mux.ServeHTTP(w, r)
}

// login is what an account on GitHub can be called.
var login = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$`)

// begin shows the button that takes the visitor to GitHub with the manifest, or asks first for what is not known.
func (f *Flow) begin(w http.ResponseWriter, r *http.Request) {
	if _, made := f.Identity(); made {
		http.Redirect(w, r, f.o.Path+"/status", http.StatusSeeOther)
		return
	}
	q := r.URL.Query()
	either := func(set, name string) string {
		if set != "" {
			return set
		}
		return strings.TrimSpace(q.Get(name))
	}
	address, organization, api := either(f.o.URL, "url"), either(f.o.Organization, "organization"), either(f.o.API, "github")
	ask := page{Title: "Register Slipway with GitHub", Action: f.o.Path, URL: address, Organization: organization, API: api, Ask: true, AskURL: f.o.URL == "", AskAPI: f.o.API == ""}
	if address == "" {
		ask.URL = seen(r)
		f.show(w, http.StatusOK, ask)
		return
	}
	address, err := Address(address)
	if err == nil && organization != "" && !login.MatchString(organization) {
		err = errors.New("an organisation's name has letters, digits and hyphens")
	}
	_, web, badAPI := github.Addresses(api)
	if err = errors.Join(err, badAPI); err != nil {
		ask.Problem = err.Error()
		f.show(w, http.StatusUnprocessableEntity, ask)
		return
	}
	here := f.o.Here
	if here == "" {
		here = address
	}
	text, err := filled(f.o.Template, fill{name: f.o.Name, url: address, redirect: here + f.o.Path + "/created"})
	if err != nil {
		f.fail(w, err)
		return
	}
	to := web.JoinPath("settings", "apps", "new")
	if organization != "" {
		to = web.JoinPath("organizations", organization, "settings", "apps", "new")
	}
	to.RawQuery = url.Values{"state": {f.start(api)}}.Encode()
	f.show(w, http.StatusOK, page{Title: "Register Slipway with GitHub", URL: address, Organization: organization, Host: web.Host, GitHub: to.String(),
		GitHubOrigin: web.Scheme + "://" + web.Host, Manifest: text})
}

// seen is the address under which the visitor sees these pages, as a proposal.
func seen(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// start notes that somebody is on the way to GitHub, under a word that they bring back.
func (f *Flow) start(api string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for state, s := range f.states {
		if time.Since(s.at) > lasts {
			delete(f.states, state)
		}
	}
	const most = 1000
	if len(f.states) >= most {
		clear(f.states)
	}
	state := rand.Text()
	f.states[state] = started{api: api, at: time.Now()}
	return state
}

// returned takes the word back; each is good for once.
func (f *Flow) returned(state string) (started, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.states[state]
	delete(f.states, state)
	return s, ok && time.Since(s.at) <= lasts
}

// created takes the App's identity from GitHub and keeps it.
func (f *Flow) created(w http.ResponseWriter, r *http.Request) {
	s, ok := f.returned(r.URL.Query().Get("state"))
	if !ok {
		f.show(w, http.StatusForbidden, page{Title: "This registration was not begun here", Problem: "It is too old, was finished already, or was begun elsewhere.", Again: f.o.Path})
		return
	}
	i, err := f.convert(r.Context(), s.api, r.URL.Query().Get("code"))
	if err != nil {
		f.fail(w, err)
		return
	}
	where, err := f.o.Store(r.Context(), i)
	if err != nil {
		f.fail(w, fmt.Errorf("the App %s is registered at %s, but its identity could not be kept: delete it there and begin again: %w", i.Slug, i.HTMLURL, err))
		return
	}
	f.o.Log.InfoContext(r.Context(), "GitHub App registered", "app", i.Slug, "id", i.ID, "owner", i.Owner, "kept", where)
	f.mu.Lock()
	f.made, f.where = &i, where
	f.mu.Unlock()
	http.Redirect(w, r, f.o.Path+"/status", http.StatusSeeOther)
}

// code is what GitHub gives for one conversion.
var code = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`)

// convert exchanges the code for the App's identity.
func (f *Flow) convert(ctx context.Context, api, given string) (Identity, error) {
	if !code.MatchString(given) {
		return Identity{}, errors.New("GitHub sent the browser back without a code")
	}
	base, _, err := github.Addresses(api)
	if err != nil {
		return Identity{}, err
	}
	c := gogithub.NewClient(f.o.HTTP)
	c.BaseURL, c.UserAgent = base, "slipway"
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	made, _, err := c.Apps.CompleteAppManifest(ctx, given)
	if err != nil {
		return Identity{}, fmt.Errorf("taking the App's identity from GitHub: %w", err)
	}
	i := Identity{ID: made.GetID(), Slug: made.GetSlug(), Owner: made.GetOwner().GetLogin(), HTMLURL: made.GetHTMLURL(), PrivateKey: made.GetPEM(),
		WebhookSecret: made.GetWebhookSecret(), ClientID: made.GetClientID(), ClientSecret: made.GetClientSecret(), API: api}
	if i.ID == 0 || i.PrivateKey == "" || i.WebhookSecret == "" {
		return Identity{}, errors.New("GitHub's answer lacks the App's id, key or webhook secret")
	}
	return i, nil
}

// status shows what is left to do, and whether a delivery of GitHub's has arrived.
func (f *Flow) status(w http.ResponseWriter, r *http.Request) {
	i, made := f.Identity()
	if !made {
		http.Redirect(w, r, f.o.Path, http.StatusSeeOther)
		return
	}
	f.mu.Lock()
	p := page{Title: "Slipway is registered", App: i.Slug, AppURL: i.HTMLURL, Owner: i.Owner, Where: f.where, Verified: f.verified}
	f.mu.Unlock()
	if !p.Verified {
		p.Hook, p.Verified = f.ping(r.Context(), i)
	}
	if p.Verified {
		f.verify()
	}
	f.show(w, http.StatusOK, p)
}

func (f *Flow) verify() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.verified {
		f.verified = true
		close(f.done)
	}
}

// patience is how long after an attempt the next one is asked for.
const patience = 3 * time.Second

// ping says what became of the ping that GitHub sends to a new hook, and has it sent again while nobody takes it.
func (f *Flow) ping(ctx context.Context, i Identity) (words string, arrived bool) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	hub, err := github.New(github.Options{BaseURL: i.API, AppID: i.ID, PrivateKey: []byte(i.PrivateKey), WebhookSecret: []byte(i.WebhookSecret),
		AllowedOwners: []string{i.Owner}, HTTP: f.o.HTTP})
	if err != nil {
		return err.Error(), false
	}
	last, found, err := hub.Ping(ctx)
	switch {
	case err != nil:
		return "GitHub's log of deliveries cannot be read: " + err.Error(), false
	case !found:
		return "GitHub has not sent its ping yet.", false
	case last.Delivered():
		return "", true
	}
	if time.Since(last.At) > patience {
		if err := hub.Redeliver(ctx, last.ID); err != nil && !errors.Is(err, forge.ErrNotFound) {
			return "GitHub cannot be asked to send its ping again: " + err.Error(), false
		}
	}
	if last.Status == 0 {
		return "GitHub could not reach Slipway at the address of its webhook. Is it reachable from there? It is tried again.", false
	}
	return fmt.Sprintf("GitHub's ping was answered %d. Slipway may still be starting; it is tried again.", last.Status), false
}
