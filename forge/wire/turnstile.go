package wire

import (
	"context"
	"slices"
	"sync"
)

// turnstile lets one through at a time: those who are urgent first, and else in the order in which they came.
type turnstile struct {
	mu      sync.Mutex
	busy    bool
	waiting [urgencies][]chan struct{}
}

// enter waits for the turn. Who has entered leaves.
func (t *turnstile) enter(ctx context.Context, u urgency) error {
	t.mu.Lock()
	if !t.busy {
		t.busy = true
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.waiting[u] = append(t.waiting[u], mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(t.waiting[u], mine)
	if i >= 0 {
		t.waiting[u] = slices.Delete(t.waiting[u], i, i+1)
	}
	t.mu.Unlock()
	if i < 0 { // it was this one's turn at the same moment
		t.leave()
	}
	return ctx.Err()
}

// leave lets the next one through.
func (t *turnstile) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, u := range []urgency{urgent, usual} {
		if len(t.waiting[u]) > 0 {
			close(t.waiting[u][0])
			t.waiting[u] = t.waiting[u][1:]
			return
		}
	}
	t.busy = false
}
