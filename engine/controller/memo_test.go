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

// A cache is waited for as long as it shows less than we did ourselves, and no longer: what others have done since is news.
func TestWhatACacheIsWaitedFor(t *testing.T) {
	seen := func(uid, version string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"uid": uid, "resourceVersion": version}}}
	}
	id := object.ID{Kind: "Job", Name: "migrate"}
	now := time.Now()
	for name, c := range map[string]struct {
		left trace
		live *unstructured.Unstructured
		late bool
	}{
		"applied, and shown":                    {trace{at: now, uid: "1", version: "7"}, seen("1", "7"), false},
		"applied, and changed since":            {trace{at: now, uid: "1", version: "7"}, seen("1", "9"), false},
		"applied, and shown as before":          {trace{at: now, uid: "1", version: "7"}, seen("1", "6"), true},
		"applied, and not shown":                {trace{at: now, uid: "1", version: "7"}, nil, true},
		"applied, and made anew by others":      {trace{at: now, uid: "1", version: "7"}, seen("2", "9"), false},
		"made anew, and shown as it was before": {trace{at: now, uid: "2", version: "9"}, seen("1", "7"), true},
		"let go, and taken away by others":      {trace{at: now, uid: "1", version: "7", released: true}, nil, false},
		"let go, and shown as before":           {trace{at: now, uid: "1", version: "7", released: true}, seen("1", "6"), true},
		"deleted, and gone":                     {trace{at: now, uid: "1", deleted: true}, nil, false},
		"deleted, and shown as before":          {trace{at: now, uid: "1", deleted: true}, seen("1", "7"), true},
		"deleted, and made anew by others":      {trace{at: now, uid: "1", deleted: true}, seen("2", "9"), false},
		"applied long ago, and never shown":     {trace{at: now.Add(-time.Hour), uid: "1", version: "7"}, nil, false},
	} {
		r := recents{id: c.left}
		if got := len(r.behind(map[object.ID]*unstructured.Unstructured{id: c.live}, now)) > 0; got != c.late || len(r) > 0 != c.late {
			t.Errorf("%s: waited for: %v", name, got)
		}
	}
}

// A hook that is done may be taken away by whoever likes, as Jobs are when their time is up.
func TestAReleasedHookIsNotWaitedFor(t *testing.T) {
	job := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": "migrate", "uid": "1", "resourceVersion": "7"}}}
	id := object.IDOf(job)
	for name, left := range map[string]*unstructured.Unstructured{"still there": job, "gone with its finalizer": nil} {
		g := &gathered{wants: &desired{target: change.Target{Objects: object.NewSet()}}, live: map[object.ID]*unstructured.Unstructured{}}
		recent, now := recents{}, time.Now()
		g.absorb(recent, []engine.Outcome{{Action: engine.Action{Verb: engine.Apply, ID: id}, Live: job}}, now)
		if late := recent.behind(nil, now); len(late) != 1 {
			t.Fatalf("%s: a hook that was just made is not waited for", name)
		}
		g.absorb(recent, []engine.Outcome{{Action: engine.Action{Verb: engine.Release, ID: id, UID: "1"}, Live: left}}, now)
		if late := recent.behind(nil, now); len(late) != 0 {
			t.Errorf("%s: waits for %v", name, late)
		}
	}
}
