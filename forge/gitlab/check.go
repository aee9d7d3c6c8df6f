package gitlab

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
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
	if c.Status == "" && c.ID != 0 {
		return c.ID, nil // there are no buttons
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
	// Setting the same state again changes nothing, so a lost answer may be asked for again. Merges wait for it, so it goes before notes.
	set, _, err := f.api.Commits.SetCommitStatus(int(r.ID), c.SHA, options, gitlab.WithContext(wire.Urgent(wire.Repeatable(ctx))))
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

// OtherChecks implements forge.Checks with the statuses that are not the bot's own: its pipelines' jobs, and what others set.
func (f *Forge) OtherChecks(ctx context.Context, r forge.Repository, sha string) ([]forge.Check, error) {
	newest := map[string]*gitlab.CommitStatus{}
	options := &gitlab.GetCommitStatusesOptions{}
	err := pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := f.api.Commits.GetCommitStatuses(int(r.ID), sha, options, gitlab.WithContext(ctx))
		for _, s := range page {
			if have := newest[s.Name]; have == nil || s.ID > have.ID {
				newest[s.Name] = s
			}
		}
		return resp, err
	})
	if err != nil {
		return nil, refused(fmt.Sprintf("reading the statuses on %s of %s", sha, r.FullName()), err)
	}
	me, err := f.me(ctx)
	if err != nil {
		return nil, err
	}
	var all []forge.Check
	for _, name := range slices.Sorted(maps.Keys(newest)) {
		if s := newest[name]; int64(s.Author.ID) != me {
			all = append(all, statusCheck(s))
		}
	}
	return all, nil
}

// statusCheck is a commit status as a check. A job that may fail, or waits for a person, stands in nobody's way.
func statusCheck(s *gitlab.CommitStatus) forge.Check {
	c := forge.Check{ID: int64(s.ID), Name: s.Name, SHA: s.SHA, Status: forge.Completed}
	switch gitlab.BuildStateValue(s.Status) {
	case gitlab.Success:
		c.Conclusion = forge.Success
	case gitlab.Skipped:
		c.Conclusion = forge.Skipped
	case gitlab.Canceled:
		c.Conclusion = forge.Cancelled
	case gitlab.Failed:
		c.Conclusion = forge.Failure
	case gitlab.Running:
		c.Status = forge.InProgress
	case gitlab.Manual:
		c.Conclusion = forge.ActionRequired
	default:
		c.Status = forge.Queued
	}
	if s.AllowFailure && c.Status == forge.Completed {
		c.Conclusion = forge.Neutral
	}
	return c
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
