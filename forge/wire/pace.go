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
// to wait. What is Urgent goes before what is not. One Pace stands for one account with the forge. A nil Pace holds nothing back.
type Pace struct {
	spacing time.Duration
	writing turnstile
	reading chan struct{} // nil: any number at once

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
	// Readers that may be on their way at once.
	Readers int
}

// NewPace starts with the whole budget.
func NewPace(l Limits) *Pace {
	p := &Pace{spacing: l.Spacing, budget: budget{perMinute: l.PerMinute, perHour: l.PerHour}, points: points{limit: l.Points}}
	if l.Readers > 0 {
		p.reading = make(chan struct{}, l.Readers)
	}
	return p
}

// enter waits for the call's turn. leave gives it back.
func (p *Pace) enter(ctx context.Context, method string) (leave func(), err error) {
	if p == nil {
		return func() {}, nil
	}
	if method == http.MethodGet || method == http.MethodHead {
		return p.among(ctx)
	}
	return p.write(ctx, method == http.MethodPost && !contentless(ctx))
}

// among lets a reading call go with the others, when there is room.
func (p *Pace) among(ctx context.Context) (leave func(), err error) {
	if p.reading == nil {
		return func() {}, p.read(ctx)
	}
	select {
	case p.reading <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := p.read(ctx); err != nil {
		<-p.reading
		return nil, err
	}
	return func() { <-p.reading }, nil
}

// read waits until a reading call is within the points. Readers leave a quarter of them to writers, who come last and count for more.
func (p *Pace) read(ctx context.Context) error {
	for {
		now := time.Now()
		if err := p.resting(now); err != nil {
			return err
		}
		p.mu.Lock()
		wait := p.points.wait(now, costOfReading, p.points.limit*3/4)
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

// write waits until a writing call is within the budget and the points, and then for its turn.
func (p *Pace) write(ctx context.Context, creates bool) (leave func(), err error) {
	u := urgencyOf(ctx)
	wait, booked, err := p.book(time.Now(), u, creates)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, wait); err != nil {
		return nil, err
	}
	if err := p.writing.enter(ctx, u); err != nil {
		return nil, err
	}
	if err := p.space(ctx); err != nil {
		p.writing.leave()
		return nil, err
	}
	if creates {
		p.mu.Lock()
		p.budget.made(booked, time.Now())
		p.mu.Unlock()
	}
	return func() {
		p.mu.Lock()
		p.last = time.Now()
		p.mu.Unlock()
		p.writing.leave()
	}, nil
}

// book finds out how long a writing call has to wait, and spends what it costs. A longer wait is not waited for here, and costs nothing.
func (p *Pace) book(now time.Time, u urgency, creates bool) (wait time.Duration, booked time.Time, err error) {
	if err := p.resting(now); err != nil {
		return 0, booked, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if creates {
		wait = p.budget.wait(now, u)
	}
	if creates && wait > patience {
		p.budget.promise(now, wait, u)
		return 0, booked, &forge.RateLimited{After: wait, Err: errors.New("the budget of creations is used up")}
	}
	wait = max(wait, p.points.wait(now, costOfWriting, kept(p.points.limit, u)))
	if wait > patience {
		return 0, booked, &forge.RateLimited{After: wait, Err: errors.New("the points for writing calls are used up")}
	}
	if creates {
		booked = p.budget.book(now, wait, u)
	}
	p.points.spend(now.Add(wait), costOfWriting)
	return wait, booked, nil
}

// space waits out the time since the last write; the caller has the turn.
func (p *Pace) space(ctx context.Context) error {
	if err := p.resting(time.Now()); err != nil { // we were told while it waited
		return err
	}
	p.mu.Lock()
	wait := time.Until(p.last.Add(p.spacing))
	p.mu.Unlock()
	return sleep(ctx, max(wait, 0))
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
		p.spent = inserted(p.spent, now)
	}
}
