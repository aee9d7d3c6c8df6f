package controller

import (
	"testing"
	"time"
)

// The write that tells of a failure comes back as an event. It must not bring the next try at once, or a source that is slow to fail is
// asked without a pause.
func TestWhatIsOwedWaitsForItsTime(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	m := &memo{}
	m.owe(levelLatest, now.Add(retryAfter))
	if got := m.take(now); got != levelNone {
		t.Errorf("an event brings level %d at once", got)
	}
	if got := m.wait(now); got != retryAfter {
		t.Errorf("the next try is in %s", got)
	}
	m.ask(levelLive)
	if got := m.take(now.Add(time.Second)); got != levelLive {
		t.Errorf("a change of live objects brings level %d", got)
	}
	m.made(levelLive)
	if got := m.take(now.Add(retryAfter)); got != levelLatest {
		t.Errorf("when its time has come, level %d is taken", got)
	}
	if got := m.take(now.Add(retryAfter)); got != levelLatest {
		t.Errorf("until it is made, level %d is owed", got)
	}
	m.made(levelFresh)
	if got, wait := m.take(now.Add(time.Hour)), m.wait(now); got != levelNone || wait != 0 {
		t.Errorf("once it is made, level %d is owed in %s", got, wait)
	}
}
