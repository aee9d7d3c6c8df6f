// Package oauth is what the forges' sign-ins have in common: OAuth's code flow with PKCE, held to one host, bounded, and with refusals
// that never quote a secret. forge/github and forge/gitlab put their addresses into it. It stands beside the river: it tells the pages
// who looks.
package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/slipway-cd/slipway/forge"
)

// Client is our registration with a forge, and where the forge takes it.
type Client struct {
	ID, Secret string
	// Authorization and Token are whole addresses on the forge's own host.
	Authorization, Token string
	Scopes               []string
	// Transport is beneath the calls.
	Transport http.RoundTripper
	// Timeout of a call: 15 s.
	Timeout time.Duration
}

// Authorize is the address to which a browser is sent.
func (c Client) Authorize(a forge.Authorization) string {
	return c.config(a.Redirect).AuthCodeURL(a.State, oauth2.S256ChallengeOption(a.Verifier))
}

// Redeem takes a code for a token. It is not repeated: the code is good once.
func (c Client) Redeem(ctx context.Context, a forge.Authorization, code string) (forge.UserToken, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	t, err := c.config(a.Redirect).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return forge.UserToken{}, fmt.Errorf("redeeming a sign-in: %w", refused(err))
	}
	return token(t), nil
}

// Renew takes a refresh token for a new token.
func (c Client) Renew(ctx context.Context, t forge.UserToken) (forge.UserToken, error) {
	if t.Refresh == "" {
		return forge.UserToken{}, fmt.Errorf("renewing a sign-in: %w: it has no refresh token", forge.ErrUnauthorized)
	}
	ctx, cancel := c.within(ctx)
	defer cancel()
	made, err := c.config("").TokenSource(ctx, &oauth2.Token{RefreshToken: t.Refresh}).Token()
	if err != nil {
		return forge.UserToken{}, fmt.Errorf("renewing a sign-in: %w", refused(err))
	}
	return token(made), nil
}

func (c Client) config(redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: c.ID, ClientSecret: c.Secret, RedirectURL: redirect, Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: c.Authorization, TokenURL: c.Token, AuthStyle: oauth2.AuthStyleInParams}}
}

// within bounds the calls that are made with a context, and has them go nowhere but where they were sent: a redirect would carry our
// secret with it.
func (c Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	client := &http.Client{Transport: accepting{c.Transport}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = 15 * time.Second
	}
	return context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, client), timeout)
}

// accepting asks for JSON; GitHub answers with a form otherwise.
type accepting struct{ next http.RoundTripper }

func (a accepting) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("Accept", "application/json")
	out.Header.Set("User-Agent", "slipway")
	return a.next.RoundTrip(out)
}

func token(t *oauth2.Token) forge.UserToken {
	return forge.UserToken{Access: t.AccessToken, Refresh: t.RefreshToken, ExpiresAt: t.Expiry}
}

// refused is the error of a call without what was sent and answered: the library's own quotes whole answers.
func refused(err error) error {
	var answer *oauth2.RetrieveError
	var call *url.Error
	switch {
	case errors.As(err, &answer) && (answer.ErrorCode != "" || answer.Response != nil && answer.Response.StatusCode/100 == 4):
		return fmt.Errorf("%w: %s", forge.ErrUnauthorized, words(answer))
	case errors.As(err, &answer) && answer.Response != nil:
		return fmt.Errorf("the forge answered %d", answer.Response.StatusCode)
	case errors.As(err, &call):
		return call
	}
	return errors.New("the forge's answer could not be read")
}

// words are those with which the forge refuses, if they are of the kind that it is to choose from.
func words(e *oauth2.RetrieveError) string {
	for _, r := range e.ErrorCode {
		if (r < 'a' || r > 'z') && r != '_' {
			return "refused"
		}
	}
	if e.ErrorCode == "" || len(e.ErrorCode) > 60 {
		return "refused"
	}
	return e.ErrorCode
}
