package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
)

// Node is a live object in the tree of an application's objects.
type Node struct {
	ID      object.ID
	Version string // of the API it was read in, such as "v1"
	UID     types.UID
	// Parent is the object that it belongs to, by an owner reference or as Kubernetes' own parts belong together; the zero ID for
	// what the application tracks itself.
	Parent  object.ID
	Created time.Time
	// Health is nil for kinds that have none.
	Health *health.Health
	// App is the application that tracks it; empty for what belongs to it only through another.
	App string

	of *record
}

// Tree gives the objects that an application tracks and all that belongs to them: parents before their children, and these in
// the order of their identities. To know that, every kind that may be watched is, from the first question on. Kinds with a script in
// rules are judged by it, once for each form of an object; rules may be nil. An *UnreadableError comes beside what could be read.
func (c *Cluster) Tree(ctx context.Context, app string, rules *health.Rules) ([]Node, error) {
	all, err := c.everything(ctx)
	if all == nil {
		return nil, err
	}
	return c.judged(ctx, all.below(app), rules), err
}

// Residents gives the objects of a namespace that no other object owns, tracked or not, as they are now: Unowned may be a moment late. What
// Kubernetes puts into each namespace by itself is left out, and so are excluded kinds. An *UnreadableError comes beside what could be read.
func (c *Cluster) Residents(ctx context.Context, namespace string) ([]Node, error) {
	all, err := c.everything(ctx)
	if all == nil {
		return nil, err
	}
	return all.unowned()[namespace], err
}

// unowned are the objects that no other owns, by namespace, but for what Kubernetes puts there.
func (n *census) unowned() map[string][]Node {
	all := map[string][]Node{}
	for _, m := range n.members {
		if m.namespace != "" && len(m.owners) == 0 && n.parent(m) == nil && !native(m) {
			all[m.namespace] = append(all[m.namespace], m.node(object.ID{}))
		}
	}
	for _, nodes := range all {
		slices.SortFunc(nodes, compareNodes)
	}
	return all
}

// native objects are in every namespace, or Kubernetes' own.
func native(m *member) bool {
	return m.Group == "" && (m.Kind == "Service" && m.name == "kubernetes" && m.namespace == "default" ||
		m.Kind == "ServiceAccount" && m.name == "default" || m.Kind == "ConfigMap" && m.name == "kube-root-ca.crt" || m.Kind == "Event")
}

// member is one object of a census.
type member struct {
	*record
	resource
}

func (m *member) id() object.ID {
	return object.ID{Group: m.Group, Kind: m.Kind, Namespace: m.namespace, Name: m.name}
}

func (m *member) node(parent object.ID) Node {
	n := Node{ID: m.id(), Version: m.Version, UID: m.uid, Parent: parent, Created: m.createdAt().Time, App: m.app, of: m.record}
	if m.judged {
		h := m.health.Value()
		n.Health = &h
	}
	return n
}

// census is what a cluster has at one moment.
type census struct {
	members []*member
	byUID   map[types.UID]*member
	byID    map[object.ID]*member
	sets    map[string][]*member // StatefulSets that make claims, by namespace
}

// everything takes a census of all kinds that may be watched. It is nil if nothing could be read.
func (c *Cluster) everything(ctx context.Context) (*census, error) {
	now := c.served.now.Load()
	if now == nil {
		return nil, errors.New("it is not known what the cluster serves")
	}
	failed := map[schema.GroupKind]error{}
	maps.Copy(failed, downGroups(now))
	var kinds []*watched
	for gk, versions := range now.kinds {
		if !versions[0].Watchable || c.excluded(gk) || len(c.namespaces(versions[0])) == 0 {
			continue
		}
		w, err := c.watch(ctx, versions[0])
		if err != nil {
			failed[gk] = err
			continue
		}
		kinds = append(kinds, w)
	}
	out := &census{byUID: map[types.UID]*member{}, byID: map[object.ID]*member{}, sets: map[string][]*member{}}
	waiting, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	for _, w := range kinds {
		err := w.wait(waiting)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case apierrors.IsNotFound(err): // the kind has just gone
		case err != nil:
			failed[w.resource.GroupKind()] = err
		default:
			out.count(w)
		}
	}
	if len(failed) > 0 {
		return out, &UnreadableError{Kinds: failed}
	}
	return out, nil
}

// downGroups names groups that do not answer, of whose kinds nothing is known.
func downGroups(k *catalog) map[schema.GroupKind]error {
	out := map[schema.GroupKind]error{}
	for group, err := range k.down {
		out[schema.GroupKind{Group: group, Kind: "*"}] = err
	}
	return out
}

func (n *census) count(w *watched) {
	for _, s := range w.stores {
		s.each("", func(o *record) {
			m := &member{o, w.resource}
			if n.byUID[m.uid] != nil && m.Group != "" && m.Group != "apps" {
				return // the same object in another group, as events.k8s.io has core's
			}
			n.members = append(n.members, m)
			n.byUID[m.uid] = m
			n.byID[m.id()] = m
			if len(m.links.claims) > 0 {
				n.sets[m.namespace] = append(n.sets[m.namespace], m)
			}
		})
	}
}

// parent is the object that m belongs to; nil if there is none.
func (n *census) parent(m *member) *member {
	for _, uid := range m.owners {
		if owner := n.byUID[uid]; owner != nil && owner.uid != m.uid {
			return owner
		}
	}
	if len(m.owners) > 0 {
		return nil
	}
	if l := m.links; l.kind != "" {
		return n.byID[object.ID{Group: l.group, Kind: l.kind, Namespace: l.namespace, Name: l.name}]
	}
	if m.Group == "" && m.Kind == "PersistentVolumeClaim" {
		for _, set := range n.sets[m.namespace] {
			if claimedBy(m.name, set.name, set.links.claims) {
				return set
			}
		}
	}
	return nil
}

// below gives the tree of an application.
func (n *census) below(app string) []Node {
	children := map[types.UID][]*member{}
	var out []Node
	var queue []*member
	for _, m := range n.members {
		if m.app == app {
			queue = append(queue, m)
		}
		if p := n.parent(m); p != nil && m.app != app { // what is tracked stands on its own
			children[p.uid] = append(children[p.uid], m)
		}
	}
	slices.SortFunc(queue, compareMembers)
	for _, m := range queue {
		out = append(out, m.node(object.ID{}))
	}
	seen := map[types.UID]bool{}
	for len(queue) > 0 {
		m := queue[0]
		queue = queue[1:]
		if seen[m.uid] { // owner references may go round in circles
			continue
		}
		seen[m.uid] = true
		slices.SortFunc(children[m.uid], compareMembers)
		for _, child := range children[m.uid] {
			if !seen[child.uid] {
				out = append(out, child.node(m.id()))
				queue = append(queue, child)
			}
		}
	}
	return out
}

func compareMembers(a, b *member) int { return a.id().Compare(b.id()) }
func compareNodes(a, b Node) int      { return a.ID.Compare(b.ID) }
