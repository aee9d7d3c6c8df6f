package cluster

import (
	"context"
	"net/http"
	"sync"
)

const (
	widest    = 64 // requests at once, while the server does not complain
	narrowest = 2
)

// limit bounds how many requests are under way at once: many while the server keeps up, half of them each time it answers 429,
// and gradually more again. Watches do not count. Its zero value is ready.
type limit struct {
	mu      sync.Mutex
	width   float64
	running int
	waiting []chan struct{}
}

func (l *limit) around(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("watch") == "true" {
			return next.RoundTrip(r)
		}
		if err := l.enter(r.Context()); err != nil {
			return nil, err
		}
		response, err := next.RoundTrip(r)
		l.leave(err == nil && response.StatusCode == http.StatusTooManyRequests)
		return response, err
	})
}

func (l *limit) enter(ctx context.Context) error {
	l.mu.Lock()
	if l.width == 0 {
		l.width = widest
	}
	if l.running < int(l.width) {
		l.running++
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()
	select {
	case <-turn: // leave counted us in
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.waiting {
		if w == turn {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			return ctx.Err()
		}
	}
	l.running-- // our turn came in the meantime
	l.admit()
	return ctx.Err()
}

func (l *limit) leave(tooMany bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tooMany {
		l.width = max(narrowest, l.width/2)
	} else {
		l.width = min(widest, l.width+1/l.width)
	}
	l.running--
	l.admit()
}

// admit lets waiting requests in as far as the width goes.
func (l *limit) admit() {
	for len(l.waiting) > 0 && l.running < int(l.width) {
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
		l.running++
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
