package cluster

import (
	"context"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/object"
)

// Versions are those in which a kind was served at the last look, preferred first; none for a kind that was not.
func (c *Cluster) Versions(gk schema.GroupKind) []string {
	now := c.served.now.Load()
	if now == nil {
		return nil
	}
	var versions []string
	for _, r := range now.kinds[gk] {
		versions = append(versions, r.Version)
	}
	return versions
}

// definitions are those that were read, for a while.
type definitions struct {
	mu  sync.Mutex
	all map[schema.GroupKind]definition
}

type definition struct {
	*unstructured.Unstructured
	at time.Time
}

// Definition is the CustomResourceDefinition of a kind, as of a minute ago at most; nil for kinds that have none, and where it may not be
// read.
func (c *Cluster) Definition(ctx context.Context, gk schema.GroupKind) (*unstructured.Unstructured, error) {
	r, known := c.known(gk, "")
	if !known || !strings.Contains(gk.Group, ".") {
		return nil, nil
	}
	c.definitions.mu.Lock()
	have, ok := c.definitions.all[gk]
	c.definitions.mu.Unlock()
	if ok && time.Since(have.at) < indexFor {
		return have.Unstructured, nil
	}
	of, known := c.known(followed[0], "")
	if !known {
		return nil, nil
	}
	u, err := c.read(ctx, of, object.ID{Group: of.Group, Kind: of.Kind, Name: r.Name + "." + gk.Group})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return nil, err
	}
	if err != nil {
		u = nil
	}
	c.definitions.mu.Lock()
	defer c.definitions.mu.Unlock()
	if c.definitions.all == nil {
		c.definitions.all = map[schema.GroupKind]definition{}
	}
	c.definitions.all[gk] = definition{u, time.Now()}
	return u, nil
}
