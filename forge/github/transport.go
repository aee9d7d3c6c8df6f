package github

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

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

// limited knows GitHub's rate limits: the primary one by its headers, the secondary ones by Retry-After or by their words, with 403
// as well as 429.
func limited(a wire.Answer) (time.Duration, bool) {
	if a.Status != http.StatusForbidden && a.Status != http.StatusTooManyRequests {
		return 0, false
	}
	if after := wire.RetryAfter(a.Header, a.At); after > 0 {
		return after, true
	}
	if a.Header.Get("X-RateLimit-Remaining") == "0" {
		return wire.Reset(a.Header, "X-RateLimit-Reset", a.At), true
	}
	words := bytes.ToLower(a.Body)
	secondary := bytes.Contains(words, []byte("secondary rate limit")) || bytes.Contains(words, []byte("abuse detection"))
	return 0, a.Status == http.StatusTooManyRequests || secondary
}

// refused says what the error of a call means, in the forge's vocabulary. GitHub's own words stay in the chain.
func refused(doing string, err error) error {
	if err == nil {
		return nil
	}
	var limited *forge.RateLimited
	if errors.As(err, &limited) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if kind := refusal(err); kind != nil {
		return fmt.Errorf("%s: %w: %w", doing, kind, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func refusal(err error) error {
	for _, kind := range []error{forge.ErrNotFound, forge.ErrForbidden, forge.ErrUnauthorized, forge.ErrInvalid} {
		if errors.Is(err, kind) {
			return nil // said already
		}
	}
	if status(err) == http.StatusForbidden && strings.Contains(strings.ToLower(message(err)), "suspended") {
		return forge.ErrUnauthorized
	}
	return wire.Refusal(status(err))
}

// status of the answer that err stands for, or 0 when there was none.
func status(err error) int {
	var response *github.ErrorResponse
	if errors.As(err, &response) && response.Response != nil {
		return response.Response.StatusCode
	}
	return 0
}

func message(err error) string {
	var response *github.ErrorResponse
	if errors.As(err, &response) {
		return response.Message
	}
	return ""
}

func lost(err error) bool { return wire.Lost(status(err), err) }

func at(t *github.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

func place(r forge.Repository, number int) string { return fmt.Sprintf("%s#%d", r.FullName(), number) }
