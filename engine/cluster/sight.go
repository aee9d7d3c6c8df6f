package cluster

import (
	"hash/maphash"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/object"
)

// sighted is what of one object matters to a sight.
type sighted struct{ kind, key, uid, version, app string }

// Sight is a number that stays as it is for as long as Live would give the same objects for this question, and the cluster judges them the
// same: its version, its kinds and their schemas. It asks the server nothing, and costs some hundred nanoseconds an object. It is not ok
// where the cache alone cannot tell; then only Live can.
func (c *Cluster) Sight(app string, want, hint []object.ID) (sum uint64, ok bool) {
	now := c.served.now.Load()
	if now == nil || !c.served.followed.Load() || len(now.down) > 0 {
		return 0, false
	}
	var hash maphash.Hash
	hash.SetSeed(c.cache.seed) // another connection, by other settings, sees another thing
	maphash.WriteComparable(&hash, now.looks)
	maphash.WriteComparable(&hash, c.KubeVersion())
	sum = hash.Sum64()
	kinds := make(map[schema.GroupKind]*watched, 8)
	for _, ids := range [][]object.ID{want, hint} {
		for _, id := range ids {
			gk := id.GroupKind()
			if _, seen := kinds[gk]; seen || c.excluded(gk) {
				continue
			}
			kinds[gk] = nil
			r, known := c.known(gk, "")
			if !known {
				continue
			}
			w := c.cache.standing(r.gvr())
			if w == nil {
				return 0, false
			}
			kinds[gk] = w
			sum += w.sight(c.cache.seed, app)
		}
	}
	for _, id := range want {
		n, ok := c.sightOf(kinds[id.GroupKind()], id)
		if !ok {
			return 0, false
		}
		sum += n
	}
	return sum, true
}

// sightOf is the part of one wanted object.
func (c *Cluster) sightOf(w *watched, id object.ID) (sum uint64, ok bool) {
	if w == nil || id.Name == "" {
		return 0, true
	}
	namespace := id.Namespace
	if !w.resource.Namespaced {
		namespace = ""
	}
	if !c.covers(w.resource, namespace) {
		return 0, false
	}
	o, s := w.find(namespace, id.Name)
	if c.cache.recent.newer(id, o) != nil {
		return 0, false
	}
	if o == nil {
		return maphash.Comparable(c.cache.seed, sighted{kind: w.resource.Kind, key: keyOf(namespace, id.Name)}), true
	}
	if o.app == "" {
		s.wanted(o.key(), time.Now())
	}
	return w.mark(c.cache.seed, o), true
}

// Followed says whether what the cache has of a kind is kept up to date at this moment. It is not while its watch is being begun again.
func (c *Cluster) Followed(gk schema.GroupKind) bool {
	r, known := c.known(gk, "")
	return known && c.cache.standing(r.gvr()) != nil
}

// glimpse is what is known of an object without asking, where its kind is kept up to date: nil and ok for one that is not there. It is
// shared, and not to be changed.
func (c *Cluster) glimpse(r resource, id object.ID) (u *unstructured.Unstructured, ok bool) {
	if !r.Namespaced {
		id.Namespace = ""
	}
	w := c.cache.standing(r.gvr())
	if w == nil || !c.covers(r, id.Namespace) {
		return nil, false
	}
	o, s := w.find(id.Namespace, id.Name)
	if ours := c.cache.recent.newer(id, o); ours != nil || o == nil {
		return ours, true
	}
	if o.packed == nil {
		return nil, false
	}
	u, err := s.object(o)
	return u, err == nil
}

// standing is a kind that is watched without trouble, and goes on being; nil if there is none such.
func (k *cache) standing(gvr schema.GroupVersionResource) *watched {
	k.mu.Lock()
	w := k.kinds[gvr]
	if w != nil {
		w.usedAt = time.Now()
	}
	k.mu.Unlock()
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused != nil || w.trouble != nil || w.filled < len(w.stores) {
		return nil
	}
	return w
}

// sight is that of all objects of the kind that an application tracks, in whichever order.
func (w *watched) sight(seed maphash.Seed, app string) (sum uint64) {
	for _, s := range w.stores {
		s.mu.RLock()
		for key := range s.byApp[app] {
			sum += w.mark(seed, s.all[key].record)
		}
		s.mu.RUnlock()
	}
	return sum
}

func (w *watched) mark(seed maphash.Seed, o *record) uint64 {
	return maphash.Comparable(seed, sighted{w.resource.Kind, o.key(), string(o.uid), o.version, o.app})
}
