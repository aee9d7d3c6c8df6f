package bot

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// DeliveryLog is what a forge may offer beside: its log of deliveries, from which one that did not get through can be had again.
type DeliveryLog interface {
	// Deliveries lists, newest first, what was delivered or not since a time, each attempt by itself.
	Deliveries(ctx context.Context, since time.Time) ([]forge.Delivery, error)
	Redeliver(ctx context.Context, id int64) error
}

const (
	// deliveryWindow is how long after the first attempt a forge repeats one.
	deliveryWindow = 3 * 24 * time.Hour
	// mostRedelivered are asked for in one sweep; those that are left, in the next.
	mostRedelivered = 200
	// mostAttempts at one delivery, the forge's own first one included.
	mostAttempts = 3
)

// redeliver has the deliveries of a site sent again that nobody took. The state of pull requests is found by looking at them; what is said
// in a delivery alone, as who pressed which button, only the log has.
func (s sweeper) redeliver(ctx context.Context, site Site) {
	log, ok := site.Forge.(DeliveryLog)
	if !ok {
		return
	}
	began := s.Now()
	entries, err := log.Deliveries(ctx, s.memory.since("deliveries of "+site.Host, began))
	if err != nil {
		s.Log.Warn("the log of deliveries cannot be read", "host", site.Host, "error", err)
		return
	}
	lost := undelivered(entries, began, min(time.Minute, s.Sweep))
	if len(lost) > mostRedelivered {
		s.Log.Warn("many deliveries were lost; some are asked for again at the next sweep", "host", site.Host, "lost", len(lost), "now", mostRedelivered)
		lost = lost[:mostRedelivered]
	} else {
		s.memory.until("deliveries of "+site.Host, began)
	}
	for _, d := range lost {
		err := log.Redeliver(ctx, d.ID)
		var limited *forge.RateLimited
		switch {
		case errors.As(err, &limited):
			s.Log.Warn("the forge asks us to wait; lost deliveries are asked for at the next sweep", "host", site.Host, "for", limited.After)
			return
		case err != nil:
			s.Log.Warn("a lost delivery cannot be had again", "host", site.Host, "delivery", d.GUID, "event", d.Name, "error", err)
		default:
			s.Log.Info("a lost delivery was asked for again", "host", site.Host, "delivery", d.GUID, "event", d.Name, "status", d.Status)
		}
	}
}

// undelivered are the newest attempts of the deliveries that none of their attempts brought, oldest first. One whose last attempt is
// younger than grace may be answered by now, one that failed too often or too long ago is left to the look at what is there.
func undelivered(entries []forge.Delivery, now time.Time, grace time.Duration) []forge.Delivery {
	type story struct {
		newest   forge.Delivery
		attempts int
		taken    bool
	}
	stories := map[string]*story{}
	var order []*story
	for _, d := range entries { // newest first
		s := stories[d.GUID]
		if s == nil {
			s = &story{newest: d}
			stories[d.GUID] = s
			order = append(order, s)
		}
		s.attempts++
		s.taken = s.taken || d.Delivered()
	}
	var lost []forge.Delivery
	for i := len(order) - 1; i >= 0; i-- {
		s := order[i]
		age := now.Sub(s.newest.At)
		if !s.taken && s.attempts < mostAttempts && age >= grace && age < deliveryWindow {
			lost = append(lost, s.newest)
		}
	}
	return lost
}
