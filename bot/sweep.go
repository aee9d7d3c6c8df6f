package bot

import (
	"context"
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
		repositories, err := site.Forge.Installed(ctx)
		if err != nil {
			s.Log.Warn("the installed repositories cannot be listed", "host", site.Host, "error", err)
			continue
		}
		for _, r := range repositories {
			if err := s.sweepRepository(ctx, site, r); err != nil {
				s.Log.Warn("a repository could not be swept", "repository", r.FullName(), "error", err)
			}
		}
	}
	if err := s.sweepLocks(ctx); err != nil {
		s.Log.Warn("locks could not be swept", "error", err)
	}
	if err := s.forget(ctx); err != nil {
		s.Log.Warn("old pull requests could not be forgotten", "error", err)
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
	for _, p := range pulls {
		res, ok := known[p.Number]
		delete(known, p.Number)
		if ok && !missed(&res, p, tips[p.Base.Name], s.Now()) {
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
	}
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
		o := l.Spec.Owner
		key := types.NamespacedName{Namespace: s.Namespace, Name: slipway.PullRequestName(o.Host, o.RepositoryID, o.Number)}
		if err := s.asked(ctx, key, slipway.Asked{At: metav1.NewMicroTime(s.Now()), Reason: "lock ended"}); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// askFor asks for a look at a pull request, making its resource where there is none yet.
func (b *Bot) askFor(ctx context.Context, r forge.Repository, number int, reason string) error {
	key := types.NamespacedName{Namespace: b.Namespace, Name: slipway.PullRequestName(r.Host, r.ID, number)}
	asked := slipway.Asked{At: metav1.NewMicroTime(b.Now()), Reason: reason}
	err := b.asked(ctx, key, asked)
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
		return b.Client.Patch(ctx, res, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	})
	if err != nil {
		return fmt.Errorf("asking for a look at %s: %w", key.Name, err)
	}
	return nil
}
