package web

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-cd/slipway/bot"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// gates remembers for a moment what was found, so that loading a page again and again asks the forge once.
type gates struct{ moment[gateKey, told] }

type gateKey struct {
	pull, mark, state, site string
	user                    int64
}

// told is what a command by who looks would meet, as it was a moment ago.
type told struct {
	At        time.Time
	By        string
	prospects []bot.Prospect
	// Unknown says why that cannot be told now, or is "".
	Unknown string
}

// believed is how long what gates say is taken for new.
const believed = 5 * time.Second

// tell asks how the gates stand for whoever looks. That it cannot be told is no fault of the page: the rules are shown all the same.
func (w *Web) tell(ctx context.Context, s session, p *slipway.PullRequest) told {
	key := gateKey{p.Name, mark(p), p.Status.State, s.Site, s.User.ID}
	if t, ok := w.gates.recall(key); ok && w.Now().Sub(t.At) < believed {
		return t
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := w.Reports.Gates(waiting, p, s.User)
	t := told{At: w.Now(), By: s.User.Login, prospects: all}
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded):
		t.Unknown = "It takes longer than usual to find out."
	default:
		t.Unknown = "The forge, the cluster or git did not answer as it should."
	}
	if err != nil && ctx.Err() == nil {
		w.Log.Warn("the gates of a pull request cannot be told", "pullrequest", p.Name, "error", err)
	}
	if ctx.Err() == nil { // else nobody waits any more, and nothing was found out
		w.gates.keep(key, t)
	}
	return t
}
