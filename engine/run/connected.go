package run

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
)

// Connected is a connected cluster as a place for steps.
type Connected struct{ *cluster.Cluster }

var _ Cluster = Connected{}

// Apply applies u as o says.
func (c Connected) Apply(ctx context.Context, u *unstructured.Unstructured, o ApplyOptions) (*unstructured.Unstructured, string, error) {
	applied, err := c.Cluster.Apply(ctx, u, cluster.ApplyOptions{
		DryRun: o.DryRun, Recalled: o.Recalled, ClientSide: !o.ServerSide && !o.Replace, Replace: o.Replace, Force: o.Force,
		SkipValidation: o.SkipValidation, KeepManagers: o.KeepManagers,
	})
	return applied.Object, applied.Message, err
}

var propagations = map[string]metav1.DeletionPropagation{
	"foreground": metav1.DeletePropagationForeground, "background": metav1.DeletePropagationBackground, "orphan": metav1.DeletePropagationOrphan,
}

// Delete deletes the object with that UID. An unknown propagation is foreground.
func (c Connected) Delete(ctx context.Context, id object.ID, uid types.UID, propagation string) error {
	return c.Cluster.Delete(ctx, id, cluster.DeleteOptions{UID: uid, Propagation: propagations[propagation]})
}

// As is the cluster to carry steps out in as somebody; see cluster.Cluster.As.
func (c Connected) As(account string) (Cluster, error) {
	actor, err := c.Cluster.As(account)
	if err != nil {
		return nil, err
	}
	return Connected{actor}, nil
}
