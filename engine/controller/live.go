package controller

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/slipway-cd/slipway/engine/object"
)

// liveSource turns changes of live objects into requests for their applications, gathered over a short time.
type liveSource struct{ *applications }

// Start is called by the controller with its queue.
func (s liveSource) Start(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	if s.Changes == nil {
		return nil
	}
	cancel := s.Changes(func(instance string, _ object.ID) {
		key := s.key(instance)
		s.memos.of(key).ask(levelLive)
		queue.AddAfter(reconcile.Request{NamespacedName: key}, s.Options.Debounce)
	})
	context.AfterFunc(ctx, cancel)
	return nil
}

// key is the application of a tracked instance: "name" in the control namespace, "namespace_name" elsewhere.
func (r *applications) key(instance string) types.NamespacedName {
	if namespace, name, ok := strings.Cut(instance, "_"); ok {
		return types.NamespacedName{Namespace: namespace, Name: name}
	}
	return types.NamespacedName{Namespace: r.ControlNamespace, Name: instance}
}
