package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// order is a recorded command with what is needed to decide about it.
type order struct {
	*slipway.Command
	cmd        command.Command
	user       forge.User
	permission forge.Permission // as it is now
	// bound is the newest report that stood there when the command was given; nil when there was none.
	bound *slipway.Report
}

// open reads a recorded command again. Permission is read now, at the time of the act.
func (v *visit) open(ctx context.Context, c *slipway.Command) (order, error) {
	o := order{Command: c, user: forge.User{ID: c.AuthorID, Login: c.Author}, bound: v.res.Status.ReportBefore(c.CreatedAt.Time)}
	for _, cmd := range command.Parse(c.Text, command.Options{Mentions: v.Mentions}) {
		o.cmd = cmd
		break
	}
	if o.cmd.Verb == "" && o.cmd.Problem == "" {
		o.cmd.Problem = "the command cannot be read" // it was recorded under other mentions
	}
	if c.Phase != slipway.CommandPending {
		return o, nil // it was allowed; what is still to be decided asks again
	}
	return o, v.permit(ctx, &o)
}

// permit reads what the author of a command may do now.
func (v *visit) permit(ctx context.Context, o *order) (err error) {
	if o.permission, err = v.forge.Permission(ctx, v.repo, o.user); err != nil {
		return fmt.Errorf("reading the permission of %s: %w", o.user.Login, err)
	}
	return nil
}

// vouch carries out the commands that come before the report: /ok-to-test lets a head be rendered, /override lets a guard pass, /diff asks
// for a new report.
func (v *visit) vouch(ctx context.Context) error {
	for i := range v.res.Status.Commands {
		c := &v.res.Status.Commands[i]
		if c.Phase.Finished() || !early(c.Text, v.Mentions) {
			continue
		}
		o, err := v.open(ctx, c)
		if err != nil {
			return err
		}
		if o.cmd.Verb == command.Override {
			if err := v.override(ctx, o); err != nil {
				return err
			}
			continue
		}
		if d := v.decide(o, nil); !d.Allowed {
			if err := v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates); err != nil {
				return err
			}
			continue
		}
		if err := v.before(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func early(line string, mentions []string) bool {
	for _, cmd := range command.Parse(line, command.Options{Mentions: mentions}) {
		return cmd.Problem == "" && (cmd.Verb == command.OKToTest || cmd.Verb == command.Diff || cmd.Verb == command.Override)
	}
	return false
}

// before carries out one of them.
func (v *visit) before(ctx context.Context, o order) error {
	v.force = true
	if o.cmd.Verb == command.OKToTest {
		// The word is for the commit that its author was shown; the gate "report" has seen to it that this is the head.
		v.res.Status.TrustedSHA, v.res.Status.TrustedBy = o.bound.Head, vouched+o.user.Login
		v.log.Info("a head is vouched for", "head", o.bound.Head, "by", o.user.Login)
		v.Record(v.res, "Vouched", fmt.Sprintf("%s vouched for %s", o.user.Login, o.bound.Head))
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

// decide asks the policy about a command that names no applications.
func (v *visit) decide(o order, g *ground) policy.Decision {
	in := policy.Input{Command: o.cmd, User: o.user, Permission: o.permission, PullRequest: v.pull, Trusted: v.res.Status.Trusted}
	if o.bound != nil {
		in.Report = policy.Reviewed{Posted: true, Head: o.bound.Head}
	}
	if g != nil {
		in.Fault = g.fault
	}
	return policy.Evaluate(in)
}

// obey carries out what is pending, in the order in which it was said, and goes on with what runs.
func (v *visit) obey(ctx context.Context) error {
	for i := range v.res.Status.Commands {
		c := &v.res.Status.Commands[i]
		if c.Phase.Finished() {
			continue
		}
		if v.pull.State == forge.Open && early(c.Text, v.Mentions) {
			v.again(time.Millisecond) // it was heard too late for this look
			continue
		}
		before := v.earlierOf(c)
		if before != nil && !before.Phase.Finished() {
			continue // its turn comes when that one has ended
		}
		o, err := v.open(ctx, c)
		if err != nil {
			return err
		}
		if why := leftOut(before, o.cmd); why != "" && c.Phase == slipway.CommandPending {
			if err := v.refuse(ctx, o, why, nil); err != nil {
				return err
			}
			continue
		}
		if err := v.carryOut(ctx, o); err != nil {
			return fmt.Errorf("command of comment %d: %w", c.ID, err)
		}
	}
	return nil
}

func (v *visit) carryOut(ctx context.Context, o order) error {
	if o.Phase == slipway.CommandPending {
		if err := v.upToDate(ctx); err != nil {
			return err
		}
	}
	if o.cmd.Problem != "" {
		reason := "This cannot be done: " + escape(o.cmd.Problem)
		if o.cmd.Hint != "" {
			reason += "\n\n" + quote(o.cmd.Hint)
		}
		return v.refuse(ctx, o, reason, nil)
	}
	switch o.cmd.Verb {
	case command.Sync:
		return v.sync(ctx, o)
	case command.Lock:
		return v.lockUp(ctx, o)
	case command.Unlock:
		return v.unlock(ctx, o)
	case command.Status:
		return v.status(ctx, o)
	case command.Help:
		return v.help(ctx, o)
	case command.Preview:
		return v.preview(ctx, o)
	case command.Action:
		return v.action(ctx, o)
	case command.Rollback:
		return v.rollback(ctx, o)
	}
	return v.refuse(ctx, o, fmt.Sprintf("The pull request is %s: there is no head to look at.", v.pull.State), nil)
}

// refuse answers with the reason and every gate.
func (v *visit) refuse(ctx context.Context, o order, reason string, gates []policy.Gate) error {
	var closed []string
	for _, g := range gates {
		if !g.Passed {
			closed = append(closed, g.Name)
		}
	}
	v.log.Info("command refused", "command", o.Text, "by", o.user.Login, "permission", o.permission.String(), "comment", o.ID, "reason", reason, "closed", closed)
	v.Record(v.res, "CommandRefused", strings.TrimSuffix(fmt.Sprintf("%s by %s: %s", clip(o.Text, 200), o.user.Login, strings.Join(closed, ", ")), ": "))
	if v.heeded(o) {
		shown := make([]policy.Gate, 0, len(gates))
		for _, g := range gates {
			shown = append(shown, policy.Gate{Name: g.Name, Passed: g.Passed, Value: escape(g.Value), Satisfy: escape(g.Satisfy)})
		}
		if err := v.reply(ctx, o.Command, report.Refusal(o.Text, reason, shown)); err != nil {
			return err
		}
	}
	message := reason
	if len(closed) > 0 {
		message = "refused by: " + strings.Join(closed, ", ")
	}
	return v.done(ctx, o, slipway.CommandRefused, message, forge.Confused)
}

// heeded says whether a refusal is put into words. A stranger gets that once on a pull request, so that nobody can have us flood it.
func (v *visit) heeded(o order) bool {
	if o.permission >= forge.Triage || strings.EqualFold(o.user.Login, v.pull.Author.Login) {
		return true
	}
	for _, c := range v.res.Status.Commands {
		if c.ReplyID != "" && c.OperationID != o.OperationID && strings.EqualFold(c.Author, o.user.Login) {
			return false
		}
	}
	return true
}

// done ends a command.
func (v *visit) done(ctx context.Context, o order, phase slipway.CommandPhase, message string, with forge.Reaction) error {
	if o.cmd.Verb == command.Sync && o.cmd.DryRun {
		if err := v.Mirrors.Mirror(v.repo.CloneURL).Release(ctx, o.OperationID); err != nil {
			return fmt.Errorf("letting go of what was tried: %w", err)
		}
	}
	v.react(ctx, o.ID, with)
	now := metav1.NewMicroTime(v.Now())
	o.Phase, o.Message, o.FinishedAt = phase, clip(message, 500), &now
	v.log.Info("command ended", "command", o.Text, "by", o.user.Login, "comment", o.ID, "phase", phase)
	return v.save(ctx)
}

// reply writes or edits the one answer to a command.
func (v *visit) reply(ctx context.Context, c *slipway.Command, body string) error {
	body = marked(replyMarker(c.OperationID), body)
	if r := []rune(body); len(r) > v.forge.CommentLimit() {
		body = string(r[:v.forge.CommentLimit()])
	}
	id := number(c.ReplyID)
	if id == 0 && v.fresh[c.OperationID] {
		posted, err := v.forge.CreateComment(ctx, v.repo, v.pull.Number, body)
		if err != nil {
			return fmt.Errorf("answering: %w", err)
		}
		id = posted.ID
		delete(v.fresh, c.OperationID)
	} else {
		said, err := v.say(ctx, replyMarker(c.OperationID), id, body)
		if err != nil {
			return fmt.Errorf("answering: %w", err)
		}
		id = said
	}
	if c.ReplyID == text(id) {
		return nil
	}
	c.ReplyID = text(id)
	return v.save(ctx)
}

// progress edits a reply while something goes on: not too often, unless there is news, or it is the end.
func (v *visit) progress(ctx context.Context, c *slipway.Command, body string, news []string, end bool) error {
	if !end {
		if wait := v.memory.mayEdit(edit{c.OperationID, news}, v.Now(), v.EditSpacing); wait > 0 {
			v.again(wait)
			return nil
		}
	}
	return v.reply(ctx, c, body)
}

// soon is the time to the next look at something that goes on, should no event of the cluster call for one before.
const soon = 5 * time.Second
