package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// cache holds the live objects of the kinds that were asked for, each kept up to date by a watch that begins with the first
// question and ends when nobody has asked for long.
type cache struct {
	mu     sync.Mutex
	kinds  map[schema.GroupVersionResource]*watched
	recent recent
	closed bool
}

// watched is one kind, in every namespace or in those that the cluster is limited to.
type watched struct {
	resource  resource
	informers []toolscache.SharedIndexInformer
	stop      context.CancelFunc
	usedAt    time.Time

	mu      sync.Mutex
	refused error         // why the kind cannot be read at all
	gone    chan struct{} // closed when it is refused
	trouble error         // the last error, which may pass
}

const (
	appIndex = "app"
	// idleFor is how long a kind is watched without being asked for.
	idleFor = 30 * time.Minute
	// syncTimeout bounds the first listing of a kind.
	syncTimeout = 30 * time.Second
	// refusedFor is how long a kind that may not be read is not tried again.
	refusedFor = 30 * time.Second
)

// watch is the cache of one kind, begun if it is not there. It does not wait for its first listing.
func (c *Cluster) watch(ctx context.Context, r resource) (*watched, error) {
	k := &c.cache
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil, errors.New("the connection is closed")
	}
	k.dropIdle(time.Now())
	if w, ok := k.kinds[r.gvr()]; ok {
		w.usedAt = time.Now()
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

// dropIdle ends watches that nobody needs, and those of refused kinds after a while, so that they are tried again.
func (k *cache) dropIdle(now time.Time) {
	for key, w := range k.kinds {
		age := now.Sub(w.usedAt)
		if age > idleFor || w.isRefused() && age > refusedFor {
			w.stop()
			delete(k.kinds, key)
		}
	}
}

func (k *cache) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	for key, w := range k.kinds {
		w.stop()
		delete(k.kinds, key)
	}
}

// begin starts the watches of a kind. They outlive the question that began them.
func (c *Cluster) begin(ctx context.Context, r resource) (*watched, error) {
	if !r.Watchable {
		return nil, fmt.Errorf("%s cannot be listed and watched", r.GroupVersionKind)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	w := &watched{resource: r, stop: stop, usedAt: time.Now(), gone: make(chan struct{})}
	for _, namespace := range c.namespaces(r) {
		informer := dynamicinformer.NewFilteredDynamicInformer(c.dynamic, r.gvr(), namespace, 0,
			toolscache.Indexers{appIndex: c.indexByApp}, nil).Informer()
		err := errors.Join(
			informer.SetTransform(c.reduce),
			informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *toolscache.Reflector, err error) { w.failed(err) }),
		)
		if err == nil {
			_, err = informer.AddEventHandler(c.changes(r))
		}
		if err != nil {
			stop()
			return nil, fmt.Errorf("preparing to watch %s: %w", r.GroupVersionKind, err)
		}
		w.informers = append(w.informers, informer)
	}
	for _, informer := range w.informers {
		go informer.RunWithContext(ctx)
	}
	return w, nil
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

// failed notes why a listing or watch failed. What the server refuses for good ends the waiting; all else is retried by the
// informer, with back-off.
func (w *watched) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.trouble = err
	lasting := apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
	if lasting && w.refused == nil && !w.synced() {
		w.refused = err
		close(w.gone)
		w.stop()
	}
}

func (w *watched) isRefused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused != nil
}

func (w *watched) synced() bool {
	for _, i := range w.informers {
		if !i.HasSynced() {
			return false
		}
	}
	return true
}

// wait returns when the kind has been listed whole. The error says why it has not.
func (w *watched) wait(ctx context.Context) error {
	timer := time.NewTimer(syncTimeout)
	defer timer.Stop()
	for _, i := range w.informers {
		select {
		case <-i.HasSyncedChecker().Done():
		case <-w.gone:
			w.mu.Lock()
			defer w.mu.Unlock()
			return fmt.Errorf("listing %s: %w", w.resource.GroupVersionKind, w.refused)
		case <-ctx.Done():
			return w.late(ctx.Err())
		case <-timer.C:
			return w.late(fmt.Errorf("not listed within %s", syncTimeout))
		}
	}
	return nil
}

// late prefers the error that the server gave to the mere lack of time.
func (w *watched) late(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Errorf("listing %s: %w", w.resource.GroupVersionKind, errors.Join(err, w.trouble))
}

// find is the cached object of a name; nil if there is none.
func (w *watched) find(namespace, name string) *unstructured.Unstructured {
	key := name
	if namespace != "" {
		key = namespace + "/" + name
	}
	for _, i := range w.informers {
		if o, ok, err := i.GetStore().GetByKey(key); ok && err == nil {
			if u, ok := o.(*unstructured.Unstructured); ok {
				return u
			}
		}
	}
	return nil
}

// of are the cached objects that an application tracks.
func (w *watched) of(app string) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	for _, i := range w.informers {
		objects, err := i.GetIndexer().ByIndex(appIndex, app)
		if err != nil {
			continue
		}
		for _, o := range objects {
			if u, ok := o.(*unstructured.Unstructured); ok {
				out = append(out, u)
			}
		}
	}
	return out
}

func (c *Cluster) indexByApp(o any) ([]string, error) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		if app, ok := c.tracking.TrackedBy(u); ok {
			return []string{app}, nil
		}
	}
	return nil, nil
}

// reduced marks an object of which only the metadata is kept.
const reduced = "slipway.dev/reduced"

// reduce keeps of objects that no application tracks only what tells that they are there: most of a cluster is not ours.
func (c *Cluster) reduce(o any) (any, error) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return o, nil
	}
	annotations, labels := u.GetAnnotations(), u.GetLabels()
	label := c.tracking.Label
	if label == "" {
		label = compare.InstanceLabel
	}
	if annotations[compare.TrackingAnnotation] != "" || c.tracking.Method == compare.MethodLabel && labels[label] != "" {
		return u, nil
	}
	small := &unstructured.Unstructured{Object: map[string]any{"apiVersion": u.GetAPIVersion(), "kind": u.GetKind(), reduced: true}}
	small.SetName(u.GetName())
	small.SetNamespace(u.GetNamespace())
	small.SetUID(u.GetUID())
	small.SetResourceVersion(u.GetResourceVersion())
	return small, nil
}

func isReduced(u *unstructured.Unstructured) bool {
	_, ok := u.Object[reduced]
	return ok
}

// recent remembers what we just wrote, since watches tell of it a little later: who applies and then looks must see it.
type recent struct {
	mu  sync.Mutex
	all map[object.ID]written
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
	for old, w := range r.all {
		if now.Sub(w.at) > recentFor {
			delete(r.all, old)
		}
	}
	r.all[id] = written{u, now}
}

// newer is what is known of an object: what the cache has, or what we wrote if the cache has not heard of it.
func (r *recent) newer(id object.ID, cached *unstructured.Unstructured) *unstructured.Unstructured {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, ok := r.all[id]
	if !ok {
		return cached
	}
	if time.Since(w.at) > recentFor || cached != nil && !older(cached.GetResourceVersion(), w.object.GetResourceVersion()) {
		delete(r.all, id)
		return cached
	}
	if cached != nil && cached.GetUID() != w.object.GetUID() && !isReduced(cached) {
		return cached
	}
	return w.object
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
