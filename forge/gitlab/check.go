package gitlab

import (
	"cmp"
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// descriptionLimit is below the 255 characters that GitLab keeps.
const descriptionLimit = 140

// SetCheck implements forge.Checks with the commit status of that name. GitLab's status has a line and a link: the summary, the text and
// the annotations have no place in it. Its name is its key, so ExternalID is not needed. A state that is there already, or that has ended, stays.
func (f *Forge) SetCheck(ctx context.Context, r forge.Repository, c forge.Check) (int64, error) {
	doing := fmt.Sprintf("setting status %s on %s of %s", c.Name, c.SHA, r.FullName())
	if c.Status == forge.Completed && c.Conclusion == "" {
		return 0, fmt.Errorf("%s: %w: a completed check needs a conclusion", doing, forge.ErrInvalid)
	}
	options := &gitlab.SetCommitStatusOptions{
		State: buildState(c), Name: &c.Name, Description: gitlab.Ptr(short(cmp.Or(c.Title, c.Summary), descriptionLimit)),
	}
	if c.DetailsURL != "" {
		options.TargetURL = &c.DetailsURL
	}
	now, there, err := f.commitStatus(ctx, r, c)
	if err != nil {
		return 0, refused(doing, err)
	}
	if there && now.Status == string(options.State) && now.Description == *options.Description && now.TargetURL == c.DetailsURL {
		return int64(now.ID), nil
	}
	// Setting the same state again changes nothing, so a lost answer may be asked for again.
	set, _, err := f.api.Commits.SetCommitStatus(int(r.ID), c.SHA, options, gitlab.WithContext(wire.Repeatable(ctx)))
	if unmoved(err) && there {
		return int64(now.ID), nil
	}
	if unmoved(err) {
		now, _, err = f.commitStatus(ctx, r, c)
		return statusID(now), refused(doing, err)
	}
	if err != nil {
		return 0, refused(doing, err)
	}
	return int64(set.ID), nil
}

func statusID(s *gitlab.CommitStatus) int64 {
	if s == nil {
		return 0
	}
	return int64(s.ID)
}

// commitStatus is the newest of that name on the commit.
func (f *Forge) commitStatus(ctx context.Context, r forge.Repository, c forge.Check) (newest *gitlab.CommitStatus, there bool, err error) {
	options := &gitlab.GetCommitStatusesOptions{Name: &c.Name}
	err = pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := f.api.Commits.GetCommitStatuses(int(r.ID), c.SHA, options, gitlab.WithContext(ctx))
		for _, s := range page {
			if s.Name == c.Name && (newest == nil || s.ID > newest.ID) {
				newest = s
			}
		}
		return resp, err
	})
	return newest, newest != nil, err
}

// buildState maps a check. A neutral one does not stand in the way, as on GitHub; one that asks for action does.
func buildState(c forge.Check) gitlab.BuildStateValue {
	switch {
	case c.Status == forge.InProgress:
		return gitlab.Running
	case c.Status != forge.Completed:
		return gitlab.Pending
	case c.Conclusion == forge.Success, c.Conclusion == forge.Neutral:
		return gitlab.Success
	case c.Conclusion == forge.Cancelled:
		return gitlab.Canceled
	}
	return gitlab.Failed
}

// short cuts s to limit characters, with an ellipsis for the last of them.
func short(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}
