package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/bot/report"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// conditionFollowed is true from the merge on; its transition is when following began. Its reason says whether it goes on.
const (
	conditionFollowed = "Followed"
	reasonUnderWay    = "UnderWay"
	reasonEnded       = "Ended"
	mergedBy          = "merged by " // how its message begins
)

// following says whether what was merged is still on its way.
func following(p *slipway.PullRequest) bool {
	c := meta.FindStatusCondition(p.Status.Conditions, conditionFollowed)
	return c != nil && c.Reason == reasonUnderWay
}

// follow has the applications that a merge touches look for it, and tells in the report what becomes of them.
func (v *visit) follow(ctx context.Context) error {
	if v.pull.State != forge.Merged {
		return nil
	}
	if meta.FindStatusCondition(v.res.Status.Conditions, conditionFollowed) == nil {
		if err := v.deploy(ctx); err != nil {
			return err
		}
	}
	if !following(v.res) {
		return nil
	}
	if err := v.track(ctx); err != nil {
		return err
	}
	return v.tell(ctx)
}

// deploy begins following: each touched application that is in the cluster is told to look at its sources. Whether it syncs is the
// controller's to decide.
func (v *visit) deploy(ctx context.Context) error {
	c, err := v.merged(ctx)
	if err != nil {
		return err
	}
	v.res.Status.Applications = nil
	for _, a := range c.Applications {
		if a.Kind == change.Unchanged || a.Kind == change.Removed || a.After.Fault != nil {
			continue
		}
		f := slipway.FollowedApplication{Namespace: a.Namespace, Name: a.Name, Phase: phaseWaiting}
		if !a.Automated {
			f.Phase = phaseManual
		}
		v.res.Status.Applications = append(v.res.Status.Applications, f)
		if err := v.nudge(ctx, a.Namespace, a.Name); err != nil {
			return err
		}
	}
	if _, err := v.leave(ctx, nil); err != nil { // what was to be tried before the merge no longer is
		return err
	}
	v.log.Info("merged", "commit", v.pull.MergeCommit, "by", v.pull.MergedBy.Login, "applications", len(v.res.Status.Applications))
	v.Record(v.res, "Merged", fmt.Sprintf("%s by %s", v.pull.MergeCommit, v.pull.MergedBy.Login))
	v.setFollowed(reasonUnderWay)
	return v.save(ctx)
}

func (v *visit) setFollowed(reason string) {
	meta.SetStatusCondition(&v.res.Status.Conditions, metav1.Condition{
		Type: conditionFollowed, Status: metav1.ConditionTrue, Reason: reason, Message: mergedBy + v.pull.MergedBy.Login, LastTransitionTime: metav1.NewTime(v.Now()),
	})
}

// nudge asks the controller to look at an application now. One that is not there yet comes with its parent.
func (b *Bot) nudge(ctx context.Context, namespace, name string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{annotationRefresh: "normal"}}})
	if err != nil {
		return fmt.Errorf("asking %s/%s to refresh: %w", namespace, name, err)
	}
	app := &argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	err = b.Client.Patch(ctx, app, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldOwner))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("asking %s/%s to refresh: %w", namespace, name, err)
	}
	return nil
}

// merged is the change that the merge made: the one that was reported, else that of the merge commit itself.
func (v *visit) merged(ctx context.Context) (change.Change, error) {
	if err := v.upToDate(ctx); err != nil {
		return change.Change{}, err
	}
	g, err := v.stand(ctx)
	if err != nil {
		return change.Change{}, err
	}
	r := v.res.Status.CurrentReport()
	reported := r != nil && r.Base != "" && r.Head == v.pull.Head.SHA
	if reported {
		if c, ok := v.memory.change(v.key, r.Base, r.Head); ok {
			return c, nil
		}
	}
	base, merged, err := v.mergedTrees(ctx, g, reported)
	if err != nil {
		return change.Change{}, err
	}
	c, err := v.between(ctx, g, base, merged)
	if err != nil {
		return change.Change{}, err
	}
	c.Head = v.pull.Head.SHA
	v.memory.keep(v.key, c)
	return c, nil
}

// mergedTrees are the trees before and after. What was reported is made again from its commits; merges of the same commits are the same.
func (v *visit) mergedTrees(ctx context.Context, g *ground, reported bool) (base, merged *git.Tree, err error) {
	first, pulls := g.mirror.Repository(), g.mirror.Pulls()
	if reported {
		r := v.res.Status.Report
		before, after := git.Hash(r.Base), git.Hash(r.Merged)
		if first.Has(ctx, before) && (after != "" && pulls.Has(ctx, after) || v.fetchHead(ctx, g.mirror, git.Hash(r.Head)) == nil) {
			if !pulls.Has(ctx, after) {
				outcome, err := pulls.Merge(ctx, before, git.Hash(r.Head))
				if err != nil {
					return nil, nil, fmt.Errorf("merging again: %w", err)
				}
				after = outcome.Commit
			}
			if after != "" {
				return v.pair(ctx, g, before, after)
			}
		}
	}
	commit := git.Hash(v.pull.MergeCommit)
	parents, err := first.Parents(ctx, commit)
	if err != nil || len(parents) == 0 {
		return nil, nil, fmt.Errorf("finding the merge commit %s: %w", commit, cmp.Or(err, errors.New("it has no parent")))
	}
	return v.pair(ctx, g, parents[0], commit)
}

func (v *visit) pair(ctx context.Context, g *ground, before, after git.Hash) (base, merged *git.Tree, err error) {
	if base, err = g.mirror.Repository().Tree(ctx, before); err != nil {
		return nil, nil, fmt.Errorf("opening the base: %w", err)
	}
	if merged, err = g.mirror.Pulls().Tree(ctx, after); err != nil {
		return nil, nil, fmt.Errorf("opening the merged tree: %w", err)
	}
	return base, merged, nil
}

// track brings the phases of the followed applications up to date, and ends following when all have ended or the time is up.
func (v *visit) track(ctx context.Context) error {
	began := v.Now()
	if c := meta.FindStatusCondition(v.res.Status.Conditions, conditionFollowed); c != nil {
		began = c.LastTransitionTime.Time
	}
	late := v.Now().Sub(began) > v.Follow
	others, err := v.others(ctx)
	if err != nil {
		return err
	}
	all := true
	for i := range v.res.Status.Applications {
		f := &v.res.Status.Applications[i]
		if over(f.Phase, late) {
			continue
		}
		app := &argo.Application{}
		err := v.Reader.Get(ctx, client.ObjectKey{Namespace: f.Namespace, Name: f.Name}, app)
		switch {
		case apierrors.IsNotFound(err):
			f.Phase, f.Message = phaseWaiting, "it comes when the application that declares it has synced"
		case err != nil:
			return fmt.Errorf("reading application %s/%s: %w", f.Namespace, f.Name, err)
		default:
			how := believed(arrival(app, v.Now(), func(revision string) bool { return v.contains(ctx, app, revision) }), app, v.Now())
			f.Phase, f.Message = how.phase, clip(how.message, 500)
		}
		if l, held := others[slipway.LockName(slipway.LockApplication, f.Namespace, f.Name)]; held && l.Spec.Revision != "" && f.Phase == phaseWaiting {
			f.Message = "its automated sync waits: " + heldBy(l)
			v.linger()
			all = false
			continue
		}
		if late && !ended(f.Phase) {
			f.Phase, f.Message = phaseTimedOut, clip("after "+policy.Span(v.Follow)+" it was "+f.Phase+": "+f.Message, 500)
		}
		all = all && over(f.Phase, late)
	}
	if all {
		v.setFollowed(reasonEnded)
		return nil
	}
	v.again(soon)
	return nil
}

// linger keeps following from running out of time while something waits for another pull request's lock.
func (v *visit) linger() {
	c := meta.FindStatusCondition(v.res.Status.Conditions, conditionFollowed)
	if c != nil && v.Now().Sub(c.LastTransitionTime.Time) > time.Minute {
		c.LastTransitionTime = metav1.NewTime(v.Now())
	}
	v.again(time.Minute) // when the lock ends, the application moves, and calls for a look before that
}

// contains says whether a revision of an application has the merge in it. What is no commit of this repository has not.
func (v *visit) contains(ctx context.Context, app *argo.Application, revision string) bool {
	commit, descendant := git.Hash(v.pull.MergeCommit), git.Hash(revision)
	if commit == descendant {
		return true
	}
	if !descendant.IsFull() || !v.ours(app) {
		return false
	}
	repository := v.Mirrors.Mirror(v.repo.CloneURL).Repository()
	has, err := repository.Contains(ctx, commit, descendant)
	return err == nil && has
}

// tell shows in the report what became of the merge.
func (v *visit) tell(ctx context.Context) error {
	s := v.res.Status
	if s.Report != nil && following(v.res) {
		if wait := v.memory.mayEdit(v.reportEdit(v.mergeNews()...), v.Now(), v.EditSpacing); wait > 0 {
			v.again(wait)
			return v.save(ctx)
		}
	}
	r := s.CurrentReport()
	if r != nil && r.Base != "" && r.Head == v.pull.Head.SHA {
		if c, ok := v.memory.change(v.key, r.Base, r.Head); ok {
			return v.retell(ctx, c)
		}
	}
	c, err := v.merged(ctx)
	if err != nil {
		return err
	}
	return v.retell(ctx, c)
}

// reportEdit is an edit of the pull request's report.
func (v *visit) reportEdit(news ...string) edit { return edit{"report/" + v.res.Name, news} }

// mergeNews are the merge, and the environments that what was merged has arrived in, or will not.
func (v *visit) mergeNews() []string {
	over := arrivals{}
	for _, f := range v.res.Status.Applications {
		if f.Phase == phaseManual {
			continue
		}
		environment := ""
		if a := v.res.Status.Report.Application(f.Namespace, f.Name); a != nil {
			environment = a.Environment
		}
		over.add(environment, f.Phase, ended(f.Phase))
	}
	return append(over.news(), "merged "+v.pull.MergeCommit)
}

// retell posts the report of a merged change with what became of it. The promises stay those that were reviewed.
func (v *visit) retell(ctx context.Context, c change.Change) error {
	page := report.Comment(report.Input{
		Change: c, Limit: v.bodyLimit(), Command: prefix(v.res.Spec.Forge), After: v.after(ctx), Version: v.Version, Page: v.address(v.res), Remarks: v.remarks(),
	})
	if !v.commented() && !report.Touched(c) {
		page.Body = ""
	}
	r := slipway.Report{Base: c.Base, Head: v.pull.Head.SHA, Merged: c.Merged, Applications: reportedApplications(c), Incomplete: incomplete(c)}
	if old := v.res.Status.CurrentReport(); old != nil && old.Head == r.Head && old.Base != "" {
		r.Applications = old.Applications
	}
	return v.publish(ctx, page, r)
}

// after is what became of the merge; nil before it.
func (v *visit) after(ctx context.Context) *report.After {
	if v.pull.State != forge.Merged {
		return nil
	}
	a := &report.After{By: v.pull.MergedBy.Login, Commit: v.pull.MergeCommit}
	for _, f := range v.res.Status.Applications {
		app := &argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: f.Namespace, Name: f.Name}}
		if err := v.Client.Get(ctx, client.ObjectKeyFromObject(app), app); err != nil && !apierrors.IsNotFound(err) {
			v.log.Warn("an application cannot be read", "application", f.Namespace+"/"+f.Name, "error", err)
		}
		environment := v.environment(app)
		if f.Phase == phaseManual && v.landed(ctx, app) {
			a.Followed = append(a.Followed, report.Followed{Application: f.Name, Environment: environment,
				Phase: string(app.Status.Health.Status), Message: "what was merged is deployed already"})
			continue
		}
		if f.Phase == phaseManual {
			target := environment
			if target == "" {
				target = "app:" + f.Name
			}
			a.Waiting = append(a.Waiting, report.Waiting{Application: f.Name, Environment: environment, Command: prefix(v.res.Spec.Forge) + "sync " + target})
			continue
		}
		shown := report.Followed{Application: f.Name, Environment: environment, Phase: f.Phase, Message: f.Message}
		switch f.Phase {
		case phaseDegraded, phaseFailed, phaseTimedOut:
			shown.Findings = v.diagnose(ctx, app)
		case phaseSyncing, phaseProgressing:
			shown.Findings = v.stuck(ctx, app)
		}
		a.Followed = append(a.Followed, shown)
	}
	return a
}

// landed says whether an application that waits for a person is as the merge wants it, because it was synced before.
func (v *visit) landed(ctx context.Context, app *argo.Application) bool {
	s := app.Status.Sync
	return s.Status == argo.SyncStatusCodeSynced && slices.ContainsFunc(nonEmpty(s.Revision, s.Revisions), func(r string) bool { return v.contains(ctx, app, r) })
}

// deliver notes what a sync after the merge did for the applications that waited for a person, and tells it.
func (v *visit) deliver(ctx context.Context, steps []step) error {
	if v.pull.State != forge.Merged {
		return nil
	}
	changed := false
	for _, s := range steps {
		for i := range v.res.Status.Applications {
			f := &v.res.Status.Applications[i]
			if f.Name == s.Application && f.Namespace == s.namespace && !s.dry {
				f.Phase, f.Message, changed = s.Phase, clip(s.Message, 500), true
			}
		}
	}
	if !changed {
		return nil
	}
	return v.tell(ctx)
}

// upToDate makes sure that the pull request was read from the forge in this look, before anything is decided by it.
func (v *visit) upToDate(ctx context.Context) error {
	if v.read && !v.resumed {
		return nil
	}
	if err := v.refresh(ctx); err != nil {
		return err
	}
	return v.judge(ctx)
}
