package cluster

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// followed are the kinds whose objects say what a cluster serves.
var followed = []schema.GroupKind{
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"},
	{Group: "apiregistration.k8s.io", Kind: "APIService"},
}

// settling is how long changes of what is served are gathered before the catalog is read again: a chart brings many definitions.
const settling = 500 * time.Millisecond

// followKinds keeps the catalog up to date with the definitions of kinds, where these may be watched. Elsewhere it is read again
// now and then, and when a kind is missed.
func (c *Cluster) followKinds(ctx context.Context) {
	for _, gk := range followed {
		r, ok := c.known(gk, "")
		if !ok || !r.Watchable || len(c.namespaces(r)) == 0 {
			continue
		}
		f := &feed{from: within(c.own, r, ""), silence: streamSilence, loads: c.cache.loads, failed: func(error) {}, well: func() {}}
		if gk == followed[0] {
			f.failed, f.well = func(error) { c.served.followed.Store(false) }, func() { c.served.followed.Store(true) }
		}
		f.store = &store{recorder: c.cache.recorder, news: func(string, *record) {}, touched: c.catalogIsOld}
		c.cache.start(ctx, f.run)
	}
	c.cache.start(ctx, c.keepCatalog)
}

// start runs f beside the cache until it is closed.
func (k *cache) start(ctx context.Context, f func(context.Context)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	k.ends = append(k.ends, stop)
	go f(ctx)
}

// catalogIsOld asks for the catalog to be read again soon. It does not block.
func (c *Cluster) catalogIsOld() {
	c.served.changes.Add(1)
	select {
	case c.served.old <- struct{}{}:
	default: // it will be
	}
}

// keepCatalog reads the catalog again when something says that it is old: soon, and once more a little later, because the server
// tells of a definition before it serves its kind.
func (c *Cluster) keepCatalog(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.served.old:
		}
		for _, pause := range []time.Duration{settling, 4 * settling} {
			timer := time.NewTimer(pause)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
			if err := c.refresh(ctx); err != nil && ctx.Err() == nil {
				c.log.Debug("cannot look at what is served", "error", err)
			}
		}
	}
}

// dropUnserved ends the watches of kinds that are no longer served, or in another version by preference: who asks for them next begins
// others. Applications that had objects of them are told.
func (c *Cluster) dropUnserved() {
	type lost struct {
		resource resource
		record   *record
	}
	var all []lost
	c.cache.mu.Lock()
	for key, w := range c.cache.kinds {
		if r, ok := c.known(w.resource.GroupKind(), ""); ok && r.gvr() == key {
			continue
		}
		w.end()
		delete(c.cache.kinds, key)
		for _, s := range w.stores {
			s.each("", func(o *record) {
				if o.app != "" {
					all = append(all, lost{w.resource, o})
				}
			})
		}
	}
	c.cache.mu.Unlock()
	for _, l := range all {
		c.tell(l.record.app, l.resource, l.record)
	}
}
