package controller

import (
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/object"
)

// recents are the objects that we have written or deleted of late. What a cache shows of one may be older than our own deed; decided
// by that, a sync would heal what it has just applied.
type recents map[object.ID]trace

// trace is what we left of an object.
type trace struct {
	at      time.Time
	uid     types.UID
	version string // resource version; "" after a deletion
	deleted bool
	// released says that our finalizer was taken off: with a deletion, or because a hook is done. Then others may take it away at any time, as
	// is done with Jobs that have had their time.
	released bool
}

// gone says whether u is an object that we have deleted of late, of which a cache is yet to tell.
func (t trace) gone(u *unstructured.Unstructured, now time.Time) bool {
	return t.deleted && t.uid == u.GetUID() && now.Sub(t.at) < remembered
}

// remembered is how long a cache may lag.
const remembered = 30 * time.Second

// behind lists the objects of which live shows less than we know, and forgets those that live has caught up with.
func (r recents) behind(live map[object.ID]*unstructured.Unstructured, now time.Time) []object.ID {
	var late []object.ID
	for id, t := range r {
		if now.Sub(t.at) > remembered || t.shownBy(live[id]) {
			delete(r, id)
			continue
		}
		late = append(late, id)
	}
	return late
}

// shownBy reports whether u is as new as what we left.
func (t trace) shownBy(u *unstructured.Unstructured) bool {
	if t.deleted {
		return u == nil || u.GetUID() != t.uid || u.GetDeletionTimestamp() != nil
	}
	if u == nil {
		return t.released
	}
	return asNew(u.GetResourceVersion(), t.version) // be it another object: that one came later
}

// asNew reports whether resource version a is b or later. They can be compared where they are numbers, as they are in practice; where
// not, only what is equal is known to be as new.
func asNew(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	return errX == nil && errY == nil && x >= y
}
