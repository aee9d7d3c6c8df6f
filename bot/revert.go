package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/engine/git"
)

// reverting makes the commit that takes a merged pull request back as a whole. The second result says why there is none, or is empty.
func (v *visit) reverting(ctx context.Context, b backward) (u undo, refusal string, err error) {
	r, err := v.undoing(ctx, b.ground)
	if err != nil {
		return u, "", err
	}
	u = undo{branch: fmt.Sprintf(ownBranches+"revert-%d-%d", v.pull.Number, b.ID), title: "Revert: " + v.pull.Title, body: v.revertBody(b.order),
		does: "reverts this pull request", steps: []string{v.revertStep(r)}}
	if others := b.beside(); len(others) > 0 {
		u.caution = "\nIt takes this pull request back as a whole, in " + namesOf(others) + " as well.\n"
	}
	if r.before == "" {
		return u, "It cannot be told which commits of the base branch this pull request became. " + v.byHand(u, "Revert them by hand:"), nil
	}
	message := fmt.Sprintf("Revert pull request %d\n\nThis takes back %s, as %s asked with %s.\n", v.pull.Number, v.pull.MergeCommit, b.user.Login, clip(b.Text, 200)) +
		askedBy(b.user)
	tip := b.ground.base.Commit()
	u.result, err = b.ground.mirror.Pulls().Revert(ctx, git.Reversion{Tip: tip, Before: r.before, After: r.after, Message: message, At: b.CreatedAt.Time})
	switch {
	case err != nil:
		return u, "", fmt.Errorf("reverting: %w", err)
	case len(u.result.Conflicts) > 0:
		return u, "What came since conflicts with going back, in " + quote(clip(strings.Join(u.result.Conflicts, ", "), 500)) + ". " +
			v.byHand(u, "Resolve that in a pull request of your own:"), nil
	case u.result.Commit == tip:
		return u, "There is nothing to revert: the base branch has none of it any more.", nil
	}
	return u, "", nil
}

func (v *visit) revertBody(o order) string {
	return fmt.Sprintf("Reverts #%d, as %s asked with %s.\n", v.pull.Number, quote(o.user.Login), quote(clip(o.Text, 200))) + reasonText(o)
}

// reasonText is a paragraph with the reason that was given for a command, if any.
func reasonText(o order) string {
	if o.cmd.Reason == "" {
		return ""
	}
	return "\nReason: " + quote(clip(o.cmd.Reason, 500)) + "\n"
}

// revertStep is the command that reverts by hand.
func (v *visit) revertStep(r reversal) string {
	switch {
	case r.before == "":
		return "git revert --no-edit FIRST^.." + v.pull.MergeCommit + "  # FIRST: the first commit of this pull request on " + v.pull.Base.Name
	case r.merge:
		return "git revert --no-edit --mainline 1 " + v.pull.MergeCommit
	case r.count > 1:
		return fmt.Sprintf("git revert --no-edit %s..%s", r.before, r.after)
	}
	return "git revert --no-edit " + v.pull.MergeCommit
}

// reversal is what a merge put on the base branch.
type reversal struct {
	// before and after are the commits of the base branch around the merge; before is empty where that cannot be told.
	before, after git.Hash
	// merge is whether after is a merge of two parents; count is how many commits of the branch were put there one by one, else 1.
	merge bool
	count int
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
	if r := v.res.Status.CurrentReport(); r != nil && r.Base != "" && r.Head == v.pull.Head.SHA && repository.Has(ctx, git.Hash(r.Base)) {
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
