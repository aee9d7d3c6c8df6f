package forge

import (
	"context"
	"time"
)

// SignIn lets people say who they are by their account on a forge: OAuth's code flow, with PKCE. It tells who somebody is and nothing of
// what they may do: that is asked with the bot's own credentials (PullRequests.Permission), at the time at which it matters.
type SignIn interface {
	// Authorize is the address to which a browser is sent. It comes back to a.Redirect with a code and a.State.
	Authorize(a Authorization) string
	// Redeem takes a code for a token, once. ErrUnauthorized when the code, its verifier or our own client is refused.
	Redeem(ctx context.Context, a Authorization, code string) (UserToken, error)
	// Renew takes the refresh token, once, for a new token. ErrUnauthorized when it is no longer good.
	Renew(ctx context.Context, t UserToken) (UserToken, error)
	// Who is the account that a token acts for, asked of the forge now. ErrUnauthorized when the token is no longer good.
	Who(ctx context.Context, t UserToken) (User, error)
	// Revoke ends a token. One that has ended already is no error.
	Revoke(ctx context.Context, t UserToken) error
}

// Authorization is one attempt to sign in. State and Verifier are random, of 43 characters or more, and kept by whoever begins it.
type Authorization struct {
	Redirect string
	State    string
	Verifier string
}

// UserToken acts for a person, for hours.
type UserToken struct {
	Access  string
	Refresh string // "" where it cannot be renewed
	// ExpiresAt is when Access ends; zero when the forge does not say.
	ExpiresAt time.Time
}
