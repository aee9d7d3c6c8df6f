package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/object"
)

// PatchRequest is a change of single fields of a live object.
type PatchRequest struct {
	// Object is the one that was looked at. It is changed only while it is still that: its UID and resourceVersion are conditions.
	Object *unstructured.Unstructured
	// Fields is a JSON merge patch of all but the status, Status one of the status; nil for none.
	Fields, Status map[string]any
	// Manager owns the fields afterwards.
	Manager string
	DryRun  bool
}

// Patch changes fields of an object. If it changed since it was looked at, the error is an apierrors.IsConflict.
func (c *Cluster) Patch(ctx context.Context, p PatchRequest) (*unstructured.Unstructured, error) {
	id := object.IDOf(p.Object)
	r, err := c.lookup(ctx, id.GroupKind(), p.Object.GroupVersionKind().Version)
	if err != nil {
		return nil, fmt.Errorf("patching %s: %w", id, err)
	}
	now := p.Object
	for _, part := range []struct {
		fields      map[string]any
		subresource []string
	}{{p.Fields, nil}, {p.Status, []string{"status"}}} {
		if part.fields == nil {
			continue
		}
		data, err := json.Marshal(conditional(part.fields, now))
		if err != nil {
			return nil, fmt.Errorf("patching %s: %w", id, err)
		}
		options := metav1.PatchOptions{FieldManager: p.Manager}
		if p.DryRun {
			options.DryRun = []string{metav1.DryRunAll}
		}
		// Not tried again on its own: an answer that was lost shows as a conflict to whoever asks again.
		done, err := c.objects(r, id.Namespace).Patch(ctx, id.Name, types.MergePatchType, data, options, part.subresource...)
		if err != nil {
			return nil, fmt.Errorf("patching %s: %w", id, err)
		}
		if !p.DryRun {
			now = done
		}
	}
	return now, nil
}

// conditional is a patch that holds only for the object as it is.
func conditional(fields map[string]any, u *unstructured.Unstructured) map[string]any {
	patch := maps.Clone(fields)
	metadata := map[string]any{}
	if m, ok := fields["metadata"].(map[string]any); ok {
		maps.Copy(metadata, m)
	}
	metadata["uid"], metadata["resourceVersion"] = string(u.GetUID()), u.GetResourceVersion()
	patch["metadata"] = metadata
	return patch
}

// Create makes a new object. One of the same name is an apierrors.IsAlreadyExists.
func (c *Cluster) Create(ctx context.Context, u *unstructured.Unstructured, manager string, dryRun bool) (*unstructured.Unstructured, error) {
	id := object.IDOf(u)
	r, err := c.lookup(ctx, id.GroupKind(), u.GroupVersionKind().Version)
	if err != nil {
		return nil, fmt.Errorf("creating %s: %w", id, err)
	}
	options := metav1.CreateOptions{FieldManager: manager}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	made, err := c.objects(r, id.Namespace).Create(ctx, u, options)
	if err != nil {
		return nil, fmt.Errorf("creating %s: %w", id, err)
	}
	return made, nil
}
