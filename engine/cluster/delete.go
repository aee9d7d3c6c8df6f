package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/object"
)

// DeleteOptions says what may be deleted and how.
type DeleteOptions struct {
	// Propagation is foreground, background or orphan, in Kubernetes' spelling; empty is foreground.
	Propagation metav1.DeletionPropagation
	// UID and ResourceVersion, where set, must still be the object's.
	UID             types.UID
	ResourceVersion string
	DryRun          bool
}

// Delete asks for the object to go; it may stay a while for its finalizers. One that is gone, or whose kind is, is no error. If
// another object has taken its name, or it changed where that is asked, the error is an apierrors.IsConflict.
func (c *Cluster) Delete(ctx context.Context, id object.ID, o DeleteOptions) error {
	r, err := c.lookup(ctx, id.GroupKind(), "")
	if meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("deleting %s: %w", id, err)
	}
	propagation := o.Propagation
	if propagation == "" {
		propagation = metav1.DeletePropagationForeground
	}
	options := metav1.DeleteOptions{PropagationPolicy: &propagation}
	if o.UID != "" || o.ResourceVersion != "" {
		options.Preconditions = &metav1.Preconditions{}
		if o.UID != "" {
			options.Preconditions.UID = &o.UID
		}
		if o.ResourceVersion != "" {
			options.Preconditions.ResourceVersion = &o.ResourceVersion
		}
	}
	if o.DryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err = retried(ctx, changeTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.objects(r, id.Namespace).Delete(ctx, id.Name, options)
	})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting %s: %w", id, err)
	}
	if !o.DryRun {
		c.cache.recent.forget(id)
	}
	return nil
}

// RemoveFinalizer takes a finalizer off the object, if it is still the one of that UID (empty: whichever has the name). An object
// that is gone or does not have it is no error.
func (c *Cluster) RemoveFinalizer(ctx context.Context, id object.ID, uid types.UID, finalizer string) error {
	r, err := c.lookup(ctx, id.GroupKind(), "")
	if err != nil {
		return fmt.Errorf("releasing %s: %w", id, err)
	}
	for attempt := range takeOverAttempts {
		if err := yield(ctx, attempt); err != nil {
			return fmt.Errorf("releasing %s: %w", id, err)
		}
		u, err := c.read(ctx, r, id)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("releasing %s: %w", id, err)
		}
		rest := slices.DeleteFunc(slices.Clone(u.GetFinalizers()), func(f string) bool { return f == finalizer })
		if uid != "" && u.GetUID() != uid || len(rest) == len(u.GetFinalizers()) {
			return nil
		}
		body, err := json.Marshal(map[string]any{"metadata": map[string]any{"finalizers": rest, "resourceVersion": u.GetResourceVersion()}})
		if err != nil {
			return fmt.Errorf("releasing %s: %w", id, err)
		}
		_, err = retried(ctx, changeTimeout, func(ctx context.Context) (struct{}, error) {
			_, err := c.objects(r, id.Namespace).Patch(ctx, id.Name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: userAgent})
			return struct{}{}, err
		})
		switch {
		case err == nil || apierrors.IsNotFound(err):
			return nil
		case !apierrors.IsConflict(err):
			return fmt.Errorf("releasing %s: %w", id, err)
		}
	}
	return fmt.Errorf("releasing %s: it keeps changing", id)
}
