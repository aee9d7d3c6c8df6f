package source

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"
	"golang.org/x/net/http/httpproxy"

	"github.com/slipway-cd/slipway/engine/settings"
)

// KeyringDeps are what a keyring needs to reach GitHub.
type KeyringDeps struct {
	// Dial makes connections. Nil dials anything.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots are trusted where the settings have no certificates for the host. Nil are the system's.
	Roots *x509.CertPool
	// Extra, PEM, are trusted beside those of the settings.
	Extra []byte
}

const (
	githubAPI = "https://api.github.com"
	// tokenMargin is how long before its end a token is no longer handed out: a fetch that starts with it must be able to finish.
	tokenMargin = 10 * time.Minute
	askLimit    = 30 * time.Second
	answerLimit = 4 << 20
)

// appTokens makes tokens of the keys of GitHub Apps: one for each repository, which reads that repository and nothing else.
type appTokens struct {
	deps KeyringDeps

	mu   sync.Mutex
	held map[string]*appToken
}

type appToken struct {
	turn    chan struct{} // holds one while somebody renews it
	value   string
	expires time.Time
}

func newAppTokens(deps KeyringDeps) *appTokens {
	if deps.Dial == nil {
		deps.Dial = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	}
	return &appTokens{deps: deps, held: map[string]*appToken{}}
}

// appRepository is a repository as GitHub's API names it, with the way there.
type appRepository struct {
	api         string
	owner, name string
	secret      settings.Repository
	authority   string // PEM, of the API's host
}

func (a *appTokens) of(ctx context.Context, s settings.Settings, secret settings.Repository, repoURL string) (string, error) {
	r, err := appRepositoryOf(s, secret, repoURL)
	if err != nil {
		return "", err
	}
	t := a.token(r)
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { <-t.turn }()
	if time.Until(t.expires) > tokenMargin {
		return t.value, nil
	}
	made, err := a.issue(ctx, r)
	if err != nil {
		return "", err
	}
	t.value, t.expires = made.GetToken(), made.GetExpiresAt().Time
	return t.value, nil
}

func appRepositoryOf(s settings.Settings, secret settings.Repository, repoURL string) (appRepository, error) {
	api := strings.TrimRight(secret.GitHubApp.EnterpriseURL, "/")
	if api == "" {
		api = githubAPI
	}
	base, err := url.Parse(api)
	if err != nil || base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return appRepository{}, errors.New("githubAppEnterpriseBaseUrl is no https URL")
	}
	if api != githubAPI && base.Path == "" {
		api += "/api/v3"
	}
	repo, err := url.Parse(NormalizeURL(repoURL))
	if err != nil {
		return appRepository{}, errors.New("the repository's URL cannot be read")
	}
	owner, name, ok := strings.Cut(strings.Trim(repo.Path, "/"), "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return appRepository{}, fmt.Errorf("%s is no repository of GitHub: its path is not OWNER/NAME", NormalizeURL(repoURL))
	}
	return appRepository{api: api, owner: owner, name: name, secret: secret, authority: s.Certificates[base.Hostname()]}, nil
}

// token is the place of a token. Whoever knows the key may have it.
func (a *appTokens) token(r appRepository) *appToken {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.api, r.owner, r.name, fmt.Sprint(r.secret.GitHubApp.ID, r.secret.GitHubApp.InstallationID),
		string(r.secret.GitHubApp.PrivateKey)}, "\x00")))
	key := hex.EncodeToString(sum[:])
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.held[key]
	if t == nil {
		a.forget()
		t = &appToken{turn: make(chan struct{}, 1)}
		a.held[key] = t
	}
	return t
}

// forget lets go of tokens that have ended; those of keys that were replaced end like all others.
func (a *appTokens) forget() {
	for key, t := range a.held {
		select {
		case t.turn <- struct{}{}:
			if time.Now().After(t.expires) {
				delete(a.held, key)
			}
			<-t.turn
		default: // at work
		}
	}
}

func (a *appTokens) issue(ctx context.Context, r appRepository) (*github.InstallationToken, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askLimit, fmt.Errorf("%s did not answer within %s", r.api, askLimit))
	defer cancel()
	transport, err := a.transport(r)
	if err != nil {
		return nil, err
	}
	defer transport.CloseIdleConnections()
	app, err := ghinstallation.NewAppsTransport(bounded{transport}, r.secret.GitHubApp.ID, []byte(r.secret.GitHubApp.PrivateKey))
	if err != nil {
		return nil, errors.New("githubAppPrivateKey is no RSA key in PEM") // the parser's words may quote it
	}
	client := github.NewClient(&http.Client{Transport: app, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }})
	if client.BaseURL, err = url.Parse(r.api + "/"); err != nil {
		return nil, errors.New("githubAppEnterpriseBaseUrl is no https URL")
	}
	installation := r.secret.GitHubApp.InstallationID
	if installation == 0 {
		found, _, err := client.Apps.FindRepositoryInstallation(ctx, r.owner, r.name)
		if err != nil {
			return nil, fmt.Errorf("finding its installation on %s/%s: %w", r.owner, r.name, err)
		}
		installation = found.GetID()
	}
	read := github.String("read")
	made, _, err := client.Apps.CreateInstallationToken(ctx, installation, &github.InstallationTokenOptions{Repositories: []string{r.name},
		Permissions: &github.InstallationPermissions{Metadata: read, Contents: read}})
	if err != nil {
		return nil, fmt.Errorf("making a token for %s/%s by installation %d: %w", r.owner, r.name, installation, err)
	}
	return made, nil
}

// transport goes the way that the secret says, to a host that is known as the settings say.
func (a *appTokens) transport(r appRepository) (*http.Transport, error) {
	roots := a.deps.Roots
	if r.authority != "" {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(r.authority)) {
			return nil, fmt.Errorf("the certificates of %s in %s cannot be read", r.api, settings.CertificatesName)
		}
		roots.AppendCertsFromPEM(a.deps.Extra)
	}
	t := &http.Transport{DialContext: a.deps.Dial, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: r.secret.Insecure}} //nolint:gosec // the repository's secret asks for it by name
	if r.secret.Proxy != "" {
		proxy := (&httpproxy.Config{HTTPSProxy: r.secret.Proxy, NoProxy: r.secret.NoProxy}).ProxyFunc()
		t.Proxy = func(req *http.Request) (*url.URL, error) {
			u, err := proxy(req.URL)
			if err != nil {
				return nil, errors.New("proxy is not the URL of a proxy")
			}
			return u, nil
		}
	}
	return t, nil
}

// bounded reads no more of an answer than one can be long.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, answerLimit), resp.Body}
	}
	return resp, err
}
