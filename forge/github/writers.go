package github

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
)

// Writers implements forge.PullRequests. A commit says of itself who wrote it; who pushed it, GitHub says. It says so of its own branches
// only: of a fork's, commits are all there is.
func (f *Forge) Writers(ctx context.Context, r forge.Repository, p forge.PullRequest) ([]forge.User, error) {
	doing := "reading who wrote " + place(r, p.Number)
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return nil, refused(doing, err)
	}
	found := writers{}
	var options github.ListOptions
	err = pages(&options, func() (*github.Response, error) { // GitHub lists 250 commits at most
		page, resp, err := c.PullRequests.ListCommits(ctx, r.Owner, r.Name, p.Number, &options)
		for _, commit := range page {
			found.add(commit.Author)
			found.add(commit.Committer)
		}
		return resp, err
	})
	if err == nil && !p.Fork() {
		err = f.pushers(ctx, r, p.Head.Name, found.add)
	}
	if err != nil {
		return nil, refused(doing, err)
	}
	return found.all, nil
}

// writers are accounts, each once.
type writers struct{ all []forge.User }

func (w *writers) add(u *github.User) {
	if u.GetID() == 0 {
		return // an e-mail address of no account
	}
	for _, have := range w.all {
		if have.ID == u.GetID() {
			return
		}
	}
	w.all = append(w.all, user(u))
}

// activity is an entry of a repository's log of pushes.
type activity struct {
	Type   string       `json:"activity_type"`
	Before string       `json:"before"`
	After  string       `json:"after"`
	Actor  *github.User `json:"actor"`
}

// mostActivities of a branch are read, in pages of a hundred, newest first.
const mostActivities = 1000

// pushers tells add who moved a branch since it was made. GitHub Enterprise Server before 3.10 keeps no such log.
func (f *Forge) pushers(ctx context.Context, r forge.Repository, branch string, add func(*github.User)) error {
	c, err := f.reach(ctx, r, clone)
	if err != nil {
		return err
	}
	const size = 100
	made := "" // what the branch was made with, where it was read last that it was
	query := url.Values{"ref": {"refs/heads/" + branch}, "per_page": {fmt.Sprint(size)}}
	for range mostActivities / size {
		path := fmt.Sprintf("repos/%s/%s/activity?%s", url.PathEscape(r.Owner), url.PathEscape(r.Name), query.Encode())
		req, err := c.NewRequest("GET", path, nil)
		if err != nil {
			return err
		}
		var page []activity
		resp, err := c.Do(ctx, req, &page)
		if errors.Is(refused("", err), forge.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, a := range page {
			if made != "" && (a.Type != "branch_deletion" || a.Before != made) {
				return nil // what was before was another branch of this name
			}
			add(a.Actor)
			if made = ""; a.Type == "branch_creation" {
				made = a.After // unless it was deleted just before, and somebody has restored it
			}
		}
		if resp.After == "" {
			return nil
		}
		query.Set("after", resp.After)
	}
	return nil
}
