package controller

import (
	"context"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/run"
)

var _ Destination = run.Connected{}

// From makes what the controller needs of the connected clusters.
func From(c *cluster.Clusters) (Destinations, Changes) {
	destinations := func(ctx context.Context, d argo.ApplicationDestination) (Destination, error) {
		connected, err := c.For(ctx, d)
		if err != nil {
			return nil, err
		}
		return run.Connected{Cluster: connected}, nil
	}
	changes := func(f func(app string, id object.ID)) func() {
		return c.Subscribe(func(_ *cluster.Cluster, app string, id object.ID) { f(app, id) })
	}
	return destinations, changes
}
