package github

import (
	"context"
	"errors"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
)

// mostDeliveries are read of the log at once, in pages of a hundred.
const mostDeliveries = 5000

// Deliveries lists, newest first, what GitHub tried to deliver at or after since, as far as its log goes back (three days) and of the events
// that are used. GitHub repeats nothing by itself. Every attempt is an entry.
func (f *Forge) Deliveries(ctx context.Context, since time.Time) ([]forge.Delivery, error) {
	const doing = "reading the log of deliveries"
	options := &github.ListCursorOptions{PerPage: 100}
	var all []forge.Delivery
	for range mostDeliveries / options.PerPage {
		page, resp, err := f.app.Apps.ListHookDeliveries(ctx, options)
		if err != nil {
			return nil, refused(doing, err)
		}
		for _, d := range page {
			if d.GetDeliveredAt().Before(since) {
				return all, nil
			}
			if readers[d.GetEvent()] != nil {
				all = append(all, logged(d))
			}
		}
		if resp.Cursor == "" {
			break
		}
		options.Cursor = resp.Cursor
	}
	return all, nil
}

// Ping is the newest attempt at the ping that GitHub sends to an App's hook when it is set; false when there was none.
func (f *Forge) Ping(ctx context.Context) (last forge.Delivery, found bool, err error) {
	page, _, err := f.app.Apps.ListHookDeliveries(ctx, &github.ListCursorOptions{PerPage: 100})
	if err != nil {
		return forge.Delivery{}, false, refused("reading the log of deliveries", err)
	}
	for _, d := range page {
		if d.GetEvent() == "ping" {
			return logged(d), true, nil
		}
	}
	return forge.Delivery{}, false, nil
}

func logged(d *github.HookDelivery) forge.Delivery {
	l := forge.Delivery{ID: d.GetID(), GUID: d.GetGUID(), Name: d.GetEvent(), At: d.GetDeliveredAt().Time, Status: d.GetStatusCode(), Again: d.GetRedelivery()}
	if d.GetAction() != "" {
		l.Name += "." + d.GetAction()
	}
	return l
}

// Redeliver has GitHub deliver an entry of the log again, under the same GUID. forge.ErrNotFound when the log no longer has it.
func (f *Forge) Redeliver(ctx context.Context, id int64) error {
	_, _, err := f.app.Apps.RedeliverHookDelivery(ctx, id)
	var accepted *github.AcceptedError
	if errors.As(err, &accepted) {
		return nil
	}
	return refused("asking for a delivery again", err)
}
