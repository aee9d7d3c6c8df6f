package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
)

// rollBackNow has applications synced at a revision of before and held there: see slipway.Hold.
func (v *visit) rollBackNow(ctx context.Context, o order) error {
	in, err := v.backwards(ctx, o)
	if err != nil {
		return err
	}
	if !in.allowed {
		if in.locked { // going back is for now: it does not wait
			return v.refuse(ctx, o, "Another pull request holds it.", in.gates)
		}
		return v.turnDown(ctx, o, in)
	}
	if o.cmd.DryRun {
		return v.answered(ctx, o, "### Dry run\n\nNothing was changed. This would be:\n\n"+backText(in.apps))
	}
	now := metav1.NewMicroTime(v.Now())
	o.Phase, o.StartedAt, o.Applications = slipway.CommandRunning, &now, nil
	for _, a := range in.apps {
		o.Applications = append(o.Applications, a.name())
	}
	if err := v.save(ctx); err != nil {
		return err
	}
	v.log.Info("rollback begins", "command", o.Text, "by", o.user.Login, "applications", o.Applications, "key", o.OperationID, "gates", passed(in.gates))
	v.Record(v.res, "Rollback", fmt.Sprintf("%s by %s: %s", clip(o.Text, 200), o.user.Login, strings.Join(o.Applications, ", ")))
	if err := v.deployments(ctx, o, in); err != nil {
		return err
	}
	for _, a := range in.apps {
		if err := v.askBack(ctx, o, a); err != nil {
			return err
		}
	}
	return v.advance(ctx, o)
}

// backwards decides what a rollback at once would do, and whether it may.
func (v *visit) backwards(ctx context.Context, o order) (intent, error) {
	g, err := v.stand(ctx)
	if err != nil {
		return intent{}, err
	}
	in := intent{ground: g}
	all, err := v.reachable(ctx, v.res.Status.CurrentReport(), g.policy)
	if err != nil {
		return in, err
	}
	picked, refusal := choose(all, o.cmd.Targets)
	if refusal != "" {
		in.refusal = refusal
		return in, nil
	}
	for _, r := range picked {
		h, why := earlier(r.app, o.cmd.To)
		if why != "" {
			in.refusal = r.app.Name + " " + why
			return in, nil
		}
		a := aim{reach: r, revisions: h.RevisionList(), back: h}
		for i, s := range r.app.Spec.SourceList() {
			if in.revision == "" && i < len(a.revisions) && v.follows(s) && git.Hash(a.revisions[i]).IsFull() {
				in.revision = git.Hash(a.revisions[i])
			}
		}
		in.apps = append(in.apps, a)
	}
	return in, v.weigh(ctx, o, &in)
}

// earlier is the entry of an application's history to go back to: the newest whose revisions are not those of the last, or the newest with a
// revision or of a number that is named. The second result says why there is none.
func earlier(app *argo.Application, to string) (h *argo.RevisionHistory, why string) {
	history := app.Status.History
	if len(history) == 0 {
		return nil, "has no history: nothing was deployed yet."
	}
	last := history[len(history)-1].RevisionList()
	for i := len(history) - 1; i >= 0; i-- {
		e := &history[i]
		switch {
		case to == "" && !slices.Equal(e.RevisionList(), last), to != "" && entryNamed(e, to):
			return e, ""
		}
	}
	if to == "" {
		return nil, "was never deployed at another revision, as far as its history goes."
	}
	return nil, fmt.Sprintf("has no %q in its history, which goes back to: %s.", to, pastOf(history))
}

// entryNamed says whether an entry of the history is meant: by its number, a revision, or the beginning of a commit.
func entryNamed(e *argo.RevisionHistory, to string) bool {
	if strconv.FormatInt(e.ID, 10) == to {
		return true
	}
	return slices.ContainsFunc(e.RevisionList(), func(r string) bool {
		return r == to || len(to) >= 7 && git.Hash(r).IsFull() && strings.HasPrefix(r, strings.ToLower(to))
	})
}

// pastOf lists the history, newest first.
func pastOf(history argo.RevisionHistories) string {
	var past []string
	for i := len(history) - 1; i >= 0; i-- {
		past = append(past, fmt.Sprintf("%d (%s)", history[i].ID, shortList(history[i].RevisionList())))
	}
	return strings.Join(past, ", ")
}

func shortList(revisions []string) string {
	var all []string
	for _, r := range revisions {
		all = append(all, short(r))
	}
	return strings.Join(all, " ")
}

func backText(apps []aim) string {
	var b strings.Builder
	for _, a := range apps {
		fmt.Fprintf(&b, "- %s goes back to %s, deployed %s, and is held there\n", quote(a.app.Name), quote(shortList(a.revisions)),
			a.back.DeployedAt.UTC().Format("2006-01-02 15:04 MST"))
	}
	return b.String()
}

// askBack writes the hold and the operation of one application in one patch, unless it carries this command's already or is busy. A lock of
// this pull request, which would go before the hold, is given back.
func (v *visit) askBack(ctx context.Context, o order, a aim) error {
	own, err := v.locks(ctx)
	if err != nil {
		return err
	}
	for _, l := range own {
		if l.Name == slipway.LockName(slipway.LockApplication, a.app.Namespace, a.app.Name) {
			if err := v.release(ctx, l); err != nil {
				return err
			}
		}
	}
	app := &argo.Application{}
	if err := v.Reader.Get(ctx, client.ObjectKeyFromObject(a.app), app); err != nil {
		return client.IgnoreNotFound(err) // it went away; the answer says so
	}
	if carries(app, o.OperationID) || busy(app) {
		return nil
	}
	by := v.res.Spec.Forge + ":" + o.user.Login
	op := app.RollbackTo(*a.back, by, o.cmd.Prune)
	op.Info = v.information(o)
	keys := append([]string{o.OperationID}, commandKeys(app)...)
	reason := o.cmd.Reason
	if reason == "" {
		reason = "rolled back"
	}
	annotations := slipway.Hold{Revisions: a.revisions, By: by, Reason: clip(reason, 200) + " (" + v.url() + ")"}.Annotate(nil)
	annotations[annotationCommands] = strings.Join(keys[:min(len(keys), keptCommands)], ",")
	patch, err := json.Marshal(map[string]any{
		"metadata":  map[string]any{"resourceVersion": app.ResourceVersion, "annotations": annotations},
		"operation": op,
	})
	if err != nil {
		return fmt.Errorf("writing the operation of %s: %w", a.name(), err)
	}
	err = v.Client.Patch(ctx, app, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldOwner))
	if apierrors.IsConflict(err) {
		v.again(soon / 10) // it changed meanwhile: look at it again first
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing the operation of %s: %w", a.name(), err)
	}
	v.log.Info("operation written", "application", a.name(), "revision", a.revisions, "by", o.user.Login, "key", o.OperationID, "hold", true)
	v.Record(app, "RollbackAsked", fmt.Sprintf("%s by %s on %s", clip(o.Text, 200), o.user.Login, v.url()))
	return nil
}

// rollOn asks the applications of a rollback that were busy, or that a restart left unasked.
func (v *visit) rollOn(ctx context.Context, o order, unasked []string) (over bool, err error) {
	in, err := v.backwards(ctx, o)
	if err != nil {
		return false, err
	}
	if !in.allowed {
		if len(unasked) == len(o.Applications) {
			return true, v.refuse(ctx, o, "It was allowed when it was given, and is no longer.", in.gates)
		}
		o.Applications = slices.DeleteFunc(slices.Clone(o.Applications), func(n string) bool { return slices.Contains(unasked, n) })
		return false, v.save(ctx)
	}
	for _, a := range in.apps {
		if slices.Contains(unasked, a.name()) {
			if err := v.askBack(ctx, o, a); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// letGo carries out a /rollback --release: held applications follow their branch again.
func (v *visit) letGo(ctx context.Context, o order) error {
	g, err := v.stand(ctx)
	if err != nil {
		return err
	}
	all, err := v.reachable(ctx, v.res.Status.CurrentReport(), g.policy)
	if err != nil {
		return err
	}
	picked, refusal := choose(all, o.cmd.Targets)
	if refusal != "" {
		return v.refuse(ctx, o, escape(refusal), nil)
	}
	in := intent{ground: g}
	for _, r := range picked {
		in.apps = append(in.apps, aim{reach: r})
	}
	if err := v.weigh(ctx, o, &in); err != nil {
		return err
	}
	if !in.allowed {
		return v.refuse(ctx, o, "Not everything that it needs is so.", in.gates)
	}
	var b strings.Builder
	held := 0
	for _, r := range picked {
		h, is := slipway.HoldOf(r.app.Annotations)
		if !is {
			continue
		}
		held++
		next := "it is synced when someone asks for that"
		if r.app.Spec.SyncPolicy.IsAutomated() {
			next = "its automated sync goes on"
		}
		fmt.Fprintf(&b, "- %s was %s; %s\n", quote(r.app.Name), quote("held at "+shortList(h.Revisions)), next)
		if o.cmd.DryRun {
			continue
		}
		if err := v.unhold(ctx, o, r); err != nil {
			return err
		}
	}
	switch {
	case held == 0:
		return v.refuse(ctx, o, "Nothing of that is held.", nil)
	case o.cmd.DryRun:
		return v.answered(ctx, o, "### Dry run\n\nNothing was released. This would be:\n\n"+b.String())
	}
	return v.answered(ctx, o, "### Released\n\n"+b.String())
}

func (v *visit) unhold(ctx context.Context, o order, r reach) error {
	gone := map[string]any{annotationRefresh: "normal"}
	for _, key := range []string{slipway.HoldAnnotation, slipway.HoldByAnnotation, slipway.HoldReasonAnnotation} {
		gone[key] = nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": gone}})
	if err != nil {
		return fmt.Errorf("releasing %s: %w", r.name(), err)
	}
	app := &argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: r.app.Namespace, Name: r.app.Name}}
	err = v.Client.Patch(ctx, app, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldOwner))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("releasing %s: %w", r.name(), err)
	}
	v.log.Info("an application is released", "application", r.name(), "by", o.user.Login)
	v.Record(r.app, "Released", fmt.Sprintf("%s by %s on %s", clip(o.Text, 200), o.user.Login, v.url()))
	v.Record(v.res, "Released", fmt.Sprintf("%s by %s", r.app.Name, o.user.Login))
	return nil
}
