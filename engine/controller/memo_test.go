package controller

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/object"
	engine "github.com/slipway-cd/slipway/engine/sync"
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

// A namespace that CreateNamespace=true makes is in no comparison. Waited for, it would put the comparison after the sync off for as long
// as the cache may lag.
func TestACreatedNamespaceIsNotWaitedFor(t *testing.T) {
	ns := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop", "uid": "1", "resourceVersion": "7"}}}
	applied := []engine.Outcome{{Action: engine.Action{Verb: engine.Apply, ID: object.IDOf(ns)}, Live: ns}}
	for name, c := range map[string]struct {
		wanted *object.Set
		behind int
	}{
		"made by the option": {object.NewSet(), 0},
		"written by a manifest": {func() *object.Set {
			s := object.NewSet()
			s.Add(object.Object{Unstructured: ns})
			return s
		}(), 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := &gathered{wants: &desired{target: change.Target{Objects: c.wanted}}, live: map[object.ID]*unstructured.Unstructured{}}
			recent, now := recents{}, time.Now()
			g.absorb(recent, applied, now)
			if late := recent.behind(nil, now); len(late) != c.behind {
				t.Errorf("waits for %v", late)
			}
		})
	}
}
