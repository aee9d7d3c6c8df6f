package github

import (
	"context"
	"fmt"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// commentLimit is below the 65,536 characters that GitHub names, for characters that it may count as two.
const commentLimit = 65_000

// comment is go-github's with the field that says which App wrote it.
type comment struct {
	github.IssueComment
	Via *struct {
		ID int64 `json:"id"`
	} `json:"performed_via_github_app"`
}

// CommentLimit implements forge.Comments.
func (f *Forge) CommentLimit() int { return commentLimit }

// Comments implements forge.Comments.
func (f *Forge) Comments(ctx context.Context, r forge.Repository, number int, since time.Time) ([]forge.Comment, error) {
	doing := "listing the comments of " + place(r, number)
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return nil, refused(doing, err)
	}
	var all []forge.Comment
	var options github.ListOptions
	err = pages(&options, func() (*github.Response, error) {
		page, resp, err := listComments(ctx, c, commentsPath(r, number, since, options))
		for _, one := range page {
			all = append(all, f.comment(one))
		}
		return resp, err
	})
	return all, refused(doing, err)
}

// commentsPath asks for those updated at or after since. GitHub lists the comments of one issue by ascending id, which is by age.
func commentsPath(r forge.Repository, number int, since time.Time, o github.ListOptions) string {
	query := url.Values{"per_page": {fmt.Sprint(o.PerPage)}, "page": {fmt.Sprint(o.Page)}}
	if !since.IsZero() {
		query.Set("since", since.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("repos/%s/%s/issues/%d/comments?%s", url.PathEscape(r.Owner), url.PathEscape(r.Name), number, query.Encode())
}

func listComments(ctx context.Context, c *github.Client, path string) ([]comment, *github.Response, error) {
	req, err := c.NewRequest("GET", path, nil)
	if err != nil {
		return nil, nil, err
	}
	var page []comment
	resp, err := c.Do(ctx, req, &page)
	return page, resp, err
}

// comment maps one. GitHub moves updated_at when the body is edited, and for nothing else: reactions and hiding leave it. It counts whole
// seconds: see EditedComments for an edit within the first.
func (f *Forge) comment(c comment) forge.Comment {
	author := user(c.User)
	return forge.Comment{
		ID: c.GetID(), URL: c.GetHTMLURL(), Body: c.GetBody(), Author: author,
		CreatedAt: at(c.CreatedAt), Node: c.GetNodeID(),
		Edited: !at(c.UpdatedAt).Equal(at(c.CreatedAt)),
		// A person may write through the App's sign-in; only its bot's comments are ours.
		Ours: c.Via != nil && c.Via.ID == f.verifier.app && author.Bot,
	}
}

// CreateComment implements forge.Comments. It is never repeated: when the answer is lost, the caller looks for its marker.
func (f *Forge) CreateComment(ctx context.Context, r forge.Repository, number int, body string) (forge.Comment, error) {
	doing := "commenting on " + place(r, number)
	c, err := f.writer(ctx, r, body)
	if err != nil {
		return forge.Comment{}, refused(doing, err)
	}
	path := fmt.Sprintf("repos/%s/%s/issues/%d/comments", url.PathEscape(r.Owner), url.PathEscape(r.Name), number)
	req, err := c.NewRequest("POST", path, &github.IssueComment{Body: &body})
	if err != nil {
		return forge.Comment{}, refused(doing, err)
	}
	var made comment
	if _, err := c.Do(ctx, req, &made); err != nil {
		return forge.Comment{}, refused(doing, err)
	}
	posted := f.comment(made)
	posted.Ours = true
	return posted, nil
}

// EditComment implements forge.Comments.
func (f *Forge) EditComment(ctx context.Context, r forge.Repository, number int, id int64, body string) error {
	doing := fmt.Sprintf("editing comment %d of %s", id, place(r, number))
	c, err := f.writer(ctx, r, body)
	if err != nil {
		return refused(doing, err)
	}
	_, _, err = c.Issues.EditComment(ctx, r.Owner, r.Name, id, &github.IssueComment{Body: &body})
	return refused(doing, err)
}

// writer is a client to post body with, if it is short enough.
func (f *Forge) writer(ctx context.Context, r forge.Repository, body string) (*github.Client, error) {
	if n := utf8.RuneCountInString(body); n > commentLimit {
		return nil, fmt.Errorf("%w: %d characters are more than %d", forge.ErrInvalid, n, commentLimit)
	}
	return f.reach(ctx, r, report)
}

// React implements forge.Comments. GitHub answers with the reaction that is there already, so it may be repeated.
func (f *Forge) React(ctx context.Context, r forge.Repository, number int, id int64, reaction forge.Reaction) error {
	doing := fmt.Sprintf("reacting to comment %d of %s", id, place(r, number))
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return refused(doing, err)
	}
	_, _, err = c.Reactions.CreateIssueCommentReaction(wire.Contentless(wire.Repeatable(ctx)), r.Owner, r.Name, id, string(reaction))
	return refused(doing, err)
}
