package web

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/slipway-cd/slipway/forge"
)

// attempt is a sign-in under way, in a sealed cookie of the browser that began it.
type attempt struct {
	Site     string    `json:"s"`
	State    string    `json:"n"`
	Verifier string    `json:"v"`
	To       string    `json:"t"`
	Ends     time.Time `json:"e"`
}

// attemptAge is how long a person may take to sign in.
const attemptAge = 10 * time.Minute

type signInPage struct {
	Sites []signInSite
	To    string
	Note  string
}

type signInSite struct{ Title, Address string }

// showSignIn offers the forges.
func (w *Web) showSignIn(c echo.Context) error {
	return w.offer(c, http.StatusOK, "")
}

func (w *Web) offer(c echo.Context, status int, note string) error {
	to := local(c.QueryParam("to"))
	p := signInPage{To: to, Note: note}
	for _, s := range w.Sites {
		p.Sites = append(p.Sites, signInSite{s.Title(), "/signin/with/" + url.PathEscape(s.name()) + "?to=" + query(to)})
	}
	return w.render(c, status, "signin", frame{Title: "Sign in", Data: p})
}

// beginSignIn sends the browser to the forge, with a state and a challenge that only this browser can answer for.
func (w *Web) beginSignIn(c echo.Context) error {
	name, err := url.PathUnescape(c.Param("site"))
	if err != nil {
		return ErrNotThere
	}
	site, ok := w.site(name)
	if !ok {
		return ErrNotThere
	}
	a := attempt{Site: site.name(), State: rand.Text() + rand.Text(), Verifier: rand.Text() + rand.Text(), To: local(c.QueryParam("to")), Ends: w.Now().Add(attemptAge)}
	sealed, err := w.seal.close(attemptCookie, a)
	if err != nil {
		return err
	}
	c.SetCookie(cookie(attemptCookie, sealed, int(attemptAge.Seconds())))
	return c.Redirect(http.StatusSeeOther, site.SignIn.Authorize(w.authorization(a)))
}

func (w *Web) authorization(a attempt) forge.Authorization {
	return forge.Authorization{Redirect: w.URL + "/signin/callback", State: a.State, Verifier: a.Verifier}
}

// endSignIn takes what the forge sends the browser back with. The attempt is over, however this ends.
func (w *Web) endSignIn(c echo.Context) error {
	a, ok := w.attempted(c)
	c.SetCookie(cookie(attemptCookie, "", -1))
	if !ok {
		return w.offer(c, http.StatusBadRequest, "This sign-in was not begun in this browser, or took too long. Begin again.")
	}
	if c.QueryParam("error") != "" || c.QueryParam("code") == "" {
		return w.offer(c, http.StatusForbidden, "The forge did not confirm who you are. Begin again if you want to sign in.")
	}
	site, ok := w.site(a.Site)
	if !ok {
		return ErrNotThere
	}
	ctx := c.Request().Context()
	token, err := site.SignIn.Redeem(ctx, w.authorization(a), c.QueryParam("code"))
	if err == nil {
		var user forge.User
		if user, err = site.SignIn.Who(ctx, token); err == nil && user.ID != 0 {
			s := newSession(site.name(), user, token, w.Now())
			w.people.keep(s.ID, acquaintance{w.Now(), user, token})
			if err := w.setSession(c, s); err != nil {
				return err
			}
			w.Log.Info("signed in", "user", user.Login, "forge", site.Host)
			return c.Redirect(http.StatusSeeOther, a.To)
		}
	}
	if err != nil && !errors.Is(err, forge.ErrUnauthorized) {
		return err
	}
	w.Log.Warn("a sign-in was refused", "forge", site.Host, "error", err)
	return w.offer(c, http.StatusForbidden, "The forge did not confirm who you are. Begin again if you want to sign in.")
}

// attempted is the attempt that a callback belongs to: of this browser, with this state, in time.
func (w *Web) attempted(c echo.Context) (attempt, bool) {
	var a attempt
	held, err := c.Cookie(attemptCookie)
	if err != nil || w.seal.open(attemptCookie, held.Value, &a) != nil {
		return attempt{}, false
	}
	same := subtle.ConstantTimeCompare([]byte(a.State), []byte(c.QueryParam("state"))) == 1
	return a, same && a.State != "" && w.Now().Before(a.Ends)
}

// signOut ends the session here, and its token at the forge.
func (w *Web) signOut(c echo.Context) error {
	s := me(c)
	if subtle.ConstantTimeCompare([]byte(c.FormValue("form")), []byte(s.Form)) != 1 {
		return echo.NewHTTPError(http.StatusForbidden, "This form is not of this session. Open the page again.")
	}
	w.people.end(s.ID, s.Born.Add(w.SessionAge), w.Now())
	if site, ok := w.site(s.Site); ok {
		if err := site.SignIn.Revoke(c.Request().Context(), s.Key); err != nil {
			w.Log.Warn("a token could not be ended at the forge", "user", s.User.Login, "error", err)
		}
	}
	c.SetCookie(cookie(sessionCookie, "", -1))
	return c.Redirect(http.StatusSeeOther, "/signin")
}

// local is an address on these pages, or the first page.
func local(to string) string {
	u, err := url.Parse(to)
	bad := err != nil || u.IsAbs() || u.Host != "" || u.User != nil || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") ||
		strings.ContainsAny(to, "\\\r\n\t") || len(to) > 1500 || strings.HasPrefix(u.Path, "/signin") || strings.HasPrefix(u.Path, "//")
	if bad {
		return "/"
	}
	return to
}

func query(s string) string { return url.QueryEscape(s) }
