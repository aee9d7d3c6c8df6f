package controller

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/settings"
)

// settingsNames are the ConfigMaps that say how sources are rendered and compared, and by whom they must be signed.
var settingsNames = []string{settings.ConfigMapName, settings.SigningKeysName}

// settingsChanged passes on news of the settings, of which there are none when the cache fills.
func settingsChanged(namespace string) predicate.Predicate {
	ours := func(o client.Object) bool {
		return o.GetNamespace() == namespace && slices.Contains(settingsNames, o.GetName())
	}
	return predicate.Funcs{
		CreateFunc:  func(e event.CreateEvent) bool { return !e.IsInInitialList && ours(e.Object) },
		DeleteFunc:  func(e event.DeleteEvent) bool { return ours(e.Object) },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, isMap := e.ObjectOld.(*corev1.ConfigMap)
			after, isMapToo := e.ObjectNew.(*corev1.ConfigMap)
			return ours(e.ObjectNew) && isMap && isMapToo && !maps.Equal(before.Data, after.Data)
		},
	}
}

// ofSettings are all applications: any may render or compare differently now.
func (r *applications) ofSettings(ctx context.Context, _ client.Object) []reconcile.Request {
	apps := &argo.ApplicationList{}
	if err := r.client.List(ctx, apps); err != nil {
		r.Log.Error("listing applications for changed settings", "error", err)
		return nil
	}
	requests := make([]reconcile.Request, 0, len(apps.Items))
	for i := range apps.Items {
		key := client.ObjectKeyFromObject(&apps.Items[i])
		r.memos.of(key).ask(levelCached)
		requests = append(requests, reconcile.Request{NamespacedName: key})
	}
	return requests
}
