package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

const (
	// mergeGroup begins the reasons that are about a merge queue.
	mergeGroup = "merge_group"
	// queueFolder is where a merge queue makes its branches.
	queueFolder = "gh-readonly-queue/"
)

// queued is the ref of a merge group: its base branch, and the number of its last pull request.
var queued = regexp.MustCompile(`^refs/heads/gh-readonly-queue/(.+)/pr-([0-9]{1,9})-[0-9a-f]+$`)

// ofQueue says whether a request is about a merge queue, or about a commit that is a merge group's.
func ofQueue(asked slipway.Asked, res *slipway.Repository) bool {
	return slices.ContainsFunc(asked.Reasons(), func(reason string) bool { return strings.HasPrefix(reason, mergeGroup) }) ||
		slices.ContainsFunc(res.Status.MergeGroups, func(g slipway.MergeGroup) bool { return g.SHA == asked.SHA })
}

// queue is one look at the merge queue of a repository. Its groups are branches, which are read by git: whatever was delivered of them or
// lost, those that are there need a check, or the queue waits until it gives up.
type queue struct {
	repositories
	forge Forge
	repo  forge.Repository
	res   *slipway.Repository
	// again is a commit whose check is to be made again.
	again string
}

// answer brings the check of each merge group to its end. With a wait, one of them is to be tried again after it.
func (q queue) answer(ctx context.Context) (wait time.Duration, err error) {
	mirror := q.Mirrors.Mirror(q.repo.CloneURL)
	if err := mirror.Fetch(ctx, credentials(q.forge, q.repo)); err != nil {
		return 0, fmt.Errorf("fetching %s for its merge queue: %w", q.repo.FullName(), err)
	}
	branches, err := mirror.Repository().Under(ctx, queueFolder)
	if err != nil {
		return 0, err
	}
	known := map[string]slipway.MergeGroup{}
	for _, g := range q.res.Status.MergeGroups {
		known[g.Ref] = g
	}
	q.res.Status.MergeGroups = nil
	for _, ref := range slices.Sorted(maps.Keys(branches)) {
		g := known[ref]
		if g.SHA != string(branches[ref]) || g.SHA == q.again {
			g = slipway.MergeGroup{Ref: ref, SHA: string(branches[ref])}
		}
		if g.CheckState == "" || g.CheckState == slipway.CheckPending {
			later, err := q.try(ctx, mirror, &g)
			if err != nil {
				return 0, err
			}
			if wait = max(wait, later); later > 0 {
				g.CheckState = slipway.CheckPending
			}
		}
		q.res.Status.MergeGroups = append(q.res.Status.MergeGroups, g)
	}
	return wait, nil
}

// try checks one group. What fails by our fault is tried again some times; then the check says so, and the queue goes on without it.
func (q queue) try(ctx context.Context, mirror *git.Mirror, g *slipway.MergeGroup) (wait time.Duration, err error) {
	v, err := q.visit(ctx, *g)
	if err != nil || v == nil {
		return 0, err
	}
	err = v.checkGroup(ctx, mirror)
	var limited *forge.RateLimited
	switch {
	case errors.As(err, &limited), ctx.Err() != nil:
		return 0, err
	case errors.Is(err, forge.ErrInvalid), errors.Is(err, forge.ErrNotFound):
		v.log.Info("a merge group is gone", "ref", g.Ref, "error", err)
		v.res.Status.CheckState = slipway.CheckNeutral
		err = nil
	}
	if err != nil {
		tries := v.memory.failure(v.key)
		final := tries >= v.Tries
		v.log.Error("checking a merge group failed", "ref", g.Ref, "error", err, "try", tries, "final", final)
		if !final {
			return min(time.Second<<(tries-1), time.Minute), nil
		}
		if err := v.setCheck(ctx, report.Trouble(clip(err.Error(), 1000), true)); err != nil {
			return time.Minute, nil // the forge does not even take that: the queue must be told, whenever it is
		}
	}
	v.memory.success(v.key)
	g.CheckRunID, g.CheckState = v.res.Status.CheckRunID, v.res.Status.CheckState
	return 0, nil
}

// visit is a look at a group as if it were a pull request of its own, whose head somebody with write permission put into the queue. Nothing
// of it is saved but the check. It is nil for a branch that is no group.
func (q queue) visit(ctx context.Context, g slipway.MergeGroup) (*visit, error) {
	m := queued.FindStringSubmatch(g.Ref)
	if m == nil {
		return nil, nil
	}
	number, err := strconv.Atoi(m[2])
	if err != nil {
		return nil, nil // the expression lets no other pass
	}
	repo, err := q.forge.Repository(ctx, q.repo)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", q.repo.FullName(), err)
	}
	repo.Installation = cmp.Or(q.repo.Installation, repo.Installation)
	res := &slipway.PullRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: q.Namespace, Name: slipway.PullRequestName(repo.Host, repo.ID, number)},
		Spec: slipway.PullRequestSpec{Forge: q.res.Spec.Forge, Host: repo.Host, Number: number, Repository: q.res.Spec.Repository,
			Installation: repo.Installation},
		Status: slipway.PullRequestStatus{State: slipway.StateOpen, HeadSHA: g.SHA, Trusted: true, TrustedBy: "the merge queue",
			CheckHead: g.SHA, CheckRunID: g.CheckRunID, CheckState: slipway.CheckPending},
	}
	v := &visit{
		Bot: q.Bot, log: q.Log.With("repository", repo.FullName(), "merge_group", g.Ref), forge: q.forge, repo: repo, res: res, saved: res.DeepCopy(), read: true,
		key: types.NamespacedName{Namespace: q.Namespace, Name: res.Name + "/" + g.SHA},
	}
	v.pull = forge.PullRequest{Repository: repo, Number: number, State: forge.Open, Head: forge.Ref{Name: strings.TrimPrefix(g.Ref, "refs/heads/"), SHA: g.SHA},
		Base: forge.Ref{Name: m[1]}, HeadRepository: repo.ID}
	return v, nil
}

// checkGroup plans anew what the merge that the queue tries would do, and has the check say whether it holds.
func (v *visit) checkGroup(ctx context.Context, mirror *git.Mirror) error {
	if err := v.setCheck(ctx, report.Pending(v.pull.Head.SHA)); err != nil {
		return err
	}
	g, err := v.groupGround(ctx, mirror)
	if err != nil {
		return err
	}
	c, err := v.between(ctx, g, g.base, g.merged)
	if err != nil {
		return err
	}
	page, err := v.page(ctx, g, c)
	if err != nil {
		return err
	}
	page.Check.Buttons = nil // they are the pull request's
	if err := v.setCheck(ctx, page.Check); err != nil {
		return err
	}
	if err := v.declareGroup(ctx, g, c, page.Check.Conclusion); err != nil {
		return err
	}
	v.log.Info("merge group checked", "conclusion", page.Check.Conclusion, "applications", len(c.Applications))
	return nil
}

// groupGround is the base branch, whose rules hold, and what the group would make of it. The groups before it are part of that.
func (v *visit) groupGround(ctx context.Context, mirror *git.Mirror) (*ground, error) {
	first, head := mirror.Repository(), git.Hash(v.pull.Head.SHA)
	tip, err := first.Resolve(ctx, "refs/heads/"+v.pull.Base.Name)
	if err != nil {
		return nil, fmt.Errorf("finding the base branch of a merge group: %w", err)
	}
	g := &ground{mirror: mirror, whole: true}
	governing, err := first.Tree(ctx, tip)
	if err != nil {
		return nil, fmt.Errorf("opening the base: %w", err)
	}
	if g.policy, g.fault, err = readPolicy(governing); err != nil {
		return nil, err
	}
	from, err := first.MergeBase(ctx, tip, head)
	if err != nil {
		return nil, fmt.Errorf("finding where a merge group leaves its base: %w", err)
	}
	if g.base, err = first.Tree(ctx, from); err != nil {
		return nil, fmt.Errorf("opening the base: %w", err)
	}
	if g.merged, err = first.Tree(ctx, head); err != nil {
		return nil, fmt.Errorf("opening a merge group: %w", err)
	}
	v.ground = g
	return g, nil
}

// sweepQueue asks for a look at a repository whose merge queue has branches that were not answered, or answers whose branches are gone.
func (s sweeper) sweepQueue(ctx context.Context, r forge.Repository) error {
	branches, err := s.Mirrors.Mirror(r.CloneURL).Repository().Under(ctx, queueFolder)
	if err != nil || len(branches) == 0 {
		return nil // there may be no mirror yet; and an answer to what is gone is dropped with the next one
	}
	key := types.NamespacedName{Namespace: s.Namespace, Name: slipway.RepositoryName(r.Host, r.ID)}
	res := &slipway.Repository{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	if err := s.Reader.Get(ctx, key, res); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading repository %s: %w", key.Name, err)
	}
	answered := map[string]string{}
	for _, g := range res.Status.MergeGroups {
		if g.CheckState != slipway.CheckPending {
			answered[g.Ref] = g.SHA
		}
	}
	for ref, sha := range branches {
		if answered[ref] != string(sha) {
			return s.askRepository(ctx, r, mergeGroup+"."+reasonSweep)
		}
	}
	return nil
}

// askRepository asks for a look at a repository, making its resource where there is none yet.
func (b *Bot) askRepository(ctx context.Context, r forge.Repository, reason string) error {
	key := types.NamespacedName{Namespace: b.Namespace, Name: slipway.RepositoryName(r.Host, r.ID)}
	asked := slipway.Asked{At: metav1.NewMicroTime(b.Now()), Reason: reason}
	res := &slipway.Repository{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec: slipway.RepositorySpec{Forge: string(r.Forge), Host: r.Host, Installation: r.Installation, Asked: asked,
			Repository: slipway.RepositoryRef{ID: r.ID, Owner: r.Owner, Name: r.Name, CloneURL: r.CloneURL}},
	}
	have := &slipway.Repository{}
	err := b.Reader.Get(ctx, key, have)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading repository %s: %w", key.Name, err)
	}
	if err != nil {
		if err := b.Client.Create(ctx, res); err != nil {
			return fmt.Errorf("recording repository %s: %w", r.FullName(), err)
		}
		return nil
	}
	before := have.DeepCopy()
	have.Spec.Asked = asked
	if before.Due() {
		have.Spec.Asked = asked.Beside(before.Spec.Asked)
	}
	if err := b.Client.Patch(ctx, have, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("asking for a look at repository %s: %w", key.Name, err)
	}
	return nil
}
