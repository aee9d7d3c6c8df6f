package cluster

import (
	"maps"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

// recent remembers what we just wrote, since watches tell of it a little later: who applies and then looks must see it.
type recent struct {
	mu    sync.Mutex
	all   map[object.ID]written
	swept time.Time
}

type written struct {
	object *unstructured.Unstructured
	at     time.Time
}

// recentFor is how long a write is remembered at most, should the watch never tell of it.
const recentFor = 30 * time.Second

func (r *recent) note(id object.ID, u *unstructured.Unstructured) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[object.ID]written{}
	}
	now := time.Now()
	if now.Sub(r.swept) > recentFor {
		r.swept = now
		maps.DeleteFunc(r.all, func(_ object.ID, w written) bool { return now.Sub(w.at) > recentFor })
	}
	r.all[id] = written{u, now}
}

// newer is what we wrote, if the cache has not heard of it yet; nil if the cache knows better.
func (r *recent) newer(id object.ID, cached *record) *unstructured.Unstructured {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, ok := r.all[id]
	if !ok {
		return nil
	}
	if time.Since(w.at) > recentFor || cached != nil && !older(cached.version, w.object.GetResourceVersion()) {
		delete(r.all, id)
		return nil
	}
	if cached != nil && cached.uid != w.object.GetUID() && cached.packed != nil {
		return nil
	}
	return w.object
}

// gone takes the server's word that an object was deleted after we wrote it: else what we wrote would be shown in its place.
func (r *recent) gone(u *unstructured.Unstructured) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := object.IDOf(u)
	if w, ok := r.all[id]; ok && !older(u.GetResourceVersion(), w.object.GetResourceVersion()) {
		delete(r.all, id)
	}
}

// forget is for what was deleted.
func (r *recent) forget(id object.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, id)
}

// older compares resource versions of one kind, which are decimal numbers that grow. Others are taken to be of the same age.
func older(a, b string) bool {
	if strings.Trim(a+b, "0123456789") != "" {
		return false
	}
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}
