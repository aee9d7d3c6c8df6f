package gitlab

import (
	"context"

	"github.com/slipway-cd/slipway/forge"
)

// SetStatus implements forge.Statuses: GitLab's checks are commit statuses.
func (f *Forge) SetStatus(ctx context.Context, r forge.Repository, c forge.Check) error {
	_, err := f.SetCheck(ctx, r, c)
	return err
}
