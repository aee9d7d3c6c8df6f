package bot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// refresh reads the pull request and its repository from the forge: a delivery is only a hint.
func (v *visit) refresh(ctx context.Context) error {
	var repo forge.Repository
	var pull forge.PullRequest
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		repo, err = v.forge.Repository(gctx, v.repo)
		return err
	})
	group.Go(func() (err error) {
		pull, err = v.forge.PullRequest(gctx, v.repo, v.res.Spec.Number)
		return err
	})
	err := group.Wait()
	if err == nil && !strings.EqualFold(repo.FullName(), v.repo.FullName()) {
		// The repository is read by its number, the pull request by the repository's name. That it no longer has may be another's by now.
		repo.Installation = v.repo.Installation
		pull, err = v.forge.PullRequest(ctx, repo, v.res.Spec.Number)
	}
	if errors.Is(err, forge.ErrNotFound) || errors.Is(err, forge.ErrUnauthorized) || errors.Is(err, forge.ErrForbidden) {
		return v.gone(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("reading the pull request: %w", err)
	}
	if repo.Archived {
		return fmt.Errorf("%s: %w", repo.FullName(), errArchived)
	}
	repo.Installation = v.repo.Installation
	pull.Repository, v.repo = repo, repo
	v.pull, v.read = pull, true
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
