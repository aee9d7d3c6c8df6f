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
	points  points
	until   time.Time
	strikes int
}

// Limits on what is created, counted over any window of that length. Zero means no limit.
type Limits struct {
	// Spacing is the least time between two writes.
	Spacing            time.Duration
	PerMinute, PerHour int
	// Points that calls may cost in a minute: one for a reading one, five for a writing one.
	Points int
}

// NewPace starts with the whole budget.
func NewPace(l Limits) *Pace {
	return &Pace{spacing: l.Spacing, writing: make(chan struct{}, 1), budget: budget{perMinute: l.PerMinute, perHour: l.PerHour}, points: points{limit: l.Points}}
}

// enter waits for the call's turn. leave gives it back.
func (p *Pace) enter(ctx context.Context, method string) (leave func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	if method == http.MethodGet || method == http.MethodHead {
		return func() {}, p.read(ctx)
	}
	select {
	case p.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := p.turn(ctx, method == http.MethodPost && !contentless(ctx)); err != nil {
		<-p.writing
		return nil, err
	}
	return p.leave, nil
}

// read waits until a reading call is within the points. Readers leave a third of them to writers, who come last and count for more.
func (p *Pace) read(ctx context.Context) error {
	for {
		now := time.Now()
		if err := p.resting(now); err != nil {
			return err
		}
		p.mu.Lock()
		wait := p.points.wait(now, costOfReading, p.points.limit*2/3)
		if wait == 0 {
			p.points.spend(now, costOfReading)
		}
		p.mu.Unlock()
		switch {
		case wait == 0:
			return nil
		case wait > patience:
			return &forge.RateLimited{After: wait, Err: errors.New("the points for reading calls are used up")}
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
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
	wait = max(wait, p.points.wait(now, costOfWriting, p.points.limit))
	p.mu.Unlock()
	if wait > max(patience, p.spacing) {
		return &forge.RateLimited{After: wait, Err: errors.New("the budget of creations is used up")}
	}
	if err := sleep(ctx, wait); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if creates {
		p.budget.spend(time.Now())
	}
	p.points.spend(time.Now(), costOfWriting)
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

// What calls cost in points.
const costOfReading, costOfWriting = 1, 5

// points counts what calls cost over a sliding minute.
type points struct {
	limit int
	spent []time.Time // one entry a point, oldest first
}

// wait is how long until a call of that cost is within a limit; 0 is no limit.
func (p *points) wait(now time.Time, cost, limit int) time.Duration {
	last := len(p.spent) - limit + cost - 1 // the newest point that has to be a minute old by then
	if limit <= 0 || last < 0 {
		return 0
	}
	return max(p.spent[min(last, len(p.spent)-1)].Add(time.Minute).Sub(now), 0)
}

func (p *points) spend(now time.Time, cost int) {
	if p.limit <= 0 {
		return
	}
	keep := 0
	for keep < len(p.spent) && now.Sub(p.spent[keep]) > time.Minute {
		keep++
	}
	p.spent = p.spent[keep:]
	for range cost {
		p.spent = append(p.spent, now)
	}
}
