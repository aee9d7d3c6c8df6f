// Package run carries the Steps of package sync out in a cluster.
//
// It decides nothing: what it is told it does, in the order it is told, and says what came of each action. It can be killed at
// any of them, since every action may be done again: applies are idempotent, and deletions name the object they mean by UID.
package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/sync"
)

// Cluster is where steps are carried out; Connected is one of a connected cluster. Errors keep the API server's in their chain.
type Cluster interface {
	// Apply brings an object to the cluster and gives it back as it is then, with a message such as "deployment.apps/web
	// serverside-applied".
	Apply(ctx context.Context, u *unstructured.Unstructured, o ApplyOptions) (*unstructured.Unstructured, string, error)
	// Delete deletes the object with that UID.
	Delete(ctx context.Context, id object.ID, uid types.UID, propagation string) error
	// Get reads an object past any cache.
	Get(ctx context.Context, id object.ID) (*unstructured.Unstructured, error)
	// RemoveFinalizer takes a finalizer off the object, if that is still the one with that UID.
	RemoveFinalizer(ctx context.Context, id object.ID, uid types.UID, finalizer string) error
}

// ApplyOptions says how to apply.
type ApplyOptions struct {
	sync.ApplyOptions
	DryRun bool
	// Recalled lets an answer of late to the same dry run stand for another one.
	Recalled bool
}

// Options of a Runner.
type Options struct {
	// Parallel is how many actions of one group run at once; 0 means 20.
	Parallel int
	// Retries is how often an action is tried again after a failure that may pass; 0 means 3, negative none.
	Retries int
	// Pause is the wait before the first such retry, doubled for each; 0 means 250 ms.
	Pause time.Duration
	Log   *slog.Logger
}

// Runner carries steps out.
type Runner struct{ o Options }

// New makes a Runner.
func New(o Options) *Runner {
	if o.Parallel <= 0 {
		o.Parallel = 20
	}
	if o.Retries == 0 {
		o.Retries = 3
	}
	if o.Pause <= 0 {
		o.Pause = 250 * time.Millisecond
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Runner{o}
}

// Do carries a step out and says what came of each action that was begun, in the step's order. What the API server refuses is an
// Outcome. The error is for what no outcome can be said of: the context's end, or hooks that could not be let go. The outcomes
// beside an error are still to be recorded.
func (r *Runner) Do(ctx context.Context, c Cluster, s *sync.Step) ([]sync.Outcome, error) {
	var all []sync.Outcome
	for _, group := range s.Groups {
		outcomes, err := r.group(ctx, c, s, group)
		all = append(all, outcomes...)
		if err != nil {
			return all, err
		}
		deletions := group[0].Verb != sync.Apply
		if deletions && slices.ContainsFunc(outcomes, func(o sync.Outcome) bool { return o.Failed }) {
			return all, nil
		}
	}
	return all, nil
}

// group does its actions side by side. One that fails does not stop the others; the context's end does.
func (r *Runner) group(ctx context.Context, c Cluster, s *sync.Step, group []sync.Action) ([]sync.Outcome, error) {
	outcomes := make([]*sync.Outcome, len(group))
	var g errgroup.Group
	g.SetLimit(r.o.Parallel)
	for i, a := range group {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			o, err := r.act(ctx, c, s, a)
			if err == nil {
				outcomes[i] = &o
			}
			return err
		})
	}
	err := g.Wait()
	var done []sync.Outcome
	for _, o := range outcomes {
		if o != nil {
			done = append(done, *o)
		}
	}
	return done, err
}

// act does one action, again while it fails for reasons that may pass.
func (r *Runner) act(ctx context.Context, c Cluster, s *sync.Step, a sync.Action) (sync.Outcome, error) {
	pause := r.o.Pause
	for try := 0; ; try++ {
		o, err := once(ctx, c, s, a)
		switch {
		case err == nil:
			return o, nil
		case ctx.Err() != nil:
			return o, fmt.Errorf("%s of %s: %w", a.Verb, a.ID, ctx.Err())
		case try < r.o.Retries && passes(err):
			r.o.Log.Debug("trying again", "verb", a.Verb, "object", a.ID.String(), "error", err)
			if err := sleep(ctx, pause); err != nil {
				return o, fmt.Errorf("%s of %s: %w", a.Verb, a.ID, err)
			}
			pause *= 2
		case a.Verb == sync.Release, a.Verb == sync.Remove && !s.Cleanup:
			return o, fmt.Errorf("%s of hook %s: %w", a.Verb, a.ID, err)
		default:
			return sync.Outcome{Action: a, Failed: true, Message: err.Error()}, nil
		}
	}
}

func once(ctx context.Context, c Cluster, s *sync.Step, a sync.Action) (sync.Outcome, error) {
	o := sync.Outcome{Action: a}
	var err error
	switch a.Verb {
	case sync.Apply:
		o.Live, o.Message, err = c.Apply(ctx, a.Object, ApplyOptions{ApplyOptions: a.Apply, DryRun: s.DryRun, Recalled: !s.Record})
		if s.DryRun {
			o.Live = nil
		}
	case sync.Prune:
		o.Message = "pruned"
		err = gone(c.Delete(ctx, a.ID, a.UID, a.Propagation))
	case sync.Remove:
		if err = gone(c.Delete(ctx, a.ID, a.UID, a.Propagation)); err == nil {
			err = gone(c.RemoveFinalizer(ctx, a.ID, a.UID, sync.HookFinalizer))
		}
	case sync.Release:
		if err = gone(c.RemoveFinalizer(ctx, a.ID, a.UID, sync.HookFinalizer)); err == nil {
			o.Live, err = c.Get(ctx, a.ID)
			err = gone(err)
		}
	default:
		err = fmt.Errorf("unknown verb %q", a.Verb)
	}
	return o, err
}

// gone takes as done what was to go and is not there, or not there any more under its UID.
func gone(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || meta.IsNoMatchError(err) {
		return nil
	}
	return err
}

// notTyped is what server-side apply says, as an internal error, of an object that its schema does not fit.
const notTyped = "failed to create typed patch object"

// passes reports whether an error may be another one in a moment.
func passes(err error) bool {
	var network net.Error
	var status apierrors.APIStatus
	if errors.As(err, &status) && strings.Contains(status.Status().Message, notTyped) {
		return false
	}
	return apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsConflict(err) || errors.As(err, &network)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
