package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/slipway-cd/slipway/engine/object"
)

// UnreadableError says that some kinds could not be read. What could be read comes beside it: of the kinds named, what is
// missing from the answer may well exist.
type UnreadableError struct {
	Kinds map[schema.GroupKind]error
}

func (e *UnreadableError) Error() string {
	var parts []string
	for gk, err := range e.Kinds {
		parts = append(parts, fmt.Sprintf("%s: %v", gk, err))
	}
	slices.Sort(parts)
	return "cannot read " + strings.Join(parts, "; ")
}

// Unwrap gives the errors of all kinds.
func (e *UnreadableError) Unwrap() []error { return slices.Collect(maps.Values(e.Kinds)) }

// Live gives, from a cache that watches keep, the objects with the wanted identities, and all objects of those kinds and of the
// hinted ones that app tracks, each once: under the identity by which it is wanted, if it is. It also loads the schemas of those kinds, for Schema. The objects are the cache's own: do not
// change them. A kind that is not served has no objects. An *UnreadableError comes beside what could be read; any other
// error comes alone.
func (c *Cluster) Live(ctx context.Context, app string, want, hint []object.ID) (map[object.ID]*unstructured.Unstructured, error) {
	failed := map[schema.GroupKind]error{}
	kinds := map[schema.GroupKind]*watched{}
	versions := map[schema.GroupVersion]bool{}
	for _, id := range slices.Concat(want, hint) {
		gk := id.GroupKind()
		if _, seen := kinds[gk]; seen || c.excluded(gk) {
			continue
		}
		kinds[gk] = nil
		r, err := c.lookup(ctx, gk, "")
		if meta.IsNoMatchError(err) {
			continue
		}
		if err == nil {
			versions[r.GroupVersion()] = true
			kinds[gk], err = c.watch(ctx, r)
		}
		if err != nil {
			failed[gk] = err
		}
	}
	c.loadSchemas(ctx, versions)
	out := map[object.ID]*unstructured.Unstructured{}
	waiting, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	for gk, w := range kinds {
		if w == nil {
			continue
		}
		if err := w.wait(waiting); err != nil {
			failed[gk] = err
			kinds[gk] = nil
			continue
		}
		err := w.of(app, func(o *record, u *unstructured.Unstructured) { c.put(out, object.IDOf(u), o, u) })
		if err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.wanted(ctx, want, kinds, out); err != nil {
		return nil, err
	}
	c.oneByOne(ctx, want, failed, out)
	if len(failed) > 0 {
		return out, &UnreadableError{Kinds: failed}
	}
	return out, nil
}

func (c *Cluster) put(out map[object.ID]*unstructured.Unstructured, id object.ID, cached *record, u *unstructured.Unstructured) {
	if ours := c.cache.recent.newer(id, cached); ours != nil {
		u = ours
	}
	if u != nil {
		out[id] = u
	}
}

// wanted adds the wanted objects that the cache knows of. Of those that nobody tracks it knows little, until they are wanted.
func (c *Cluster) wanted(ctx context.Context, want []object.ID, kinds map[schema.GroupKind]*watched, out map[object.ID]*unstructured.Unstructured) error {
	for _, id := range want {
		w := kinds[id.GroupKind()]
		if w == nil || out[id] != nil || id.Name == "" {
			continue
		}
		u, err := c.one(ctx, w, id)
		if err != nil {
			return fmt.Errorf("reading %s: %w", id, err)
		}
		if u == nil {
			continue
		}
		out[id] = u
		// Whoever wants a cluster-wide object by a namespace's name took its kind for a namespaced one, before it was served. Under its own
		// name as well it would pass for another object, which nobody wants.
		if own := object.IDOf(u); own != id && !slices.Contains(want, own) {
			delete(out, own)
		}
	}
	return nil
}

// one is one object of a kind that is watched; nil if there is none.
func (c *Cluster) one(ctx context.Context, w *watched, id object.ID) (*unstructured.Unstructured, error) {
	key := id
	if !w.resource.Namespaced {
		key.Namespace = ""
	}
	if !c.covers(w.resource, key.Namespace) {
		return c.outside(ctx, w.resource, key)
	}
	o, s := w.find(key.Namespace, key.Name)
	if ours := c.cache.recent.newer(id, o); ours != nil || o == nil {
		return ours, nil
	}
	if o.packed != nil {
		s.wanted(o.key(), time.Now())
		return s.object(o)
	}
	u, err := c.read(ctx, w.resource, key)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return u, s.ask(u, time.Now())
}

// outside reads an object that is not where the cluster's registration says that its objects are. To say that it is not there takes
// the right to look.
func (c *Cluster) outside(ctx context.Context, r resource, id object.ID) (*unstructured.Unstructured, error) {
	u, err := c.read(ctx, r, id)
	switch {
	case err == nil:
		return u, nil
	case apierrors.IsNotFound(err):
		return nil, nil
	case r.Namespaced:
		return nil, fmt.Errorf("namespace %q for %s %q is not managed: %w", id.Namespace, id.Kind, id.Name, err)
	}
	return nil, fmt.Errorf("cluster level %s %q can not be managed when in namespaced mode: %w", id.Kind, id.Name, err)
}

// oneByOne reads the wanted objects of kinds that may not be listed: reading by name may be allowed where listing is not. A kind
// whose wanted objects could all be read is no longer among the failed ones.
func (c *Cluster) oneByOne(ctx context.Context, want []object.ID, failed map[schema.GroupKind]error, out map[object.ID]*unstructured.Unstructured) {
	bad := map[schema.GroupKind]bool{}
	asked := map[schema.GroupKind]bool{}
	for _, id := range want {
		gk := id.GroupKind()
		if !apierrors.IsForbidden(failed[gk]) || bad[gk] || id.Name == "" {
			continue
		}
		asked[gk] = true
		u, err := c.Get(ctx, id)
		switch {
		case err == nil:
			out[id] = u
		case !apierrors.IsNotFound(err):
			bad[gk] = true
		}
	}
	for gk := range asked {
		if !bad[gk] {
			delete(failed, gk)
		}
	}
}

// Get reads one object from the server, in the preferred version of its kind. A missing one is an apierrors.IsNotFound error.
func (c *Cluster) Get(ctx context.Context, id object.ID) (*unstructured.Unstructured, error) {
	return c.ReadAs(ctx, id, "")
}

// ReadAs is Get in a version ("v1"; "" is the preferred one): Live gives objects in the preferred version, and an apply can only
// be compared in its own.
func (c *Cluster) ReadAs(ctx context.Context, id object.ID, version string) (*unstructured.Unstructured, error) {
	r, err := c.lookup(ctx, id.GroupKind(), version)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", id, err)
	}
	u, err := c.read(ctx, r, id)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", id, err)
	}
	c.loadSchemas(ctx, map[schema.GroupVersion]bool{r.GroupVersion(): true})
	return u, nil
}

func (c *Cluster) read(ctx context.Context, r resource, id object.ID) (*unstructured.Unstructured, error) {
	return retried(ctx, callTimeout, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return c.objects(r, id.Namespace).Get(ctx, id.Name, metav1.GetOptions{})
	})
}

// objects is where objects of a kind and namespace are reached.
func (c *Cluster) objects(r resource, namespace string) dynamic.ResourceInterface {
	return within(c.dynamic, r, namespace)
}

func within(client dynamic.Interface, r resource, namespace string) dynamic.ResourceInterface {
	if !r.Namespaced {
		return client.Resource(r.gvr())
	}
	return client.Resource(r.gvr()).Namespace(namespace)
}
