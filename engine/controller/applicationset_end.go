package controller

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
)

// setFinalizer holds a set until its applications have gone in their order.
const setFinalizer = "resources-finalizer.argocd.argoproj.io"

// endPeriod is how often the end of a set is looked at when nothing tells of it.
const endPeriod = 10 * time.Second

// claim sees to it that a set whose applications go in reverse order cannot go before them.
func (p *setPass) claim(ctx context.Context) error {
	if p.settings.RollingOff || p.settings.DryRun || !appset.IsReverse(p.set) || slices.Contains(p.set.Finalizers, setFinalizer) {
		return nil
	}
	return p.finalizers(ctx, append(slices.Clone(p.set.Finalizers), setFinalizer))
}

func (p *setPass) finalizers(ctx context.Context, all []string) error {
	into := p.set.DeepCopy()
	into.Finalizers = all
	err := p.client.Patch(ctx, into, client.MergeFromWithOptions(p.set, client.MergeFromWithOptimisticLock{}), client.FieldOwner(Manager))
	if err != nil {
		return fmt.Errorf("writing the finalizers of application set %s: %w", p.set.Name, err)
	}
	p.wrote(into)
	return nil
}

// finalize sees a set to its end. Its applications go with it, by their owner references; where the policy keeps them they are let go of
// first, and where they go in an order, they do before it.
func (p *setPass) finalize(ctx context.Context) (time.Duration, error) {
	if !slices.Contains(p.set.Finalizers, setFinalizer) {
		return 0, nil
	}
	current, err := p.owned(ctx)
	if err != nil {
		return 0, err
	}
	switch {
	case !p.settings.PolicyOf(p.set).AllowDelete():
		if err := many(current, func(app *argo.Application) error { return p.disown(ctx, app) }); err != nil {
			return 0, err
		}
	case appset.IsReverse(p.set) && !p.settings.RollingOff:
		if waiting, err := p.removeNext(ctx, current); waiting || err != nil {
			return endPeriod, err
		}
	}
	return 0, p.finalizers(ctx, slices.DeleteFunc(slices.Clone(p.set.Finalizers), func(f string) bool { return f == setFinalizer }))
}

// owned are the set's applications, by the API server's word: by what a cache has not heard of yet, some would be left behind.
func (p *setPass) owned(ctx context.Context) ([]*argo.Application, error) {
	var list argo.ApplicationList
	if err := p.reader.List(ctx, &list, client.InNamespace(p.set.Namespace)); err != nil {
		return nil, fmt.Errorf("listing the applications of %s: %w", p.set.Namespace, err)
	}
	var all []*argo.Application
	for i := range list.Items {
		if _, uid, ok := owner(&list.Items[i]); ok && uid == p.set.UID {
			all = append(all, &list.Items[i])
		}
	}
	return all, nil
}

func (p *setPass) disown(ctx context.Context, app *argo.Application) error {
	into := app.DeepCopy()
	into.OwnerReferences = slices.DeleteFunc(into.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == p.set.UID })
	err := p.client.Patch(ctx, into, client.MergeFromWithOptions(app, client.MergeFromWithOptimisticLock{}), client.FieldOwner(Manager))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("letting go of application %s: %w", app.Name, err)
	}
	return nil
}

// removeNext deletes the next application whose turn it is, and says whether there is still one to wait for.
func (p *setPass) removeNext(ctx context.Context, current []*argo.Application) (bool, error) {
	order := appset.DeletionOrder(p.set, current)
	if len(order) == 0 {
		return false, nil
	}
	if next := order[0]; next.DeletionTimestamp.IsZero() {
		return true, p.remove(ctx, next, false)
	}
	return true, nil // it goes
}
