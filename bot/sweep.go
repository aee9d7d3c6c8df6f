package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// reasonSweep is why the sweep asks for a look.
const reasonSweep = "sweep"

// sweeper finds what was missed: pull requests whose delivery was lost, that were closed unseen, or whose locks have ended.
type sweeper struct{ *Bot }

// Start sweeps at once and then at intervals, until the context ends. One replica does, the leader.
func (s sweeper) Start(ctx context.Context) error {
	for {
		s.sweep(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.Sweep):
		}
	}
}

func (s sweeper) sweep(ctx context.Context) {
	for _, site := range s.Sites {
		s.sweepSite(ctx, site)
	}
	if err := s.sweepLocks(ctx); err != nil {
		s.Log.Warn("locks could not be swept", "error", err)
	}
	if err := s.forget(ctx); err != nil {
		s.Log.Warn("old pull requests could not be forgotten", "error", err)
	}
}

// sweepSite has lost deliveries sent again, and looks for what they may have told of.
func (s sweeper) sweepSite(ctx context.Context, site Site) {
	s.redeliver(ctx, site)
	repositories, err := site.Forge.Installed(ctx)
	if err != nil {
		s.Log.Warn("not all installed repositories can be listed", "host", site.Host, "listed", len(repositories), "error", err)
	}
	for _, r := range repositories {
		if r.Archived {
			continue // nothing happens there, and nothing can be written
		}
		err := s.sweepRepository(ctx, site, r)
		var limited *forge.RateLimited
		if errors.As(err, &limited) {
			s.Log.Warn("the forge asks us to wait; the sweep goes on with another installation", "repository", r.FullName(), "for", limited.After)
		} else if err != nil {
			s.Log.Warn("a repository could not be swept", "repository", r.FullName(), "error", err)
		}
	}
}

// sweepRepository asks for a look at every open pull request that something may have happened to unseen, at those that we think open and
// that are not, and at those that the last look gave up on.
func (s sweeper) sweepRepository(ctx context.Context, site Site, r forge.Repository) error {
	r.Forge, r.Host = site.Kind, site.Host
	pulls, err := site.Forge.OpenPullRequests(ctx, r)
	if err != nil {
		return fmt.Errorf("listing open pull requests: %w", err)
	}
	known, err := s.known(ctx, r)
	if err != nil {
		return err
	}
	tips := s.tips(ctx, site, r, pulls)
	if err := s.sweepQueue(ctx, r); err != nil {
		return err
	}
	for _, p := range pulls {
		res, ok := known[p.Number]
		delete(known, p.Number)
		if ok && (onItsWay(&res, p) || !missed(&res, p, tips[p.Base.Name], s.Now())) {
			continue
		}
		if err := s.askFor(ctx, r, p.Number, reasonSweep); err != nil {
			return err
		}
	}
	for number, res := range known {
		if concluded(&res) {
			continue
		}
		if err := s.askFor(ctx, r, number, reasonSweep); err != nil {
			return err
		}
		delete(known, number)
	}
	return s.sweepClosed(ctx, site, r, known)
}

// sweepClosed asks for a look at the pull requests among those known to be over that something happened to since: people command
// deployments after the merge.
func (s sweeper) sweepClosed(ctx context.Context, site Site, r forge.Repository, known map[int]slipway.PullRequest) error {
	if len(known) == 0 {
		return nil
	}
	began, what := s.Now(), fmt.Sprintf("closed in %d of %s", r.ID, r.Host)
	closed, err := site.Forge.ClosedPullRequests(ctx, r, s.memory.since(what, began))
	if err != nil {
		return fmt.Errorf("listing closed pull requests: %w", err)
	}
	for _, p := range closed {
		res, ok := known[p.Number]
		if !ok || !p.UpdatedAt.Add(skew).After(res.Status.ObservedAsked.Time) {
			continue
		}
		if err := s.askFor(ctx, r, p.Number, reasonSweep); err != nil {
			return err
		}
	}
	s.memory.until(what, began)
	return nil
}

// known are the resources of a repository's pull requests, by number.
func (s sweeper) known(ctx context.Context, r forge.Repository) (map[int]slipway.PullRequest, error) {
	list := &slipway.PullRequestList{}
	if err := s.Client.List(ctx, list, client.InNamespace(s.Namespace)); err != nil {
		return nil, fmt.Errorf("listing pull requests: %w", err)
	}
	known := map[int]slipway.PullRequest{}
	for _, k := range list.Items {
		if strings.EqualFold(k.Spec.Host, r.Host) && k.Spec.Repository.ID == r.ID {
			known[k.Spec.Number] = k
		}
	}
	return known, nil
}

// tips are the commits of the branches that pull requests go to, read by git in one call; none when they cannot be read.
func (s sweeper) tips(ctx context.Context, site Site, r forge.Repository, pulls []forge.PullRequest) map[string]string {
	tips := map[string]string{}
	if len(pulls) == 0 {
		return tips
	}
	mirror := s.Mirrors.Mirror(r.CloneURL)
	if err := mirror.Fetch(ctx, credentials(site.Forge, r)); err != nil {
		s.Log.Warn("a repository could not be fetched for the sweep", "repository", r.FullName(), "error", err)
		return tips
	}
	for _, p := range pulls {
		if tips[p.Base.Name] != "" {
			continue
		}
		if tip, err := mirror.Repository().Resolve(ctx, "refs/heads/"+p.Base.Name); err == nil {
			tips[p.Base.Name] = string(tip)
		}
	}
	return tips
}

const (
	// skew is how far the forge's clock may be from ours.
	skew = 2 * time.Minute
	// longUnseen is after how long a pull request is looked at even if nothing is known to have happened: permissions change in silence.
	longUnseen = time.Hour
)

// onItsWay says whether a look at an open pull request as it is now is still to come or goes on. Should it end at an old base, the next sweep
// finds that.
func onItsWay(res *slipway.PullRequest, p forge.PullRequest) bool {
	s := res.Status
	return res.Due() && (s.HeadSHA == "" || s.HeadSHA == p.Head.SHA) && (s.BaseRef == "" || s.BaseRef == p.Base.Name)
}

// missed says whether something may have happened to an open pull request since it was looked at last; tip is the commit of its base
// branch now, "" when that is not known.
func missed(res *slipway.PullRequest, p forge.PullRequest, tip string, now time.Time) bool {
	s := res.Status
	seen := s.ObservedAsked.Time
	switch {
	case s.State != slipway.StateOpen, s.HeadSHA != p.Head.SHA, s.BaseRef != p.Base.Name:
		return true
	case s.Report == nil, s.CheckState == slipway.CheckPending, s.LastError != "", underWay(res):
		return true
	case s.Report.Base != "" && s.Report.Base != tip: // one that waits for trust has no base
		return true
	}
	return p.UpdatedAt.Add(skew).After(seen) || now.Sub(seen) > longUnseen
}

// concluded says whether a pull request is over and all was done about it. A merge whose look failed until we gave up is not: nobody may
// ever ask about it again, and what was merged is not followed yet.
func concluded(p *slipway.PullRequest) bool {
	over := p.Status.State == slipway.StateClosed || p.Status.State == slipway.StateMerged
	return over && p.Status.LastError == ""
}

// abandoned is how long after its end a lock is given back without a look at its pull request, which may be gone for good.
const abandoned = time.Hour

// sweepLocks asks for a look at the pull requests whose locks have ended.
func (s sweeper) sweepLocks(ctx context.Context) error {
	locks := &slipway.LockList{}
	if err := s.Client.List(ctx, locks, client.InNamespace(s.Namespace)); err != nil {
		return fmt.Errorf("listing locks: %w", err)
	}
	for _, l := range locks.Items {
		if !l.Expired(s.Now()) {
			continue
		}
		if s.Now().Sub(l.Spec.ExpiresAt.Time) > abandoned {
			if err := s.breakLock(ctx, &l); err != nil {
				return err
			}
			continue
		}
		o := l.Spec.Owner
		key := types.NamespacedName{Namespace: s.Namespace, Name: slipway.PullRequestName(o.Host, o.RepositoryID, o.Number)}
		err := s.asked(ctx, key, slipway.Asked{At: metav1.NewMicroTime(s.Now()), Reason: "lock ended"})
		if apierrors.IsNotFound(err) { // nobody is left to give it back
			err = s.free(ctx, l, nil)
		}
		if err != nil && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}

// breakLock deletes a lock whose holder cannot be seen any more, if it is still the one that was looked at.
func (s sweeper) breakLock(ctx context.Context, l *slipway.Lock) error {
	s.Log.Warn("a lock has ended, and its pull request did not give it back; it is taken away", "lock", l.Name, "owner", l.Spec.Owner.URL)
	err := s.Client.Delete(ctx, l, client.Preconditions{UID: &l.UID, ResourceVersion: &l.ResourceVersion})
	if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("removing lock %s: %w", l.Name, err)
	}
	if a := l.Spec.Application; a != nil {
		return s.nudge(ctx, a.Namespace, a.Name)
	}
	return nil
}

// askFor asks for a look at a pull request, making its resource where there is none yet.
func (b *Bot) askFor(ctx context.Context, r forge.Repository, number int, reason string) error {
	key := types.NamespacedName{Namespace: b.Namespace, Name: slipway.PullRequestName(r.Host, r.ID, number)}
	asked := slipway.Asked{At: metav1.NewMicroTime(b.Now()), Reason: reason}
	err := b.askedIn(ctx, key, asked, &r)
	if !apierrors.IsNotFound(err) {
		return err
	}
	res := &slipway.PullRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec: slipway.PullRequestSpec{
			Forge: string(r.Forge), Host: r.Host, Installation: r.Installation, Number: number, Asked: asked,
			Repository: slipway.RepositoryRef{ID: r.ID, Owner: r.Owner, Name: r.Name, CloneURL: r.CloneURL},
		},
	}
	if err := b.Client.Create(ctx, res); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("recording pull request %s#%d: %w", r.FullName(), number, err)
	}
	return nil
}

// asked writes a request for a look, beside what was asked for and not looked into yet.
func (b *Bot) asked(ctx context.Context, key types.NamespacedName, a slipway.Asked) error {
	return b.askedIn(ctx, key, a, nil)
}

// askedIn is asked that also notes where the repository is now, if that is known: it may have got another name, owner or installation.
func (b *Bot) askedIn(ctx context.Context, key types.NamespacedName, a slipway.Asked, now *forge.Repository) error {
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		res := &slipway.PullRequest{}
		if err := b.Reader.Get(ctx, key, res); err != nil {
			return err
		}
		before := res.DeepCopy()
		res.Spec.Asked = a
		if before.Due() {
			res.Spec.Asked = a.Beside(before.Spec.Asked)
		}
		if now != nil && now.Owner != "" {
			res.Spec.Repository = slipway.RepositoryRef{ID: now.ID, Owner: now.Owner, Name: now.Name, CloneURL: now.CloneURL}
			res.Spec.Installation = cmp.Or(now.Installation, res.Spec.Installation)
		}
		return b.Client.Patch(ctx, res, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	})
	if err != nil {
		return fmt.Errorf("asking for a look at %s: %w", key.Name, err)
	}
	return nil
}
