package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/forge"
)

// verifier is a forge whose deliveries are signed with the word "signed" and whose body is the event.
type verifier struct{}

func (verifier) Verify(h http.Header, body []byte) (forge.Event, error) {
	if h.Get("Signature") != "signed" {
		return forge.Event{}, fmt.Errorf("%w: it is not signed", forge.ErrSignature)
	}
	var e forge.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return forge.Event{}, fmt.Errorf("%w: %w", forge.ErrMalformed, err)
	}
	return e, nil
}

// record keeps what was asked.
type record struct {
	mu   sync.Mutex
	asks []Ask
}

func (r *record) Record(_ context.Context, a Ask) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asks = append(r.asks, a)
	return nil
}

func serve(t *testing.T, o Options) *httptest.Server {
	t.Helper()
	if o.GitHub == nil {
		o.GitHub = verifier{}
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func deliver(t *testing.T, method, url, contentType string, signed bool, body io.Reader) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	if signed {
		req.Header.Set("Signature", "signed")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp
}

func event(e forge.Event) string {
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(b)
}

var shop = forge.Repository{Forge: forge.GitHub, Host: "github.com", ID: 7, Owner: "octo-org", Name: "shop"}

func TestAnswers(t *testing.T) {
	pull := event(forge.Event{Delivery: "d1", Name: "pull_request.opened", Repository: shop, Number: 3})
	web := shop
	web.ID, web.Name = 8, "web"
	huge := func() io.Reader { return io.LimitReader(zeros{}, 26<<20) }
	tests := map[string]struct {
		method, path, contentType string
		unsigned                  bool
		body                      io.Reader
		status                    int
		asks                      []Ask
	}{
		"pull request": {body: strings.NewReader(pull), status: 202,
			asks: []Ask{{Repository: shop, Number: 3, Delivery: "d1", Reason: "pull_request.opened"}}},
		"charset": {contentType: "application/json; charset=utf-8", body: strings.NewReader(pull), status: 202,
			asks: []Ask{{Repository: shop, Number: 3, Delivery: "d1", Reason: "pull_request.opened"}}},
		"no number": {body: strings.NewReader(event(forge.Event{Delivery: "d1", Name: "push", Repository: shop})), status: 202,
			asks: []Ask{{Repository: shop, Delivery: "d1", Reason: "push"}}},
		"several repositories": {body: strings.NewReader(event(forge.Event{Delivery: "d1", Name: "installation.created", Repository: shop, Also: []forge.Repository{web}})), status: 202,
			asks: []Ask{{Repository: shop, Delivery: "d1", Reason: "installation.created"}, {Repository: web, Delivery: "d1", Reason: "installation.created"}}},
		"no work":              {body: strings.NewReader(event(forge.Event{Delivery: "d1", Name: "ping", Ignored: "not used"})), status: 202},
		"unsigned":             {unsigned: true, body: strings.NewReader(pull), status: 401},
		"unsigned and no JSON": {unsigned: true, body: strings.NewReader("{"), status: 401},
		"invalid JSON":         {body: strings.NewReader("{"), status: 400},
		"empty":                {body: strings.NewReader(""), status: 400},
		"form":                 {contentType: "application/x-www-form-urlencoded", body: strings.NewReader("payload=x"), status: 415},
		"no content type":      {contentType: " ", body: strings.NewReader(pull), status: 415},
		"GET":                  {method: http.MethodGet, status: 405},
		"PUT":                  {method: http.MethodPut, body: strings.NewReader(pull), status: 405},
		"forge not served":     {path: "/webhook/gitlab", body: strings.NewReader(pull), status: 404},
		"26 MB":                {body: bytes.NewReader(make([]byte, 26<<20)), status: 413},
		"26 MB in chunks":      {body: huge(), status: 413},
		"26 MB unsigned":       {unsigned: true, body: huge(), status: 413},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var r record
			s := serve(t, Options{Recorder: &r})
			if tt.method == "" {
				tt.method = http.MethodPost
			}
			if tt.path == "" {
				tt.path = "/webhook/github"
			}
			if tt.contentType == "" {
				tt.contentType = "application/json"
			}
			resp := deliver(t, tt.method, s.URL+tt.path, tt.contentType, !tt.unsigned, tt.body)
			if resp.StatusCode != tt.status {
				t.Errorf("answered %d, want %d", resp.StatusCode, tt.status)
			}
			if diff := cmp.Diff(tt.asks, r.asks); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestNothingIsAnsweredBeforeItIsRecorded(t *testing.T) {
	s := serve(t, Options{Recorder: RecorderFunc(func(context.Context, Ask) error { return errors.New("the API server is out of reach") })})
	resp := deliver(t, http.MethodPost, s.URL+"/webhook/github", "application/json", true,
		strings.NewReader(event(forge.Event{Delivery: "d1", Name: "push", Repository: shop})))
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("answered %d with Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
}

func TestARecordThatTakesTooLongIsPutOff(t *testing.T) {
	s := serve(t, Options{Timeout: time.Second, Recorder: RecorderFunc(func(ctx context.Context, _ Ask) error {
		<-ctx.Done()
		return ctx.Err()
	})})
	resp := deliver(t, http.MethodPost, s.URL+"/webhook/github", "application/json", true,
		strings.NewReader(event(forge.Event{Delivery: "d1", Name: "push", Repository: shop})))
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answered %d", resp.StatusCode)
	}
}

func TestBeyondTheBoundDeliveriesArePutOff(t *testing.T) {
	bounds := map[string]Options{
		"places": {MaxPending: 1},
		"bytes":  {MaxPendingBytes: 500},
	}
	for name, o := range bounds {
		t.Run(name, func(t *testing.T) {
			entered, release := make(chan struct{}), make(chan struct{})
			o.Recorder = RecorderFunc(func(context.Context, Ask) error {
				entered <- struct{}{}
				<-release
				return nil
			})
			s := serve(t, o)
			body := event(forge.Event{Delivery: "d1", Name: "push", Repository: shop})
			body += strings.Repeat(" ", 400-len(body))
			first := make(chan int, 1)
			go func() {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/webhook/github", strings.NewReader(body))
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Signature", "signed")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					first <- 0
					return
				}
				resp.Body.Close()
				first <- resp.StatusCode
			}()
			select {
			case <-entered:
			case status := <-first:
				t.Fatalf("the first was answered %d at once", status)
			}
			second := deliver(t, http.MethodPost, s.URL+"/webhook/github", "application/json", true, strings.NewReader(body))
			if second.StatusCode != http.StatusServiceUnavailable || second.Header.Get("Retry-After") == "" {
				t.Errorf("the second was answered %d", second.StatusCode)
			}
			close(release)
			if status := <-first; status != http.StatusAccepted {
				t.Errorf("the first was answered %d", status)
			}
		})
	}
}

func TestThePayloadStaysOutOfTheLog(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, Options{Recorder: &record{}, Log: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for _, signed := range []bool{true, false} {
		body := `{"Delivery":"d1","Name":"push","Repository":{"owner":"octo-org","name":"shop","id":7},"secret":"hunter2"}`
		deliver(t, http.MethodPost, s.URL+"/webhook/github", "application/json", signed, strings.NewReader(body))
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log quotes the payload:\n%s", log.String())
	}
	for _, line := range []string{"delivery recorded", "delivery refused: signature", `"delivery":"d1"`, `"repository":"octo-org/shop"`} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, log.String())
		}
	}
}

func TestNewRefusesToServeNothing(t *testing.T) {
	if _, err := New(Options{GitHub: verifier{}}); err == nil {
		t.Error("no recorder was accepted")
	}
	if _, err := New(Options{Recorder: &record{}}); err == nil {
		t.Error("no verifier was accepted")
	}
}
