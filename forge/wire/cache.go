package wire

import (
	"container/list"
	"net/http"
	"sync"
)

// Cache remembers answers that carried an ETag, so that asking again costs nothing of the rate limit while nothing has changed. It keeps the
// most recently used. A nil Cache remembers nothing.
type Cache struct {
	mu      sync.Mutex
	entries map[string]*list.Element
	order   *list.List // of *remembered, most recent first
	bytes   int
	limit   int
}

type remembered struct {
	key    string
	etag   string
	answer *Answer
}

// largest is the size of the largest answer worth remembering, as a part of the whole.
const largest = 8

// NewCache keeps at most limit bytes of bodies.
func NewCache(limit int) *Cache {
	return &Cache{entries: map[string]*list.Element{}, order: list.New(), limit: limit}
}

// before makes a GET conditional when its answer is remembered, and returns what is.
func (c *Cache) before(scope string, req *http.Request) *remembered {
	if c == nil || req.Method != http.MethodGet {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.entries[key(scope, req)]
	if el == nil {
		return nil
	}
	c.order.MoveToFront(el)
	r := el.Value.(*remembered)
	req.Header.Set("If-None-Match", r.etag)
	return r
}

// after gives the remembered answer in place of "304 Not Modified", and remembers a new one.
func (c *Cache) after(scope string, req *http.Request, r *remembered, a *Answer) *Answer {
	if c == nil || req.Method != http.MethodGet {
		return a
	}
	if a.Status == http.StatusNotModified && r != nil {
		return &Answer{Status: r.answer.Status, Header: r.answer.Header.Clone(), Body: r.answer.Body, At: a.At}
	}
	if etag := a.Header.Get("ETag"); etag != "" && a.Status == http.StatusOK && len(a.Body) <= c.limit/largest {
		c.keep(&remembered{key: key(scope, req), etag: etag, answer: a})
	}
	return a
}

func (c *Cache) keep(r *remembered) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(c.entries[r.key])
	c.entries[r.key] = c.order.PushFront(r)
	c.bytes += len(r.answer.Body)
	for c.bytes > c.limit || c.order.Len() > 4096 {
		c.drop(c.order.Back())
	}
}

func (c *Cache) drop(el *list.Element) {
	if el == nil {
		return
	}
	r := c.order.Remove(el).(*remembered)
	delete(c.entries, r.key)
	c.bytes -= len(r.answer.Body)
}

func key(scope string, req *http.Request) string {
	return scope + "\x00" + req.URL.String() + "\x00" + req.Header.Get("Accept")
}
