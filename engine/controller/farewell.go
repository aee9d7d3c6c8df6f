package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/object"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

// Finalizers that an application has while its sources render hooks of its deletion. The one with cleanupSuffix stands for what
// their delete policies ask for when they have run.
const (
	preDeleteFinalizer  = "pre-delete-finalizer.argocd.argoproj.io"
	postDeleteFinalizer = "post-delete-finalizer.argocd.argoproj.io"
	cleanupSuffix       = "/cleanup"
)

// stage is a part of a deletion that a finalizer stands for.
type stage struct {
	finalizer string
	hook      argo.HookType
	cleanup   bool
}

// stages are those of hooks, in their order.
var stages = []stage{
	{preDeleteFinalizer, argo.HookTypePreDelete, false}, {preDeleteFinalizer + cleanupSuffix, argo.HookTypePreDelete, true},
	{postDeleteFinalizer, argo.HookTypePostDelete, false}, {postDeleteFinalizer + cleanupSuffix, argo.HookTypePostDelete, true},
}

func isHookFinalizer(f string) bool {
	return slices.ContainsFunc(stages, func(s stage) bool { return s.finalizer == f })
}

// runsAfter reports whether an object is a hook that runs when the others are gone.
func runsAfter(u *unstructured.Unstructured) bool {
	types, _ := engine.Hooks(u)
	return slices.Contains(types, argo.HookTypePostDelete)
}

// withHookFinalizers are the finalizers of an application that wants these objects: with those of the hooks that are among them,
// without those of hooks that are not.
func withHookFinalizers(finalizers []string, wanted *object.Set) []string {
	present := map[argo.HookType]bool{}
	for _, o := range wanted.All() {
		types, _ := engine.Hooks(o.Unstructured)
		for _, t := range types {
			present[t] = true
		}
	}
	out := slices.Clone(finalizers)
	for _, s := range stages {
		has := slices.Contains(out, s.finalizer)
		switch {
		case present[s.hook] && !has:
			out = append(out, s.finalizer)
		case !present[s.hook] && has:
			out = slices.DeleteFunc(out, func(f string) bool { return f == s.finalizer })
		}
	}
	return out
}

// hookStage is the first stage left of those whose finalizers begin so.
func (p *pass) hookStage(prefix string) (stage, bool) {
	for _, s := range stages {
		if strings.HasPrefix(s.finalizer, prefix) && slices.Contains(p.app.Finalizers, s.finalizer) {
			return s, true
		}
	}
	return stage{}, false
}

// runStage carries a stage on as far as it goes now, and takes its finalizer off at its end.
func (p *pass) runStage(ctx context.Context, dest Destination, s stage) (time.Duration, error) {
	if left := p.memo.retryHooks.Sub(p.now()); left > 0 {
		return left, nil // the condition that tells of the failure is an event of its own, which must not bring the next try
	}
	in, err := p.deletion(ctx, dest)
	if err != nil {
		return retryAfter, p.deletionProblem(ctx, err.Error())
	}
	for range stepsAtOnce {
		if in.Live, err = p.readAll(ctx, dest, engine.DeletionHooks(in, s.hook)); err != nil {
			return retryAfter, p.deletionProblem(ctx, err.Error())
		}
		plan := engine.Plan{Phase: argo.OperationSucceeded, Step: engine.AfterDeletion(in, s.hook)}
		if !s.cleanup {
			plan = engine.AtDeletion(in, s.hook)
		}
		if plan.Step != nil {
			if err := p.stillOurs(ctx); err != nil {
				return 0, client.IgnoreNotFound(err)
			}
			if err := p.doStep(ctx, dest, plan.Step); err != nil {
				return retryAfter, p.deletionProblem(ctx, err.Error())
			}
		}
		switch {
		case plan.Phase == argo.OperationFailed:
			p.memo.retryHooks = p.now().Add(retryAfter)
			return retryAfter, p.deletionProblem(ctx, plan.Message)
		case plan.Phase.Successful():
			return time.Millisecond, p.depart(ctx, dest, func(f string) bool { return f == s.finalizer })
		case plan.Step == nil:
			return lookAfter, nil
		case plan.Step.Removes():
			return settleAfter, nil
		}
	}
	return time.Millisecond, nil
}

// deletion is what the hooks of the application's end are decided by.
func (p *pass) deletion(ctx context.Context, dest Destination) (engine.Input, error) {
	sources := p.app.Spec.SourceList()
	target, err := p.Pipeline.Target(ctx, change.TargetRequest{App: p.app, Sources: sources, Trusted: true})
	switch {
	case err != nil:
		return engine.Input{}, fmt.Errorf("%s: %w", noManifest(len(sources)), err)
	case target.Fault != nil:
		return engine.Input{}, fmt.Errorf("%s: %w", noManifest(len(sources)), target.Fault)
	}
	permits := p.permits()
	return engine.Input{
		Desired: target.Objects, Namespace: p.app.Spec.Destination.Namespace, Options: p.app.Spec.SyncPolicy.Options(),
		Revision: first(target.Revisions), StartedAt: p.app.DeletionTimestamp.Time, Served: dest.Namespaced, Health: p.judge(ctx), Now: p.now(),
		Permits: func(id object.ID, namespaced bool) string {
			return permits.Object(id, namespaced, place(dest, id.Namespace))
		},
	}, nil
}

// readAll reads objects past the cache.
func (p *pass) readAll(ctx context.Context, dest Destination, ids []object.ID) (map[object.ID]*unstructured.Unstructured, error) {
	live := map[object.ID]*unstructured.Unstructured{}
	for _, id := range ids {
		u, err := dest.Get(ctx, id)
		switch {
		case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
		case err != nil:
			return nil, fmt.Errorf("reading %s: %w", id, err)
		default:
			live[id] = u
		}
	}
	return live, nil
}

// doStep carries a step out; what the API server refuses is an error.
func (p *pass) doStep(ctx context.Context, dest Destination, s *engine.Step) error {
	actor, err := p.actor(dest)
	if err != nil {
		return err
	}
	outcomes, err := p.runner.Do(ctx, actor, s)
	for _, o := range outcomes {
		if o.Failed {
			err = errors.Join(err, fmt.Errorf("%s of %s: %s", o.Action.Verb, o.Action.ID, o.Message))
		}
	}
	return err
}
