package github

import (
	"context"
	"fmt"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
)

// OtherChecks implements forge.Checks with the check runs of other Apps and with commit statuses. The App needs statuses: read for it.
func (f *Forge) OtherChecks(ctx context.Context, r forge.Repository, sha string) ([]forge.Check, error) {
	doing := fmt.Sprintf("reading the checks on %s of %s", sha, r.FullName())
	c, err := f.reach(ctx, r, others)
	if err != nil {
		return nil, refused(doing, err)
	}
	var all []forge.Check
	options := &github.ListCheckRunsOptions{Filter: github.String("latest")}
	err = pages(&options.ListOptions, func() (*github.Response, error) {
		page, resp, err := c.Checks.ListCheckRunsForRef(ctx, r.Owner, r.Name, sha, options)
		if err != nil {
			return resp, err
		}
		for _, run := range page.CheckRuns {
			if run.GetApp().GetID() != f.verifier.app {
				all = append(all, forge.Check{ID: run.GetID(), Name: run.GetName(), SHA: sha, Status: forge.CheckStatus(run.GetStatus()),
					Conclusion: forge.Conclusion(run.GetConclusion())})
			}
		}
		return resp, nil
	})
	if err != nil {
		return nil, refused(doing, err)
	}
	var paging github.ListOptions
	err = pages(&paging, func() (*github.Response, error) {
		page, resp, err := c.Repositories.GetCombinedStatus(ctx, r.Owner, r.Name, sha, &paging)
		if err != nil {
			return resp, err
		}
		for _, s := range page.Statuses {
			all = append(all, statusCheck(s, sha))
		}
		return resp, nil
	})
	return all, refused(doing, err)
}

// statusCheck is a commit status as a check: it has no word for what is under way but "pending".
func statusCheck(s *github.RepoStatus, sha string) forge.Check {
	c := forge.Check{ID: s.GetID(), Name: s.GetContext(), SHA: sha, Status: forge.Completed, Conclusion: forge.Failure}
	switch s.GetState() {
	case "success":
		c.Conclusion = forge.Success
	case "pending":
		c.Status, c.Conclusion = forge.InProgress, ""
	}
	return c
}
