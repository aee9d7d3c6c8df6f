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

// rollback carries out a /rollback: by default through a pull request that reverts this one, so that what is in Git and what runs stay the
// same; with --now at once, by holding the applications at a revision of before.
func (v *visit) rollback(ctx context.Context, o order) error {
	switch {
	case o.Phase == slipway.CommandRunning:
		return v.advance(ctx, o)
	case o.cmd.Release:
		return v.letGo(ctx, o)
	case o.cmd.Now:
		return v.rollBackNow(ctx, o)
	}
	return v.proposeRevert(ctx, o)
}

// proposeRevert opens the reverting pull request, or says how to make it where we may not.
func (v *visit) proposeRevert(ctx context.Context, o order) error {
	g, err := v.stand(ctx)
	if err != nil {
		return err
	}
	if d := v.decide(o, g); !d.Allowed {
		return v.refuse(ctx, o, "Not everything that it needs is so.", d.Gates)
	}
	all, err := v.reachable(ctx, v.res.Status.Report, g.policy)
	if err != nil {
		return err
	}
	if _, refusal := choose(all, o.cmd.Targets); refusal != "" {
		return v.refuse(ctx, o, escape(refusal), nil)
	}
	if o.cmd.To != "" {
		return v.refuse(ctx, o, "A pull request reverts this one as a whole. "+quote("--to")+" goes with "+quote("--now")+".", nil)
	}
	r, err := v.undoing(ctx, g)
	if err != nil {
		return err
	}
	r.others, r.branch = beside(all, o), fmt.Sprintf("slipway/revert-%d-%d", v.pull.Number, o.ID)
	if r.before == "" {
		return v.refuse(ctx, o, "It cannot be told which commits of the base branch this pull request became. "+v.byHand(r, "revert them by hand:"), nil)
	}
	if r.result, err = g.mirror.Pulls().Revert(ctx, git.Reversion{Tip: g.base.Commit(), Before: r.before, After: r.after, Message: v.revertMessage(o), At: o.CreatedAt.Time}); err != nil {
		return fmt.Errorf("reverting: %w", err)
	}
	switch {
	case len(r.result.Conflicts) > 0:
		return v.refuse(ctx, o, "What came since conflicts with going back, in "+quote(clip(strings.Join(r.result.Conflicts, ", "), 500))+". "+
			v.byHand(r, "Resolve that in a pull request of your own:"), nil)
	case r.result.Commit == g.base.Commit():
		return v.refuse(ctx, o, "There is nothing to revert: the base branch has none of it any more.", nil)
	case o.cmd.DryRun:
		return v.answered(ctx, o, "### Dry run\n\nA pull request would revert this one, from a branch "+quote(r.branch)+". Nothing was pushed.\n"+r.caution())
	}
	return v.openRevert(ctx, o, g, r)
}

// reversal is what a reverting pull request is made of.
type reversal struct {
	// before and after are the commits of the base branch around the merge; before is empty where that cannot be told.
	before, after git.Hash
	// merge is whether after is a merge of two parents; count is how many commits of the branch were put there one by one, else 1.
	merge  bool
	count  int
	branch string
	result git.Merge
	// others are applications beside those that were named, which it takes back as well.
	others []string
}

// undoing finds out what a merge put on the base branch: one commit, or, where the branch was rebased or the base moved forward to it, its
// commits one by one.
func (v *visit) undoing(ctx context.Context, g *ground) (reversal, error) {
	r := reversal{after: git.Hash(v.pull.MergeCommit), count: 1}
	repository := g.mirror.Pulls()
	merged, err := repository.Commit(ctx, r.after)
	if err != nil {
		return r, fmt.Errorf("reading the merge commit: %w", err)
	}
	if len(merged.Parents) == 0 {
		return r, nil
	}
	if r.merge = len(merged.Parents) > 1; r.merge {
		r.before = merged.Parents[0]
		return r, nil
	}
	own, whole, err := v.ownCommits(ctx, g, merged.Parents[0])
	if err != nil {
		return r, err
	}
	switch {
	case len(own) > 0 && own[0].Message == merged.Message && len(own) > 1: // rebased, or moved forward: the newest is the branch's newest
		if !whole {
			return r, nil
		}
		r.count = len(own)
	}
	r.before = r.after
	for range r.count {
		c, err := repository.Commit(ctx, r.before)
		if err != nil {
			return r, fmt.Errorf("reading what was merged: %w", err)
		}
		if len(c.Parents) != 1 {
			r.before = ""
			return r, nil
		}
		r.before = c.Parents[0]
	}
	return r, nil
}

// ownCommits are the commits of the pull request's branch, newest first. whole is false where there are merges among them, or too many.
func (v *visit) ownCommits(ctx context.Context, g *ground, base git.Hash) (own []git.Commit, whole bool, err error) {
	const most = 250 // as many as forges show of a pull request
	head, repository := git.Hash(v.pull.Head.SHA), g.mirror.Pulls()
	if !repository.Has(ctx, head) {
		if err := v.fetchHead(ctx, g.mirror, head); err != nil {
			return nil, false, err
		}
	}
	if r := v.res.Status.Report; r != nil && r.Base != "" && r.Head == v.pull.Head.SHA && repository.Has(ctx, git.Hash(r.Base)) {
		base = git.Hash(r.Base)
	}
	fork, err := repository.MergeBase(ctx, base, head)
	if errors.Is(err, git.ErrUnrelated) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("finding where the branch begins: %w", err)
	}
	for at := head; at != fork; {
		c, err := repository.Commit(ctx, at)
		if err != nil {
			return nil, false, fmt.Errorf("reading the branch: %w", err)
		}
		own = append(own, c)
		if len(c.Parents) != 1 || len(own) > most {
			return own, false, nil
		}
		at = c.Parents[0]
	}
	return own, true, nil
}

// caution names what else would be taken back.
func (r reversal) caution() string {
	if len(r.others) == 0 {
		return ""
	}
	return "\nIt takes this pull request back as a whole, in " + quote(clip(strings.Join(r.others, ", "), 500)) + " as well.\n"
}

// beside are the applications that a pull request changes and a command does not name.
func beside(all []reach, o order) []string {
	picked, _ := choose(all, o.cmd.Targets)
	named := map[string]bool{}
	for _, r := range picked {
		named[r.name()] = true
	}
	var others []string
	for _, r := range all {
		if !named[r.name()] {
			others = append(others, r.app.Name)
		}
	}
	return others
}

// openRevert pushes the branch and opens the pull request. Both may be done again: the branch is the command's own, and so is what is on it.
func (v *visit) openRevert(ctx context.Context, o order, g *ground, r reversal) error {
	proposals, ok := v.forge.(forge.Proposals)
	if !ok {
		return v.answered(ctx, o, v.byHand(r, "Slipway cannot open pull requests here. These commands make the one that reverts this one:"))
	}
	auth := func(ctx context.Context) (git.Credential, error) {
		c, err := proposals.PushCredentials(ctx, v.repo)
		return git.Credential{Username: c.Username, Password: c.Password}, err
	}
	err := g.mirror.Push(ctx, auth, r.result.Commit, r.branch)
	if errors.Is(err, forge.ErrForbidden) {
		return v.answered(ctx, o, v.byHand(r, "Slipway may not push to this repository (the App would need contents: write). These commands make the pull request that reverts this one:"))
	}
	var limited *forge.RateLimited
	if errors.As(err, &limited) || ctx.Err() != nil {
		return fmt.Errorf("pushing the revert: %w", err)
	}
	if err != nil {
		v.log.Warn("the revert could not be pushed", "branch", r.branch, "error", err)
		return v.answered(ctx, o, v.byHand(r, "The branch could not be pushed; a rule of the repository may forbid it. These commands make the pull request that reverts this one:"))
	}
	made, err := proposals.Propose(ctx, v.repo, forge.Proposal{
		Title: clip("Revert: "+v.pull.Title, 200), Head: r.branch, Base: v.pull.Base.Name,
		Body: v.revertBody(o),
	})
	if courtesy(err) {
		v.log.Warn("the reverting pull request could not be opened", "branch", r.branch, "error", err)
		return v.answered(ctx, o, "### Rolling back\n\nThe branch "+quote(r.branch)+" reverts this pull request, but the forge let no pull request be opened from it: open one by hand.\n"+r.caution())
	}
	if err != nil {
		return fmt.Errorf("opening the reverting pull request: %w", err)
	}
	v.log.Info("a reverting pull request was opened", "command", o.Text, "by", o.user.Login, "url", made.URL, "branch", r.branch)
	v.Record(v.res, "RollbackProposed", fmt.Sprintf("%s by %s: %s", clip(o.Text, 200), o.user.Login, made.URL))
	return v.answered(ctx, o, fmt.Sprintf("### Rolling back\n\n#%d reverts this pull request: review and merge it, and what syncs by itself goes back.\n%s", made.Number, r.caution()))
}

// answered ends a command with an answer.
func (v *visit) answered(ctx context.Context, o order, body string) error {
	if err := v.reply(ctx, o.Command, body); err != nil {
		return err
	}
	return v.done(ctx, o, slipway.CommandDone, "", forge.Rocket)
}

func (v *visit) revertMessage(o order) string {
	return fmt.Sprintf("Revert pull request %d\n\nThis takes back %s, as %s asked with %s.\n", v.pull.Number, v.pull.MergeCommit, o.user.Login, clip(o.Text, 200))
}

func (v *visit) revertBody(o order) string {
	text := fmt.Sprintf("Reverts #%d, as %s asked with %s.\n", v.pull.Number, quote(o.user.Login), quote(clip(o.Text, 200)))
	if o.cmd.Reason != "" {
		text += "\nReason: " + quote(clip(o.cmd.Reason, 500)) + "\n"
	}
	return text
}

// byHand are the commands that make the reverting pull request.
func (v *visit) byHand(r reversal, why string) string {
	commit := fmt.Sprintf("git revert --no-edit %s", v.pull.MergeCommit)
	switch {
	case r.before == "":
		commit = "git revert --no-edit FIRST^.." + v.pull.MergeCommit + "  # FIRST: the first commit of this pull request on " + v.pull.Base.Name
	case r.merge:
		commit = fmt.Sprintf("git revert --no-edit --mainline 1 %s", v.pull.MergeCommit)
	case r.count > 1:
		commit = fmt.Sprintf("git revert --no-edit %s..%s", r.before, r.after)
	}
	return why + "\n\n" + fenced("sh", strings.Join([]string{
		"git fetch origin " + v.pull.Base.Name, "git switch --create " + r.branch + " FETCH_HEAD", commit, "git push --set-upstream origin " + r.branch,
	}, "\n")) + "\n" + r.caution()
}
