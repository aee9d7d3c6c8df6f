package controller

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
)

// setMemo is what is remembered of a set between reconciles. Forgetting it costs a listing, and puts deletions off that no closed pull request explains.
type setMemo struct {
	// news is whether something that generators read has changed since the last listing.
	news atomic.Bool

	// The rest belongs to the reconcile that runs; there is never more than one of a set.
	made    appset.Generation
	listing listing
	next    time.Time // when generators are asked again; zero is when something changes
	digest  [sha256.Size]byte
	// absent are the applications that are no longer generated, with the time of the first listing without them. Pulls are the pull
	// requests that applications were made of, for as long as they are there.
	absent map[string]time.Time
	pulls  map[string]appset.Pull
	// written is the resource version of our last write of the set: by an older one it would be done again.
	written string
}

// listing is one look at what generators list.
type listing struct {
	at  time.Time
	err error
}

// due is the time until generators are asked again; 0 if only a change has them asked.
func (m *setMemo) due(now time.Time) time.Duration {
	if m.next.IsZero() {
		return 0
	}
	return max(m.next.Sub(now), time.Millisecond)
}

// stale says whether generators have to be asked before anything is decided.
func (m *setMemo) stale(digest [sha256.Size]byte, now time.Time) bool {
	news := m.news.Swap(false)
	return news || m.listing.at.IsZero() || m.digest != digest || !m.next.IsZero() && !now.Before(m.next)
}

// digestOf is over all of a set and its settings that a generation depends on.
func (p *setPass) digestOf() [sha256.Size]byte {
	data, err := json.Marshal([]any{p.set.Spec, p.settings, p.set.Annotations[strangersAnnotation]})
	if err != nil {
		p.log.Error("encoding the set", "error", err)
	}
	return sha256.Sum256(data)
}

// note keeps account of what a listing does not have any more. What an application was made of is remembered, or else read from it.
func (m *setMemo) note(set *argo.ApplicationSet, made appset.Generation, current []*argo.Application, at time.Time) {
	generated := map[string]bool{}
	for _, app := range made.Applications {
		generated[app.Name] = true
	}
	for _, r := range slices.Concat(made.Refused, made.Held) {
		generated[r.Name] = true
	}
	absent, pulls := map[string]time.Time{}, made.Pulls
	for _, app := range current {
		if generated[app.Name] {
			continue
		}
		absent[app.Name] = at
		if first, ok := m.absent[app.Name]; ok {
			absent[app.Name] = first
		}
		pull, ok := m.pulls[app.Name]
		if !ok {
			pull, ok = appset.PullOf(set, app.Annotations[slipway.AnnotationPullRequest], app.Annotations[slipway.AnnotationPullRequestHead])
		}
		if ok {
			pulls[app.Name] = pull
		}
	}
	m.absent, m.pulls = absent, pulls
}

func newSetMemo() *setMemo { return &setMemo{} }
