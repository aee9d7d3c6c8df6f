// Package wire carries the calls of a forge's client: each with a deadline, repeated with back-off where repeating does no harm, at a pace
// that the forge allows, with remembered ETags, and with rate limits told apart from refusals. It knows HTTP and nothing of any forge's
// resources. forge/github and forge/gitlab put it beneath their client libraries, at the outgoing end of the river.
package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// bodyLimit bounds what is read of one answer. The largest answers in use are pages of 100 comments of 256 KB each.
const bodyLimit = 32 << 20

// Transport is a http.RoundTripper that speaks to one host. The zero value of each optional field is its default.
type Transport struct {
	Next http.RoundTripper
	// Host is the only "host:port" that is spoken to, by Scheme alone where that is set, so that no redirect carries credentials away
	// or into the open.
	Host   string
	Scheme string
	// Limited reads from an answer whether it is a rate limit, and how long the forge says to wait (0: it does not say).
	Limited func(Answer) (after time.Duration, limited bool)
	// Pace holds writes apart. Nil: no pace.
	Pace *Pace
	// Cache remembers answers with an ETag under Scope, which names whose eyes they are for. Nil: nothing is remembered.
	Cache *Cache
	Scope string
	// Timeout of one attempt, its body read to the end. Default 15 s.
	Timeout time.Duration
	// Attempts at a call that may be repeated. Default 4.
	Attempts int
	// Backoff before the second attempt; doubled before each further one, with jitter. Default 200 ms.
	Backoff time.Duration
	// RequestID is the header in which the forge names a request, for the log.
	RequestID string
	Log       *slog.Logger
}

// Answer is what a forge sent, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	At     time.Time
}

type repeatKey struct{}

// Repeatable marks the calls made with the context as safe to repeat although their method is not.
func Repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatKey{}, true)
}

// Unrepeatable marks the calls made with the context as unsafe to repeat although their method is, such as a PATCH that appends.
func Unrepeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatKey{}, false)
}

type contentlessKey struct{}

// Contentless marks the calls made with the context as making no content, whatever their method: a reaction tells nobody anything, and
// forges do not count it as a comment.
func Contentless(ctx context.Context) context.Context {
	return context.WithValue(ctx, contentlessKey{}, true)
}

type urgentKey struct{}

// Urgent marks the calls made with the context as what goes first where a forge's limits leave room for a part only.
func Urgent(ctx context.Context) context.Context { return context.WithValue(ctx, urgentKey{}, true) }

func urgencyOf(ctx context.Context) urgency {
	if ctx.Value(urgentKey{}) != nil {
		return urgent
	}
	return usual
}

func contentless(ctx context.Context) bool { return ctx.Value(contentlessKey{}) != nil }

func repeatable(req *http.Request) bool {
	if marked, ok := req.Context().Value(repeatKey{}).(bool); ok {
		return marked
	}
	return req.Method != http.MethodPost
}

// RoundTrip makes the call. Its errors are the context's, *forge.RateLimited, or those of the last attempt.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := drain(req)
	if err != nil {
		return nil, err
	}
	if req.URL.Host != t.Host || t.Scheme != "" && req.URL.Scheme != t.Scheme {
		return nil, fmt.Errorf("refusing to call %s://%s: the forge is at %s", req.URL.Scheme, req.URL.Host, t.Host)
	}
	leave, err := t.Pace.enter(req.Context(), req.Method)
	if err != nil {
		return nil, err
	}
	defer leave()
	attempts := t.attempts(req)
	for attempt := 1; ; attempt++ {
		answer, err := t.attempt(req, body, attempt)
		if err == nil {
			if after, limited := t.limited(answer); limited {
				return nil, &forge.RateLimited{After: t.Pace.rest(after), Err: fmt.Errorf("%s answered %d", t.Host, answer.Status)}
			}
		}
		if attempt >= attempts || !transient(answer, err) {
			return respond(req, answer), err
		}
		if waited := sleep(req.Context(), t.backoff(attempt)); waited != nil {
			return nil, waited
		}
	}
}

func (t *Transport) attempts(req *http.Request) int {
	switch {
	case !repeatable(req):
		return 1
	case t.Attempts > 0:
		return t.Attempts
	}
	return 4
}

func (t *Transport) limited(a *Answer) (time.Duration, bool) {
	if t.Limited == nil {
		return 0, false
	}
	after, limited := t.Limited(*a)
	if !limited {
		t.Pace.rested()
	}
	return after, limited
}

// attempt sends the request once and reads the whole answer, so that a connection cut in the middle counts as no answer.
func (t *Transport) attempt(req *http.Request, body []byte, number int) (*Answer, error) {
	timeout := t.Timeout
	if timeout <= 0 {
		timeout = 15 * time.Second
	}
	ctx, cancel := context.WithTimeout(req.Context(), timeout)
	defer cancel()
	out := req.Clone(ctx)
	if body != nil {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	remembered := t.Cache.before(t.Scope, out)
	start := time.Now()
	answer, err := send(t.Next, out)
	t.log(req, number, answer, time.Since(start), err)
	if err != nil {
		if cause := req.Context().Err(); cause != nil {
			return nil, cause
		}
		return nil, err
	}
	return t.Cache.after(t.Scope, out, remembered, answer), nil
}

func send(next http.RoundTripper, req *http.Request) (*Answer, error) {
	resp, err := next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, bodyLimit+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if len(body) > bodyLimit {
		return nil, fmt.Errorf("the answer is larger than %d bytes", bodyLimit)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, At: time.Now()}, nil
}

func (t *Transport) log(req *http.Request, attempt int, a *Answer, took time.Duration, err error) {
	if t.Log == nil {
		return
	}
	attrs := []any{"method", req.Method, "path", req.URL.Path, "attempt", attempt, "took", took}
	if a != nil {
		attrs = append(attrs, "status", a.Status, "request", a.Header.Get(t.RequestID))
	}
	if err != nil {
		attrs = append(attrs, "error", err.Error())
	}
	t.Log.DebugContext(req.Context(), "forge called", attrs...)
}

func (t *Transport) backoff(attempt int) time.Duration {
	first := t.Backoff
	if first <= 0 {
		first = 200 * time.Millisecond
	}
	whole := first << min(attempt-1, 6)
	return whole/2 + rand.N(whole/2+1)
}

// transient says whether the same call may well succeed a moment later.
func transient(a *Answer, err error) bool {
	if err != nil {
		var cert *tls.CertificateVerificationError
		return !errors.Is(err, context.Canceled) && !errors.As(err, &cert)
	}
	switch a.Status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func drain(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	defer req.Body.Close()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	return body, nil
}

func respond(req *http.Request, a *Answer) *http.Response {
	if a == nil {
		return nil
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)), StatusCode: a.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.Header, Body: io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)), Request: req,
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
