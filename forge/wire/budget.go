package wire

import (
	"slices"
	"time"
)

// urgency of what is created: where the budget is short, what is urgent goes first.
type urgency int

const (
	usual urgency = iota
	urgent
	urgencies
)

// budget decides when something may be created, over sliding windows. (A bucket that refills would let twice its size through in the first
// window.) Whoever would have to wait for long is told when to come back, each at a time of their own, so that nobody is turned away twice: what
// was promised to others stays theirs, as far as it is as urgent. A tenth is kept for what is urgent.
type budget struct {
	perMinute, perHour int
	spent              []time.Time            // in order, none older than an hour; what waits for its moment is counted as of then
	promised           [urgencies][]time.Time // when those who were turned away come back, in order
}

// forgiven is how late somebody may come back and still find the place.
const forgiven = time.Minute

// wait is how long until one more creation is within both limits, behind those who were there before.
func (b *budget) wait(now time.Time, u urgency) time.Duration {
	b.forget(now)
	ahead := b.ahead(now, urgent)
	if u == usual && !b.due(now, usual) {
		ahead += b.ahead(now, usual)
	} else if u == urgent && b.due(now, urgent) {
		ahead = 0
	}
	return max(b.turn(now, ahead, time.Minute, kept(b.perMinute, u)), b.turn(now, ahead, time.Hour, kept(b.perHour, u)))
}

// kept is what of a limit is open to what is not urgent.
func kept(limit int, u urgency) int {
	if u == urgent {
		return limit
	}
	return limit - limit/10
}

// turn is how long until there is room in a window for one more creation, after as many others as are ahead.
func (b *budget) turn(now time.Time, ahead int, length time.Duration, limit int) time.Duration {
	if limit <= 0 {
		return 0
	}
	taken := slices.Clone(b.spent)
	at := now
	for range ahead + 1 {
		if at = now; len(taken) >= limit {
			if free := taken[len(taken)-limit].Add(length); free.After(now) {
				at = free
			}
		}
		taken = append(taken, at)
	}
	return at.Sub(now)
}

// due says whether somebody who was turned away is expected back by now.
func (b *budget) due(now time.Time, u urgency) bool {
	return len(b.promised[u]) > 0 && !b.promised[u][0].After(now)
}

// ahead is how many are expected back later.
func (b *budget) ahead(now time.Time, u urgency) int {
	n := 0
	for _, p := range b.promised[u] {
		if p.After(now) {
			n++
		}
	}
	return n
}

// book spends one creation, as of a moment that may be still to come. It is the one of somebody who was turned away, if anybody is expected.
func (b *budget) book(now time.Time, wait time.Duration, u urgency) (at time.Time) {
	b.come(now, u)
	at = now.Add(wait)
	b.spend(at)
	return at
}

// promise turns somebody away until then.
func (b *budget) promise(now time.Time, wait time.Duration, u urgency) {
	b.come(now, u) // they came back, and have another place now
	b.promised[u] = inserted(b.promised[u], now.Add(wait))
}

func (b *budget) come(now time.Time, u urgency) {
	if b.due(now, u) {
		b.promised[u] = b.promised[u][1:]
	}
}

func (b *budget) spend(at time.Time) { b.spent = inserted(b.spent, at) }

// made moves what was booked to when it was really made.
func (b *budget) made(booked, at time.Time) {
	if i := slices.IndexFunc(b.spent, booked.Equal); i >= 0 {
		b.spent = slices.Delete(b.spent, i, i+1)
	}
	b.spend(at)
}

// forget drops what is over.
func (b *budget) forget(now time.Time) {
	b.spent = since(b.spent, now.Add(-time.Hour))
	for u := range b.promised {
		b.promised[u] = since(b.promised[u], now.Add(-forgiven))
	}
}

// since are those of a list in order that are not before a time.
func since(list []time.Time, from time.Time) []time.Time {
	i, _ := slices.BinarySearchFunc(list, from, time.Time.Compare)
	return list[i:]
}

// inserted is a list in order with one more.
func inserted(list []time.Time, t time.Time) []time.Time {
	i, _ := slices.BinarySearchFunc(list, t, time.Time.Compare)
	return slices.Insert(list, i, t)
}
