package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/forge"
)

// approval asks for enough approvals of this very head by others than its author. Before a merge one is needed at least.
func approval(in Input) (Gate, bool) {
	need := in.Environment.Requires.Approvals
	if before(in) {
		need = max(need, 1)
	}
	if need == 0 {
		return Gate{}, false
	}
	approvers, other := approvers(in)
	value := fmt.Sprintf("%d of %d", len(approvers), need)
	if len(approvers) > 0 {
		value += " (" + strings.Join(approvers, ", ") + ")"
	}
	if other != "" {
		value += "; " + other
	}
	others := fmt.Sprintf("others than %s and whoever else wrote or pushed it, who have write permission", in.PullRequest.Author.Login)
	if by := in.Environment.Requires.Approvers; !by.None() {
		others = fmt.Sprintf("%s, but not %s nor whoever else wrote or pushed it", by, in.PullRequest.Author.Login)
	}
	if in.PullRequest.Repository.Forge == forge.GitLab && len(approvers) < need { // where nobody can approve twice
		others += "; who approved before the newest push takes that back first, and approves again"
	}
	return Gate{
		Name: "approval", Passed: len(approvers) >= need, Value: value,
		Satisfy: fmt.Sprintf("%s of commit %s by %s", count(need, "approval"), short(in.PullRequest.Head.SHA), others),
	}, true
}

// approvers are those whose approval counts by the rules of the environment, and a remark about one that does not.
func approvers(in Input) (names []string, remark string) {
	seen, by := map[int64]bool{}, in.Environment.Requires.Approvers
	for _, r := range in.Reviews {
		why, counts := in.counts(r)
		switch {
		case !counts:
			remark = cmp.Or(why, remark)
		case seen[r.User.ID]:
		case !by.None() && !by.Include(r.User, in.ReviewerTeams[r.User.ID]):
			remark = r.User.Login + " is not among those whose approval counts"
		default:
			seen[r.User.ID] = true
			names = append(names, r.User.Login)
		}
	}
	return names, remark
}

// approvers are the accounts that have approved this head and whose word counts, whomever an environment wants beside.
func (in Input) approvers() []forge.User {
	var all []forge.User
	for _, r := range in.Reviews {
		if _, counts := in.counts(r); counts {
			all = append(all, r.User)
		}
	}
	return all
}

// counts says whether a verdict is an approval of this very head by somebody else than who made it, and else why an approval is not.
func (in Input) counts(r forge.Review) (why string, counts bool) {
	switch {
	case r.State != forge.Approved:
		return "", false
	case same(r.User, in.PullRequest.Author):
		return "the author's own does not count", false
	case slices.ContainsFunc(in.Writers, func(w forge.User) bool { return same(r.User, w) }):
		return r.User.Login + " has a hand in the head", false
	case r.SHA == "":
		return r.User.Login + "'s cannot be told to be of this commit", false
	case r.SHA != in.PullRequest.Head.SHA:
		return r.User.Login + " approved another commit", false
	case r.SubmittedAt.Before(in.Since):
		return r.User.Login + " approved it before it went into " + in.PullRequest.Base.Name, false
	case r.User.Bot:
		return "a bot's does not count", false
	case in.Reviewers[r.User.ID] < forge.Write:
		return r.User.Login + " has no write permission", false
	}
	return "", true
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func short(sha string) string { return sha[:min(len(sha), 10)] }
