package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// rollback carries out a /rollback: by default through a pull request that reverts this one, or with --to brings files back to a revision, so
// that what is in Git and what runs stay the same; with --now at once, by holding the applications at a revision of before.
func (v *visit) rollback(ctx context.Context, o order) error {
	switch {
	case o.Phase == slipway.CommandRunning:
		return v.advance(ctx, o)
	case o.cmd.Release:
		return v.letGo(ctx, o)
	case o.cmd.Now:
		return v.rollBackNow(ctx, o)
	}
	return v.proposeBack(ctx, o)
}

// undo is a pull request that takes something back.
type undo struct {
	branch, title, body string
	// does says what it does, in Markdown: "reverts this pull request".
	does   string
	result git.Merge
	// steps make its commit by hand, once there is a branch for it.
	steps []string
	// caution says what it takes back beside what was named; empty for nothing.
	caution string
}

// rollingBack is the heading of an answer about such a pull request.
const rollingBack = "### Rolling back\n\n"

// backward is what a command to go back is about: the applications that it names, among those that the pull request changes.
type backward struct {
	order
	ground      *ground
	all, picked []reach
}

// proposeBack opens the pull request that goes back, or says how to make it where we may not.
func (v *visit) proposeBack(ctx context.Context, o order) error {
	g, err := v.stand(ctx)
	if err != nil {
		return err
	}
	if d := v.decide(o, g); !d.Allowed {
		return v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates)
	}
	b := backward{order: o, ground: g}
	if b.all, err = v.reachable(ctx, v.res.Status.CurrentReport(), g.policy); err != nil {
		return err
	}
	var refusal string
	if b.picked, refusal = choose(b.all, o.cmd.Targets); refusal != "" {
		return v.refuse(ctx, o, escape(refusal), nil)
	}
	prepare := v.reverting
	if o.cmd.To != "" {
		prepare = v.restoring
	}
	u, refusal, err := prepare(ctx, b)
	switch {
	case err != nil:
		return err
	case refusal != "":
		return v.refuse(ctx, o, refusal, nil)
	case o.cmd.DryRun:
		return v.answered(ctx, o, "### Dry run\n\nA pull request from a branch "+quote(u.branch)+" that "+u.does+" would be opened. Nothing was pushed.\n"+u.caution)
	}
	return v.propose(ctx, b, u)
}

// beside are the applications that a pull request changes and a command does not name.
func (b backward) beside() []reach {
	named := map[string]bool{}
	for _, r := range b.picked {
		named[r.name()] = true
	}
	var others []reach
	for _, r := range b.all {
		if !named[r.name()] {
			others = append(others, r)
		}
	}
	return others
}

// namesOf are the names of applications, in code, for a sentence.
func namesOf(apps []reach) string {
	var all []string
	for _, r := range apps {
		all = append(all, r.app.Name)
	}
	return quote(clip(strings.Join(all, ", "), 500))
}

// propose pushes the branch and opens the pull request. Both may be done again: the branch is the command's own, and so is what is on it.
func (v *visit) propose(ctx context.Context, b backward, u undo) error {
	o, that := b.order, "the pull request that "+u.does
	proposals, ok := v.forge.(forge.Proposals)
	if !ok {
		return v.answered(ctx, o, rollingBack+v.byHand(u, "Slipway cannot open pull requests here. These commands make "+that+":"))
	}
	auth := func(ctx context.Context) (git.Credential, error) {
		c, err := proposals.PushCredentials(ctx, v.repo)
		return git.Credential{Username: c.Username, Password: c.Password}, err
	}
	err := b.ground.mirror.Push(ctx, auth, u.result.Commit, u.branch)
	if errors.Is(err, forge.ErrForbidden) {
		return v.answered(ctx, o, rollingBack+v.byHand(u, "Slipway may not push to this repository (the App would need contents: write). These commands make "+that+":"))
	}
	var limited *forge.RateLimited
	if errors.As(err, &limited) || ctx.Err() != nil {
		return fmt.Errorf("pushing %s: %w", u.branch, err)
	}
	if err != nil {
		v.log.Warn("the way back could not be pushed", "branch", u.branch, "error", err)
		return v.answered(ctx, o, rollingBack+v.byHand(u, "The branch could not be pushed; a rule of the repository may forbid it. These commands make "+that+":"))
	}
	made, err := proposals.Propose(ctx, v.repo, forge.Proposal{Title: clip(u.title, 200), Head: u.branch, Base: v.pull.Base.Name, Body: u.body})
	if courtesy(err) {
		v.log.Warn("the pull request that goes back could not be opened", "branch", u.branch, "error", err)
		return v.answered(ctx, o, rollingBack+"The branch "+quote(u.branch)+" "+u.does+", but the forge let no pull request be opened from it: open one by hand.\n"+u.caution)
	}
	if err != nil {
		return fmt.Errorf("opening the pull request that goes back: %w", err)
	}
	v.log.Info("a pull request that goes back was opened", "command", o.Text, "by", o.user.Login, "url", made.URL, "branch", u.branch)
	v.Record(v.res, "RollbackProposed", fmt.Sprintf("%s by %s: %s", clip(o.Text, 200), o.user.Login, made.URL))
	return v.answered(ctx, o, fmt.Sprintf(rollingBack+"#%d %s: review and merge it, and what syncs by itself goes back.\n%s", made.Number, u.does, u.caution))
}

// answered ends a command with an answer.
func (v *visit) answered(ctx context.Context, o order, body string) error {
	if err := v.reply(ctx, o.Command, body); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

// byHand are the commands that make the pull request, the commands that make its commit among them.
func (v *visit) byHand(u undo, why string) string {
	lines := append([]string{"git fetch origin " + shellWord(v.pull.Base.Name), "git switch --create " + u.branch + " FETCH_HEAD"}, u.steps...)
	return why + "\n\n" + fenced("sh", strings.Join(append(lines, "git push --set-upstream origin "+u.branch), "\n")) + "\n" + u.caution
}
