package controller

import (
	"context"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

const (
	// supersedeAnnotation, "false" on an Application, has a newer revision wait for the end of the operation that runs, as in Argo CD.
	supersedeAnnotation = "slipway.dev/supersede"

	messageEnding     = "operation is terminating"
	messageSuperseded = ", superseded by "
	retryNotice       = ". Retrying attempt #"
)

// giveWay has an automated operation end, as one that somebody terminates, when it only waits and a comparison has found something newer
// for automated sync to go to: a revision that fails must not hold up the one that mends it. Hooks are not ended in the middle of what
// they do, unless they take very long; nor is anything ended for what a sync window would not let begin.
func (p *pass) giveWay(ctx context.Context) error {
	state := p.app.Status.OperationState
	if state.Phase != argo.OperationRunning || p.app.Annotations[supersedeAnnotation] == "false" || p.proj == nil {
		return nil
	}
	by := engine.Superseded(p.app)
	if by == "" || engine.AwaitsHooks(p.results()) && !p.impatient() || p.permits().Blocked(project.Attempt{App: p.app, Now: p.now()}) != "" {
		return nil
	}
	p.log.Info("a newer revision takes over", "by", by, "message", state.Message)
	return p.persist(ctx, func(app *argo.Application) {
		s := app.Status.OperationState
		was, _, _ := strings.Cut(s.Message, retryNotice)
		s.Phase, s.FinishedAt, s.Message = argo.OperationTerminating, nil, messageEnding+messageSuperseded+by
		if was != "" {
			s.Message += "; before: " + was
		}
	})
}

// impatient reports whether hooks have been waited for long enough.
func (p *pass) impatient() bool {
	patience := p.Options.HookPatience
	return patience > 0 && p.memo.op != nil && p.now().Sub(p.memo.op.since) >= patience
}
