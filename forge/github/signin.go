package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/oauth"
)

// SignIn is the App's user flow. The tokens that it makes are read for who somebody is; they can do no more than the App and the person
// both may.
type SignIn struct {
	oauth.Client
	forge *Forge
}

var _ forge.SignIn = (*SignIn)(nil)

// SignIn lets people sign in by the App's client id and a secret of it.
func (f *Forge) SignIn(id, secret string) (*SignIn, error) {
	if id == "" || secret == "" {
		return nil, errors.New("the GitHub App's client id or client secret is missing")
	}
	web := f.web.String()
	return &SignIn{forge: f, Client: oauth.Client{ID: id, Secret: secret,
		Authorization: web + "/login/oauth/authorize", Token: web + "/login/oauth/access_token", Transport: f.line.Next, Timeout: f.line.Timeout}}, nil
}

// Who asks GitHub whose token it is. Nothing is remembered: the answer says whether the token still stands.
func (s *SignIn) Who(ctx context.Context, t forge.UserToken) (forge.User, error) {
	u, _, err := s.forge.client(s.line(func(req *http.Request) { req.Header.Set("Authorization", "Bearer "+t.Access) })).Users.Get(ctx, "")
	if err != nil {
		return forge.User{}, refused("reading who signed in", err)
	}
	return user(u), nil
}

// Revoke ends a token, and with it what would renew it.
func (s *SignIn) Revoke(ctx context.Context, t forge.UserToken) error {
	c := s.forge.client(s.line(func(req *http.Request) { req.SetBasicAuth(s.ID, s.Secret) }))
	_, err := c.Authorizations.Revoke(ctx, s.ID, t.Access)
	if err = refused("ending a sign-in", err); errors.Is(err, forge.ErrNotFound) || errors.Is(err, forge.ErrInvalid) {
		return nil // it had ended
	}
	return err
}

// line is a transport of its own, without a memory that others could see.
func (s *SignIn) line(sign func(*http.Request)) http.RoundTripper {
	line := s.forge.line
	line.Cache, line.Pace = nil, nil
	return signed{sign, &line}
}

type signed struct {
	sign func(*http.Request)
	next http.RoundTripper
}

func (s signed) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	s.sign(out)
	resp, err := s.next.RoundTrip(out)
	if err != nil {
		return nil, fmt.Errorf("calling GitHub: %w", err)
	}
	return resp, nil
}
