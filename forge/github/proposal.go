package github

import (
	"context"
	"fmt"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
)

var _ forge.Proposals = (*Forge)(nil)

// PushCredentials implements forge.Proposals: a token that writes this repository's contents. forge.ErrForbidden where the App was not given
// contents: write.
func (f *Forge) PushCredentials(ctx context.Context, r forge.Repository) (forge.Credentials, error) {
	installation, err := f.installation(ctx, r)
	if err != nil {
		return forge.Credentials{}, err
	}
	t, err := f.tokens.of(ctx, grant{installation: installation, repository: r.ID, job: propose})
	if err != nil {
		return forge.Credentials{}, fmt.Errorf("credentials to write to %s: %w", r.FullName(), err)
	}
	return forge.Credentials{Username: "x-access-token", Password: t.value, ExpiresAt: t.expires}, nil
}

// Propose implements forge.Proposals.
func (f *Forge) Propose(ctx context.Context, r forge.Repository, p forge.Proposal) (forge.PullRequest, error) {
	doing := fmt.Sprintf("opening a pull request of %s from %s", r.FullName(), p.Head)
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return forge.PullRequest{}, refused(doing, err)
	}
	open, _, err := c.PullRequests.List(ctx, r.Owner, r.Name, &github.PullRequestListOptions{State: "open", Head: r.Owner + ":" + p.Head, Base: p.Base})
	if err != nil {
		return forge.PullRequest{}, refused(doing, err)
	}
	for _, pr := range open {
		if pr.GetHead().GetRef() == p.Head && pr.GetHead().GetRepo().GetID() == r.ID {
			return pullRequest(r, pr), nil
		}
	}
	made, _, err := c.PullRequests.Create(ctx, r.Owner, r.Name, &github.NewPullRequest{Title: &p.Title, Body: &p.Body, Head: &p.Head, Base: &p.Base})
	if err != nil {
		return forge.PullRequest{}, refused(doing, err)
	}
	return pullRequest(r, made), nil
}
