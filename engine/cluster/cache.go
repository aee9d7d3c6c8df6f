package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/object"
)

// cache holds the live objects of the kinds that were asked for, each kept up to date by feeds that begin with the first
// question and end when nobody has asked for long, or the kind is no longer served.
type cache struct {
	*recorder
	mu     sync.Mutex
	kinds  map[schema.GroupVersionResource]*watched
	recent recent
	loads  chan struct{}        // holds a token for each store that is being filled
	ends   []context.CancelFunc // of what runs beside the kinds
	closed bool
}

// watched is one kind, in every namespace or in those that the cluster is limited to.
type watched struct {
	resource resource
	stores   []*store
	stop     context.CancelFunc
	usedAt   time.Time // guarded by the cache

	mu      sync.Mutex
	filled  int           // how many stores are
	refused error         // why the kind cannot be read now
	trouble error         // the last error, which may pass
	changed chan struct{} // closed, and made anew, when one of these changes
}

const (
	// idleFor is how long a kind is watched, and an object nobody tracks is kept, without being asked for.
	idleFor = 30 * time.Minute
	// syncTimeout bounds the wait for the first listing of the kinds of one question, troubleTimeout that for a kind whose listing has
	// failed already.
	syncTimeout    = 30 * time.Second
	troubleTimeout = 2 * time.Second
	// loadsAtOnce bounds how many stores are filled at once: neither the server nor our memory is to be overrun.
	loadsAtOnce = 8
)

// watch is the cache of one kind, begun if it is not there. It does not wait for its first listing.
func (c *Cluster) watch(ctx context.Context, r resource) (*watched, error) {
	k := &c.cache
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, errors.New("the connection is closed")
	}
	now := time.Now()
	k.dropIdle(now)
	if w, ok := k.kinds[r.gvr()]; ok {
		w.usedAt = now
		return w, nil
	}
	w, err := c.begin(ctx, r)
	if err != nil {
		return nil, err
	}
	if k.kinds == nil {
		k.kinds = map[schema.GroupVersionResource]*watched{}
	}
	k.kinds[r.gvr()] = w
	return w, nil
}

// dropIdle ends watches that nobody needs, and lets objects go that nobody asked for again.
func (k *cache) dropIdle(now time.Time) {
	for key, w := range k.kinds {
		if now.Sub(w.usedAt) > idleFor {
			w.end()
			delete(k.kinds, key)
			continue
		}
		for _, s := range w.stores {
			s.forgetAsked(now.Add(-idleFor))
		}
	}
}

func (k *cache) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	for _, end := range k.ends {
		end()
	}
	for key, w := range k.kinds {
		w.end()
		delete(k.kinds, key)
	}
}

// begin starts the feeds of a kind. They outlive the question that began them.
func (c *Cluster) begin(ctx context.Context, r resource) (*watched, error) {
	if !r.Watchable {
		return nil, fmt.Errorf("%s cannot be listed and watched", r.GroupVersionKind)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &watched{resource: r, stop: stop, usedAt: time.Now(), changed: make(chan struct{})}
	for _, namespace := range c.namespaces(r) {
		s := &store{recorder: c.cache.recorder, news: func(app string, o *record) { c.tell(app, r, o) },
			moved: func() { c.unowned.moves.Add(1) }, gone: c.cache.recent.gone}
		w.stores = append(w.stores, s)
		f := &feed{from: within(c.own, r, namespace), store: s, silence: streamSilence, loads: c.cache.loads, failed: func(err error) { c.failed(w, err) }}
		var once sync.Once
		f.well = func() {
			filled := 0
			once.Do(func() { filled = 1 })
			w.well(filled)
		}
		go f.run(ctx)
	}
	return w, nil
}

// tell passes on what matters to an application.
func (c *Cluster) tell(app string, r resource, o *record) {
	id := object.ID{Group: r.Group, Kind: r.Kind, Namespace: o.namespace, Name: o.name}
	c.here.tell(c, app, id)
	c.everywhere.tell(c, app, id)
}

// namespaces are where objects of a kind are looked for: everywhere, or where the cluster's registration says.
func (c *Cluster) namespaces(r resource) []string {
	switch {
	case len(c.registered.Namespaces) == 0:
		return []string{metav1.NamespaceAll}
	case r.Namespaced:
		return c.registered.Namespaces
	case c.registered.ClusterResources:
		return []string{metav1.NamespaceAll}
	}
	return nil
}

// covers says whether the objects of a kind in a namespace are among those that are looked at.
func (c *Cluster) covers(r resource, namespace string) bool {
	all := c.namespaces(r)
	return slices.Contains(all, metav1.NamespaceAll) || slices.Contains(all, namespace)
}

// failed notes why a feed has nothing to tell. What the server refuses makes the kind unreadable until it no longer does; through all
// else, what was known stands.
func (c *Cluster) failed(w *watched, err error) {
	first := w.note(err)
	if first && apierrors.IsForbidden(err) {
		c.log.Warn("a kind may not be read", "kind", w.resource.GroupVersionKind.String(), "error", err)
		return
	}
	c.log.Debug("cannot watch", "kind", w.resource.GroupVersionKind.String(), "error", err)
	if first {
		c.catalogIsOld() // perhaps the kind is gone
	}
}

// note says whether the kind has just become unreadable.
func (w *watched) note(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = err
	first := w.refused == nil && refusal(err)
	if refusal(err) && w.refused != errEnded {
		w.refused = err
	}
	w.signal()
	return first
}

// errEnded is for those who wait for a kind that is watched no longer.
var errEnded = errors.New("it is no longer watched")

// end stops the feeds and lets go who waits.
func (w *watched) end() {
	w.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused = errEnded
	w.signal()
}

// well notes that a feed has the server's word again, and how many stores that fills for the first time.
func (w *watched) well(filled int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.filled += filled
	if w.refused != errEnded {
		w.refused = nil
	}
	w.trouble = nil
	w.signal()
}

func (w *watched) signal() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// wait returns when the kind has been listed whole. The error says why it has not, or may not be read any more. A kind that was in
// trouble before is not waited for long: it is tried again anyway, and others need not suffer from it.
func (w *watched) wait(ctx context.Context) error {
	w.mu.Lock()
	patience := syncTimeout
	if w.trouble != nil {
		patience = troubleTimeout
	}
	w.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		w.mu.Lock()
		refused, trouble, changed, filled := w.refused, w.trouble, w.changed, w.filled == len(w.stores)
		w.mu.Unlock()
		fail := func(err error) error { return fmt.Errorf("listing %s: %w", w.resource.GroupVersionKind, err) }
		switch {
		case refused != nil:
			return fail(refused)
		case filled:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fail(errors.Join(ctx.Err(), trouble)) // the server's error says more than the lack of time
		case <-timer.C:
			return fail(errors.Join(fmt.Errorf("not listed within %s", patience), trouble))
		}
	}
}

// find is the record of a name and the store it is in; nil if there is none.
func (w *watched) find(namespace, name string) (*record, *store) {
	key := keyOf(namespace, name)
	for _, s := range w.stores {
		if o := s.find(key); o != nil {
			return o, s
		}
	}
	return nil, nil
}

// of calls f with the objects that an application tracks.
func (w *watched) of(app string, f func(*record, *unstructured.Unstructured)) error {
	for _, s := range w.stores {
		for _, o := range s.of(app) {
			u, err := s.object(o)
			if err != nil {
				return err
			}
			f(o, u)
		}
	}
	return nil
}

// Refused are the kinds that are asked for and cannot be read now, with the server's reason. Each is tried again on its own.
func (c *Cluster) Refused() map[schema.GroupKind]error {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	out := map[schema.GroupKind]error{}
	for _, w := range c.cache.kinds {
		w.mu.Lock()
		if w.refused != nil {
			out[w.resource.GroupKind()] = w.refused
		}
		w.mu.Unlock()
	}
	return out
}
