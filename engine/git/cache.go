package git

import (
	"container/list"
	"sync"
)

// cache keeps parsed trees and file contents by what they are of, which never changes, up to a number of bytes. Entries of one
// mirror are never seen through another: a tree may name an object that its own repository does not hold.
type cache struct {
	mu    sync.Mutex
	limit int64
	used  int64
	order *list.List // most recently used first; of *cached
	index map[cacheKey]*list.Element
}

type cacheKey struct {
	mirror string
	id     Hash
}

type cached struct {
	key   cacheKey
	value any // *listing or []byte
	size  int64
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, order: list.New(), index: map[cacheKey]*list.Element{}}
}

func (c *cache) find(k cacheKey) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.index[k]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).value, true
}

// keep puts a value in; one that would push out a large part of the others is left out.
func (c *cache) keep(k cacheKey, value any, size int64) {
	size += 128 // the entry itself
	if size > c.limit/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.index[k]; ok {
		return
	}
	c.index[k] = c.order.PushFront(&cached{key: k, value: value, size: size})
	c.used += size
	for c.used > c.limit {
		last := c.order.Back()
		old := last.Value.(*cached)
		c.order.Remove(last)
		delete(c.index, old.key)
		c.used -= old.size
	}
}
