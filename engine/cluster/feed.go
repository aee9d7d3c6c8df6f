package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
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
	// silence is how long a server that fills the store by a stream may say nothing.
	silence time.Duration
	// loads holds a token for each store of the cluster that is being filled.
	loads chan struct{}
	// failed and well are told how it goes: why nothing can be had at the moment, and that it can again.
	failed func(error)
	well   func()

	version string // up to which the store is filled; empty if it has to be filled anew
	pages   bool   // the server cannot stream what there is of this kind
}

const (
	pageSize = 500
	// loadTimeout bounds the filling of a store page by page. A stream is given up after streamSilence without a word: servers that do
	// not know of streams may never say that everything was told.
	loadTimeout   = 5 * time.Minute
	streamSilence = 10 * time.Second
	// A watch is ended by the server after watchLeast to twice that, so that not all end at once.
	watchLeast = 5 * time.Minute
	// Pauses between attempts grow from shortest to longest. longestRefused is for kinds that we may not read: rights come back too;
	// longestShort for watches that begin well and end at once.
	shortestPause  = 500 * time.Millisecond
	longestPause   = 30 * time.Second
	longestRefused = time.Minute
	longestShort   = 4 * time.Second
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
		expired := apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
		if expired {
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
		switch {
		case err == nil:
			if longest = longestShort; !expired {
				f.failed(errShort)
			}
		case refusal(err):
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

// errShort is of a watch that lasted no time.
var errShort = errors.New("the watch ended as soon as it began")

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
	if f.version == "" && !f.pages {
		err := f.stream(ctx, filled)
		if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) && !errors.Is(err, errNoEnd) {
			return err
		}
		f.pages = true // the server does not know how; it may be another than the one that has other kinds
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
	return f.follow(w, nil)
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
	gaveUp := make(chan struct{})
	patience := time.AfterFunc(f.silence, sync.OnceFunc(func() { close(gaveUp); cancel() })) // a late word may set it off again
	defer patience.Stop()
	err = f.follow(w, &collection{all: map[string]*record{}, heard: func() { patience.Reset(f.silence) }, done: func() { patience.Stop(); filled() }})
	select {
	case <-gaveUp:
		return errNoEnd
	default:
		return err
	}
}

// collection is what a stream has told so far. heard is called with every word, done when everything was told.
type collection struct {
	all         map[string]*record
	heard, done func()
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

// follow takes in what a watch tells. While there is a collection, events go there, until the server says that everything was told.
func (f *feed) follow(w watch.Interface, collecting *collection) error {
	defer w.Stop()
	for event := range w.ResultChan() {
		if event.Type == watch.Error {
			return apierrors.FromObject(event.Object)
		}
		u, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("the watch told of a %T", event.Object)
		}
		if collecting != nil {
			collecting.heard()
		}
		var err error
		switch {
		case event.Type == watch.Bookmark:
			if collecting != nil && u.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
				f.store.replace(collecting.all)
				collecting.done()
				collecting = nil
				f.well()
			}
		case event.Type == watch.Deleted && collecting != nil:
			delete(collecting.all, keyOf(u.GetNamespace(), u.GetName()))
		case event.Type == watch.Deleted:
			f.store.remove(u)
		case collecting != nil:
			err = f.collect(collecting.all, u)
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
