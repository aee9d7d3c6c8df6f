package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/singleflight"

	"github.com/slipway-cd/slipway/forge"
)

// The cookies. Their prefix has browsers keep them to this host, over TLS.
const (
	sessionCookie = "__Host-slipway"
	attemptCookie = "__Host-slipway-signin"
)

// session is somebody who signed in. It lives in a sealed cookie: any replica can read it.
type session struct {
	ID   string          `json:"i"`
	Site string          `json:"s"`
	User forge.User      `json:"u"`
	Born time.Time       `json:"b"`
	Form string          `json:"f"` // what our own forms carry
	Key  forge.UserToken `json:"t"`
}

func newSession(site string, user forge.User, token forge.UserToken, now time.Time) session {
	return session{ID: rand.Text(), Site: site, User: user, Born: now, Form: rand.Text(), Key: token}
}

// people remembers for a moment who was asked about, and the tokens that were renewed: requests that are on their way still carry the old.
type people struct {
	moment[string, acquaintance] // by session
	asks                         singleflight.Group

	ends sync.Mutex
	gone map[string]time.Time // sessions that were ended, until they would have ended themselves
}

type acquaintance struct {
	at    time.Time
	user  forge.User
	token forge.UserToken
}

// end forgets a session, and takes it for ended until then.
func (p *people) end(id string, until, now time.Time) {
	p.forget(id)
	p.ends.Lock()
	defer p.ends.Unlock()
	maps.DeleteFunc(p.gone, func(_ string, end time.Time) bool { return end.Before(now) })
	if p.gone == nil {
		p.gone = map[string]time.Time{}
	}
	p.gone[id] = until
}

func (p *people) ended(id string) bool {
	p.ends.Lock()
	defer p.ends.Unlock()
	_, ok := p.gone[id]
	return ok
}

// errSignedOut says that nobody is signed in, or no longer.
var errSignedOut = errors.New("not signed in")

// who is the session of a request, asked of the forge if it was not just now. renewed is whether its cookie is to be written anew.
func (w *Web) who(ctx context.Context, r *http.Request) (s session, renewed bool, err error) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return session{}, false, errSignedOut
	}
	if err := w.seal.open(sessionCookie, cookie.Value, &s); err != nil {
		return session{}, false, errSignedOut
	}
	site, ok := w.site(s.Site)
	now := w.Now()
	if !ok || s.ID == "" || s.User.ID == 0 || now.Before(s.Born.Add(-time.Minute)) || now.After(s.Born.Add(w.SessionAge)) || w.people.ended(s.ID) {
		return session{}, false, errSignedOut
	}
	known, ok := w.people.recall(s.ID)
	if !ok || now.Sub(known.at) > w.Fresh {
		if known, err = w.ask(ctx, site, s, known); err != nil {
			return session{}, false, err
		}
	}
	if w.people.ended(s.ID) { // while it was asked
		return session{}, false, errSignedOut
	}
	renewed = known.token.Access != s.Key.Access
	s.Key, s.User = known.token, known.user
	return s, renewed, nil
}

// ask has the forge say whose token it is, once for all requests of a session at a time.
func (w *Web) ask(ctx context.Context, site Site, s session, known acquaintance) (acquaintance, error) {
	got, err, _ := w.people.asks.Do(s.ID, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		token := s.Key
		if known.token.Access != "" {
			token = known.token
		}
		a, err := w.identify(ctx, site, token)
		if err == nil && a.user.ID != s.User.ID {
			err = forge.ErrUnauthorized
		}
		if err != nil {
			return a, err
		}
		w.people.keep(s.ID, a)
		return a, nil
	})
	if errors.Is(err, forge.ErrUnauthorized) {
		return acquaintance{}, errSignedOut
	}
	if err != nil {
		return acquaintance{}, fmt.Errorf("asking %s who is signed in: %w", site.Host, err)
	}
	a, _ := got.(acquaintance)
	return a, nil
}

// identify renews a token that has ended, and asks whose it is.
func (w *Web) identify(ctx context.Context, site Site, token forge.UserToken) (acquaintance, error) {
	ending := !token.ExpiresAt.IsZero() && w.Now().After(token.ExpiresAt.Add(-time.Minute))
	if !ending {
		user, err := site.SignIn.Who(ctx, token)
		if err == nil {
			return acquaintance{w.Now(), user, token}, nil
		}
		if !errors.Is(err, forge.ErrUnauthorized) || token.Refresh == "" {
			return acquaintance{}, err
		}
	}
	fresh, err := site.SignIn.Renew(ctx, token)
	if err != nil {
		return acquaintance{}, err
	}
	user, err := site.SignIn.Who(ctx, fresh)
	if err != nil {
		return acquaintance{}, err
	}
	return acquaintance{w.Now(), user, fresh}, nil
}

func (w *Web) site(name string) (Site, bool) {
	for _, s := range w.Sites {
		if s.name() == name {
			return s, true
		}
	}
	return Site{}, false
}

// setSession writes the session's cookie. It ends with the session, however often it is renewed.
func (w *Web) setSession(c echo.Context, s session) error {
	sealed, err := w.seal.close(sessionCookie, s)
	if err != nil {
		return err
	}
	if len(sealed) > 3900 {
		return errors.New("the forge's tokens are too long for a cookie")
	}
	c.SetCookie(cookie(sessionCookie, sealed, int(s.Born.Add(w.SessionAge).Sub(w.Now()).Seconds())))
	return nil
}

// cookie is one of ours; with an age below 1 it is taken back.
func cookie(name, value string, age int) *http.Cookie {
	if age < 1 {
		age = -1
	}
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// signedIn lets in who is signed in. Pages send others to the sign-in and back; what scripts ask for is refused.
func (w *Web) signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		s, renewed, err := w.who(c.Request().Context(), c.Request())
		switch {
		case errors.Is(err, errSignedOut) && (c.Request().Method != http.MethodGet || isPart(c)):
			return echo.NewHTTPError(http.StatusUnauthorized, "You are no longer signed in.")
		case errors.Is(err, errSignedOut):
			return c.Redirect(http.StatusSeeOther, "/signin?to="+query(c.Request().URL.RequestURI()))
		case err != nil:
			return err
		}
		if renewed {
			if err := w.setSession(c, s); err != nil {
				return err
			}
		}
		c.Set(sessionKey, s)
		if !w.visitor.allow(s.User, s.Site) {
			return echo.NewHTTPError(http.StatusTooManyRequests, "Too many requests; wait a little.")
		}
		return next(c)
	}
}

const sessionKey = "session"

// me is who is signed in; only behind signedIn.
func me(c echo.Context) session {
	s, _ := c.Get(sessionKey).(session)
	return s
}

// isPart says whether a script of ours asks for a part of a page.
func isPart(c echo.Context) bool { return c.Request().Header.Get("Slipway-Part") != "" }
