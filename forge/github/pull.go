package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
)

// PullRequest implements forge.PullRequests. GitHub's answer has the repository in it; it is asked for by its ID only where nothing is found
// under its name: it may have another one now, and its old one be another repository's.
func (f *Forge) PullRequest(ctx context.Context, r forge.Repository, number int) (forge.PullRequest, error) {
	p, err := f.pullRequestOf(ctx, r, number)
	if errors.Is(err, forge.ErrNotFound) {
		if now, lookErr := f.Repository(ctx, r); lookErr == nil && now.FullName() != r.FullName() {
			return f.pullRequestOf(ctx, now, number)
		}
	}
	return p, err
}

// pullRequestOf reads a pull request by its repository's name.
func (f *Forge) pullRequestOf(ctx context.Context, r forge.Repository, number int) (forge.PullRequest, error) {
	doing := "reading pull request " + place(r, number)
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return forge.PullRequest{}, refused(doing, err)
	}
	pr, _, err := c.PullRequests.Get(ctx, r.Owner, r.Name, number)
	if err != nil {
		return forge.PullRequest{}, refused(doing, err)
	}
	found := pr.GetBase().GetRepo()
	if found.GetID() != r.ID {
		return forge.PullRequest{}, fmt.Errorf("%s: %w: the name belongs to another repository now", doing, forge.ErrNotFound)
	}
	now, err := f.allowed(ctx, r, found)
	return pullRequest(now, pr), refused(doing, err)
}

// OpenPullRequests implements forge.PullRequests. A list has no mergeability: TestMerge may be old and Mergeable is nil.
func (f *Forge) OpenPullRequests(ctx context.Context, r forge.Repository) ([]forge.PullRequest, error) {
	doing := "listing the open pull requests of " + r.FullName()
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return nil, refused(doing, err)
	}
	// In the order of creation, so that one opened meanwhile does not shift the pages.
	options := &github.PullRequestListOptions{State: "open", Sort: "created", Direction: "asc"}
	var all []forge.PullRequest
	err = pages(&options.ListOptions, func() (*github.Response, error) {
		page, resp, err := c.PullRequests.List(ctx, r.Owner, r.Name, options)
		for _, pr := range page {
			all = append(all, pullRequest(r, pr))
		}
		return resp, err
	})
	return all, refused(doing, err)
}

// ClosedPullRequests implements forge.PullRequests, newest change first.
func (f *Forge) ClosedPullRequests(ctx context.Context, r forge.Repository, since time.Time) ([]forge.PullRequest, error) {
	doing := "listing the closed pull requests of " + r.FullName()
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return nil, refused(doing, err)
	}
	const most = 5
	options := &github.PullRequestListOptions{State: "closed", Sort: "updated", Direction: "desc", ListOptions: github.ListOptions{PerPage: 100}}
	var all []forge.PullRequest
	for options.Page = 1; options.Page <= most; options.Page++ {
		page, resp, err := c.PullRequests.List(ctx, r.Owner, r.Name, options)
		if err != nil {
			return nil, refused(doing, err)
		}
		for _, pr := range page {
			if at(pr.UpdatedAt).Before(since) {
				return all, nil
			}
			all = append(all, pullRequest(r, pr))
		}
		if resp.NextPage == 0 {
			break
		}
	}
	return all, nil
}

// pages calls next with each page's number until there are no more.
func pages(o *github.ListOptions, next func() (*github.Response, error)) error {
	const most = 1000
	o.PerPage, o.Page = 100, 1
	for range most {
		resp, err := next()
		if err != nil {
			return err
		}
		if resp.NextPage <= o.Page {
			return nil
		}
		o.Page = resp.NextPage
	}
	return fmt.Errorf("more than %d pages", most)
}

func pullRequest(r forge.Repository, pr *github.PullRequest) forge.PullRequest {
	p := forge.PullRequest{
		Repository: r,
		Number:     pr.GetNumber(),
		URL:        pr.GetHTMLURL(),
		Title:      pr.GetTitle(),
		Author:     user(pr.User),
		State:      state(pr),
		Draft:      pr.GetDraft(),
		Base:       forge.Ref{Name: pr.GetBase().GetRef(), SHA: pr.GetBase().GetSHA()},
		Head:       forge.Ref{Name: pr.GetHead().GetRef(), SHA: pr.GetHead().GetSHA()},
		Mergeable:  pr.Mergeable,
		MergedBy:   user(pr.MergedBy),
		UpdatedAt:  at(pr.UpdatedAt),
		// A deleted fork leaves no repository.
		HeadRepository: pr.GetHead().GetRepo().GetID(), HeadOwner: pr.GetHead().GetRepo().GetOwner().GetLogin(),
	}
	for _, l := range pr.Labels {
		p.Labels = append(p.Labels, l.GetName())
	}
	switch {
	case p.State == forge.Merged:
		p.MergeCommit = pr.GetMergeCommitSHA()
	case p.State == forge.Open && pr.GetMergeable():
		// While it is being computed, what is there is of an older head or base.
		p.TestMerge = pr.GetMergeCommitSHA()
	}
	return p
}

func state(pr *github.PullRequest) forge.State {
	switch {
	case pr.GetMerged() || pr.MergedAt != nil:
		return forge.Merged
	case pr.GetState() == "closed":
		return forge.Closed
	}
	return forge.Open
}

// user is zero when the account has been deleted.
func user(u *github.User) forge.User {
	return forge.User{ID: u.GetID(), Login: u.GetLogin(), Bot: u.GetType() == "Bot"}
}

// Reviews implements forge.PullRequests. A comment does not take back an approval or a request for changes; a dismissal does.
func (f *Forge) Reviews(ctx context.Context, r forge.Repository, number int) ([]forge.Review, error) {
	doing := "listing the reviews of " + place(r, number)
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return nil, refused(doing, err)
	}
	var all []forge.Review
	var options github.ListOptions
	err = pages(&options, func() (*github.Response, error) {
		page, resp, err := c.PullRequests.ListReviews(ctx, r.Owner, r.Name, number, &options)
		for _, given := range page {
			all = append(all, review(given))
		}
		return resp, err
	})
	if err != nil {
		return nil, refused(doing, err)
	}
	return verdicts(all), nil
}

func review(given *github.PullRequestReview) forge.Review {
	return forge.Review{
		User:        user(given.User),
		State:       forge.ReviewState(strings.ToLower(given.GetState())),
		SHA:         given.GetCommitID(),
		SubmittedAt: at(given.SubmittedAt),
	}
}

// verdicts keeps the newest of each reviewer, in the order they were given. Drafts of reviews, and those of deleted accounts, count for nobody.
func verdicts(all []forge.Review) []forge.Review {
	slices.SortStableFunc(all, func(a, b forge.Review) int { return a.SubmittedAt.Compare(b.SubmittedAt) })
	newest := map[int64]forge.Review{}
	for _, given := range all {
		earlier, had := newest[given.User.ID]
		switch {
		case given.User.ID == 0:
		case given.State == forge.Commented && had && earlier.State != forge.Commented:
		case given.State == forge.Approved, given.State == forge.ChangesRequested, given.State == forge.Commented, given.State == forge.Dismissed:
			newest[given.User.ID] = given
		}
	}
	kept := make([]forge.Review, 0, len(newest))
	for _, given := range newest {
		kept = append(kept, given)
	}
	slices.SortFunc(kept, func(a, b forge.Review) int {
		if c := a.SubmittedAt.Compare(b.SubmittedAt); c != 0 {
			return c
		}
		return int(a.User.ID - b.User.ID)
	})
	return kept
}

// level is GitHub's answer about a collaborator. Permission knows four words; role_name tells triage and maintain apart, and may be the
// name of a role that the organisation made itself, whose power is then what Permission says.
type level struct {
	Permission string       `json:"permission"`
	RoleName   string       `json:"role_name"`
	User       *github.User `json:"user"`
}

// Permission implements forge.PullRequests. Who is no user, or no longer the user with that ID, may do nothing.
func (f *Forge) Permission(ctx context.Context, r forge.Repository, u forge.User) (forge.Permission, error) {
	doing := fmt.Sprintf("reading what %s may do in %s", u.Login, r.FullName())
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return forge.None, refused(doing, err)
	}
	path := fmt.Sprintf("repos/%s/%s/collaborators/%s/permission", url.PathEscape(r.Owner), url.PathEscape(r.Name), url.PathEscape(u.Login))
	req, err := c.NewRequest("GET", path, nil)
	if err != nil {
		return forge.None, refused(doing, err)
	}
	var l level
	_, err = c.Do(ctx, req, &l)
	if err = refused(doing, err); errors.Is(err, forge.ErrNotFound) {
		// GitHub says the same of an unknown user as of a repository that is gone.
		_, gone := f.Repository(ctx, r)
		return forge.None, gone
	}
	if err != nil {
		return forge.None, err
	}
	if u.ID != 0 && l.User.GetID() != 0 && l.User.GetID() != u.ID {
		return forge.None, nil
	}
	return l.level(), nil
}

func (l level) level() forge.Permission {
	words := map[string]forge.Permission{"read": forge.Read, "triage": forge.Triage, "write": forge.Write, "maintain": forge.Maintain, "admin": forge.Admin}
	if p, ok := words[l.RoleName]; ok {
		return p
	}
	return words[l.Permission]
}
