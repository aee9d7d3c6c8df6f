package gitlab

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// line is what all calls go through.
func line(o Options, web *url.URL) *wire.Transport {
	spacing := o.WriteSpacing
	if spacing == 0 {
		spacing = 100 * time.Millisecond
	}
	return &wire.Transport{
		Next: transport(o), Host: web.Host, Scheme: web.Scheme, Limited: limited,
		// The notes API takes 300 a minute by default.
		Pace: wire.NewPace(wire.Limits{Spacing: spacing, PerMinute: 200}), Cache: wire.NewCache(16 << 20),
		Timeout: o.Timeout, Backoff: o.Backoff, RequestID: "X-Request-Id", Log: o.Log,
	}
}

// transport is the bottom of every call: the given client's, or the standard one with our roots.
func transport(o Options) http.RoundTripper {
	if o.HTTP != nil && o.HTTP.Transport != nil {
		return o.HTTP.Transport
	}
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t := standard.Clone()
	if o.RootCAs != nil {
		t.TLSClientConfig.RootCAs = o.RootCAs
	}
	return t
}

// unthrottled hides the header from which the client library would take a rate of its own, once and for all.
type unthrottled struct{ next http.RoundTripper }

func (u unthrottled) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := u.next.RoundTrip(req)
	if err == nil {
		resp.Header = resp.Header.Clone()
		resp.Header.Del("RateLimit-Limit")
	}
	return resp, err
}

// limited knows GitLab's rate limits.
func limited(a wire.Answer) (time.Duration, bool) {
	if a.Status != http.StatusTooManyRequests {
		return 0, false
	}
	if after := wire.RetryAfter(a.Header, a.At); after > 0 {
		return after, true
	}
	return wire.Reset(a.Header, "RateLimit-Reset", a.At), true
}

// refused says what the error of a call means, in the forge's vocabulary. GitLab's own words stay in the chain.
func refused(doing string, err error) error {
	if err == nil {
		return nil
	}
	for _, kind := range []error{forge.ErrNotFound, forge.ErrForbidden, forge.ErrUnauthorized, forge.ErrInvalid} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	if kind := wire.Refusal(status(err)); kind != nil {
		return fmt.Errorf("%s: %w: %w", doing, kind, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// status of the answer that err stands for, or 0 when there was none.
func status(err error) int {
	if errors.Is(err, gitlab.ErrNotFound) {
		return http.StatusNotFound
	}
	var response *gitlab.ErrorResponse
	if errors.As(err, &response) && response.Response != nil {
		return response.Response.StatusCode
	}
	return 0
}

func lost(err error) bool { return wire.Lost(status(err), err) }

// unmoved says that GitLab refused a state because it is there already, or because what has ended does not start again.
func unmoved(err error) bool {
	var response *gitlab.ErrorResponse
	return errors.As(err, &response) && response.Response.StatusCode == http.StatusBadRequest &&
		strings.Contains(response.Message, "Cannot transition status")
}

// pages calls next until there are no more. Totals are not counted on: GitLab leaves them out of long lists.
func pages(o *gitlab.ListOptions, next func() (*gitlab.Response, error)) error {
	const most = 1000
	o.PerPage, o.Page = 100, 1
	for range most {
		resp, err := next()
		if err != nil {
			return err
		}
		if resp.NextPage <= o.Page {
			return nil
		}
		o.Page = resp.NextPage
	}
	return fmt.Errorf("more than %d pages", most)
}

func at(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func place(r forge.Repository, number int) string { return fmt.Sprintf("%s!%d", r.FullName(), number) }
