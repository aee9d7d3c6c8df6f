package github

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// SetStatuses implements forge.Statuses. The App needs statuses: write for it, which is asked for here alone. Statuses are never changed, only
// added, and a commit takes 1,000 of one name: that is why those that stand there are looked at first.
func (f *Forge) SetStatuses(ctx context.Context, r forge.Repository, all ...forge.Check) error {
	stand := map[string][]*github.RepoStatus{} // on a commit
	for _, c := range all {
		doing := fmt.Sprintf("setting status %s on %s of %s", c.Name, c.SHA, r.FullName())
		if c.Status == forge.Completed && c.Conclusion == "" {
			return fmt.Errorf("%s: %w: a completed status needs a conclusion", doing, forge.ErrInvalid)
		}
		client, err := f.reach(ctx, r, states)
		if err != nil {
			return refused(doing, err)
		}
		w := statusWriter{client: client, repository: r, check: c, want: &github.RepoStatus{State: github.String(statusState(c)), Context: &c.Name,
			Description: text(short(c.Title, descriptionLimit)), TargetURL: text(c.DetailsURL)}}
		if _, looked := stand[c.SHA]; !c.New && !looked {
			if stand[c.SHA], err = w.standing(ctx); err != nil {
				return refused(doing, err)
			}
		}
		if !c.New && w.among(stand[c.SHA]) {
			continue
		}
		if err := w.write(ctx); err != nil {
			return refused(doing, err)
		}
	}
	return nil
}

// statusWriter writes one status.
type statusWriter struct {
	client     *github.Client
	repository forge.Repository
	check      forge.Check
	want       *github.RepoStatus
}

// write adds the status, which is not there.
func (w statusWriter) write(ctx context.Context) error {
	_, err := wire.Deed[*github.RepoStatus]{
		New: true,
		Look: func(ctx context.Context) (*github.RepoStatus, bool, error) {
			have, err := w.standing(ctx)
			return w.want, err == nil && w.among(have), err
		},
		Create: func(ctx context.Context) (*github.RepoStatus, bool, error) {
			made, _, err := w.client.Repositories.CreateStatus(ctx, w.repository.Owner, w.repository.Name, w.check.SHA, w.want)
			return made, lost(err), err
		},
	}.Do(ctx)
	return err
}

// standing are the newest statuses of each name on the commit.
func (w statusWriter) standing(ctx context.Context) (all []*github.RepoStatus, err error) {
	var paging github.ListOptions
	err = pages(&paging, func() (*github.Response, error) {
		page, resp, err := w.client.Repositories.GetCombinedStatus(ctx, w.repository.Owner, w.repository.Name, w.check.SHA, &paging)
		if err != nil {
			return resp, err
		}
		all = append(all, page.Statuses...)
		return resp, nil
	})
	return all, err
}

// among says whether the newest of that name is as it is wanted.
func (w statusWriter) among(all []*github.RepoStatus) bool {
	for _, have := range slices.Backward(all) {
		if have.GetContext() == w.check.Name {
			return statusAlike(have, w.want)
		}
	}
	return false
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
