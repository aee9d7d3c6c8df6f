package wire

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

func TestReadersLeavePointsToWriters(t *testing.T) {
	p := NewPace(Limits{Points: 40})
	var limited *forge.RateLimited
	reads := 0
	for range 50 {
		if _, err := p.enter(t.Context(), http.MethodGet); errors.As(err, &limited) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		reads++
	}
	if reads != 30 || limited == nil || limited.After > time.Minute || limited.After < 50*time.Second {
		t.Fatalf("%d calls read; then %v", reads, limited)
	}
	for i, ctx := range []context.Context{t.Context(), Urgent(t.Context()), Urgent(t.Context())} { // a tenth is for what is urgent
		leave, err := p.enter(ctx, http.MethodPatch)
		if i < 2 && err != nil || i == 2 && !errors.As(err, &limited) {
			t.Fatalf("write %d: %v", i, err)
		}
		if err == nil {
			leave()
		}
	}
}

func TestPointsComeBackAfterAMinute(t *testing.T) {
	now := time.Now()
	p := points{limit: 10}
	p.spend(now, 5)
	p.spend(now.Add(30*time.Second), 5)
	for _, c := range []struct {
		after time.Duration
		cost  int
		want  time.Duration
	}{{40 * time.Second, 1, 20 * time.Second}, {40 * time.Second, 5, 20 * time.Second}, {61 * time.Second, 5, 0}, {61 * time.Second, 6, 29 * time.Second}} {
		if got := p.wait(now.Add(c.after), c.cost, p.limit); got != c.want {
			t.Errorf("after %s a call of %d waits %s, want %s", c.after, c.cost, got, c.want)
		}
	}
}

func TestWhatMakesNoContentIsNoCreation(t *testing.T) {
	p := NewPace(Limits{PerMinute: 1})
	for i, want := range []bool{true, true, true, false} {
		ctx := t.Context()
		if i < 2 {
			ctx = Contentless(ctx)
		}
		leave, err := p.enter(ctx, http.MethodPost)
		if (err == nil) != want {
			t.Errorf("call %d: %v", i, err)
		}
		if err == nil {
			leave()
		}
	}
}

func TestReadersAreBounded(t *testing.T) {
	p := NewPace(Limits{Readers: 2})
	var leave [2]func()
	for i := range leave {
		var err error
		if leave[i], err = p.enter(t.Context(), http.MethodGet); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	through := make(chan error)
	go func() {
		_, err := p.enter(ctx, http.MethodGet)
		through <- err
	}()
	select {
	case err := <-through:
		t.Fatalf("a third is let through: %v", err)
	default:
	}
	leave[0]()
	if err := <-through; err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := p.enter(ctx, http.MethodGet); !errors.Is(err, context.Canceled) {
		t.Errorf("beyond the bound, cancelled: %v", err)
	}
}
