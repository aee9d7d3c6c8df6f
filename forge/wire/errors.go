package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// Refusal is the way in which a status says no, or nil when it is no refusal.
func Refusal(status int) error {
	switch status {
	case http.StatusUnauthorized:
		return forge.ErrUnauthorized
	case http.StatusForbidden:
		return forge.ErrForbidden
	case http.StatusNotFound, http.StatusGone:
		return forge.ErrNotFound
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusRequestURITooLong, http.StatusUnprocessableEntity:
		return forge.ErrInvalid
	}
	return nil
}

// Lost says whether err leaves open if the call took effect: the answer was a 5xx, or never came.
func Lost(status int, err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var limited *forge.RateLimited
	if errors.As(err, &limited) {
		return false
	}
	var unanswered *url.Error
	return status >= 500 || errors.As(err, &unanswered)
}

// Deed makes a thing that carries a key, at most once.
type Deed[T any] struct {
	// New says that nobody has tried before: it is looked for only once an answer was lost.
	New bool
	// Look finds the thing by its key.
	Look func(context.Context) (found T, ok bool, err error)
	// Create makes it; lost says that it may have been made although there is an error.
	Create func(context.Context) (made T, lost bool, err error)
}

// Do looks, creates when there is nothing, and when the answer was lost looks again before it creates again. An error after a lost answer
// is forge.ErrUncertain too.
func (d Deed[T]) Do(ctx context.Context) (T, error) {
	const attempts = 3
	for attempt := 1; ; attempt++ {
		if !d.New || attempt > 1 {
			if found, ok, err := d.Look(ctx); err != nil || ok {
				return found, uncertain(err, attempt > 1)
			}
		}
		made, lost, err := d.Create(ctx)
		if err == nil || !lost || attempt == attempts {
			return made, uncertain(err, lost || attempt > 1)
		}
		if err := sleep(ctx, time.Duration(attempt)*200*time.Millisecond); err != nil {
			return made, uncertain(err, true)
		}
	}
}

func uncertain(err error, lost bool) error {
	if err == nil || !lost {
		return err
	}
	return fmt.Errorf("%w: %w", forge.ErrUncertain, err)
}

// RetryAfter reads the header of that name: seconds, or a date. Zero when it says nothing.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(time.Duration(seconds)*time.Second, time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), time.Second)
	}
	return 0
}

// Reset reads a header that holds a Unix time, as the wait from now until then. Zero when it says nothing.
func Reset(h http.Header, name string, now time.Time) time.Duration {
	seconds, err := strconv.ParseInt(h.Get(name), 10, 64)
	if err != nil {
		return 0
	}
	return max(time.Unix(seconds, 0).Sub(now), time.Second)
}
