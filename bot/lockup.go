package bot

import (
	"context"
	"fmt"
	"strings"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// lockUp carries out a /lock: it holds applications where they are, so that neither other pull requests nor the base branch deploy to them.
func (v *visit) lockUp(ctx context.Context, o order) error {
	in, err := v.intend(ctx, o)
	if err != nil {
		return err
	}
	if !in.allowed {
		return v.turnDown(ctx, o, in)
	}
	own, err := v.locks(ctx)
	if err != nil {
		return err
	}
	held, err := v.hold(ctx, o, in, func(a aim) git.Hash { return v.stays(a, own) })
	if err != nil {
		return err
	}
	if !held {
		return v.refuse(ctx, o, "Another pull request was faster.", nil)
	}
	if own, err = v.locks(ctx); err != nil {
		return err
	}
	if err := v.reply(ctx, o.Command, heldText(in.apps, own)); err != nil {
		return err
	}
	for _, a := range in.apps {
		v.Record(v.res, "Locked", a.name()+" by "+o.user.Login)
		if err := v.nudge(ctx, a.app.Namespace, a.app.Name); err != nil {
			return err
		}
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

// stays is the commit at which an application is held: that of a lock of ours, else what was deployed last from this repository; none
// where nothing was.
func (v *visit) stays(a aim, own []slipway.Lock) git.Hash {
	for _, l := range own {
		if l.Spec.Application.Namespace == a.app.Namespace && l.Spec.Application.Name == a.app.Name && l.Spec.Revision != "" {
			return git.Hash(l.Spec.Revision)
		}
	}
	if len(a.app.Status.History) == 0 {
		return ""
	}
	last := a.app.Status.History[len(a.app.Status.History)-1]
	revisions := nonEmpty(last.Revision, last.Revisions)
	for i, s := range a.app.Spec.SourceList() {
		if i < len(revisions) && v.follows(s) && git.Hash(revisions[i]).IsFull() {
			return git.Hash(revisions[i])
		}
	}
	return ""
}

func heldText(apps []aim, own []slipway.Lock) string {
	var b strings.Builder
	b.WriteString("### 🔒 Held\n\n")
	for _, a := range apps {
		for _, l := range own {
			if l.Spec.Application.Namespace != a.app.Namespace || l.Spec.Application.Name != a.app.Name {
				continue
			}
			at := ""
			if r := l.Spec.Revision; r != "" {
				at = " at " + quote(r[:10])
			}
			fmt.Fprintf(&b, "- %s%s until %s\n", quote(a.app.Name), at, until(l))
		}
	}
	b.WriteString("\nOther pull requests are refused meanwhile, and automated sync keeps to that revision. " +
		quote("/unlock") + ", the merge or closing the pull request gives it back.\n")
	return b.String()
}
