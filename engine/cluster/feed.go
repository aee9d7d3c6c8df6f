package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// feed fills one store: it takes in everything there is, by a stream where the server can and else page by page, and follows what
// changes, until its context ends. Nothing that happens to the server ends it.
type feed struct {
	from  dynamic.ResourceInterface
	store *store
	// pages is shared by all feeds of a cluster: whether its server cannot stream what there is.
	pages *atomic.Bool
	// loads holds a token for each store of the cluster that is being filled.
	loads chan struct{}
	// failed and well are told how it goes: why nothing can be had at the moment, and that it can again.
	failed func(error)
	well   func()

	version string // up to which the store is filled; empty if it has to be filled anew
}

const (
	pageSize = 500
	// loadTimeout bounds the first filling of a store.
	loadTimeout = 5 * time.Minute
	// A watch is ended by the server after watchLeast to twice that, so that not all end at once.
	watchLeast = 5 * time.Minute
	// Pauses between attempts grow from shortest to longest. longestRefused is for kinds that we may not read: rights come back too.
	shortestPause  = 500 * time.Millisecond
	longestPause   = 30 * time.Second
	longestRefused = time.Minute
	// steady is how long a watch has to last for the next attempt to be made at once.
	steady = 2 * time.Second
)

// run feeds the store until ctx ends.
func (f *feed) run(ctx context.Context) {
	pause := shortestPause
	for ctx.Err() == nil {
		began := time.Now()
		err := f.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			f.version, err = "", nil // what we knew is too old; take everything in anew
		}
		if err != nil {
			f.failed(err)
		}
		if err == nil && time.Since(began) > steady {
			pause = shortestPause
			continue
		}
		longest := longestPause
		if refusal(err) {
			longest = longestRefused
		}
		wait := pause/2 + rand.N(pause)
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
			wait = max(wait, min(longest, time.Duration(seconds)*time.Second))
		}
		pause = min(2*pause, longest)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// once fills the store, if it is not filled, and follows until the watch ends. A watch that ends by itself is no error.
func (f *feed) once(ctx context.Context) error {
	filled := func() {}
	if f.version == "" {
		select {
		case f.loads <- struct{}{}:
			filled = sync.OnceFunc(func() { <-f.loads })
			defer filled()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if f.version == "" && !f.pages.Load() {
		err := f.stream(ctx, filled)
		if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) && !errors.Is(err, errNoEnd) {
			return err
		}
		f.pages.Store(true) // the server does not know how
	}
	if f.version == "" {
		if err := f.list(ctx); err != nil {
			return err
		}
		filled()
	}
	w, err := f.from.Watch(ctx, metav1.ListOptions{ResourceVersion: f.version, AllowWatchBookmarks: true, TimeoutSeconds: watchFor()})
	if err != nil {
		return err
	}
	f.well()
	return f.follow(w, nil, nil)
}

func watchFor() *int64 {
	seconds := int64((watchLeast + rand.N(watchLeast)).Seconds())
	return &seconds
}

// errNoEnd says that a stream ended before it said that everything was told.
var errNoEnd = errors.New("the server did not tell everything in time")

// stream takes everything in, says so, and follows, all by one watch.
func (f *feed) stream(ctx context.Context, filled func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tell, match := true, metav1.ResourceVersionMatchNotOlderThan
	w, err := f.from.Watch(ctx, metav1.ListOptions{SendInitialEvents: &tell, ResourceVersionMatch: match, AllowWatchBookmarks: true, TimeoutSeconds: watchFor()})
	if err != nil {
		return err
	}
	late := time.AfterFunc(loadTimeout, cancel)
	defer late.Stop()
	err = f.follow(w, map[string]*record{}, func() { late.Stop(); filled() })
	if f.version == "" && err == nil && !late.Stop() {
		return errNoEnd
	}
	return err
}

// list takes everything in page by page. Each page becomes records before the next is asked for.
func (f *feed) list(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	all := map[string]*record{}
	o := metav1.ListOptions{Limit: pageSize}
	for {
		page, err := f.from.List(ctx, o)
		if err != nil {
			return err
		}
		for i := range page.Items {
			if err := f.collect(all, &page.Items[i]); err != nil {
				return err
			}
		}
		if o.Continue = page.GetContinue(); o.Continue == "" {
			f.store.replace(all)
			f.version = page.GetResourceVersion()
			f.well()
			return nil
		}
	}
}

func (f *feed) collect(all map[string]*record, u *unstructured.Unstructured) error {
	f.store.mu.RLock()
	_, asked := f.store.asked[keyOf(u.GetNamespace(), u.GetName())]
	f.store.mu.RUnlock()
	o, err := f.store.record(u, asked)
	if err != nil {
		return err
	}
	all[o.key()] = o
	return nil
}

// follow takes in what a watch tells. While there is a collection, events go there, until the server says that everything was told; then filled is called.
func (f *feed) follow(w watch.Interface, collecting map[string]*record, filled func()) error {
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			return apierrors.FromObject(event.Object)
		}
		u, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("the watch told of a %T", event.Object)
		}
		var err error
		switch {
		case event.Type == watch.Bookmark:
			if collecting != nil && u.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
				f.store.replace(collecting)
				collecting = nil
				f.well()
				filled()
			}
		case event.Type == watch.Deleted && collecting != nil:
			delete(collecting, keyOf(u.GetNamespace(), u.GetName()))
		case event.Type == watch.Deleted:
			f.store.remove(u)
		case collecting != nil:
			err = f.collect(collecting, u)
		default:
			err = f.store.put(u)
		}
		if err != nil {
			return err
		}
		if collecting == nil {
			f.version = u.GetResourceVersion()
		}
	}
	return nil
}

// refusal says that asking again at once is of no use.
func refusal(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err)
}
