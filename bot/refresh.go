package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// refresh reads the pull request and its repository from the forge: a delivery is only a hint.
func (v *visit) refresh(ctx context.Context) error {
	pull, err := v.forge.PullRequest(ctx, v.repo, v.res.Spec.Number)
	if errors.Is(err, forge.ErrNotFound) || errors.Is(err, forge.ErrUnauthorized) || errors.Is(err, forge.ErrForbidden) {
		return v.gone(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("reading the pull request: %w", err)
	}
	if pull.Repository.ID != v.repo.ID {
		return v.gone(ctx, fmt.Errorf("%w: %s is another repository now", forge.ErrNotFound, v.repo.FullName()))
	}
	if pull.Repository.Archived {
		return fmt.Errorf("%s: %w", pull.Repository.FullName(), errArchived)
	}
	pull.Repository.Installation = v.repo.Installation
	if v.resumed && (pull.Head.SHA != v.pull.Head.SHA || pull.Base.Name != v.pull.Base.Name || pull.State != v.pull.State) {
		return errSuperseded // while it had to wait
	}
	if v.resumed {
		v.ground = nil
	}
	v.repo, v.pull, v.read, v.readAt, v.resumed = pull.Repository, pull, true, v.Now(), false
	v.note()
	return nil
}

// errArchived ends a look at a repository that takes nothing any more. That it is opened again is told by a delivery.
var errArchived = errors.New("the repository is archived: nothing can be written to it")

// gone ends the look at what we may no longer see. Nothing is taken back or deleted: an outage looks the same.
func (v *visit) gone(ctx context.Context, cause error) error {
	v.log.Warn("the pull request cannot be seen", "error", cause)
	return fmt.Errorf("the pull request cannot be seen: %w", cause)
}

// note keeps what people want to see of the pull request, and what goOn needs of it.
func (v *visit) note() {
	s, p := &v.res.Status, v.pull
	if s.GoInto(p.Base.Name, v.Now()) {
		v.log.Info("the pull request goes into another branch now", "base", p.Base.Name)
		v.force = true
	}
	s.Title, s.Author, s.State, s.Draft = clip(p.Title, 256), p.Author.Login, string(p.State), p.Draft
	s.HeadSHA, s.HeadRef, s.Fork = p.Head.SHA, p.Head.Name, p.Fork()
	if p.State == forge.Merged {
		s.MergedSHA = p.MergeCommit
	}
	if p.State != forge.Open {
		s.Buttons = nil
	}
}

// recall makes the pull request of what was noted at the last look.
func (v *visit) recall() {
	s := v.res.Status
	v.pull = forge.PullRequest{
		Repository: v.repo, Number: v.res.Spec.Number, Title: s.Title, State: forge.State(s.State), Draft: s.Draft,
		Author: forge.User{Login: s.Author}, Head: forge.Ref{Name: s.HeadRef, SHA: s.HeadSHA}, Base: forge.Ref{Name: s.BaseRef, SHA: s.BaseSHA},
		URL: v.url(),
	}
	if s.State == slipway.StateMerged {
		v.pull.MergeCommit = s.MergedSHA
		if c := meta.FindStatusCondition(s.Conditions, conditionFollowed); c != nil {
			v.pull.MergedBy.Login = strings.TrimPrefix(c.Message, mergedBy)
		}
	}
}

// url is the pull request's page on its forge.
func (v *visit) url() string {
	if v.pull.URL != "" {
		return v.pull.URL
	}
	if v.res.Spec.Forge == slipway.ForgeGitLab {
		return fmt.Sprintf("https://%s/%s/-/merge_requests/%d", v.repo.Host, v.repo.FullName(), v.res.Spec.Number)
	}
	return fmt.Sprintf("https://%s/%s/pull/%d", v.repo.Host, v.repo.FullName(), v.res.Spec.Number)
}
