package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// serve answers the n-th call (from 1) with handle, and gives a client on a Transport that set adjusts.
func serve(t *testing.T, handle func(n int32, w http.ResponseWriter, r *http.Request), set func(*Transport)) (client *http.Client, address string, calls *atomic.Int32) {
	t.Helper()
	calls = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(calls.Add(1), w, r) }))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	line := &Transport{Next: http.DefaultTransport, Host: u.Host, Backoff: time.Microsecond}
	if set != nil {
		set(line)
	}
	return &http.Client{Transport: line}, s.URL, calls
}

func call(t *testing.T, c *http.Client, ctx context.Context, method, address, body string) (status int, text string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func TestOnlyWhatMayBeRepeatedIs(t *testing.T) {
	plain := func(ctx context.Context) context.Context { return ctx }
	failures := map[string]func(http.ResponseWriter){
		"503": func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"cut": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"cut later": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		},
	}
	tests := map[string]struct {
		method string
		mark   func(context.Context) context.Context
		calls  int32
	}{
		"GET":                {http.MethodGet, plain, 3},
		"PATCH":              {http.MethodPatch, plain, 3},
		"POST":               {http.MethodPost, plain, 1},
		"repeatable POST":    {http.MethodPost, Repeatable, 3},
		"unrepeatable PATCH": {http.MethodPatch, Unrepeatable, 1},
	}
	for name, tt := range tests {
		for how, fail := range failures {
			t.Run(name+" "+how, func(t *testing.T) {
				c, address, calls := serve(t, func(n int32, w http.ResponseWriter, r *http.Request) {
					if b, _ := io.ReadAll(r.Body); string(b) != "body" {
						t.Errorf("call %d has body %q", n, b)
					}
					if n < 3 {
						fail(w)
					}
				}, func(l *Transport) { l.Next = &http.Transport{DisableKeepAlives: true} })
				status, _, err := call(t, c, tt.mark(t.Context()), tt.method, address, "body")
				if calls.Load() != tt.calls {
					t.Errorf("%d calls, want %d (status %d, error %v)", calls.Load(), tt.calls, status, err)
				}
				if ok := status == http.StatusOK; ok != (tt.calls == 3) {
					t.Errorf("status %d, error %v", status, err)
				}
			})
		}
	}
}

func TestAttemptsEnd(t *testing.T) {
	c, address, calls := serve(t, func(_ int32, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, nil)
	status, _, err := call(t, c, t.Context(), http.MethodGet, address, "")
	if status != http.StatusBadGateway || err != nil || calls.Load() != 4 {
		t.Errorf("status %d, error %v after %d calls", status, err, calls.Load())
	}
}

func TestEveryAttemptHasADeadline(t *testing.T) {
	release := make(chan struct{})
	c, address, calls := serve(t, func(n int32, w http.ResponseWriter, r *http.Request) {
		if n == 1 {
			<-release
		}
	}, func(l *Transport) { l.Timeout = 500 * time.Millisecond })
	status, _, err := call(t, c, t.Context(), http.MethodGet, address, "")
	close(release)
	if status != http.StatusOK || calls.Load() != 2 {
		t.Errorf("status %d, error %v after %d calls", status, err, calls.Load())
	}
}

func TestACancelledCallEndsAsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, address, calls := serve(t, func(_ int32, w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusBadGateway)
	}, nil)
	_, _, err := call(t, c, ctx, http.MethodGet, address, "")
	if !errors.Is(err, context.Canceled) || calls.Load() != 1 {
		t.Errorf("error %v after %d calls", err, calls.Load())
	}
}

func TestNoOtherHostIsCalled(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	c, address, _ := serve(t, func(_ int32, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}, nil)
	if _, _, err := call(t, c, t.Context(), http.MethodGet, address, ""); err == nil || reached {
		t.Errorf("error %v, reached %v", err, reached)
	}
}

func TestTheSchemeStays(t *testing.T) {
	c, address, calls := serve(t, func(int32, http.ResponseWriter, *http.Request) {}, func(line *Transport) { line.Scheme = "https" })
	if _, _, err := call(t, c, t.Context(), http.MethodGet, address, ""); err == nil || calls.Load() != 0 {
		t.Errorf("error %v after %d calls in the open", err, calls.Load())
	}
}

func TestAnETagSavesTheBody(t *testing.T) {
	cache := NewCache(1 << 20)
	version := "one"
	answer := func(_ int32, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+version+`"`)
		if r.Header.Get("If-None-Match") == `"`+version+`"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, version)
	}
	var line *Transport
	c, address, _ := serve(t, answer, func(l *Transport) { l.Cache, l.Scope, line = cache, "a", l })
	read := func(want string) {
		t.Helper()
		status, text, err := call(t, c, t.Context(), http.MethodGet, address, "")
		if status != http.StatusOK || text != want || err != nil {
			t.Errorf("read %d %q, error %v; want %q", status, text, err, want)
		}
	}
	read("one")
	read("one")
	version = "two"
	read("two")
	line.Scope = "b" // other eyes
	version = "two"
	sent := ""
	line.Next = roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = r.Header.Get("If-None-Match")
		return http.DefaultTransport.RoundTrip(r)
	})
	read("two")
	if sent != "" {
		t.Errorf("what another scope saw was used: %s", sent)
	}
}

// A list's page may stay the same while another comes after it: a remembered page must not hide that.
func TestARememberedPageHidesNoNextOne(t *testing.T) {
	for name, tt := range map[string]struct {
		query, body string
		says        bool // whether "304 Not Modified" names the next page
		conditional bool
	}{
		"304 names the next page":             {query: "?per_page=3", body: `[1,2]`, says: true, conditional: true},
		"304 says nothing, the page was full": {query: "?per_page=2", body: `[1,2]`},
		"the page has room":                   {query: "?per_page=3", body: `[1,2]`, conditional: true},
		"no list":                             {query: "?per_page=1", body: `{}`, conditional: true},
	} {
		t.Run(name, func(t *testing.T) {
			grown, asked := false, ""
			c, address, _ := serve(t, func(_ int32, w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"same"`)
				asked = r.Header.Get("If-None-Match")
				if grown && (asked == "" || tt.says) {
					w.Header().Set("Link", `<https://forge/?page=2>; rel="next"`)
				}
				if asked != "" {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				_, _ = io.WriteString(w, tt.body)
			}, func(l *Transport) { l.Cache = NewCache(1 << 20) })
			read := func() (link string) {
				resp, err := c.Get(address + tt.query)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if body, err := io.ReadAll(resp.Body); err != nil || string(body) != tt.body || resp.StatusCode != http.StatusOK {
					t.Errorf("read %d %s, %v", resp.StatusCode, body, err)
				}
				return resp.Header.Get("Link")
			}
			if link := read(); link != "" {
				t.Fatalf("at first there is a next page: %s", link)
			}
			grown = true
			link := read()
			if (asked != "") != tt.conditional {
				t.Errorf("the second call is conditional: %q", asked)
			}
			if next := tt.says || !tt.conditional; (link != "") != next {
				t.Errorf("the next page is %q", link)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheCacheIsBounded(t *testing.T) {
	c := NewCache(1000)
	for i := range 100 {
		req := httptest.NewRequest(http.MethodGet, "/"+strings.Repeat("x", i), nil)
		c.after("", req, nil, &Answer{Status: 200, Header: http.Header{"Etag": {"e"}}, Body: make([]byte, 100)})
	}
	if c.bytes > 1000 || c.order.Len() != len(c.entries) || c.order.Len() != 10 {
		t.Errorf("%d bytes in %d entries", c.bytes, c.order.Len())
	}
}

func TestALimitHoldsLaterCallsBack(t *testing.T) {
	c, address, calls := serve(t, func(_ int32, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	}, func(l *Transport) {
		l.Pace = NewPace(Limits{})
		l.Limited = func(a Answer) (time.Duration, bool) {
			return RetryAfter(a.Header, a.At), a.Status == http.StatusTooManyRequests
		}
	})
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodGet} {
		_, _, err := call(t, c, t.Context(), method, address, "")
		var limited *forge.RateLimited
		if !errors.As(err, &limited) || limited.After < 20*time.Second || limited.After > 30*time.Second {
			t.Errorf("%s: %v", method, err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("%d calls were made", calls.Load())
	}
}

func TestAnUnstatedLimitGrows(t *testing.T) {
	p := NewPace(Limits{})
	var got []time.Duration
	for range 6 {
		got = append(got, p.rest(0))
	}
	want := []time.Duration{1, 2, 4, 8, 15, 15}
	for i := range want {
		if got[i] != want[i]*time.Minute {
			t.Fatalf("waits are %v", got)
		}
	}
	p.rested()
	if again := p.rest(0); again != time.Minute {
		t.Errorf("after a good answer the wait is %s", again)
	}
}

func TestAUsedUpBudgetIsARateLimit(t *testing.T) {
	c, address, calls := serve(t, func(int32, http.ResponseWriter, *http.Request) {}, func(l *Transport) { l.Pace = NewPace(Limits{PerMinute: 2}) })
	for range 2 {
		if _, _, err := call(t, c, t.Context(), http.MethodPost, address, ""); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := call(t, c, t.Context(), http.MethodPost, address, "")
	var limited *forge.RateLimited
	if !errors.As(err, &limited) || calls.Load() != 2 {
		t.Errorf("error %v after %d calls", err, calls.Load())
	}
	if _, _, err := call(t, c, t.Context(), http.MethodPatch, address, ""); err != nil {
		t.Errorf("an edit creates nothing: %v", err)
	}
}

func TestWritesGoOneByOne(t *testing.T) {
	var at, most atomic.Int32
	c, address, _ := serve(t, func(_ int32, _ http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), at.Add(1)))
		_, _ = io.Copy(io.Discard, r.Body)
		at.Add(-1)
	}, func(l *Transport) { l.Pace = NewPace(Limits{}) })
	done := make(chan error, 8)
	for range cap(done) {
		go func() { _, _, err := call(t, c, t.Context(), http.MethodPatch, address, "x"); done <- err }()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d writes at once", most.Load())
	}
}

func TestADeedIsDoneOnce(t *testing.T) {
	lost := errors.New("no answer")
	tests := map[string]struct {
		takesEffect []bool // of each attempt; the answer to all but the last is lost
		created     int
		err         error
	}{
		"answered":             {[]bool{true}, 1, nil},
		"lost but done":        {[]bool{true, true}, 1, nil},
		"lost and not done":    {[]bool{false, true}, 1, nil},
		"never done, given up": {[]bool{false, false, false, false}, 0, lost},
	}
	for name, tt := range tests {
		for _, fresh := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, new %v", name, fresh), func(t *testing.T) {
				things, attempt, looks := 0, 0, 0
				_, err := Deed[int]{
					New:  fresh,
					Look: func(context.Context) (int, bool, error) { looks++; return things, things > 0, nil },
					Create: func(context.Context) (int, bool, error) {
						if attempt++; attempt == 1 && fresh == (looks > 0) {
							t.Errorf("looked for %d times before it is tried", looks)
						}
						if tt.takesEffect[attempt-1] {
							things++
						}
						if attempt < len(tt.takesEffect) {
							return 0, true, lost
						}
						return things, false, nil
					},
				}.Do(t.Context())
				if things != tt.created || !errors.Is(err, tt.err) {
					t.Errorf("%d things, error %v", things, err)
				}
			})
		}
	}
}

func TestCredentialsStayOutOfTheLog(t *testing.T) {
	var log bytes.Buffer
	c, address, _ := serve(t, func(_ int32, w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Request", "r1") }, func(l *Transport) {
		l.Log, l.RequestID = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), "X-Request"
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/path?private_token=hunter2", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer hunter2")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "request=r1") {
		t.Errorf("the log says:\n%s", log.String())
	}
}
