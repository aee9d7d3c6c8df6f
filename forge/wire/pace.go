package wire

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// patience is how long a write waits for the budget by itself. A longer wait is the caller's to plan, as *forge.RateLimited.
const patience = 2 * time.Second

// Pace lets one write through at a time, Spacing apart, within a budget of creations, and keeps everything back while the forge wants us
// to wait. One Pace stands for one account with the forge. A nil Pace holds nothing back.
type Pace struct {
	spacing time.Duration
	writing chan struct{}

	mu      sync.Mutex
	last    time.Time
	budget  budget
	until   time.Time
	strikes int
}

// Limits on what is created, counted over any window of that length. Zero means no limit.
type Limits struct {
	// Spacing is the least time between two writes.
	Spacing            time.Duration
	PerMinute, PerHour int
}

// NewPace starts with the whole budget.
func NewPace(l Limits) *Pace {
	return &Pace{spacing: l.Spacing, writing: make(chan struct{}, 1), budget: budget{perMinute: l.PerMinute, perHour: l.PerHour}}
}

// enter waits for the call's turn. leave gives it back.
func (p *Pace) enter(ctx context.Context, method string) (leave func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	if method == http.MethodGet || method == http.MethodHead {
		return func() {}, p.resting(time.Now())
	}
	select {
	case p.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := p.turn(ctx, method == http.MethodPost); err != nil {
		<-p.writing
		return nil, err
	}
	return p.leave, nil
}

func (p *Pace) leave() {
	p.mu.Lock()
	p.last = time.Now()
	p.mu.Unlock()
	<-p.writing
}

// turn waits out the spacing and the budget; the caller holds the right to write.
func (p *Pace) turn(ctx context.Context, creates bool) error {
	now := time.Now()
	if err := p.resting(now); err != nil {
		return err
	}
	p.mu.Lock()
	wait := max(p.last.Add(p.spacing).Sub(now), 0)
	if creates {
		wait = max(wait, p.budget.wait(now))
	}
	p.mu.Unlock()
	if wait > max(patience, p.spacing) {
		return &forge.RateLimited{After: wait, Err: errors.New("the budget of creations is used up")}
	}
	if err := sleep(ctx, wait); err != nil {
		return err
	}
	if creates {
		p.mu.Lock()
		p.budget.spend(time.Now())
		p.mu.Unlock()
	}
	return nil
}

// resting refuses while the forge wants us to wait.
func (p *Pace) resting(now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wait := p.until.Sub(now); wait > 0 {
		return &forge.RateLimited{After: wait, Err: errors.New("the forge asked us to wait")}
	}
	return nil
}

// rest keeps calls back for as long as the forge said, or when it did not say for a minute, doubled each time it has to repeat itself.
func (p *Pace) rest(after time.Duration) time.Duration {
	if p == nil {
		return max(after, time.Minute)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if after <= 0 {
		after = min(time.Minute<<min(p.strikes, 4), 15*time.Minute)
		p.strikes++
	}
	after = min(after, 2*time.Hour)
	p.until = time.Now().Add(after)
	return after
}

// rested notes an answer that was no rate limit.
func (p *Pace) rested() {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.strikes = 0
	p.mu.Unlock()
}

// budget counts creations over sliding windows. A bucket that refills would let twice its size through in the first window.
type budget struct {
	perMinute, perHour int
	spent              []time.Time // oldest first, none older than an hour
}

// wait is how long until one more creation is within both limits.
func (b *budget) wait(now time.Time) time.Duration {
	return max(b.window(now, time.Minute, b.perMinute), b.window(now, time.Hour, b.perHour))
}

func (b *budget) window(now time.Time, length time.Duration, limit int) time.Duration {
	if limit <= 0 || len(b.spent) < limit {
		return 0
	}
	return max(b.spent[len(b.spent)-limit].Add(length).Sub(now), 0)
}

func (b *budget) spend(now time.Time) {
	keep := 0
	for keep < len(b.spent) && now.Sub(b.spent[keep]) > time.Hour {
		keep++
	}
	b.spent = append(b.spent[keep:], now)
}
