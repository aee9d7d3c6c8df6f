package wire

import (
	"container/list"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
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

// after gives the remembered answer in place of "304 Not Modified", with what the headers of that say anew, and remembers a new one.
func (c *Cache) after(scope string, req *http.Request, r *remembered, a *Answer) *Answer {
	if c == nil || req.Method != http.MethodGet {
		return a
	}
	if a.Status == http.StatusNotModified && r != nil {
		header := r.answer.Header.Clone()
		maps.Copy(header, a.Header)
		return &Answer{Status: r.answer.Status, Header: header, Body: r.answer.Body, At: a.At}
	}
	if etag := a.Header.Get("ETag"); etag != "" && a.Status == http.StatusOK && len(a.Body) <= c.limit/largest && !fullLastPage(req, a) {
		c.keep(&remembered{key: key(scope, req), etag: etag, answer: a})
	}
	return a
}

// fullLastPage says whether an answer is the last page of a list and has room for no more. When another page comes after it its body, and so
// its ETag, stays what it is, and "304 Not Modified" need not say that there is a next one: it is read anew each time.
func fullLastPage(req *http.Request, a *Answer) bool {
	size, err := strconv.Atoi(req.URL.Query().Get("per_page"))
	if err != nil || strings.Contains(a.Header.Get("Link"), `rel="next"`) || a.Header.Get("X-Next-Page") != "" {
		return false
	}
	var items []json.RawMessage
	return json.Unmarshal(a.Body, &items) == nil && len(items) >= size
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
