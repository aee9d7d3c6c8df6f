package bot

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// errSuperseded ends a look whose head has been replaced; the next one begins at once.
var errSuperseded = errors.New("superseded by a newer push")

// settle says what follows a look. An error of ours is tried again with growing pauses, and after some tries the check says that we
// could not finish; a rate limit is waited for and counts as nothing.
func (v *visit) settle(ctx context.Context, err error) (ctrl.Result, error) {
	var limited *forge.RateLimited
	switch {
	case err == nil:
		v.memory.success(v.key)
		return ctrl.Result{RequeueAfter: v.wait}, nil
	case errors.Is(err, errSuperseded):
		v.log.Info("a newer push supersedes the report", "head", v.pull.Head.SHA)
		return ctrl.Result{RequeueAfter: time.Millisecond}, nil
	case ctx.Err() != nil:
		return ctrl.Result{}, nil // we are shutting down; the next start goes on
	case errors.As(err, &limited):
		v.log.Warn("the forge asks us to wait", "for", limited.After)
		v.paused(err)
		return ctrl.Result{RequeueAfter: spread(limited.After)}, nil
	case errors.Is(err, errArchived):
		v.log.Warn("nothing is done in an archived repository")
		v.memory.success(v.key)
		v.res.Status.LastError, v.res.Status.ObservedAsked = clip(err.Error(), 1000), v.asked.At
		return ctrl.Result{}, v.save(ctx)
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: 200 * time.Millisecond}, nil
	}
	return v.failed(ctx, err)
}

// spread is a wait that many may be told at once, for one of them: those who come back together would be told to wait again together. Where the
// budget of creations is used up each is told a time of its own.
func spread(after time.Duration) time.Duration {
	after = max(after, time.Second)
	return after + rand.N(min(after/2, 5*time.Second)+1)
}

// failed notes an error of ours, or of the world, where people look for it.
func (v *visit) failed(ctx context.Context, cause error) (ctrl.Result, error) {
	tries := v.memory.failure(v.key)
	// An installation that was removed or suspended is not back in a minute: when it is, a delivery or the sweep tells.
	final := tries >= v.Tries || tries >= 2 && errors.Is(cause, forge.ErrUnauthorized)
	v.log.Error("looking at a pull request failed", "error", cause, "try", tries, "final", final)
	v.res.Status.LastError = clip(cause.Error(), 1000)
	v.confess(ctx, cause, tries, final)
	if final {
		v.memory.success(v.key)
		v.res.Status.ObservedAsked = v.asked.At
	}
	if err := v.save(ctx); err != nil {
		v.log.Error("saving a failure failed", "error", err)
	}
	if final {
		return ctrl.Result{}, nil // a new request, or the sweep, begins anew
	}
	return ctrl.Result{RequeueAfter: min(time.Second<<(tries-1), time.Minute)}, nil
}

// confess has the check say that we are trying again, or that we gave up. A check that is concluded is left alone.
func (v *visit) confess(ctx context.Context, cause error, tries int, final bool) {
	s := &v.res.Status
	if s.CheckState != slipway.CheckPending || s.CheckHead == "" || !final && tries != 2 {
		return
	}
	if err := v.setCheck(ctx, report.Trouble(clip(cause.Error(), 1000), final)); err != nil {
		v.log.Error("the check cannot be told of a failure", "error", err)
	}
}

func clip(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}
