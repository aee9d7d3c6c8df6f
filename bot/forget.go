package bot

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// remember is how long the resource of a pull request that is over is kept after anybody last asked for it. A late word on it makes a
// new one.
const remember = 30 * 24 * time.Hour

// forget deletes the resources of pull requests that were over long ago.
func (s sweeper) forget(ctx context.Context) error {
	known := &slipway.PullRequestList{}
	if err := s.Client.List(ctx, known, client.InNamespace(s.Namespace)); err != nil {
		return fmt.Errorf("listing pull requests: %w", err)
	}
	for i := range known.Items {
		p := &known.Items[i]
		if !forgettable(p, s.Now()) {
			continue
		}
		// Somebody may ask at this very moment: then it is not what we have seen, and stays.
		unchanged := client.Preconditions{UID: &p.UID, ResourceVersion: &p.ResourceVersion}
		if err := s.Client.Delete(ctx, p, unchanged); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting %s: %w", p.Name, err)
		}
	}
	return nil
}

// forgettable says whether nothing more is expected of a pull request.
func forgettable(p *slipway.PullRequest, now time.Time) bool {
	over := p.Status.State == slipway.StateClosed || p.Status.State == slipway.StateMerged
	waits := slices.ContainsFunc(p.Status.Commands, func(c slipway.Command) bool { return !c.Phase.Finished() })
	return over && !waits && !following(p) && now.Sub(p.Spec.Asked.At.Time) > remember
}
