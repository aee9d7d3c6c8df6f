package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// visit is one look at one pull request: what was read, and the resource whose status is written. It lives as long as the look.
type visit struct {
	*Bot
	log   *slog.Logger
	key   types.NamespacedName
	forge Forge
	// res is the resource with the status as it is to be, saved as it is on the API server.
	res, saved *slipway.PullRequest
	// began is how the check stood when the look began.
	began [3]string
	// asked is the request that this look answers.
	asked slipway.Asked
	repo  forge.Repository
	pull  forge.PullRequest
	// read is whether pull was read from the forge for this look, at readAt; else it is what was noted at the last. resumed says that a look
	// did which had to wait, and goes on now.
	read, resumed bool
	readAt        time.Time
	// unmade says that the check of the head is not there, for certain; bare that it is, and that nothing was ever written on it.
	unmade, bare bool
	pokes        <-chan struct{}
	// fresh are the commands that were recorded in this look: nothing can have been done about them before.
	fresh map[string]bool
	// unreported are all comments as they were read in this look, before the first report; else nil.
	unreported *[]forge.Comment
	// force asks for a new report even where nothing moved.
	force bool
	// postponed says that the report is to be made in a later look, so that this one is no answer yet.
	postponed bool
	// ground is the base branch and the merged tree, once they were fetched.
	ground *ground
	apps   []*argo.Application
	// owned is who owns what the pull request changes, once that was asked.
	owned *policy.Ownership
	// verdicts are the reviews where they were read for a page, which asks about several environments at one moment; a command reads its own.
	verdicts *verdicts
	// onPage says that somebody looks at a page, where locks of other repositories' pull requests are shown without their owner.
	onPage bool
	// wait is the time to the next look; 0 when nothing calls for one.
	wait time.Duration
}

// Reconcile looks at a pull request, if somebody asked for that or something is under way.
func (b *Bot) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pokes, done := b.running.enter(req.NamespacedName)
	defer done()
	v, err := b.enter(ctx, req.NamespacedName, pokes)
	if err != nil || v == nil {
		return ctrl.Result{}, err
	}
	return v.settle(ctx, v.look(ctx))
}

// enter reads the resource from the API server itself: what was done last must be known.
func (b *Bot) enter(ctx context.Context, key types.NamespacedName, pokes <-chan struct{}) (*visit, error) {
	res := &slipway.PullRequest{}
	if err := b.Reader.Get(ctx, key, res); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	log := b.Log.With("pullrequest", res.Name, "repository", res.Spec.Repository.FullName(), "number", res.Spec.Number)
	site, err := b.site(res.Spec.Forge, res.Spec.Host)
	if err != nil {
		log.Warn("a pull request of a forge that is not served is left alone", "forge", res.Spec.Forge, "host", res.Spec.Host)
		return nil, nil
	}
	return &visit{
		Bot: b, log: log, key: key, forge: site, res: res, saved: res.DeepCopy(), asked: res.Spec.Asked,
		repo: repositoryOf(res.Spec), pokes: pokes, fresh: map[string]bool{}, began: standingCheck(res.Status),
	}, nil
}

func repositoryOf(s slipway.PullRequestSpec) forge.Repository {
	return forge.Repository{
		Forge: forge.Kind(s.Forge), Host: s.Host, ID: s.Repository.ID, Owner: s.Repository.Owner, Name: s.Repository.Name,
		CloneURL: s.Repository.CloneURL, Installation: s.Installation,
	}
}

// look is one look, top to bottom. Every step can be repeated: a look that ends anywhere is begun again from the top.
func (v *visit) look(ctx context.Context) error {
	if !v.res.Due() && !v.early() {
		return v.goOn(ctx)
	}
	for _, step := range []func(context.Context) error{
		v.begin,    // read the pull request from the forge
		v.announce, // a check that says we are at it
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	leave, err := enterRoom(ctx, v.looking)
	if err != nil {
		return err
	}
	defer leave()
	for _, step := range []func(context.Context) error{
		v.catchUp,  // what was asked meanwhile is asked of this look too
		v.overhear, // comments become recorded commands
		v.press,    // and so do buttons
		v.sure,     // before anything is done by it, the pull request is read in this look
		v.judge,    // may this head be rendered?
		v.inform,   // the report, or why there is none
		v.reoffer,  // buttons in place of those that were pressed
		v.fold,     // answers about heads that are no more
		v.follow,   // after the merge: what became of it
		v.expire,   // locks that end
		v.obey,     // commands
		v.showcase, // the pull request's own environment
		v.declare,  // a commit status for each environment, where the policy wants them
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if !v.postponed {
		v.res.Status.ObservedAsked = v.asked.At
	}
	return v.rest(ctx)
}

// enterRoom waits for room among those who are at it, in the order in which they come.
func enterRoom(ctx context.Context, room chan struct{}) (leave func(), err error) {
	select {
	case room <- struct{}{}:
		return func() { <-room }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// early says whether a command waits that comes before a report.
func (v *visit) early() bool {
	return v.res.Status.State == slipway.StateOpen && slices.ContainsFunc(v.res.Status.Commands, func(c slipway.Command) bool {
		return !c.Phase.Finished() && early(c.Text, v.Mentions)
	})
}

// goOn continues what is under way without asking the forge anew: syncs that run, applications that are followed.
func (v *visit) goOn(ctx context.Context) error {
	steps := []func(context.Context) error{v.follow, v.expire, v.obey, v.showcase, v.declare}
	if !underWay(v.res) {
		if !telling(v.res) {
			return nil
		}
		steps = []func(context.Context) error{v.declare} // killed before it was told, or brought by another pull request
	}
	leave, err := enterRoom(ctx, v.goingOn)
	if err != nil {
		return err
	}
	defer leave()
	v.recall()
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return v.rest(ctx)
}

// rest ends a look that went well.
func (v *visit) rest(ctx context.Context) error {
	v.res.Status.LastError = ""
	v.res.Status.DropFinishedCommands()
	if err := v.save(ctx); err != nil {
		return err
	}
	return v.wakeTwins(ctx)
}

// underWay says whether something is to be continued even if nobody asks for a look.
func underWay(p *slipway.PullRequest) bool {
	for _, c := range p.Status.Commands {
		if !c.Phase.Finished() {
			return true
		}
	}
	return following(p) || p.Status.Environment != nil && (!p.Status.Environment.Phase.Over() || p.Status.Environment.Untold())
}

// save writes the status, if it changed. The intake writes the spec of the same object meanwhile; that is no obstacle, but another
// writer of the status is.
func (v *visit) save(ctx context.Context) error {
	const tries = 5
	for range tries {
		if equality.Semantic.DeepEqual(v.saved.Status, v.res.Status) {
			return nil
		}
		next := v.saved.DeepCopy()
		v.res.Status.DeepCopyInto(&next.Status)
		err := v.Client.Status().Patch(ctx, next, client.MergeFromWithOptions(v.saved, client.MergeFromWithOptimisticLock{}))
		if err == nil {
			v.res.ResourceVersion = next.ResourceVersion
			v.saved = v.res.DeepCopy()
			return nil
		}
		if !apierrors.IsConflict(err) {
			return fmt.Errorf("saving the status: %w", err)
		}
		now := &slipway.PullRequest{}
		if err := v.Reader.Get(ctx, v.key, now); err != nil {
			return fmt.Errorf("saving the status: %w", err)
		}
		if !equality.Semantic.DeepEqual(now.Status, v.saved.Status) {
			return fmt.Errorf("saving the status: another writes it as well: %w", err)
		}
		v.saved, v.res.ResourceVersion = now, now.ResourceVersion
	}
	return errors.New("saving the status: the resource changes too fast")
}

// again asks for another look after d, or sooner if somebody else asked for that.
func (v *visit) again(d time.Duration) {
	if v.wait == 0 || d < v.wait {
		v.wait = max(d, time.Millisecond)
	}
}
