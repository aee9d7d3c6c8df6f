package forgetest

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// Visitors is a world in which people sign in by their account.
type Visitors struct {
	SignIn forge.SignIn
	// Redirect is the address that is registered.
	Redirect string
	// Person is the account that agrees.
	Person forge.User
	// Agree opens the address as the person does and agrees; what the browser is sent back with is the answer.
	Agree func(t *testing.T, address string) url.Values
	// Age ends the tokens of people as if their hours were over; TakeBack ends what the person ever agreed to.
	Age, TakeBack func()
}

// RunSignIn tries a sign-in, each trial in a world of its own.
func RunSignIn(t *testing.T, world func(*testing.T) Visitors) {
	for _, trial := range []struct {
		name string
		try  func(*testing.T, Visitors)
	}{
		{"who agrees is known", whoAgrees},
		{"a code is good once, with its own verifier and address", codes},
		{"a token is renewed, once", renewals},
		{"a token that was revoked is nobody's", revocations},
		{"what a person takes back is nobody's", takenBack},
		{"a guessed token is nobody's", guessed},
	} {
		t.Run(trial.name, func(t *testing.T) { trial.try(t, world(t)) })
	}
}

func (v Visitors) attempt() forge.Authorization {
	return forge.Authorization{Redirect: v.Redirect, State: "a state & more", Verifier: strings.Repeat("verifier-", 6)}
}

func (v Visitors) signIn(t *testing.T) forge.UserToken {
	t.Helper()
	back := v.Agree(t, v.SignIn.Authorize(v.attempt()))
	return one(v.SignIn.Redeem(t.Context(), v.attempt(), back.Get("code")))(t)
}

func whoAgrees(t *testing.T, v Visitors) {
	back := v.Agree(t, v.SignIn.Authorize(v.attempt()))
	equal(t, "the state", back.Get("state"), v.attempt().State)
	token := one(v.SignIn.Redeem(t.Context(), v.attempt(), back.Get("code")))(t)
	equal(t, "the person", one(v.SignIn.Who(t.Context(), token))(t), v.Person)
	if left := time.Until(token.ExpiresAt); left < time.Minute || left > 24*time.Hour || token.Refresh == "" {
		t.Errorf("the token ends in %s and can be renewed: %v", left, token.Refresh != "")
	}
	if strings.Contains(v.SignIn.Authorize(v.attempt()), v.attempt().Verifier) {
		t.Error("the address gives the verifier away")
	}
}

func codes(t *testing.T, v Visitors) {
	code := func() string { return v.Agree(t, v.SignIn.Authorize(v.attempt())).Get("code") }
	refused := func(what string, a forge.Authorization, code string) {
		t.Helper()
		_, err := v.SignIn.Redeem(t.Context(), a, code)
		if !errors.Is(err, forge.ErrUnauthorized) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && (strings.Contains(err.Error(), code) || strings.Contains(err.Error(), a.Verifier)) {
			t.Errorf("the refusal quotes what was sent: %v", err)
		}
	}
	used := code()
	one(v.SignIn.Redeem(t.Context(), v.attempt(), used))(t)
	refused("a code a second time", v.attempt(), used)
	refused("a guessed code", v.attempt(), "a-guessed-code")
	other := v.attempt()
	other.Verifier = strings.Repeat("another--", 6)
	refused("another verifier", other, code())
	other = v.attempt()
	other.Redirect += "/elsewhere"
	refused("another address", other, code())
}

func renewals(t *testing.T, v Visitors) {
	token := v.signIn(t)
	v.Age()
	if _, err := v.SignIn.Who(t.Context(), token); !errors.Is(err, forge.ErrUnauthorized) {
		t.Errorf("an old token: %v", err)
	}
	renewed := one(v.SignIn.Renew(t.Context(), token))(t)
	equal(t, "the person", one(v.SignIn.Who(t.Context(), renewed))(t), v.Person)
	if _, err := v.SignIn.Renew(t.Context(), token); !errors.Is(err, forge.ErrUnauthorized) {
		t.Errorf("renewed a second time: %v", err)
	}
	if _, err := v.SignIn.Renew(t.Context(), forge.UserToken{Access: renewed.Access}); !errors.Is(err, forge.ErrUnauthorized) {
		t.Errorf("renewed without a refresh token: %v", err)
	}
}

func revocations(t *testing.T, v Visitors) {
	token := v.signIn(t)
	must(t, v.SignIn.Revoke(t.Context(), token))
	if _, err := v.SignIn.Who(t.Context(), token); !errors.Is(err, forge.ErrUnauthorized) {
		t.Errorf("a revoked token: %v", err)
	}
	if _, err := v.SignIn.Renew(t.Context(), token); !errors.Is(err, forge.ErrUnauthorized) {
		t.Errorf("a revoked token, renewed: %v", err)
	}
	must(t, v.SignIn.Revoke(t.Context(), token))
}

func takenBack(t *testing.T, v Visitors) {
	token := v.signIn(t)
	v.TakeBack()
	if _, err := v.SignIn.Who(t.Context(), token); !errors.Is(err, forge.ErrUnauthorized) {
		t.Errorf("after it was taken back: %v", err)
	}
}

func guessed(t *testing.T, v Visitors) {
	for _, token := range []string{"", "a-guess"} {
		if u, err := v.SignIn.Who(t.Context(), forge.UserToken{Access: token}); !errors.Is(err, forge.ErrUnauthorized) {
			t.Errorf("the token %q is %v's: %v", token, u, err)
		}
	}
}
