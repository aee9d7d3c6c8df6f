package controller

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/object"
)

// rest is what an application was when it was compared last. While all of that stands, another comparison would find the same; the clock
// alone is no reason for one.
type rest struct {
	app, project, lock string    // resource versions, of what the comparison left
	taken              types.UID // the UID of who takes its objects over
	standing           string    // of the sources
	sight              uint64    // of what is live
	want               []object.ID
	orphans            int
	made               time.Time
}

// restsFor is how long a comparison is relied on at most: of settings that do not tell when they change.
const restsFor = time.Hour

// unmoved reports whether nothing of what the last comparison was of has been written since: the application, its project, its lock.
func (p *pass) unmoved() bool {
	r := p.memo.rest
	return r != nil && p.proj != nil && r.app == p.app.ResourceVersion && r.project == p.proj.ResourceVersion && r.lock == versionOf(p.locked) &&
		r.taken == p.taker() && p.now().Sub(r.made) < restsFor
}

// still reports whether its sources and what is live are where the last comparison saw them.
func (p *pass) still(ctx context.Context) bool {
	r := p.memo.rest
	if sight, ok := p.Pipeline.Sight(ctx, p.app, r.want); !ok || sight != r.sight {
		return false
	}
	if orphans, err := p.orphans(ctx, r.want); err == nil && orphans != r.orphans {
		return false
	}
	standing, err := p.Pipeline.Standing(ctx, change.TargetRequest{App: p.app, Sources: p.sources(), Trusted: true})
	return err == nil && standing == r.standing
}

// settled notes what a comparison was of, if looking again could find nothing else.
func (p *pass) settled(found finding) {
	p.memo.rest = nil
	if found.comparison == nil || !found.sighted || !found.target.Repeatable || p.proj == nil || p.app.Operation != nil {
		return
	}
	if p.app.Annotations[slipway.AdoptFromAnnotation] != "" {
		return // what it may take over depends on another application
	}
	if looks, _ := p.permits().Orphans(); looks {
		return // what lies about in its namespace tells nobody
	}
	p.memo.rest = &rest{app: p.app.ResourceVersion, project: p.proj.ResourceVersion, lock: versionOf(p.locked), taken: p.taker(),
		standing: found.target.Standing, sight: found.sight, want: wantedIDs(found.target.Objects), orphans: found.orphans, made: p.now()}
}

func wantedIDs(s *object.Set) []object.ID {
	all := s.All()
	ids := make([]object.ID, 0, len(all))
	for _, o := range all {
		ids = append(ids, o.ID())
	}
	return ids
}

// looked takes the time of a comparison back that found all as it was, and that nobody asked for: to write it would be the only news. It
// is written where the comparison is the first after an operation, which somebody may wait for.
func (p *pass) looked(old *argo.Application) {
	now, before := p.app.Status.ReconciledAt, old.Status.ReconciledAt
	if before == nil || old.Annotations[refreshAnnotation] != "" {
		return
	}
	if s := old.Status.OperationState; s != nil && s.FinishedAt != nil && before.Before(s.FinishedAt) {
		return
	}
	p.app.Status.ReconciledAt = before
	if !equality.Semantic.DeepEqual(old.Status, p.app.Status) || !slices.Equal(old.Finalizers, p.app.Finalizers) || p.app.Operation != nil {
		p.app.Status.ReconciledAt = now
	}
}

// comparedAt is when the application was compared last, by this process or by what it wrote before.
func (p *pass) comparedAt() time.Time {
	at := p.memo.compared
	if written := p.app.Status.ReconciledAt; written != nil && written.After(at) {
		at = written.Time
	}
	return at
}
