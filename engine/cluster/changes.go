package cluster

import (
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
)

// changes tells subscribers of what matters to an application: an object of it that comes, goes, or is another than before in its
// content or health. The first listing of a kind is no news: whoever asked for it looks at it.
func (c *Cluster) changes(r resource) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(o any, isInInitialList bool) {
			if u, ok := o.(*unstructured.Unstructured); ok && !isInInitialList {
				c.tell(u)
			}
		},
		UpdateFunc: func(before, after any) {
			b, bok := before.(*unstructured.Unstructured)
			a, aok := after.(*unstructured.Unstructured)
			if bok && aok && differs(b, a) {
				c.tell(b, a)
			}
		},
		DeleteFunc: func(o any) {
			if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
				o = gone.Obj
			}
			if u, ok := o.(*unstructured.Unstructured); ok {
				c.cache.recent.forget(object.IDOf(u))
				c.tell(u)
			}
		},
	}
}

// tell tells each application that tracks one of the forms of an object, once.
func (c *Cluster) tell(forms ...*unstructured.Unstructured) {
	told := ""
	for _, u := range forms {
		app, ok := c.tracking.TrackedBy(u)
		if !ok || app == told {
			continue
		}
		told = app
		c.here.tell(c, app, object.IDOf(u))
		c.everywhere.tell(c, app, object.IDOf(u))
	}
}

// differs leaves out what the server counts and what only status holds, unless it changes the health.
func differs(before, after *unstructured.Unstructured) bool {
	if before.GetResourceVersion() == after.GetResourceVersion() {
		return false
	}
	if !reflect.DeepEqual(content(before), content(after)) {
		return true
	}
	return !reflect.DeepEqual(health.Of(before), health.Of(after))
}

func content(u *unstructured.Unstructured) map[string]any {
	out := make(map[string]any, len(u.Object))
	for k, v := range u.Object {
		if k != "status" {
			out[k] = v
		}
	}
	metadata, _ := u.Object["metadata"].(map[string]any)
	kept := make(map[string]any, len(metadata))
	for k, v := range metadata {
		if k != "resourceVersion" && k != "generation" && k != "managedFields" {
			kept[k] = v
		}
	}
	out["metadata"] = kept
	return out
}
