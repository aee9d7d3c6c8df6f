package wire

import (
	"container/heap"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var epoch = time.Unix(1_700_000_000, 0)

func TestTheBudgetHoldsOverAnyWindow(t *testing.T) {
	b := budget{perMinute: 3, perHour: 5}
	at := epoch
	var spent []time.Duration
	for range 8 {
		at = at.Add(b.wait(at, usual))
		b.book(at, 0, usual)
		spent = append(spent, at.Sub(epoch))
	}
	want := []time.Duration{0, 0, 0, time.Minute, time.Minute, time.Hour, time.Hour, time.Hour}
	if !slices.Equal(spent, want) {
		t.Fatalf("spent at %v, want %v", spent, want)
	}
}

func TestATenthIsKeptForWhatIsUrgent(t *testing.T) {
	b := budget{perMinute: 20, perHour: 100}
	for i := range 18 {
		if wait := b.wait(epoch, usual); wait != 0 {
			t.Fatalf("creation %d waits %s", i, wait)
		}
		b.book(epoch, 0, usual)
	}
	if wait := b.wait(epoch, usual); wait != time.Minute {
		t.Errorf("one more that is not urgent waits %s", wait)
	}
	for range 2 {
		if wait := b.wait(epoch, urgent); wait != 0 {
			t.Errorf("an urgent one waits %s", wait)
		}
		b.book(epoch, 0, urgent)
	}
	if wait := b.wait(epoch, urgent); wait != time.Minute {
		t.Errorf("an urgent one beyond the limit waits %s", wait)
	}
}

func TestWhoIsTurnedAwayHasAPlace(t *testing.T) {
	b := budget{perMinute: 2, perHour: 100}
	b.book(epoch, 0, usual)
	b.book(epoch.Add(10*time.Second), 0, usual)
	now := epoch.Add(20 * time.Second)
	turned := func(u urgency) time.Duration {
		wait := b.wait(now, u)
		b.promise(now, wait, u)
		return wait
	}
	for i, want := range []time.Duration{40, 50, 100} { // at 60 s, at 70 s, and a minute after the first of these
		if got := turned(usual); got != want*time.Second {
			t.Errorf("the %d. comes back after %s, want %s", i+1, got, want*time.Second)
		}
	}
	if got := turned(urgent); got != 40*time.Second {
		t.Errorf("an urgent one comes back after %s: the others are not before it", got)
	}
	if got := turned(usual); got != 160*time.Second {
		t.Errorf("one more comes back after %s", got)
	}
	now = epoch.Add(60 * time.Second)
	if got := b.wait(now, urgent); got != 0 {
		t.Errorf("back in time, the urgent one waits %s", got)
	}
	b.book(now, 0, urgent)
	if got := b.wait(now, usual); got != 10*time.Second {
		t.Errorf("the first of the others waits %s for the next", got)
	}
	now = epoch.Add(time.Hour)
	if got := b.wait(now, usual); got != 0 {
		t.Errorf("places that nobody came back for are kept for %s", got)
	}
}

// caller is somebody who comes to create a check, and after that a comment.
type caller struct {
	opened, at time.Time
	comments   bool
}

type agenda []caller

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(caller)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// TestABurst has 200 pull requests want a check and a comment each within GitHub's limits. The checks come first, nobody is turned away often, and
// no window sees more than its limit.
func TestABurst(t *testing.T) {
	const pulls = 200
	b, random := budget{perMinute: 80, perHour: 500}, rand.New(rand.NewPCG(1, 2))
	due := agenda{}
	for i := range pulls {
		at := epoch.Add(time.Duration(i) * time.Minute / pulls)
		heap.Push(&due, caller{opened: at, at: at})
	}
	var made []time.Time
	var checks, comments []time.Duration
	tries := 0
	for due.Len() > 0 {
		c := heap.Pop(&due).(caller)
		now, u := c.at, urgent
		if c.comments {
			u = usual
		}
		tries++
		wait := b.wait(now, u)
		if wait > patience {
			b.promise(now, wait, u)
			c.at = now.Add(wait + time.Duration(random.IntN(4000))*time.Millisecond)
			heap.Push(&due, c)
			continue
		}
		at := b.book(now, wait, u)
		made = append(made, at)
		if c.comments {
			comments = append(comments, at.Sub(c.opened))
			continue
		}
		checks = append(checks, at.Sub(c.opened))
		c.comments, c.at = true, at.Add(time.Second)
		heap.Push(&due, c)
	}
	slices.SortFunc(made, time.Time.Compare)
	for i := 80; i < len(made); i++ {
		if made[i].Sub(made[i-80]) < time.Minute {
			t.Fatalf("81 within %s", made[i].Sub(made[i-80]))
		}
	}
	slices.Sort(checks)
	slices.Sort(comments)
	t.Logf("checks: median %s, 99%% %s; comments: median %s, 99%% %s; %d tries for %d", checks[pulls/2], checks[pulls*99/100], comments[pulls/2], comments[pulls*99/100],
		tries, 2*pulls)
	if last := checks[pulls-1]; last > 3*time.Minute {
		t.Errorf("a check waits for %s", last)
	}
	if last := comments[pulls-1]; last > 7*time.Minute {
		t.Errorf("a comment waits for %s", last)
	}
	if tries > 4*pulls+pulls/2 {
		t.Errorf("%d tries", tries)
	}
}

func TestTheUrgentAreLetThroughFirst(t *testing.T) {
	var gate turnstile
	if err := gate.enter(t.Context(), usual); err != nil {
		t.Fatal(err)
	}
	through := make(chan urgency, 4)
	for n, u := range []urgency{usual, urgent, usual, urgent} {
		go func() {
			if gate.enter(t.Context(), u) == nil {
				through <- u
				gate.leave()
			}
		}()
		for queued := 0; queued != n+1; {
			gate.mu.Lock()
			queued = len(gate.waiting[usual]) + len(gate.waiting[urgent])
			gate.mu.Unlock()
		}
	}
	gate.leave()
	for i, want := range []urgency{urgent, urgent, usual, usual} {
		if got := <-through; got != want {
			t.Errorf("the %d. is of urgency %d", i+1, got)
		}
	}
}
