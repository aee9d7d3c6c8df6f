package bot

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/bot/command"
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
	wanted := claims(in, func(a aim) git.Hash { return v.stays(a, own) })
	for _, t := range o.cmd.Targets {
		if t.Kind == command.Environment {
			wanted = append(wanted, claim{name: v.environmentLock(t.Name), environment: t.Name})
		}
	}
	if o.cmd.DryRun {
		return v.lockTrial(ctx, o, in, wanted)
	}
	held, err := v.hold(ctx, o, in, wanted)
	if err != nil {
		return err
	}
	if !held { // another was faster: now the gates say who
		return v.lockUp(ctx, o)
	}
	if own, err = v.locks(ctx); err != nil {
		return err
	}
	if err := v.reply(ctx, o.Command, heldText(prefix(v.res.Spec.Forge), wanted, own)); err != nil {
		return err
	}
	for _, a := range in.apps {
		v.Record(v.res, "Locked", a.name()+" by "+o.user.Login)
		v.Record(a.app, "Locked", fmt.Sprintf("%s by %s on %s", clip(o.Text, 200), o.user.Login, v.url()))
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
		if l.Name == slipway.LockName(slipway.LockApplication, a.app.Namespace, a.app.Name) && l.Spec.Revision != "" {
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

// lockTrial says what a /lock --dry-run would hold.
func (v *visit) lockTrial(ctx context.Context, o order, in intent, wanted []claim) error {
	var b strings.Builder
	b.WriteString("### Dry run\n\nNothing was locked. This would be held:\n\n")
	for _, c := range wanted {
		l := *v.lock(o, in, c)
		b.WriteString(holdLine(l))
	}
	if err := v.reply(ctx, o.Command, b.String()); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

func holdLine(l slipway.Lock) string {
	if l.Spec.Application == nil {
		return fmt.Sprintf("- the environment %s, against the commands of other pull requests, until %s\n", quote(l.Spec.Environment), until(l))
	}
	at := ""
	if r := l.Spec.Revision; r != "" {
		at = " at " + quote(short(r))
	}
	return fmt.Sprintf("- %s%s until %s\n", quote(subject(l)), at, until(l))
}

func heldText(begin string, wanted []claim, own []slipway.Lock) string {
	var b strings.Builder
	b.WriteString("### 🔒 Held\n\n")
	for _, c := range wanted {
		for _, l := range own {
			if l.Name == c.name {
				b.WriteString(holdLine(l))
			}
		}
	}
	return b.String() + "\nThe commands of other pull requests wait meanwhile, and automated sync keeps to that revision. " +
		quote(begin+"lock --for 4h") + " changes the time; " + quote(begin+"unlock") + ", the merge or closing the pull request gives it back.\n"
}
