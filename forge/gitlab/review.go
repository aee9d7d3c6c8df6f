package gitlab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
)

// approval is somebody's approval as GitLab lists it. Before 18 it tells no time.
type approval struct {
	User       *gitlab.BasicUser `json:"user"`
	ApprovedAt *time.Time        `json:"approved_at"`
}

// Reviews implements forge.PullRequests: the approvals that stand now. GitLab binds them to no commit, and has no verdict against a merge. An
// approval is taken for one of the version that was the newest when it was given: GitLab makes a version of each push, after the push, so that
// what was approved before a push is never taken for what came with it. Whether a project has pushes reset approvals makes no difference: that
// happens some time after the push.
func (f *Forge) Reviews(ctx context.Context, r forge.Repository, number int) ([]forge.Review, error) {
	doing := "listing the approvals of " + place(r, number)
	given, err := f.approvals(ctx, r, number)
	if err != nil {
		return nil, refused(doing, err)
	}
	if len(given) == 0 {
		return nil, nil
	}
	// After the approvals: a version that came between the two answers is newer than all of them.
	versions, err := f.versions(ctx, r, number)
	if err != nil {
		return nil, refused(doing, err)
	}
	if err := f.dated(ctx, r, number, given, versions); err != nil {
		return nil, refused(doing, err)
	}
	var all []forge.Review
	for _, a := range given {
		review := forge.Review{User: user(a.User), State: forge.Approved, SubmittedAt: at(a.ApprovedAt)}
		for _, v := range versions {
			if a.ApprovedAt != nil && at(v.CreatedAt).Before(*a.ApprovedAt) {
				review.SHA = v.HeadCommitSHA
				break
			}
		}
		all = append(all, review)
	}
	return all, nil
}

// approvals are those that stand, of accounts that are still there.
func (f *Forge) approvals(ctx context.Context, r forge.Repository, number int) ([]approval, error) {
	path := fmt.Sprintf("projects/%d/merge_requests/%d/approvals", r.ID, number)
	req, err := f.api.NewRequest(http.MethodGet, path, nil, []gitlab.RequestOptionFunc{gitlab.WithContext(ctx)})
	if err != nil {
		return nil, err
	}
	var found struct {
		ApprovedBy []approval `json:"approved_by"`
	}
	_, err = f.api.Do(req, &found)
	return slices.DeleteFunc(found.ApprovedBy, func(a approval) bool { return a.User == nil || a.User.ID == 0 }), err
}

// versions are what the merge request has been, newest first. One whose time is not told is as if it came after everything.
func (f *Forge) versions(ctx context.Context, r forge.Repository, number int) ([]*gitlab.MergeRequestDiffVersion, error) {
	var options gitlab.ListOptions
	var all []*gitlab.MergeRequestDiffVersion
	err := pages(&options, func() (*gitlab.Response, error) {
		list := gitlab.GetMergeRequestDiffVersionsOptions(options)
		page, resp, err := f.api.MergeRequests.GetMergeRequestDiffVersions(int(r.ID), number, &list, gitlab.WithContext(ctx))
		all = append(all, page...)
		return resp, err
	})
	slices.SortFunc(all, func(a, b *gitlab.MergeRequestDiffVersion) int { return b.ID - a.ID })
	for i, v := range all {
		if v.CreatedAt == nil {
			return all[:i], errors.Join(err, fmt.Errorf("version %d has no time", v.ID))
		}
	}
	return all, err
}

// dated gives approvals whose time was not told that of GitLab's own note about them. Notes are read back to the newest version: what was
// approved before counts for nothing.
func (f *Forge) dated(ctx context.Context, r forge.Repository, number int, given []approval, versions []*gitlab.MergeRequestDiffVersion) error {
	if len(versions) == 0 || !slices.ContainsFunc(given, func(a approval) bool { return a.ApprovedAt == nil }) {
		return nil
	}
	return f.systemNotes(ctx, r, number, at(versions[0].CreatedAt), func(n *gitlab.Note) {
		for i, a := range given {
			if n.Body == "approved this merge request" && n.Author.ID == a.User.ID && n.CreatedAt != nil && (a.ApprovedAt == nil || n.CreatedAt.After(*a.ApprovedAt)) {
				given[i].ApprovedAt = n.CreatedAt
			}
		}
	})
}

// systemNotes tells what GitLab itself noted since a time, newest first.
func (f *Forge) systemNotes(ctx context.Context, r forge.Repository, number int, since time.Time, tell func(*gitlab.Note)) error {
	options := &gitlab.ListMergeRequestNotesOptions{OrderBy: gitlab.Ptr("created_at"), Sort: gitlab.Ptr("desc")}
	return pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := f.api.Notes.ListMergeRequestNotes(int(r.ID), number, options, gitlab.WithContext(ctx))
		for _, n := range page {
			if at(n.CreatedAt).Before(since) {
				resp.NextPage = 0
				break
			}
			if n.System {
				tell(n)
			}
		}
		return resp, err
	})
}

// pushNote is how GitLab notes a push to a merge request, as whoever pushed.
var pushNote = regexp.MustCompile(`^added [0-9]+ (new )?commits?\b`)

// Writers implements forge.PullRequests: who pushed to the branch. GitLab knows authors of commits by e-mail only, which anybody can write; of
// pushes it knows the account, by its notes on the merge request and, of its own branches, by the project's events.
func (f *Forge) Writers(ctx context.Context, r forge.Repository, p forge.PullRequest) ([]forge.User, error) {
	doing := "reading who pushed to " + place(r, p.Number)
	found := pushers{}
	err := f.systemNotes(ctx, r, p.Number, time.Time{}, func(n *gitlab.Note) {
		if pushNote.MatchString(n.Body) {
			found.add(n.Author.ID, n.Author.Username)
		}
	})
	if err == nil && !p.Fork() {
		err = f.pushEvents(ctx, r, p.Head.Name, found.add)
	}
	if err != nil {
		return nil, refused(doing, err)
	}
	return found.all, nil
}

// pushers are accounts, each once.
type pushers struct{ all []forge.User }

func (p *pushers) add(id int, login string) {
	u := user(&gitlab.BasicUser{ID: id, Username: login})
	if id != 0 && !slices.ContainsFunc(p.all, func(have forge.User) bool { return have.ID == u.ID }) {
		p.all = append(p.all, u)
	}
}

// mostEvents of a project are read, in pages of a hundred, newest first.
const mostEvents = 1000

// pushEvent is an entry of a project's log of pushes. One of many branches at once names none of them.
type pushEvent struct {
	AuthorID int `json:"author_id"`
	Author   struct {
		Username string `json:"username"`
	} `json:"author"`
	PushData struct {
		Action  string `json:"action"`
		RefType string `json:"ref_type"`
		Ref     string `json:"ref"`
	} `json:"push_data"`
}

// pushEvents tells add who moved a branch since it was made, and who moved many branches at once, as this may have been among them.
func (f *Forge) pushEvents(ctx context.Context, r forge.Repository, branch string, add func(id int, login string)) error {
	const size = 100
	options := struct {
		gitlab.ListOptions
		Action string `url:"action"`
		Sort   string `url:"sort"`
	}{gitlab.ListOptions{PerPage: size, Page: 1}, "pushed", "desc"}
	for range mostEvents / size {
		req, err := f.api.NewRequest(http.MethodGet, fmt.Sprintf("projects/%d/events", r.ID), options, []gitlab.RequestOptionFunc{gitlab.WithContext(ctx)})
		if err != nil {
			return err
		}
		var page []pushEvent
		resp, err := f.api.Do(req, &page)
		if err != nil {
			return err
		}
		for _, e := range page {
			if e.PushData.RefType == "tag" || e.PushData.Ref != branch && e.PushData.Ref != "" {
				continue
			}
			add(e.AuthorID, e.Author.Username)
			if e.PushData.Ref == branch && e.PushData.Action == "created" {
				return nil // what was before was another branch of this name
			}
		}
		if resp.NextPage <= options.Page {
			return nil
		}
		options.Page = resp.NextPage
	}
	return nil
}
