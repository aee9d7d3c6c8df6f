package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/report"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// inform posts the report of an open pull request, or says what it waits for.
func (v *visit) inform(ctx context.Context) error {
	if v.pull.State == forge.Closed {
		return v.dismiss(ctx)
	}
	if v.pull.State != forge.Open || !v.stale() {
		return nil
	}
	if !v.res.Status.Trusted {
		return v.decline(ctx)
	}
	watched, stop := v.watch(ctx)
	defer stop()
	g, err := v.footing(watched)
	if err != nil {
		return because(watched, err)
	}
	if v.reported(g) {
		return nil
	}
	if wait := v.tooSoon(); wait > 0 {
		v.postponed = true
		v.again(wait)
		return nil
	}
	if g, err = v.stand(watched); err != nil {
		return because(watched, err)
	}
	c, err := v.compute(watched, g)
	if err != nil {
		return because(watched, err)
	}
	// What was said before the report stands there was not said about it.
	if err := v.listen(watched); err != nil {
		return because(watched, err)
	}
	if c.Unverified() {
		if c, err = v.verified(ctx, watched, g, c); err != nil {
			return because(watched, err)
		}
	}
	stop()
	return v.post(ctx, g, c)
}

// soonVerified is how long the report waits for what destinations and registries say, so that it is mostly written once.
const soonVerified = 500 * time.Millisecond

// verified asks the world about a change. Where that takes its time the report is posted first; the answers are one edit of it. Asking ends
// with watched, which a newer head cancels.
func (v *visit) verified(ctx, watched context.Context, g *ground, c change.Change) (change.Change, error) {
	type answer struct {
		change change.Change
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		told, err := v.Pipeline.Verify(watched, c)
		answered <- answer{told, err}
	}()
	timer := time.NewTimer(soonVerified)
	defer timer.Stop()
	var a answer
	select {
	case a = <-answered:
	case <-timer.C:
		if err := v.post(ctx, g, c); err != nil {
			return c, err
		}
		a = <-answered
	}
	if a.err != nil {
		return c, fmt.Errorf("asking about the change: %w", a.err)
	}
	v.memory.keep(v.key, a.change)
	return a.change, nil
}

// dismiss ends the check of a pull request that was closed while it was looked at.
func (v *visit) dismiss(ctx context.Context) error {
	if v.res.Status.CheckState != slipway.CheckPending {
		return nil
	}
	err := v.endCheck(ctx, forge.Check{Name: report.CheckName, Status: forge.Completed, Conclusion: forge.Cancelled,
		Title: "The pull request was closed", Summary: "Opening it again has it looked at again."})
	v.res.Status.CheckState = "" // opened again, it gets a new one
	return err
}

// stale says whether a report may be out of date. What people say does not change what a merge would do.
func (v *visit) stale() bool {
	s := v.res.Status
	if v.force || s.Report == nil || s.Report.Unverified || s.Report.Head != v.pull.Head.SHA || s.CheckState == slipway.CheckPending ||
		slices.Contains(v.asked.Reasons(), reasonTwin) {
		return true
	}
	if s.Trusted != (s.Report.Base != "") {
		return true // the report was about trust, and that has changed
	}
	if !s.Trusted {
		return false
	}
	return slices.ContainsFunc(v.asked.Reasons(), func(reason string) bool { return !said(reason) })
}

// said says whether a reason is that somebody said something.
func said(reason string) bool {
	return slices.ContainsFunc([]string{"issue_comment", "pull_request_review", "note hook", "check_run.requested_action"}, func(event string) bool {
		return strings.HasPrefix(strings.ToLower(reason), event)
	})
}

// reported says whether the report is of this base and head already.
func (v *visit) reported(g *ground) bool {
	s := v.res.Status
	again := slices.ContainsFunc(v.asked.Reasons(), func(reason string) bool { return strings.HasPrefix(reason, "check_") && !said(reason) })
	return !v.force && !again && s.Report != nil && !s.Report.Unverified && s.Report.Head == v.pull.Head.SHA && s.Report.Base == string(g.base.Commit()) &&
		s.CheckState != slipway.CheckPending
}

// tooSoon is how long the report of the same head waits because it was edited just now: its base moves more often than people read. Whoever
// asks for it does not wait.
func (v *visit) tooSoon() time.Duration {
	s := v.res.Status
	if v.force || s.Report == nil || s.Report.Base == "" || s.Report.Unverified || s.Report.Head != v.pull.Head.SHA || s.CheckState == slipway.CheckPending ||
		slices.ContainsFunc(v.asked.Reasons(), func(reason string) bool { return strings.HasPrefix(reason, "check_") }) {
		return 0
	}
	return v.memory.waitToEdit(v.reportEdit().comment, v.Now(), v.EditSpacing)
}

// decline says that an untrusted head waits, and how it goes on. Nothing of it is rendered or even fetched.
func (v *visit) decline(ctx context.Context) error {
	if v.res.Status.Report == nil {
		if err := v.listen(ctx); err != nil {
			return err
		}
	}
	page := report.Untrusted(v.pull.Author.Login, v.pull.Head.SHA, prefix(v.res.Spec.Forge))
	return v.publish(ctx, page, slipway.Report{Head: v.pull.Head.SHA})
}

// compute finds out what merging would do.
func (v *visit) compute(ctx context.Context, g *ground) (change.Change, error) {
	c := change.Change{Base: string(g.base.Commit()), Head: v.pull.Head.SHA, Conflicts: g.conflicts}
	if len(g.conflicts) > 0 {
		return c, nil
	}
	return v.between(ctx, g, g.base, g.merged)
}

// between finds out what a change from one tree to another does.
func (v *visit) between(ctx context.Context, g *ground, base, merged *git.Tree) (change.Change, error) {
	files, err := g.changed(ctx, base, merged)
	if err != nil {
		return change.Change{}, err
	}
	apps, err := v.applications(ctx)
	if err != nil {
		return change.Change{}, err
	}
	projects := &argo.AppProjectList{}
	if err := v.Client.List(ctx, projects); err != nil {
		return change.Change{}, fmt.Errorf("listing projects: %w", err)
	}
	sets, err := v.applicationSets(ctx)
	if err != nil {
		return change.Change{}, err
	}
	in := change.Input{
		Head: v.pull.Head.SHA, BaseTree: base, MergedTree: merged, Files: files, Applications: apps, ApplicationSets: sets, Trusted: v.own(), Seed: v.Seed,
		Project: func(name string) (*argo.AppProject, bool) {
			for i := range projects.Items {
				if p := &projects.Items[i]; p.Name == name && p.Namespace == v.Namespace {
					return p, true
				}
			}
			return nil, false
		},
		Environment: func(a *argo.Application) string { return g.policy.Environment(a.Name, a.Labels) },
		Guards:      g.policy.GuardsOf(v.pull.Head.SHA, v.res.Status),
	}
	for _, e := range g.policy.Environments {
		in.Order = append(in.Order, e.Name)
	}
	in.Scope.Same = v.same
	in.Scope.BaseBranch, in.Scope.DefaultBranch = v.pull.Base.Name, v.repo.DefaultBranch
	c, err := v.Pipeline.PullRequest(ctx, in)
	if err != nil {
		return change.Change{}, fmt.Errorf("finding out what the pull request changes: %w", err)
	}
	v.memory.keep(v.key, c.Settled())
	return c, nil
}

// same says whether an address is that of this repository.
func (v *visit) same(url string) bool { return v.NormalizeURL(url) == v.NormalizeURL(v.repo.CloneURL) }

// applicationSets lists those of the control namespace, and those of others that are watched. It has none where their definition is not installed, or where we may not read them.
func (v *visit) applicationSets(ctx context.Context) ([]*argo.ApplicationSet, error) {
	list := &argo.ApplicationSetList{}
	err := v.Reader.List(ctx, list, client.InNamespace(v.Namespace))
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		v.Log.Debug("there are no ApplicationSets to look into", "reason", err.Error())
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing application sets: %w", err)
	}
	sets := make([]*argo.ApplicationSet, len(list.Items))
	for i := range list.Items {
		sets[i] = &list.Items[i]
	}
	watched, err := v.allSets(ctx)
	for i := range watched {
		if watched[i].Namespace != v.Namespace {
			sets = append(sets, watched[i].DeepCopy())
		}
	}
	return sets, err
}

// applications lists those of the cluster, once a look.
func (v *visit) applications(ctx context.Context) ([]*argo.Application, error) {
	if v.apps != nil {
		return v.apps, nil
	}
	list := &argo.ApplicationList{}
	if err := v.Client.List(ctx, list); err != nil {
		return nil, fmt.Errorf("listing applications: %w", err)
	}
	for i := range list.Items {
		v.apps = append(v.apps, &list.Items[i])
	}
	return v.apps, nil
}

// watch cancels its context when the pull request gets a new head, or is no longer open, while the report is made.
func (v *visit) watch(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-v.pokes:
			}
			now, err := v.forge.PullRequest(ctx, v.repo, v.pull.Number)
			if err == nil && (now.Head.SHA != v.pull.Head.SHA || now.State != v.pull.State || now.Base.Name != v.pull.Base.Name) {
				cancel(errSuperseded)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil) }
}

// because gives the reason for which a context was cancelled in place of the error that this led to.
func because(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSuperseded) {
		return errSuperseded
	}
	return err
}
