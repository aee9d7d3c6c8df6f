package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// unowned remembers the last count of the objects that no other owns, by namespace.
type unowned struct {
	// moves counts objects that came, went, or changed hands, in all that is watched.
	moves atomic.Uint64

	mu   sync.Mutex
	at   uint64 // moves, before it was counted
	made time.Time
	all  map[string][]Node
	err  error
}

const (
	// unownedAfter is the least time between two counts: of a cluster in which something moves all the time not every question is one.
	unownedAfter = 2 * time.Second
	// unownedFor is the most: it finds kinds that are served anew, and keeps the watches of all others.
	unownedFor = 5 * time.Minute
)

// fresh reports whether the last count still holds.
func (u *unowned) fresh(now time.Time) bool {
	age := now.Sub(u.made)
	return u.all != nil && (age < unownedAfter || age < unownedFor && u.at == u.moves.Load())
}

// Unowned gives the objects of a namespace that no other object owns and no application tracks of which exists says that it is there (nil:
// all are), in the order of their identities. What Kubernetes puts into each namespace by itself is left out. It answers from the watches of
// all kinds that may be watched, which begin with the first question, and counts again only when something has moved. An
// *UnreadableError comes beside what could be read.
func (c *Cluster) Unowned(ctx context.Context, namespace string, exists func(app string) bool) ([]Node, error) {
	u := &c.unowned
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.fresh(time.Now()) {
		if err := c.countUnowned(ctx); err != nil {
			return nil, err
		}
	}
	var out []Node
	for _, n := range u.all[namespace] {
		if n.App == "" || exists != nil && !exists(n.App) {
			out = append(out, n)
		}
	}
	return out, u.err
}

// countUnowned takes a census for Unowned. The error is of one that could not be taken at all.
func (c *Cluster) countUnowned(ctx context.Context) error {
	moves := c.unowned.moves.Load()
	census, err := c.everything(ctx)
	if census == nil {
		if err == nil {
			err = errors.New("nothing could be read")
		}
		return err
	}
	u := &c.unowned
	u.at, u.made, u.all, u.err = moves, time.Now(), census.unowned(), err
	return nil
}
