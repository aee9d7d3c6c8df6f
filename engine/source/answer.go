package source

import (
	"context"
	"sync"
	"time"

	"github.com/slipway-cd/slipway/engine/object"
)

// answers are what remotes said to the same question, shared by all who ask it, up to a number of questions.
type answers[K comparable, V any] struct {
	limit int

	mu    sync.Mutex
	known map[K]*answer[V]
}

// answer is what a remote said last.
type answer[V any] struct {
	turn   chan struct{} // holds one while somebody asks
	value  V
	began  time.Time // zero: never answered
	failed time.Time
	err    error
}

// gone says that what an answer led to is there no more, so that it has to be asked for again.
func (a *answer[V]) gone() bool {
	v, ok := any(a.value).(interface{ Gone() bool })
	return ok && v.Gone()
}

// terms are how an answer is wanted.
type terms struct {
	now   func() time.Time
	fresh bool          // none that was asked for before
	age   time.Duration // no older one, while the remote answers
}

func newAnswers[K comparable, V any](limit int) *answers[K, V] {
	return &answers[K, V]{limit: limit, known: map[K]*answer[V]{}}
}

func (a *answers[K, V]) at(k K) *answer[V] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found, ok := a.known[k]; ok {
		return found
	}
	if len(a.known) >= a.limit {
		clear(a.known)
	}
	made := &answer[V]{turn: make(chan struct{}, 1)}
	a.known[k] = made
	return made
}

// ask yields the answer that is at hand where it is young enough, else what fetch brings. A failure is not repeated at once, and takes
// nothing away from those who only want what they had; what is wrong with the question does.
func (a *answers[K, V]) ask(ctx context.Context, k K, t terms, fetch func() (V, error)) (V, error) {
	var none V
	called := t.now()
	kept := a.at(k)
	select {
	case kept.turn <- struct{}{}:
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	defer func() { <-kept.turn }()
	now := t.now()
	has := !kept.began.IsZero() && !kept.gone()
	if !has {
		kept.began = time.Time{}
	}
	if has && (kept.began.After(called) || !t.fresh && now.Sub(kept.began) < t.age) {
		return kept.value, nil
	}
	if !t.fresh && !kept.failed.IsZero() && now.Sub(kept.failed) < failureAge {
		return kept.after(now)
	}
	value, err := fetch()
	if err == nil {
		kept.value, kept.began, kept.failed, kept.err = value, now, time.Time{}, nil
		return value, nil
	}
	if ctx.Err() != nil {
		return none, err // the caller's patience says nothing about the remote
	}
	kept.failed, kept.err = t.now(), err
	if t.fresh {
		return none, err
	}
	return kept.after(now)
}

// after is what stands after a failure.
func (a *answer[V]) after(now time.Time) (V, error) {
	_, wrong := object.AsFault(a.err)
	if !wrong && !a.began.IsZero() && now.Sub(a.began) < outageAge {
		return a.value, nil
	}
	var none V
	return none, a.err
}
