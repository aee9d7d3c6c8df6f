package controller

import (
	"encoding/json"
	"sync/atomic"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

// level is how much of a comparison is asked for.
type level int32

const (
	levelNone   level = iota
	levelLive         // the live objects have changed; revisions are as they were
	levelCached       // the rules have changed; as levelLive, but the comparison counts as new
	levelLatest       // revisions are resolved anew
	levelFresh        // remotes are asked first
)

// memo is what is remembered of an application between reconciles. Forgetting it costs a comparison and nothing else.
type memo struct {
	asked atomic.Int32

	// The rest belongs to the reconcile that runs; there is never more than one of an application.
	spec    string // digest of the specification that was compared last
	failing time.Time
	hard    time.Time // of the last comparison for which remotes were asked
	written string    // the resource version of our last write
	// compared is when this process compared it last; rest what that comparison was of, nil if there is need for another.
	compared time.Time
	rest     *rest
	// followed is the end of the last operation that was followed by a comparison.
	followed time.Time
	recent   recents
	// retryHooks is when hooks of the deletion that have failed are run again.
	retryHooks time.Time
	op         *progress
	// owed is a comparison that is to be made up for, not before after. It is apart from what is asked: to write down that a comparison
	// failed brings an event of its own, which must not bring the next try.
	owed  level
	after time.Time
}

// ask raises the level of the next comparison.
func (m *memo) ask(l level) {
	for {
		old := m.asked.Load()
		if int32(l) <= old || m.asked.CompareAndSwap(old, int32(l)) {
			return
		}
	}
}

// take is what was asked for since the last call, and what is owed by now.
func (m *memo) take(now time.Time) level {
	asked := level(m.asked.Swap(0))
	if now.Before(m.after) {
		return asked
	}
	return max(asked, m.owed)
}

// owe puts a comparison off until a moment.
func (m *memo) owe(l level, until time.Time) { m.owed, m.after = max(m.owed, l), until }

// made settles what is owed, if a comparison of level l does.
func (m *memo) made(l level) {
	if l >= m.owed {
		m.owed = levelNone
	}
}

// wait is the time until what is owed; 0 when nothing is.
func (m *memo) wait(now time.Time) time.Duration {
	if m.owed == levelNone {
		return 0
	}
	return max(m.after.Sub(now), time.Millisecond)
}

// progress is what is remembered of a running operation's attempt.
type progress struct {
	started time.Time
	attempt int64
	tried   engine.Tried
	since   time.Time // of the last change in results
	results string
	target  *desired
}

// follows reports whether this process has been at the operation's present attempt before.
func (m *memo) follows(state *argo.OperationState) bool {
	return m.op != nil && m.op.started.Equal(state.StartedAt.Time) && m.op.attempt == state.RetryCount
}

// operation is the progress of the operation's present attempt.
func (m *memo) operation(state *argo.OperationState, now time.Time) *progress {
	if !m.follows(state) {
		m.op = &progress{started: state.StartedAt.Time, attempt: state.RetryCount, since: now}
	}
	return m.op
}

// note moves the time of the last progress when results have changed.
func (g *progress) note(results []argo.ResourceResult, now time.Time) {
	data, err := json.Marshal(results)
	if err == nil && string(data) != g.results {
		g.results, g.since = string(data), now
	}
}

func newMemo() *memo { return &memo{recent: recents{}} }
