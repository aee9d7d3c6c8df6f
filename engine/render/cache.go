package render

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// cache keeps results by what was asked for, each with the trace of what was read: a result is used again when its traces hold
// in the trees now at hand. Trusted and untrusted requests never meet, for trust is part of what is asked for. Requests that
// are the same at the same time are rendered once.
type cache struct {
	mu      sync.Mutex
	limit   int64
	used    int64
	entries map[string][]*list.Element // newest first; of *stored
	order   *list.List                 // most recently used first
	flights map[string]*flight
}

// maxVariants is how many results are kept of one question: those of base, head and a few pull requests.
const maxVariants = 8

// stored is a result that is shared; it is never changed.
type stored struct {
	key      string
	tool     string
	objects  []object.Object
	digest   string
	warnings []string
	fault    *object.Fault
	traces   map[string]git.Trace // "" is the application's own tree
	size     int64
	keep     bool
}

type flight struct {
	done chan struct{}
	got  *stored
	err  error
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, entries: map[string][]*list.Element{}, order: list.New(), flights: map[string]*flight{}}
}

// keyOf digests all that a render depends on but the trees.
func keyOf(j job, trusted bool) (string, error) {
	text, err := json.Marshal(struct {
		Version int // of what workers make of a job
		Trusted bool
		Job     job
	}{1, trusted, j})
	if err != nil {
		return "", fmt.Errorf("naming a render: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// through yields a kept result, or has one made.
func (c *cache) through(ctx context.Context, key string, req Request, make func() (*stored, error)) (Result, error) {
	for {
		if s := c.find(key, req); s != nil {
			return s.result(true), nil
		}
		f, mine := c.join(key, req)
		if mine {
			f.got, f.err = make()
			c.land(key, req, f)
			if f.err != nil {
				return Result{}, f.err
			}
			return f.got.result(false), nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Result{}, context.Cause(ctx)
		}
		if f.err == nil && f.got.keep {
			return f.got.result(true), nil
		}
		// What went wrong may be the other caller's own, such as its patience; and what is random is for one caller.
		if f.err == nil {
			s, err := make()
			if err != nil {
				return Result{}, err
			}
			return s.result(false), nil
		}
	}
}

func (c *cache) find(key string, req Request) *stored {
	c.mu.Lock()
	candidates := slices.Clone(c.entries[key])
	c.mu.Unlock()
	for _, e := range candidates {
		s := e.Value.(*stored)
		if s.holds(req) {
			c.mu.Lock()
			c.order.MoveToFront(e) // no harm if it was just dropped
			c.mu.Unlock()
			return s
		}
	}
	return nil
}

func (s *stored) holds(req Request) bool {
	for name, trace := range s.traces {
		t := req.Tree
		if name != "" {
			t = req.Refs[name]
		}
		if t == nil || !trace.Holds(t) {
			return false
		}
	}
	return true
}

func flightKey(key string, req Request) string {
	key += " " + string(req.Tree.Root())
	for _, name := range slices.Sorted(maps.Keys(req.Refs)) {
		key += " " + name + "=" + string(req.Refs[name].Root())
	}
	return key
}

func (c *cache) join(key string, req Request) (f *flight, mine bool) {
	key = flightKey(key, req)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.flights[key]; ok {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	c.flights[key] = f
	return f, true
}

// land keeps what a flight brought and lets the others see it.
func (c *cache) land(key string, req Request, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, flightKey(key, req))
	close(f.done)
	if f.err != nil || !f.got.keep {
		return
	}
	f.got.key = key
	f.got.size += 2048
	for _, t := range f.got.traces {
		f.got.size += int64(len(t)) * 160
	}
	if f.got.size > c.limit/4 {
		return
	}
	c.entries[key] = append([]*list.Element{c.order.PushFront(f.got)}, c.entries[key]...)
	c.used += f.got.size
	if all := c.entries[key]; len(all) > maxVariants {
		c.drop(all[len(all)-1])
	}
	for c.used > c.limit {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	s := c.order.Remove(e).(*stored)
	c.used -= s.size
	rest := slices.DeleteFunc(c.entries[s.key], func(o *list.Element) bool { return o == e })
	if len(rest) == 0 {
		delete(c.entries, s.key)
		return
	}
	c.entries[s.key] = rest
}

// result copies what is shared for one caller.
func (s *stored) result(cached bool) Result {
	r := Result{Digest: s.digest, Tool: s.tool, Trace: s.traces[""], Warnings: slices.Clone(s.warnings), Cached: cached}
	if s.fault != nil {
		f := *s.fault
		r.Fault = &f
	}
	for name, t := range s.traces {
		if name == "" {
			continue
		}
		if r.RefTraces == nil {
			r.RefTraces = map[string]git.Trace{}
		}
		r.RefTraces[name] = t
	}
	r.Objects = make([]object.Object, len(s.objects))
	for i, o := range s.objects {
		r.Objects[i] = object.Object{Unstructured: o.DeepCopy(), Place: o.Place}
	}
	return r
}
