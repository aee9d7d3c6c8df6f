package controller

import (
	"context"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// setWrites is how many applications of a set are written at a time.
const setWrites = 8

// setFailure is a write that failed, with the reason that the set's status gives for it.
type setFailure struct {
	reason string
	err    error
}

func (f *setFailure) Error() string { return f.err.Error() }
func (f *setFailure) Unwrap() error { return f.err }

// carryOut writes what was decided: what is new, then what changes, then what goes. The error is that of the first application by name.
// What one of them is refused does not keep the others from it.
func (p *setPass) carryOut(ctx context.Context, todo setTodo) error {
	if p.settings.DryRun {
		p.log.Info("a dry run: nothing is written", "create", len(todo.create), "change", len(todo.change), "remove", len(todo.remove))
		return nil
	}
	created := many(todo.create, func(app *argo.Application) error { return p.create(ctx, app) })
	changed := many(todo.change, func(c setChange) error { return p.change(ctx, c) })
	removed := many(todo.remove, func(app *argo.Application) error { return p.remove(ctx, app, todo.strip[app.Name]) })
	if removed == nil && todo.used {
		removed = p.annotate(ctx, allowDeletionsAnnotation)
	}
	for _, f := range []setFailure{
		{argo.ApplicationSetReasonCreateApplicationError, created},
		{argo.ApplicationSetReasonUpdateApplicationError, changed},
		{argo.ApplicationSetReasonDeleteApplicationError, removed},
	} {
		if f.err != nil {
			return &f
		}
	}
	return nil
}

// many does the same for all, some at a time, and gives the error of the first in order, if any.
func many[T any](all []T, do func(T) error) error {
	errs := make([]error, len(all))
	slots := make(chan struct{}, setWrites)
	var wg sync.WaitGroup
	for i, item := range all {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(item)
		})
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

func (p *setPass) create(ctx context.Context, app *argo.Application) error {
	if err := p.client.Create(ctx, app, client.FieldOwner(Manager)); err != nil {
		if apierrors.IsAlreadyExists(err) { // the cache is behind
			return apierrors.NewConflict(schema.GroupResource{Group: argo.Group, Resource: "applications"}, app.Name, err)
		}
		return fmt.Errorf("creating application %s: %w", app.Name, err)
	}
	p.tell("created", "Create", fmt.Sprintf("created Application %q", app.Name))
	return nil
}

func (p *setPass) change(ctx context.Context, c setChange) error {
	into := c.live.DeepCopy()
	if err := p.client.Patch(ctx, into, client.RawPatch(types.MergePatchType, c.patch), client.FieldOwner(Manager)); err != nil {
		return fmt.Errorf("changing application %s: %w", c.live.Name, err)
	}
	p.log.Info("application changed", "application", c.live.Name)
	p.tell("updated", "Update", fmt.Sprintf("updated Application %q", c.live.Name))
	return nil
}

// remove deletes the very application that was decided about. Where its cluster is gone, nothing of it can be deleted there: it does not
// wait for that.
func (p *setPass) remove(ctx context.Context, app *argo.Application, strip bool) error {
	if strip && slices.ContainsFunc(app.Finalizers, isCascade) {
		into := app.DeepCopy()
		into.Finalizers = slices.DeleteFunc(into.Finalizers, isCascade)
		err := p.client.Patch(ctx, into, client.MergeFromWithOptions(app, client.MergeFromWithOptimisticLock{}), client.FieldOwner(Manager))
		if err != nil {
			return fmt.Errorf("letting go of application %s, whose cluster is gone: %w", app.Name, err)
		}
		p.tell("Updated", "Update", fmt.Sprintf("Updated Application %q finalizer before deletion, because application has an invalid destination", app.Name))
	}
	uid := app.UID
	if err := p.client.Delete(ctx, app, client.Preconditions{UID: &uid}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting application %s: %w", app.Name, err)
	}
	p.log.Info("application deleted", "application", app.Name)
	p.tell("Deleted", "Delete", fmt.Sprintf("Deleted Application %q", app.Name))
	return nil
}

func (p *setPass) tell(reason, action, message string) {
	p.events.Eventf(p.set, nil, corev1.EventTypeNormal, reason, action, "%s", cut(message))
}

// annotate takes annotations away that asked for something once. What was read may be behind: the very value that was seen goes, and no
// other.
func (p *setPass) annotate(ctx context.Context, key string) error {
	into := p.set.DeepCopy()
	delete(into.Annotations, key)
	err := p.client.Patch(ctx, into, client.MergeFromWithOptions(p.set, client.MergeFromWithOptimisticLock{}), client.FieldOwner(Manager))
	if err != nil {
		return fmt.Errorf("taking the annotation %s away: %w", key, err)
	}
	p.wrote(into)
	return nil
}

// wrote goes on with the set as the API server has it now.
func (p *setPass) wrote(set *argo.ApplicationSet) { p.set, p.memo.written = set, set.ResourceVersion }

// refreshed answers a request to ask the generators anew: the one that was there before they were asked.
func (p *setPass) refreshed(ctx context.Context) error {
	if !p.asked {
		return nil
	}
	return p.annotate(ctx, setRefreshAnnotation)
}
