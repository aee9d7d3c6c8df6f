package gitlab

import (
	"context"

	"github.com/slipway-cd/slipway/forge"
)

// Credentials implements forge.Contents. GitLab has no short-lived tokens for a bot: these are the account's, and reach whatever it reaches.
func (f *Forge) Credentials(context.Context, forge.Repository) (forge.Credentials, error) {
	return forge.Credentials{Username: "oauth2", Password: f.gitToken}, nil
}
