package bot

import (
	"context"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// override carries out an /override: it records that a guard passes for the head that its author was shown. Who may say so is the base
// branch's to decide; the guards are asked again at once.
func (v *visit) override(ctx context.Context, o order) error {
	g, err := v.footing(ctx)
	if err != nil {
		return err
	}
	in, err := v.overrideFacts(ctx, o, g)
	if err != nil {
		return err
	}
	if d := policy.Evaluate(in); !d.Allowed {
		return v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates)
	}
	environments, _ := g.policy.Overrides(o.cmd.Name, in)
	said := slipway.Override{
		Guard: o.cmd.Name, Environments: environments, Head: o.bound.Head, By: o.user.Login, ByID: o.user.ID,
		Reason: clip(o.cmd.Reason, 500), At: o.CreatedAt, CommentID: o.ID,
	}
	if !o.cmd.DryRun {
		v.res.Status.AddOverride(said)
		v.force = true
		v.log.Info("a guard is overridden", "guard", said.Guard, "environments", said.Environments, "head", said.Head, "by", said.By, "reason", said.Reason)
		v.Record(v.res, "GuardOverridden", fmt.Sprintf("%s for %s by %s: %s", said.Guard, short(said.Head), said.By, said.Reason))
	}
	if err := v.reply(ctx, o.Command, overrideText(said, o.cmd.DryRun)); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

func (v *visit) overrideFacts(ctx context.Context, o order, g *ground) (policy.Input, error) {
	in := policy.Input{Command: o.cmd, User: o.user, Permission: o.permission, PullRequest: v.pull, Trusted: v.res.Status.Trusted,
		Fault: g.fault, Overrules: g.policy.Overrules, Overridable: g.policy.Overridable()}
	if o.bound != nil {
		in.Report = policy.Reviewed{Posted: true, Head: o.bound.Head}
	}
	var teams []string
	for _, rule := range g.policy.Overrules {
		teams = append(teams, rule.By.Teams...)
	}
	var err error
	in.Teams, err = v.teams(ctx, o.user, teams)
	return in, err
}

func overrideText(o slipway.Override, dry bool) string {
	where := "everywhere"
	if len(o.Environments) > 0 {
		quoted := make([]string, len(o.Environments))
		for i, e := range o.Environments {
			quoted[i] = quote(e)
		}
		where = "in " + strings.Join(quoted, ", ")
	}
	if dry {
		return fmt.Sprintf("### Dry run\n\nThe guard %s would pass %s for %s. Nothing was recorded.\n", quote(o.Guard), where, quote(short(o.Head)))
	}
	return fmt.Sprintf("### Overridden\n\nThe guard %s passes %s for %s, by the word of %s: %s\n\nA new head needs a new word.\n",
		quote(o.Guard), where, quote(short(o.Head)), quote(o.By), quote(o.Reason))
}

// preview carries out a /preview: it records what is wanted. Who builds previews reads it; see PreviewRequest.
func (v *visit) preview(ctx context.Context, o order) error {
	if !v.Previews {
		return v.refuse(ctx, o, "This installation brings up no environments of pull requests.", nil)
	}
	g, err := v.footing(ctx)
	if err != nil {
		return err
	}
	if d := v.decide(o, g); !d.Allowed {
		return v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates)
	}
	want, refusal := v.wanted(o)
	if want != nil && want.Wanted {
		makers, err := v.makers(ctx)
		if err != nil {
			return err
		}
		if len(makers) == 0 {
			refusal = "There are no previews here: " + noMakers + "."
		}
	}
	if refusal != "" {
		return v.refuse(ctx, o, refusal, nil)
	}
	text := "The preview is to end."
	if want.Wanted {
		text = "A preview is wanted of this pull request."
	}
	if want.Until != nil {
		text = "The preview is to last until " + want.Until.UTC().Format("2006-01-02 15:04 MST") + "."
	}
	if o.cmd.DryRun {
		text = "Dry run, nothing was recorded: " + text
	} else {
		v.res.Status.Preview = want
		v.log.Info("a preview is asked for", "wanted", want.Wanted, "until", want.Until, "by", want.By)
		v.Record(v.res, "Preview", fmt.Sprintf("%s by %s", clip(o.Text, 200), o.user.Login))
	}
	if err := v.reply(ctx, o.Command, "### Preview\n\n"+text+"\n"); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

// wanted is what a /preview asks for, or why that cannot be.
func (v *visit) wanted(o order) (want *slipway.PreviewRequest, refusal string) {
	want = &slipway.PreviewRequest{Wanted: o.cmd.Name != command.PreviewStop, By: o.user.Login, At: o.CreatedAt, Head: v.pull.Head.SHA}
	if o.cmd.Name == command.PreviewExtend {
		have, e := v.res.Status.Preview, v.res.Status.Environment
		commanded := have != nil && have.Wanted && !have.Extends
		if !commanded && (e == nil || have != nil && !have.Wanted) {
			return nil, "There is no preview of this pull request that could last longer."
		}
		until := metav1.NewTime(v.Now().Add(o.cmd.For).Truncate(1e9))
		want.Until, want.Extends = &until, !commanded
	}
	return want, ""
}

func short(sha string) string { return sha[:min(len(sha), 10)] }
