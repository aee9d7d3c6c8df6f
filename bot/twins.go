package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/slipway-cd/slipway/bot/report"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// Forges keep checks and statuses by commit and name. Anybody can open another pull request with a commit that is a pull request's head
// already: into a branch where it changes nothing, or from a fork, which waits for somebody's word. What is said there would stand in the place
// of what was said here, and a merge that waits for it would wait no more. So the worst that is known of a commit is what is said of it.

// reasonTwin is why a pull request is looked at whose head is another's too, when that one's check has ended otherwise than before.
const reasonTwin = "check_twin"

// twins are the other open pull requests of the repository with the same head.
func (v *visit) twins(ctx context.Context) ([]slipway.PullRequest, error) {
	list := &slipway.PullRequestList{}
	if err := v.Client.List(ctx, list, client.InNamespace(v.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("looking for pull requests of the same commit: %w", err)
	}
	return twinsOf(v.res, v.pull.Head.SHA, list.Items), nil
}

func twinsOf(res *slipway.PullRequest, head string, all []slipway.PullRequest) []slipway.PullRequest {
	var twins []slipway.PullRequest
	for _, p := range all {
		same := p.Spec.Forge == res.Spec.Forge && strings.EqualFold(p.Spec.Host, res.Spec.Host) && p.Spec.Repository.ID == res.Spec.Repository.ID
		if same && p.Spec.Number != res.Spec.Number && p.Status.State == slipway.StateOpen && p.Status.HeadSHA == head {
			twins = append(twins, p)
		}
	}
	return twins
}

// worst is a check as it may be said of its commit: one that lets pass gives way to that of another pull request which does not.
func (v *visit) worst(ctx context.Context, c forge.Check) (forge.Check, error) {
	passes := c.Conclusion == forge.Success || c.Conclusion == forge.Neutral
	if c.Status != forge.Completed || !passes || c.SHA != v.pull.Head.SHA || v.pull.State != forge.Open {
		return c, nil
	}
	twins, err := v.twins(ctx)
	for _, p := range twins {
		if p.Status.CheckState == slipway.CheckFailure && p.Status.CheckHead == c.SHA {
			v.log.Info("the check of another pull request of this commit fails", "other", p.Spec.Number)
			return report.Shared(c, p.Spec.Number, p.Status.BaseRef), nil
		}
	}
	return c, err
}

// isGroup says whether a commit is that of a merge group, and this pull request no part of the queue: whatever was said of it here, the queue would
// take for what it waits for.
func (v *visit) isGroup(ctx context.Context, sha string) (bool, error) {
	if v.pull.State != forge.Open || strings.HasPrefix(v.pull.Head.Name, queueFolder) && !v.pull.Fork() {
		return false, nil
	}
	repo := &slipway.Repository{}
	err := v.Client.Get(ctx, client.ObjectKey{Namespace: v.Namespace, Name: slipway.RepositoryName(v.res.Spec.Host, v.res.Spec.Repository.ID)}, repo)
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("looking for merge groups: %w", err)
	}
	return slices.ContainsFunc(repo.Status.MergeGroups, func(g slipway.MergeGroup) bool { return g.SHA == sha }), nil
}

// worstStatus is the same of an environment's commit status.
func (v *visit) worstStatus(ctx context.Context, s slipway.EnvironmentStatus) (slipway.EnvironmentStatus, error) {
	if s.State != slipway.CheckSuccess || s.SHA != v.pull.Head.SHA || v.pull.State != forge.Open {
		return s, nil
	}
	twins, err := v.twins(ctx)
	for _, p := range twins {
		for _, other := range p.Status.Statuses {
			if other.Environment == s.Environment && other.SHA == s.SHA && other.State != slipway.CheckSuccess && !isPromise(other) {
				other.Description = line(fmt.Sprintf("pull request %d: %s", p.Spec.Number, other.Description))
				return other, nil
			}
		}
	}
	return s, err
}

// standingCheck is what others of the same head go by.
func standingCheck(s slipway.PullRequestStatus) [3]string {
	return [3]string{s.State, s.CheckHead, s.CheckState}
}

// wakeTwins has the pull requests of the same head say what is so of it, if that has changed in this look.
func (v *visit) wakeTwins(ctx context.Context) error {
	now := standingCheck(v.res.Status)
	if now == v.began || v.res.Status.CheckState == slipway.CheckPending {
		return nil
	}
	twins, err := v.twins(ctx)
	if err != nil {
		return err
	}
	for _, p := range twins {
		err := v.Bot.asked(ctx, client.ObjectKeyFromObject(&p), slipway.Asked{At: metav1.NewMicroTime(v.Now()), Reason: reasonTwin})
		if client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}
