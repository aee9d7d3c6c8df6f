package bot

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// Setup has a manager run the bot: the reconcilers of PullRequest and Repository, and the sweep. Client, Reader and Record default
// to the manager's. The manager's scheme must know both API groups. The Bot that it returns answers what pages ask, in every replica.
func Setup(mgr ctrl.Manager, d Deps) (*Bot, error) {
	if d.Client == nil {
		d.Client = mgr.GetClient()
	}
	if d.Reader == nil {
		d.Reader = mgr.GetAPIReader()
	}
	if d.Record == nil {
		events := mgr.GetEventRecorder("slipway")
		d.Record = func(about runtime.Object, reason, message string) {
			events.Eventf(about, nil, corev1.EventTypeNormal, reason, reason, "%s", clip(message, 1000))
		}
	}
	b, err := New(d)
	if err != nil {
		return nil, err
	}
	err = ctrl.NewControllerManagedBy(mgr).Named("pullrequest").
		For(&slipway.PullRequest{}, builder.WithPredicates(b.whenAsked())).
		Watches(&argo.Application{}, handler.EnqueueRequestsFromMapFunc(b.whoFollows), builder.WithPredicates(whenMoved())).
		WithOptions(controller.Options{MaxConcurrentReconciles: waitingRoom * b.Workers}).
		Complete(b)
	if err != nil {
		return nil, fmt.Errorf("setting up the pull requests' reconciler: %w", err)
	}
	err = ctrl.NewControllerManagedBy(mgr).Named("repository").
		For(&slipway.Repository{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: b.Workers}).
		Complete(repositories{b})
	if err != nil {
		return nil, fmt.Errorf("setting up the repositories' reconciler: %w", err)
	}
	if err := mgr.Add(sweeper{b}); err != nil {
		return nil, fmt.Errorf("setting up the sweep: %w", err)
	}
	return b, nil
}

// waitingRoom is how many times the workers may be under way: all but the workers have shown their first sign of life and wait.
const waitingRoom = 32

// whenAsked lets requests for a look pass, and tells a look that goes on at once: it may be at a head that is no longer.
func (b *Bot) whenAsked() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return true },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, okb := e.ObjectOld.(*slipway.PullRequest)
			now, okn := e.ObjectNew.(*slipway.PullRequest)
			if !okb || !okn || equality.Semantic.DeepEqual(before.Spec, now.Spec) {
				return false
			}
			b.running.poke(client.ObjectKeyFromObject(now))
			return true
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
}

// whenMoved lets pass what tells how far an application has come.
func whenMoved() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return true },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, okb := e.ObjectOld.(*argo.Application)
			now, okn := e.ObjectNew.(*argo.Application)
			return okb && okn && !(equality.Semantic.DeepEqual(before.Operation, now.Operation) &&
				equality.Semantic.DeepEqual(before.Status.OperationState, now.Status.OperationState) &&
				equality.Semantic.DeepEqual(before.Status.Sync, now.Status.Sync) &&
				equality.Semantic.DeepEqual(before.Status.Health, now.Status.Health) &&
				equality.Semantic.DeepEqual(before.Status.ReconciledAt, now.Status.ReconciledAt))
		},
	}
}

// whoFollows names the pull requests that wait for something of an application.
func (b *Bot) whoFollows(ctx context.Context, app client.Object) []ctrl.Request {
	pulls := &slipway.PullRequestList{}
	// Each change of any application comes here, and there may be thousands of pull requests: they are read, not copied.
	if err := b.Client.List(ctx, pulls, client.InNamespace(b.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		b.Log.Warn("pull requests cannot be listed", "error", err)
		return nil
	}
	var requests []ctrl.Request
	for i := range pulls.Items {
		if p := &pulls.Items[i]; waitsFor(p, app.GetNamespace(), app.GetName()) || pendingOn(p, app.GetNamespace(), app.GetName()) || isOf(app, p) {
			requests = append(requests, ctrl.Request{NamespacedName: types.NamespacedName{Namespace: p.Namespace, Name: p.Name}})
		}
	}
	return requests
}

func waitsFor(p *slipway.PullRequest, namespace, name string) bool {
	for _, c := range p.Status.Commands {
		if !c.Phase.Finished() && slices.Contains(c.Applications, namespace+"/"+name) {
			return true
		}
	}
	return following(p) && slices.ContainsFunc(p.Status.Applications, func(f slipway.FollowedApplication) bool {
		return f.Namespace == namespace && f.Name == name && !ended(f.Phase)
	})
}
