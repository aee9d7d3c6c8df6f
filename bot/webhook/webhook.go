// Package webhook takes deliveries from forges in: it verifies the raw bytes, writes down which pull request or repository to look at
// again, and only then answers 202. It is the head of the river; everything after it starts from what it wrote, so a delivery that was
// answered survives a crash, and one that could not be written is answered 503 and comes again.
package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// Ask is a request to look at a pull request, or at all of a repository's when Number is 0.
type Ask struct {
	Repository forge.Repository
	Number     int
	Delivery   string
	// SHA of the commit that it is about, where it names no pull request.
	SHA    string
	Reason string // the event's name
	// Click is a button that was pressed; nil for all other deliveries.
	Click *Click
}

// Click is a button of a check that somebody pressed. A pull request keeps it beside the request for a look.
type Click struct {
	Button, Head string
	User         forge.User
}

// Recorder makes an Ask durable. Recording the same one again does no harm.
type Recorder interface {
	Record(ctx context.Context, a Ask) error
}

// RecorderFunc is a Recorder.
type RecorderFunc func(ctx context.Context, a Ask) error

// Record calls f.
func (f RecorderFunc) Record(ctx context.Context, a Ask) error { return f(ctx, a) }

var _ Recorder = RecorderFunc(nil)

// Options of New. Recorder and at least one verifier are required.
type Options struct {
	Recorder Recorder
	// GitHub and GitLab verify what arrives at /webhook/github and /webhook/gitlab. A nil one's path is not served.
	GitHub, GitLab forge.Verifier
	// MaxBody is the largest delivery in bytes. Zero: 25 MB, GitHub's own limit.
	MaxBody int64
	// MaxPending is how many deliveries are handled at once, MaxPendingBytes how large they may be together. Beyond either the
	// answer is 503. Zero: 64 and 256 MB.
	MaxPending      int
	MaxPendingBytes int64
	// Timeout for reading a body and recording it. Zero: 8 s, since forges give up after 10.
	Timeout time.Duration
	// Log receives a line for each delivery, never with its content. Nil: no log.
	Log *slog.Logger
}

// Handler serves POST /webhook/github and POST /webhook/gitlab.
type Handler struct {
	mux  *http.ServeMux
	o    Options
	room *room
}

// New checks the options.
func New(o Options) (*Handler, error) {
	if o.Recorder == nil {
		return nil, errors.New("webhook: no recorder")
	}
	if o.GitHub == nil && o.GitLab == nil {
		return nil, errors.New("webhook: no forge to verify for")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxBody == 0 {
		o.MaxBody = 25 << 20
	}
	if o.MaxPending == 0 {
		o.MaxPending = 64
	}
	if o.MaxPendingBytes == 0 {
		o.MaxPendingBytes = 256 << 20
	}
	if o.Timeout == 0 {
		o.Timeout = 8 * time.Second
	}
	h := &Handler{mux: http.NewServeMux(), o: o, room: &room{places: o.MaxPending, bytes: o.MaxPendingBytes}}
	h.serve(forge.GitHub, o.GitHub)
	h.serve(forge.GitLab, o.GitLab)
	return h, nil
}

func (h *Handler) serve(kind forge.Kind, v forge.Verifier) {
	if v == nil {
		return
	}
	in := intake{Options: h.o, room: h.room, verifier: v, log: h.o.Log.With("forge", string(kind))}
	h.mux.Handle("POST /webhook/"+string(kind), in)
}

// ServeHTTP answers 202 for what is recorded or needs no work, 400 and 401 for what is malformed or not signed, 413 and 415 for what is too
// large or no JSON, and 503 with Retry-After when the delivery should come again.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// intake is one forge's path.
type intake struct {
	Options
	room     *room
	verifier forge.Verifier
	log      *slog.Logger
}

func (in intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), in.Timeout)
	defer cancel()
	answer := in.take(ctx, w, r)
	if answer.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.text+"\n") // the forge may have hung up; the record stands
}

type answer struct {
	status int
	text   string
}

// take is the whole of it, top to bottom: admit, read, verify, record.
func (in intake) take(ctx context.Context, w http.ResponseWriter, r *http.Request) answer {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		in.log.WarnContext(ctx, "delivery refused: not JSON")
		return answer{http.StatusUnsupportedMediaType, "deliveries are application/json"}
	}
	leave, ok := in.room.enter(in.size(r))
	if !ok {
		in.log.WarnContext(ctx, "delivery put off: too many at once")
		return answer{http.StatusServiceUnavailable, "too many deliveries at once"}
	}
	defer leave()
	body, err := in.read(ctx, w, r)
	if err != nil {
		return in.unreadable(ctx, err)
	}
	event, err := in.verifier.Verify(r.Header, body)
	if err != nil {
		return in.refuse(ctx, err)
	}
	return in.record(ctx, event)
}

// size is what the body may come to. Without a declared length it may be the most.
func (in intake) size(r *http.Request) int64 {
	if r.ContentLength < 0 {
		return in.MaxBody
	}
	return min(r.ContentLength, in.MaxBody)
}

var errTooLarge = errors.New("too large")

func (in intake) read(ctx context.Context, w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if deadline, ok := ctx.Deadline(); ok {
		// Where the connection has no deadlines (in a test without one) there is nothing to hold.
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
	}
	if r.ContentLength <= in.MaxBody {
		body, err := io.ReadAll(io.LimitReader(r.Body, in.MaxBody+1))
		if err != nil || int64(len(body)) <= in.MaxBody {
			return body, err
		}
	}
	// The sender hears the answer only if it can finish, so as much again is let through and dropped.
	_, _ = io.CopyN(io.Discard, r.Body, in.MaxBody)
	return nil, errTooLarge
}

func (in intake) unreadable(ctx context.Context, err error) answer {
	if errors.Is(err, errTooLarge) {
		in.log.WarnContext(ctx, "delivery refused: too large", "limit", in.MaxBody)
		return answer{http.StatusRequestEntityTooLarge, "the delivery is too large"}
	}
	in.log.WarnContext(ctx, "delivery not read", "error", err.Error())
	return answer{http.StatusBadRequest, "the delivery could not be read"}
}

// refuse answers what could not be verified. The reason is told to the log alone.
func (in intake) refuse(ctx context.Context, err error) answer {
	if errors.Is(err, forge.ErrSignature) {
		in.log.WarnContext(ctx, "delivery refused: signature", "error", err.Error())
		return answer{http.StatusUnauthorized, "the signature is missing or wrong"}
	}
	in.log.WarnContext(ctx, "delivery refused: malformed", "error", err.Error())
	return answer{http.StatusBadRequest, "the delivery is malformed"}
}

// most is how many repositories of one installation are recorded before the answer. The sweep finds the others.
const most = 20

func (in intake) record(ctx context.Context, e forge.Event) answer {
	log := in.log.With("delivery", e.Delivery, "event", e.Name, "repository", e.Repository.FullName(), "number", e.Number)
	if e.Ignored != "" {
		log.InfoContext(ctx, "delivery ignored", "reason", e.Ignored)
		return answer{http.StatusAccepted, "ignored"}
	}
	asks := []Ask{{Repository: e.Repository, Number: e.Number, Delivery: e.Delivery, Reason: e.Name}}
	// The check's own key says which pull request it is of, also where the forge does not: that of a fork, or one of two with the same head.
	key, _, _ := strings.Cut(e.CheckKey, "/")
	if n, ok := slipway.PullRequestNumber(key, e.Repository.Host, e.Repository.ID); ok {
		asks[0].Number = n
	}
	if asks[0].Number == 0 && e.Ref == "" {
		asks[0].SHA = e.SHA
	}
	if e.Button != "" && asks[0].Number != 0 {
		asks[0].Click = &Click{Button: e.Button, Head: e.SHA, User: e.Sender}
	}
	for _, r := range e.Also[:min(len(e.Also), most)] {
		asks = append(asks, Ask{Repository: r, Delivery: e.Delivery, Reason: e.Name})
	}
	for _, ask := range asks {
		if err := in.Recorder.Record(ctx, ask); err != nil {
			log.ErrorContext(ctx, "delivery not recorded", "error", err.Error())
			return answer{http.StatusServiceUnavailable, "the delivery could not be recorded"}
		}
	}
	log.InfoContext(ctx, "delivery recorded")
	return answer{http.StatusAccepted, "recorded"}
}
