package gitlab

import (
	"context"
	"fmt"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
)

var _ forge.Proposals = (*Forge)(nil)

// PushCredentials implements forge.Proposals: the bot's own token. Whether it may push shows when it does.
func (f *Forge) PushCredentials(context.Context, forge.Repository) (forge.Credentials, error) {
	return forge.Credentials{Username: "oauth2", Password: f.token}, nil
}

// Propose implements forge.Proposals.
func (f *Forge) Propose(ctx context.Context, r forge.Repository, p forge.Proposal) (forge.PullRequest, error) {
	doing := fmt.Sprintf("opening a merge request of %s from %s", r.FullName(), p.Head)
	open, _, err := f.api.MergeRequests.ListProjectMergeRequests(int(r.ID), &gitlab.ListProjectMergeRequestsOptions{
		State: gitlab.Ptr("opened"), SourceBranch: &p.Head, TargetBranch: &p.Base}, gitlab.WithContext(ctx))
	if err != nil {
		return forge.PullRequest{}, refused(doing, err)
	}
	for _, mr := range open {
		if mr.SourceBranch == p.Head && mr.SourceProjectID == int(r.ID) {
			return pullRequest(r, mr), nil
		}
	}
	made, _, err := f.api.MergeRequests.CreateMergeRequest(int(r.ID), &gitlab.CreateMergeRequestOptions{
		Title: &p.Title, Description: &p.Body, SourceBranch: &p.Head, TargetBranch: &p.Base, RemoveSourceBranch: gitlab.Ptr(true)}, gitlab.WithContext(ctx))
	if err != nil {
		return forge.PullRequest{}, refused(doing, err)
	}
	return pullRequest(r, made), nil
}
