package render

import (
	"container/list"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// cache keeps results by what was asked for, each with the trace of what was read: a result is used again when its traces hold
// in the trees now at hand. Trusted and untrusted requests never meet, for trust is part of what is asked for. Requests that
// are the same at the same time are rendered once. Behind the memory there may be a folder for each of the two.
type cache struct {
	mu      sync.Mutex
	limit   int64
	used    int64
	entries map[string][]*list.Element // newest first; of *stored
	order   *list.List                 // most recently used first
	flights map[string]*flight

	trusted, untrusted *disk // nil without a folder
}

// maxVariants is how many results are kept of one question: those of base, head and a few pull requests.
const maxVariants = 8

// stored is a result that is shared; it is never changed, but for where it was seen last.
type stored struct {
	key      string
	tool     string
	objects  []object.Object
	digest   string
	warnings []string
	fault    *object.Fault
	traces   map[string]git.Trace // "" is the application's own tree; those of remotes are named by Remote.tree
	remotes  []Used               // without their traces
	// revision is the only one for which it is the answer; empty for any.
	revision string
	size     int64
	keep     bool
	// seen are roots of trees in which the traces hold; the map is replaced, not changed. It is the cache's.
	seen map[string]git.Hash
	// list and blob are the objects as the worker wrote them, until it is kept.
	list []written
	blob []byte
}

type flight struct {
	done chan struct{}
	got  *stored
	err  error
}

// open puts folders behind the memory. Untrusted results have a folder of their own, and a quarter of the room.
func (c *cache) open(opt Options) (err error) {
	program := programOf(opt.Command[0])
	if c.trusted, err = openDisk(filepath.Join(opt.CacheDir, "trusted"), program, opt.CacheDirBytes/4*3, opt.Log); err != nil {
		return err
	}
	c.untrusted, err = openDisk(filepath.Join(opt.CacheDir, "untrusted"), program, opt.CacheDirBytes/4, opt.Log)
	return err
}

func (c *cache) folder(q question) *disk {
	if q.trusted {
		return c.trusted
	}
	return c.untrusted
}

func newCache(limit int64) *cache {
	return &cache{limit: limit, entries: map[string][]*list.Element{}, order: list.New(), flights: map[string]*flight{}}
}

// through yields a kept result, or has one made.
func (c *cache) through(ctx context.Context, q question, make func() (*stored, error)) (Result, error) {
	for {
		if s := c.find(ctx, q); s != nil {
			return s.result(true, q.shared), nil
		}
		f, mine := c.join(q)
		if mine {
			return c.fly(ctx, q, f, make)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Result{}, context.Cause(ctx)
		}
		if f.err == nil && f.got.keep && f.got.holds(ctx, q, nil) {
			return f.got.result(true, q.shared), nil
		}
		// What went wrong may be the other caller's own, such as its patience; what is random is for one caller, and what was fetched for
		// one may be refused to another.
		if f.err == nil {
			s, err := make()
			if err != nil {
				return Result{}, err
			}
			return s.result(false, q.shared), nil
		}
	}
}

// fly gets the result for all who ask for it: from memory, where it may have come in this moment, from the folder, or by having
// it made.
func (c *cache) fly(ctx context.Context, q question, f *flight, make func() (*stored, error)) (Result, error) {
	if f.got = c.find(ctx, q); f.got != nil {
		c.land(q, f)
		return f.got.result(true, q.shared), nil
	}
	d := c.folder(q)
	found := d.find(ctx, q)
	if f.got = found; found == nil {
		f.got, f.err = make()
	}
	if f.err == nil && f.got.keep {
		c.keep(q, f.got)
	}
	c.land(q, f)
	if f.err != nil {
		return Result{}, f.err
	}
	if found == nil {
		d.keep(q, f.got)
	}
	f.got.list, f.got.blob = nil, nil
	return f.got.result(found != nil, q.shared), nil
}

// find looks for a kept result whose traces hold.
func (c *cache) find(ctx context.Context, q question) *stored {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries[q.key] {
		s := e.Value.(*stored)
		seen := s.seen
		if s.revision != "" && s.revision != q.revision {
			continue
		}
		c.mu.Unlock() // looking at trees may read them from disk
		holds := s.holds(ctx, q, seen)
		c.mu.Lock()
		if !holds {
			continue
		}
		s.seen = q.roots(s.remotes)
		c.order.MoveToFront(e) // no harm if it was just dropped
		return s
	}
	return nil
}

// holds says whether the traces hold in the trees asked about, given trees in which they do. What came from elsewhere is asked for again:
// it may have moved, or be refused by now.
func (s *stored) holds(ctx context.Context, q question, seen map[string]git.Hash) bool {
	for name, trace := range s.traces {
		if strings.HasPrefix(name, remotePrefix) && q.trees[name] == nil {
			continue
		}
		if !holdsIn(trace, q.trees[name], name, seen) {
			return false
		}
	}
	if len(s.remotes) == 0 {
		return true
	}
	remotes := make([]Remote, len(s.remotes))
	for i, u := range s.remotes {
		remotes[i] = u.Remote
	}
	got := q.remotes.all(ctx, remotes)
	for _, u := range s.remotes {
		o, name := got[u.Remote], u.Remote.tree()
		_, refused := object.AsFault(o.err)
		if o.err != nil && (refused || !errors.Is(o.err, ErrOutage) || ctx.Err() != nil || !u.Remote.fixed()) {
			return false
		}
		if o.err == nil && !holdsIn(s.traces[name], o.tree, name, seen) {
			return false
		}
	}
	return true
}

func holdsIn(trace git.Trace, t *git.Tree, name string, seen map[string]git.Hash) bool {
	if t == nil {
		return false
	}
	if root, known := seen[name]; known {
		return trace.HoldsSince(root, t)
	}
	return trace.Holds(t)
}

func (c *cache) join(q question) (f *flight, mine bool) {
	name := q.flight()
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.flights[name]; ok {
		return f, false
	}
	f = &flight{done: make(chan struct{})}
	c.flights[name] = f
	return f, true
}

// land lets the others see what a flight brought.
func (c *cache) land(q question, f *flight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, q.flight())
	close(f.done)
}

// keep puts a new result in.
func (c *cache) keep(q question, s *stored) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.key, s.seen = q.key, q.roots(s.remotes)
	s.size += 2048
	for _, t := range s.traces {
		s.size += int64(len(t)) * 160
	}
	if s.size > c.limit/4 {
		return
	}
	c.entries[q.key] = append([]*list.Element{c.order.PushFront(s)}, c.entries[q.key]...)
	c.used += s.size
	if all := c.entries[q.key]; len(all) > maxVariants {
		c.drop(all[len(all)-1])
	}
	for c.used > c.limit {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	s := c.order.Remove(e).(*stored)
	c.used -= s.size
	rest := slices.DeleteFunc(slices.Clone(c.entries[s.key]), func(o *list.Element) bool { return o == e }) // others may be reading it
	if len(rest) == 0 {
		delete(c.entries, s.key)
		return
	}
	c.entries[s.key] = rest
}

// result is what one caller gets: a copy, unless it only looks.
func (s *stored) result(cached, shared bool) Result {
	r := Result{Objects: s.objects, Digest: s.digest, Tool: s.tool, Trace: s.traces[""], Warnings: slices.Clone(s.warnings), Cached: cached,
		Lasting: s.keep && s.revision == ""}
	if s.fault != nil {
		f := *s.fault
		r.Fault = &f
	}
	if len(s.traces) > 1 {
		r.RefTraces = maps.Clone(s.traces)
		delete(r.RefTraces, "")
	}
	for _, u := range s.remotes {
		u.Trace = s.traces[u.Remote.tree()]
		delete(r.RefTraces, u.Remote.tree())
		r.Remotes = append(r.Remotes, u)
	}
	if shared {
		return r
	}
	r.Objects = make([]object.Object, len(s.objects))
	for i, o := range s.objects {
		r.Objects[i] = object.Object{Unstructured: o.DeepCopy(), Place: o.Place}
	}
	return r
}

// traces are what was learned from each tree.
func (l library) traces() map[string]git.Trace {
	all := make(map[string]git.Trace, len(l))
	for name, t := range l {
		all[name] = t.Trace()
	}
	return all
}
