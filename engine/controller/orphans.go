package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
)

// orphans counts the objects of the destination namespace that no application owns, where the project looks for them. What the application
// wants is none, though it may not be marked as its own yet. Kinds that may not be read have none that we know of.
func (p *pass) orphans(ctx context.Context, want []object.ID) (int, error) {
	permits := p.permits()
	namespace := p.app.Spec.Destination.Namespace
	if looks, _ := permits.Orphans(); !looks || namespace == "" {
		p.meters.noOrphans(p.app)
		return 0, nil
	}
	dest, err := p.Clusters(ctx, p.app.Spec.Destination)
	if err != nil {
		return 0, err
	}
	nodes, err := dest.Unowned(ctx, namespace, func(instance string) bool {
		return p.client.Get(ctx, p.key(instance), &argo.Application{}) == nil
	})
	var unreadable *cluster.UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		return 0, fmt.Errorf("looking for orphaned resources: %w", err)
	}
	count := 0
	for _, n := range nodes {
		if permits.Orphan(n.ID, place(dest, namespace)) && !slices.Contains(want, n.ID) {
			count++
		}
	}
	p.meters.orphans(p.app, count)
	return count, nil
}

// orphaned is the warning about such objects, if the project gives one.
func (p *pass) orphaned(count int) []argo.ApplicationCondition {
	if _, warns := p.permits().Orphans(); !warns || count == 0 {
		return nil
	}
	return []argo.ApplicationCondition{condition(argo.ApplicationConditionOrphanedResourceWarning, fmt.Sprintf("Application has %d orphaned resources", count))}
}
