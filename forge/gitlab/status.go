package gitlab

import (
	"context"

	"github.com/slipway-cd/slipway/forge"
)

// SetStatuses implements forge.Statuses: GitLab's checks are commit statuses.
func (f *Forge) SetStatuses(ctx context.Context, r forge.Repository, all ...forge.Check) error {
	for _, c := range all {
		if _, err := f.SetCheck(ctx, r, c); err != nil {
			return err
		}
	}
	return nil
}
