package github

import (
	"context"
	"fmt"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// SetStatus implements forge.Statuses. The App needs statuses: write for it, which is asked for here alone. Statuses are never changed, only
// added, and a commit takes 1,000 of one name: that is why the newest is looked at first.
func (f *Forge) SetStatus(ctx context.Context, r forge.Repository, c forge.Check) error {
	doing := fmt.Sprintf("setting status %s on %s of %s", c.Name, c.SHA, r.FullName())
	if c.Status == forge.Completed && c.Conclusion == "" {
		return fmt.Errorf("%s: %w: a completed status needs a conclusion", doing, forge.ErrInvalid)
	}
	client, err := f.reach(ctx, r, states)
	if err != nil {
		return refused(doing, err)
	}
	want := &github.RepoStatus{State: github.String(statusState(c)), Context: &c.Name, Description: text(short(c.Title, descriptionLimit)), TargetURL: text(c.DetailsURL)}
	_, err = wire.Deed[*github.RepoStatus]{
		Look: func(ctx context.Context) (*github.RepoStatus, bool, error) {
			have, err := newest(ctx, client, r, c)
			return have, err == nil && have != nil && statusAlike(have, want), err
		},
		Create: func(ctx context.Context) (*github.RepoStatus, bool, error) {
			made, _, err := client.Repositories.CreateStatus(ctx, r.Owner, r.Name, c.SHA, want)
			return made, lost(err), err
		},
	}.Do(ctx)
	return refused(doing, err)
}

// newest is the status that stands on the commit under that name, or nil.
func newest(ctx context.Context, client *github.Client, r forge.Repository, c forge.Check) (found *github.RepoStatus, err error) {
	var paging github.ListOptions
	err = pages(&paging, func() (*github.Response, error) {
		page, resp, err := client.Repositories.GetCombinedStatus(ctx, r.Owner, r.Name, c.SHA, &paging)
		if err != nil {
			return resp, err
		}
		for _, s := range page.Statuses {
			if s.GetContext() == c.Name {
				found = s
			}
		}
		return resp, nil
	})
	return found, err
}

func statusAlike(a, b *github.RepoStatus) bool {
	return a.GetState() == b.GetState() && a.GetDescription() == b.GetDescription() && a.GetTargetURL() == b.GetTargetURL()
}

// statusState maps a check. A neutral one does not stand in the way, and what was cancelled says nothing about the commit.
func statusState(c forge.Check) string {
	switch {
	case c.Status != forge.Completed:
		return "pending"
	case c.Conclusion == forge.Success, c.Conclusion == forge.Neutral, c.Conclusion == forge.Skipped:
		return "success"
	case c.Conclusion == forge.Cancelled:
		return "error"
	}
	return "failure"
}
