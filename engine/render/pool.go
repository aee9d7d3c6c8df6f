package render

import (
	"context"
	"sync"
)

// pool lends workers out. At most size are at work; one more may wait warm, so that a worker that ends is replaced at once.
type pool struct {
	renderer *Renderer
	slots    chan struct{}

	mu     sync.Mutex
	idle   []*process
	spares int // being started
	closed bool
	wait   sync.WaitGroup
}

func newPool(r *Renderer, size int) *pool {
	return &pool{renderer: r, slots: make(chan struct{}, size)}
}

// with lends a worker to do, which says whether it can be lent again. A fresh one has done nothing before.
func (p *pool) with(ctx context.Context, fresh bool, do func(*process) (healthy bool, err error)) error {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.slots }()
	lend := p.take
	if fresh {
		lend = p.renderer.start
	}
	w, err := lend()
	if err != nil {
		return err
	}
	healthy, err := do(w)
	if !healthy || !p.give(w) {
		w.close()
		p.spare()
	}
	return err
}

func (p *pool) take() (*process, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		w := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return w, nil
	}
	p.mu.Unlock()
	return p.renderer.start()
}

// give takes a worker back; not when there are more than can be used.
func (p *pool) give(w *process) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) > cap(p.slots) {
		return false
	}
	p.idle = append(p.idle, w)
	return true
}

// spare starts a worker in the background if none waits.
func (p *pool) spare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle)+p.spares > 0 {
		return
	}
	p.spares++
	p.wait.Go(func() {
		w, err := p.renderer.start()
		if err == nil {
			err = w.link.send(kindWarm, struct{}{})
		}
		p.mu.Lock()
		p.spares--
		p.mu.Unlock()
		if err != nil {
			p.renderer.opt.Log.Warn("starting a spare render worker", "error", err.Error())
			if w != nil {
				w.close()
			}
			return
		}
		if !p.give(w) {
			w.close()
		}
	})
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, w := range idle {
		w.close()
	}
	p.wait.Wait()
}
