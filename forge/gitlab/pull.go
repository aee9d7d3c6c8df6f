package gitlab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/xanzy/go-gitlab"
	"golang.org/x/sync/errgroup"

	"github.com/slipway-cd/slipway/forge"
)

// PullRequest implements forge.PullRequests. TestMerge is always empty: GitLab makes one only when asked.
func (f *Forge) PullRequest(ctx context.Context, r forge.Repository, number int) (forge.PullRequest, error) {
	doing := "reading merge request " + place(r, number)
	var mr *gitlab.MergeRequest
	var now forge.Repository
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		mr, _, err = f.api.MergeRequests.GetMergeRequest(int(r.ID), number, nil, gitlab.WithContext(gctx))
		return err
	})
	group.Go(func() (err error) {
		now, err = f.Repository(gctx, r)
		return err
	})
	if err := group.Wait(); err != nil {
		return forge.PullRequest{}, refused(doing, err)
	}
	return pullRequest(now, mr), nil
}

// OpenPullRequests implements forge.PullRequests.
func (f *Forge) OpenPullRequests(ctx context.Context, r forge.Repository) ([]forge.PullRequest, error) {
	doing := "listing the open merge requests of " + r.FullName()
	// In the order of creation, so that one opened meanwhile does not shift the pages.
	options := &gitlab.ListProjectMergeRequestsOptions{State: gitlab.Ptr("opened"), OrderBy: gitlab.Ptr("created_at"), Sort: gitlab.Ptr("asc")}
	var all []forge.PullRequest
	err := pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := f.api.MergeRequests.ListProjectMergeRequests(int(r.ID), options, gitlab.WithContext(ctx))
		for _, mr := range page {
			all = append(all, pullRequest(r, mr))
		}
		return resp, err
	})
	return all, refused(doing, err)
}

// ClosedPullRequests implements forge.PullRequests, newest change first.
func (f *Forge) ClosedPullRequests(ctx context.Context, r forge.Repository, since time.Time) ([]forge.PullRequest, error) {
	doing := "listing the closed merge requests of " + r.FullName()
	const most = 5
	var all []forge.PullRequest
	for _, state := range []string{"closed", "merged"} {
		options := &gitlab.ListProjectMergeRequestsOptions{State: &state, OrderBy: gitlab.Ptr("updated_at"), Sort: gitlab.Ptr("desc"),
			UpdatedAfter: &since, ListOptions: gitlab.ListOptions{PerPage: 100}}
		for options.Page = 1; options.Page <= most; options.Page++ {
			page, resp, err := f.api.MergeRequests.ListProjectMergeRequests(int(r.ID), options, gitlab.WithContext(ctx))
			if err != nil {
				return nil, refused(doing, err)
			}
			for _, mr := range page {
				if p := pullRequest(r, mr); !p.UpdatedAt.Before(since) {
					all = append(all, p)
				}
			}
			if resp.NextPage == 0 {
				break
			}
		}
	}
	return all, nil
}

func pullRequest(r forge.Repository, mr *gitlab.MergeRequest) forge.PullRequest {
	p := forge.PullRequest{
		Repository:     r,
		Number:         mr.IID,
		URL:            mr.WebURL,
		Title:          strings.TrimPrefix(mr.Title, "Draft: "), // GitLab's way to mark a draft, which Draft says
		Author:         user(mr.Author),
		State:          state(mr.State),
		Draft:          mr.Draft || mr.WorkInProgress,
		Labels:         mr.Labels,
		Base:           forge.Ref{Name: mr.TargetBranch, SHA: mr.DiffRefs.StartSha},
		Head:           forge.Ref{Name: mr.SourceBranch, SHA: mr.SHA},
		HeadRepository: int64(mr.SourceProjectID),
		Mergeable:      mergeable(mr),
		UpdatedAt:      at(mr.UpdatedAt),
	}
	if p.State == forge.Merged {
		// A fast-forward leaves the head itself on the base branch.
		p.MergeCommit = cmp.Or(mr.MergeCommitSHA, mr.SquashCommitSHA, mr.SHA)
		p.MergedBy = user(mr.MergedBy)
	}
	return p
}

func state(s string) forge.State {
	switch s {
	case "merged":
		return forge.Merged
	case "closed":
		return forge.Closed
	}
	return forge.Open // "locked" is while it is being merged
}

// mergeable says whether there is a conflict. Other reasons not to merge, such as missing approvals, are GitLab's own matter.
func mergeable(mr *gitlab.MergeRequest) *bool {
	switch mr.DetailedMergeStatus {
	case "checking", "unchecked", "preparing", "approvals_syncing":
		return nil
	case "conflict", "broken_status":
		return gitlab.Ptr(false)
	}
	return gitlab.Ptr(!mr.HasConflicts)
}

// botName is how GitLab names the accounts of project and group access tokens.
var botName = regexp.MustCompile(`^(project|group)_[0-9]+_bot`)

// user is zero when the account has been deleted.
func user(u *gitlab.BasicUser) forge.User {
	if u == nil {
		return forge.User{}
	}
	return forge.User{ID: int64(u.ID), Login: u.Username, Bot: botName.MatchString(u.Username)}
}

// Permission implements forge.PullRequests. It counts inherited membership. Who is no member may do nothing, even where everyone can read.
func (f *Forge) Permission(ctx context.Context, r forge.Repository, u forge.User) (forge.Permission, error) {
	doing := fmt.Sprintf("reading what %s may do in %s", u.Login, r.FullName())
	if u.ID == 0 {
		return forge.None, nil
	}
	member, _, err := f.api.ProjectMembers.GetInheritedProjectMember(int(r.ID), int(u.ID), gitlab.WithContext(ctx))
	if errors.Is(err, gitlab.ErrNotFound) {
		// GitLab says the same of a stranger as of a project that is gone.
		_, gone := f.Repository(ctx, r)
		return forge.None, gone
	}
	if err != nil {
		return forge.None, refused(doing, err)
	}
	if member.State != "" && member.State != "active" {
		return forge.None, nil
	}
	return level(member.AccessLevel), nil
}

// level maps GitLab's roles. A developer writes; a planner and a guest do not, nor does a reporter.
func level(l gitlab.AccessLevelValue) forge.Permission {
	switch {
	case l >= gitlab.OwnerPermissions:
		return forge.Admin
	case l >= gitlab.MaintainerPermissions:
		return forge.Maintain
	case l >= gitlab.DeveloperPermissions:
		return forge.Write
	case l >= gitlab.ReporterPermissions:
		return forge.Triage
	case l >= gitlab.GuestPermissions:
		return forge.Read
	}
	return forge.None
}
