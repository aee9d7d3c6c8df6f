package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/render"
)

// recorder remembers renders.
type recorder struct {
	next    change.Renderer
	mu      sync.Mutex
	renders []record
}

type record struct {
	path   string
	result render.Result
}

// Render implements change.Renderer.
func (r *recorder) Render(ctx context.Context, req render.Request) (render.Result, error) {
	got, err := r.next.Render(ctx, req)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renders = append(r.renders, record{req.Source.Path, got})
	return got, err
}

// trace is what a render knows of its own tree, and beside it of those it refers to and of what was fetched for it, by path.
func (r record) trace() []git.Entry {
	all := slices.Clone(r.result.Trace)
	for name, t := range r.result.RefTraces {
		for _, e := range t {
			e.Path = "$" + name + "/" + e.Path
			all = append(all, e)
		}
	}
	for _, u := range r.result.Remotes {
		for _, e := range u.Trace {
			e.Path = fmt.Sprintf("%s (%s): %s", u.Remote, u.Revision, e.Path)
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b git.Entry) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// stopwatch says where time went.
type stopwatch struct{ laps []lap }

type lap struct {
	name string
	took time.Duration
}

func (c *stopwatch) measure(name string, do func() error) error {
	began := time.Now()
	err := do()
	c.laps = append(c.laps, lap{name, time.Since(began)})
	return err
}

func (c *stopwatch) part(name string, took time.Duration) {
	c.laps = append(c.laps, lap{"  " + name, took})
}

func (c *stopwatch) tell(w io.Writer) {
	var total time.Duration
	for _, l := range c.laps {
		if !strings.HasPrefix(l.name, " ") {
			total += l.took
		}
	}
	for _, l := range append(c.laps, lap{"total", total}) {
		fmt.Fprintf(w, "%9s  %s\n", l.took.Round(10*time.Microsecond), l.name)
	}
}
