package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// repositories looks at repositories that something happened to without naming a pull request: a push, a check of a fork, an
// installation. Each of their open pull requests is asked about.
type repositories struct{ *Bot }

// Reconcile lists the open pull requests of a repository, if somebody asked for that.
func (r repositories) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	res := &slipway.Repository{}
	if err := r.Reader.Get(ctx, req.NamespacedName, res); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !res.Due() {
		return ctrl.Result{}, nil
	}
	asked, before := res.Spec.Asked, res.DeepCopy()
	open, wait, err := r.pass(ctx, res, asked)
	var limited *forge.RateLimited
	switch {
	case errors.Is(err, errNoSite):
		r.Log.Warn("a repository of a forge that is not served is left alone", "repository", res.Spec.Repository.FullName(), "host", res.Spec.Host)
		return ctrl.Result{}, nil
	case errors.As(err, &limited):
		return ctrl.Result{RequeueAfter: max(limited.After, time.Second)}, nil
	case errors.Is(err, forge.ErrNotFound), errors.Is(err, forge.ErrUnauthorized), errors.Is(err, forge.ErrForbidden):
		r.Log.Warn("a repository cannot be seen", "repository", res.Spec.Repository.FullName(), "error", err)
		res.Status.LastError = clip(err.Error(), 1000)
	case err != nil:
		return ctrl.Result{}, err
	default:
		res.Status.OpenPullRequests, res.Status.LastError = open, ""
	}
	res.Status.ObservedAsked = asked.At
	if wait > 0 { // somebody has to be answered yet
		res.Status.ObservedAsked = before.Status.ObservedAsked
	}
	if err := r.Client.Status().Patch(ctx, res, client.MergeFrom(before)); err != nil {
		return ctrl.Result{}, fmt.Errorf("saving the status of %s: %w", res.Name, err)
	}
	return ctrl.Result{RequeueAfter: wait}, nil
}

// pass answers the merge queue, and asks about each open pull request that it is about, for the reason that the repository was asked about;
// after a push about applications. With a wait, the queue is to be answered again after it.
func (r repositories) pass(ctx context.Context, res *slipway.Repository, asked slipway.Asked) (open int, wait time.Duration, err error) {
	site, err := r.site(res.Spec.Forge, res.Spec.Host)
	if err != nil {
		return 0, 0, err
	}
	ref := res.Spec.Repository
	repo := forge.Repository{Forge: forge.Kind(res.Spec.Forge), Host: res.Spec.Host, ID: ref.ID, Owner: ref.Owner, Name: ref.Name,
		CloneURL: ref.CloneURL, Installation: res.Spec.Installation}
	if wasPush(asked.Reasons()) {
		if err := r.pushed(ctx, site, repo); err != nil {
			return 0, 0, err
		}
	}
	if ofQueue(asked, res) {
		if wait, err = (queue{repositories: r, forge: site, repo: repo, res: res, again: asked.SHA}).answer(ctx); err != nil {
			return 0, 0, err
		}
	}
	if !slices.ContainsFunc(asked.Reasons(), func(reason string) bool { return !strings.HasPrefix(reason, mergeGroup) }) {
		return res.Status.OpenPullRequests, wait, nil
	}
	pulls, err := site.OpenPullRequests(ctx, repo)
	if err != nil {
		return 0, 0, fmt.Errorf("listing the open pull requests of %s: %w", repo.FullName(), err)
	}
	concerned, done, err := r.concerned(ctx, Site{Forge: site}, repo, asked, pulls)
	if err != nil {
		return 0, 0, err
	}
	for _, p := range concerned {
		if asked.SHA != "" && asked.SHA != p.Head.SHA {
			continue
		}
		if err := r.askFor(ctx, repo, p.Number, asked.Reason); err != nil {
			return 0, 0, err
		}
	}
	done()
	return len(pulls), wait, nil
}

// concerned are the pull requests that a request for a look is about. A push is about those whose base branch moved since the last one: every
// branch of a pull request is pushed as well, and of that its own events tell. done notes that they were asked about.
func (r repositories) concerned(ctx context.Context, site Site, repo forge.Repository, asked slipway.Asked, pulls []forge.PullRequest) (concerned []forge.PullRequest, done func(), err error) {
	if !onlyPushes(asked.Reasons()) {
		return pulls, func() {}, nil
	}
	tips := sweeper(r).tips(ctx, site, repo, pulls)
	known, err := sweeper(r).known(ctx, repo)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range pulls {
		branch, tip := branchKey(repo, p.Base.Name), tips[p.Base.Name]
		res, ok := known[p.Number]
		switch {
		case tip != "" && r.memory.tip(branch) == tip: // they were asked about when it moved
		case tip != "" && ok && r.standsOn(&res, branch, tip):
		default:
			concerned = append(concerned, p)
		}
	}
	return concerned, func() {
		for name, tip := range tips {
			r.memory.noteTip(branchKey(repo, name), tip)
		}
	}, nil
}

// standsOn says whether what is told of a pull request is of a commit of its base branch, or will be: that of a look which is still to come, or
// of one that goes on and has found the branch there. A head that waits for trust stands on none.
func (r repositories) standsOn(res *slipway.PullRequest, branch, tip string) bool {
	if s := res.Status.Report; s != nil {
		return s.Base == "" || s.Base == tip
	}
	first := r.memory.firstTip(branch)
	return first == tip || first == "" && res.Due()
}

func branchKey(r forge.Repository, branch string) string {
	return fmt.Sprintf("%s/%d/%s", r.Host, r.ID, branch)
}

// onlyPushes says whether nothing but pushes was told.
func onlyPushes(reasons []string) bool {
	return !slices.ContainsFunc(reasons, func(r string) bool { r = strings.ToLower(r); return r != "push" && r != "push hook" })
}
