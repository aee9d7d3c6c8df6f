package controller

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/settings"
)

// Annotations of ApplicationSets.
const (
	// setRefreshAnnotation asks for its generators to be asked anew; it is taken away when that is done.
	setRefreshAnnotation = "argocd.argoproj.io/application-set-refresh"
	// allowDeletionsAnnotation is a person's word that up to so many applications may be deleted at once. It is taken away when it is used.
	allowDeletionsAnnotation = "slipway.dev/allow-deletions"
	// strangersAnnotation set to "allow" has pull requests generated whose head nobody who may write has vouched for.
	strangersAnnotation = "slipway.dev/untrusted-heads"
)

// setChanged passes on what a set's reconcile depends on: not its status, and not that a refresh was answered.
func setChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*argo.ApplicationSet)
		after, too := e.ObjectNew.(*argo.ApplicationSet)
		if !ok || !too {
			return false
		}
		if !equality.Semantic.DeepEqual(before.Spec, after.Spec) || !maps.Equal(before.Labels, after.Labels) ||
			!slices.Equal(before.Finalizers, after.Finalizers) || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
			before.UID != after.UID {
			return true
		}
		return news(before.Annotations, after.Annotations)
	}}
}

// news says whether annotations have changed in more than that one was taken away which asks for something once.
func news(before, after map[string]string) bool {
	before, after = maps.Clone(before), maps.Clone(after)
	for _, key := range []string{setRefreshAnnotation, allowDeletionsAnnotation} {
		if _, asked := after[key]; !asked {
			delete(before, key)
		}
	}
	return !maps.Equal(before, after)
}

// ofSet is the set itself, whose generators are asked where that is what changed.
func (r *sets) ofSet(_ context.Context, o client.Object) []reconcile.Request {
	key := client.ObjectKeyFromObject(o)
	if _, asked := o.GetAnnotations()[setRefreshAnnotation]; asked {
		r.memos.of(key).news.Store(true)
	}
	return []reconcile.Request{{NamespacedName: key}}
}

// owner is the set that an application belongs to.
func owner(app client.Object) (name string, uid types.UID, ok bool) {
	ref := metav1.GetControllerOf(app)
	if ref == nil || ref.Kind != "ApplicationSet" || ref.APIVersion != argo.SchemeGroupVersion.String() {
		return "", "", false
	}
	return ref.Name, ref.UID, true
}

// ofOwned are the sets of applications that went, or of which somebody changed what the set decides. How an application fares is news
// only to a set that rolls.
func (r *sets) ofOwned() handler.EventHandler {
	add := func(o client.Object, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		if name, _, ok := owner(o); ok {
			q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}})
		}
	}
	return handler.Funcs{ // of those that are created none: it was the set that did it
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			add(e.Object, q)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			before, ok := e.ObjectOld.(*argo.Application)
			after, too := e.ObjectNew.(*argo.Application)
			switch {
			case !ok || !too:
			case differsForSet(before, after):
				add(before, q)
				add(after, q)
			case fares(before.Status) != fares(after.Status) && r.rolls(ctx, after):
				add(after, q)
			}
		},
	}
}

func differsForSet(before, after *argo.Application) bool {
	return !equality.Semantic.DeepEqual(before.Spec, after.Spec) || !maps.Equal(before.Labels, after.Labels) ||
		!maps.Equal(decided(before.Annotations), decided(after.Annotations)) || !slices.Equal(before.Finalizers, after.Finalizers) ||
		!equality.Semantic.DeepEqual(before.OwnerReferences, after.OwnerReferences)
}

// decided are the annotations that a set may decide about.
func decided(annotations map[string]string) map[string]string {
	out := make(map[string]string, len(annotations))
	for k, v := range annotations {
		if !keptAlways(k) {
			out[k] = v
		}
	}
	return out
}

// fares is how an application does, as far as a rolling sync goes by it.
func fares(s argo.ApplicationStatus) string {
	return fmt.Sprint(s.Health.Status, s.Sync.Status, s.Sync.Revision, s.Sync.Revisions, phaseOf(s))
}

// rolls says whether the set of an application rolls.
func (r *sets) rolls(ctx context.Context, app *argo.Application) bool {
	name, _, ok := owner(app)
	set := &argo.ApplicationSet{}
	return ok && r.client.Get(ctx, types.NamespacedName{Namespace: app.Namespace, Name: name}, set) == nil && appset.IsRolling(set)
}

// phaseOf tells one stage of an operation from another.
func phaseOf(s argo.ApplicationStatus) string {
	if s.OperationState == nil {
		return ""
	}
	return string(s.OperationState.Phase) + s.OperationState.StartedAt.String()
}

func secretChanged(namespace string) predicate.Predicate {
	ours := func(o client.Object) bool {
		return o.GetNamespace() == namespace && o.GetLabels()[settings.SecretTypeLabel] == "cluster"
	}
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return !e.IsInInitialList && ours(e.Object) },
		DeleteFunc:  func(e event.DeleteEvent) bool { return ours(e.Object) },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*corev1.Secret)
			after, too := e.ObjectNew.(*corev1.Secret)
			if !ok || !too || !ours(before) && !ours(after) {
				return false
			}
			return !maps.Equal(before.Labels, after.Labels) || !maps.Equal(before.Annotations, after.Annotations) ||
				!maps.EqualFunc(before.Data, after.Data, bytes.Equal)
		},
	}
}

// ofSecret are the sets that ask which clusters there are.
func (r *sets) ofSecret(ctx context.Context, _ client.Object) []reconcile.Request {
	return r.where(ctx, func(l appset.Leaf) bool { return l.Clusters != nil || l.ClusterDecisionResource != nil })
}

func configChanged(namespace string) predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return !e.IsInInitialList && e.Object.GetNamespace() == namespace },
		DeleteFunc:  func(e event.DeleteEvent) bool { return e.Object.GetNamespace() == namespace },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, ok := e.ObjectOld.(*corev1.ConfigMap)
			after, too := e.ObjectNew.(*corev1.ConfigMap)
			return ok && too && after.Namespace == namespace && !maps.Equal(before.Data, after.Data)
		},
	}
}

// ofConfigMap are the sets whose generators a ConfigMap describes; all of them where it is that of the settings.
func (r *sets) ofConfigMap(ctx context.Context, o client.Object) []reconcile.Request {
	return r.where(ctx, func(l appset.Leaf) bool {
		return o.GetName() == settings.ParametersName || l.Plugin != nil && l.Plugin.ConfigMapRef.Name == o.GetName() ||
			l.ClusterDecisionResource != nil && l.ClusterDecisionResource.ConfigMapRef == o.GetName()
	})
}

// where are the sets with a generator of which something is true; it is asked anew.
func (r *sets) where(ctx context.Context, is func(appset.Leaf) bool) []reconcile.Request {
	var all argo.ApplicationSetList
	if err := r.client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		r.Log.Error("listing application sets", "error", err)
		return nil
	}
	var requests []reconcile.Request
	for i := range all.Items {
		if slices.ContainsFunc(appset.Leaves(&all.Items[i]), is) {
			key := client.ObjectKeyFromObject(&all.Items[i])
			r.memos.of(key).news.Store(true)
			requests = append(requests, reconcile.Request{NamespacedName: key})
		}
	}
	return requests
}

func comesOrGoes() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return !e.IsInInitialList },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc:  func(event.UpdateEvent) bool { return false },
	}
}

// ofProject are all sets: an application may wait for the project, or lose it.
func (r *sets) ofProject(ctx context.Context, _ client.Object) []reconcile.Request {
	var all argo.ApplicationSetList
	if err := r.client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
		r.Log.Error("listing application sets of a project", "error", err)
		return nil
	}
	requests := make([]reconcile.Request, len(all.Items))
	for i := range all.Items {
		requests[i] = reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&all.Items[i])}
	}
	return requests
}
