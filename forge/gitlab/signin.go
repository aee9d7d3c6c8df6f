//lint:file-ignore SA1019 go-gitlab is the client that was chosen; its deprecation names where it continues, not a fault of it.

package gitlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/oauth"
)

// SignIn is an application that is registered with GitLab, with the scope read_user.
type SignIn struct {
	oauth.Client
	web   *url.URL
	calls *http.Client
}

var _ forge.SignIn = (*SignIn)(nil)

// NewSignIn lets people sign in by an application's id and secret. Of the options those of the address and of HTTP count.
func NewSignIn(o Options, id, secret string) (*SignIn, error) {
	if id == "" || secret == "" {
		return nil, errors.New("the GitLab application's id or secret is missing")
	}
	web, err := o.check()
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(web.String(), "/")
	calls := line(o, web)
	calls.Cache, calls.Pace = nil, nil
	return &SignIn{web: web, calls: &http.Client{Transport: unthrottled{calls}}, Client: oauth.Client{ID: id, Secret: secret, Scopes: []string{"read_user"},
		Authorization: base + "/oauth/authorize", Token: base + "/oauth/token", Transport: transport(o), Timeout: o.Timeout}}, nil
}

// Who asks GitLab whose token it is.
func (s *SignIn) Who(ctx context.Context, t forge.UserToken) (forge.User, error) {
	c, err := gitlab.NewOAuthClient(t.Access, gitlab.WithBaseURL(s.web.String()), gitlab.WithoutRetries(), gitlab.WithHTTPClient(s.calls))
	if err != nil {
		return forge.User{}, fmt.Errorf("the address of GitLab: %w", err)
	}
	u, _, err := c.Users.CurrentUser(gitlab.WithContext(ctx))
	if err != nil {
		return forge.User{}, refused("reading who signed in", err)
	}
	if u.State != "" && u.State != "active" {
		return forge.User{}, fmt.Errorf("reading who signed in: %w: the account is %s", forge.ErrUnauthorized, u.State)
	}
	return forge.User{ID: int64(u.ID), Login: u.Username, Bot: u.Bot}, nil
}

// Revoke ends a token, and with it what would renew it.
func (s *SignIn) Revoke(ctx context.Context, t forge.UserToken) error {
	form := url.Values{"client_id": {s.ID}, "client_secret": {s.Secret}, "token": {t.Access}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(s.web.String(), "/")+"/oauth/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("ending a sign-in: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.calls.Do(req)
	if err != nil {
		return fmt.Errorf("ending a sign-in: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ending a sign-in: GitLab answered %d", resp.StatusCode)
	}
	return nil
}
