package web

import (
	"net"
	"net/http"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"

	"github.com/slipway-cd/slipway/forge"
)

// contentPolicy lets pages load what is served here and nothing else: no inline script or style, no other host, no frame around them.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types slipway"

// guardHeaders are on every answer, those of assets overwrite what may be kept.
func (w *Web) guardHeaders(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		for k, v := range map[string]string{
			"Content-Security-Policy":      contentPolicy,
			"Cache-Control":                "no-store",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
			"Referrer-Policy":              "same-origin",
			"Strict-Transport-Security":    "max-age=31536000",
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"X-Robots-Tag":                 "noindex, nofollow, noarchive",
		} {
			h.Set(k, v)
		}
		return next(c)
	}
}

func robots(c echo.Context) error {
	return c.String(http.StatusOK, "User-agent: *\nDisallow: /\n")
}

// sameOrigin refuses what acts if another site's page sent it, whatever it carries.
func (w *Web) sameOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		r := c.Request()
		if err := protection.Check(r); err != nil {
			return echo.NewHTTPError(http.StatusForbidden, "This was sent by another site.")
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			r.Body = http.MaxBytesReader(c.Response(), r.Body, 64<<10)
		}
		return next(c)
	}
}

// compressed packs what is worth it. An answer holds nothing that another site chose beside what is secret: cookies are not sent with
// what other sites embed.
var compressed = middleware.GzipWithConfig(middleware.GzipConfig{MinLength: 1400, Level: 4})

// visitors bounds how often people, and addresses of people who are not signed in, may ask.
type visitors struct {
	mu     sync.Mutex
	limits map[string]*rate.Limiter
}

func newVisitors() *visitors { return &visitors{limits: map[string]*rate.Limiter{}} }

// Bounds of one visitor: a page with all its parts comes in a burst.
const (
	perSecond = 50
	atOnce    = 400
)

func (v *visitors) allow(user forge.User, site string) bool {
	return v.take(site+" "+user.Login, perSecond, atOnce)
}

func (v *visitors) take(who string, every rate.Limit, burst int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.limits[who]
	if l == nil {
		if len(v.limits) >= 4*remembered {
			clear(v.limits)
		}
		l = rate.NewLimiter(every, burst)
		v.limits[who] = l
	}
	return l.Allow()
}

// limit bounds what one address may ask; asking a forge who somebody is costs the most, and is done for nobody who asks faster.
func (w *Web) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		address := c.RealIP()
		allowed := w.visitor.take("address "+address, 5*perSecond, 5*atOnce)
		if strings.HasPrefix(c.Request().URL.Path, "/signin/") {
			allowed = allowed && w.visitor.take("sign-in "+address, 1, 30)
		}
		if !allowed {
			c.Response().Header().Set("Retry-After", "10")
			return echo.NewHTTPError(http.StatusTooManyRequests, "Too many requests; wait a little.")
		}
		return next(c)
	}
}

// extractor finds where a request comes from: the address that it was sent from, unless that is of a proxy whose word counts.
func (w *Web) extractor() echo.IPExtractor {
	if len(w.Proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range w.Proxies {
		options = append(options, echo.TrustIPRange(&net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}
