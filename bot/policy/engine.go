package policy

import (
	"strings"

	"github.com/slipway-cd/slipway/bot/command"
)

// engine refuses what only Slipway's own engine keeps: Argo CD knows no locks, so that its automated sync and self-heal would put the base
// branch back over what is deployed before the merge, or held.
func engine(in Input) (Gate, bool) {
	if len(in.Elsewhere) == 0 || in.Command.DryRun || in.Command.Release {
		return Gate{}, false
	}
	if (in.Command.Verb == command.Sync) && !before(in) {
		return Gate{}, false
	}
	return Gate{Name: "engine", Value: "Argo CD syncs " + strings.Join(in.Elsewhere, ", ") + " by itself, and knows no locks: it would put the base branch back",
		Satisfy: "the application has no automated sync, or its project is taken over by Slipway (the annotation slipway.dev/engine: slipway on the AppProject)"}, true
}
