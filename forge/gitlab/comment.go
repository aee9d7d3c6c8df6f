package gitlab

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// commentLimit is half of the million that GitLab takes: a report beyond that is read by nobody.
const commentLimit = 500_000

// CommentLimit implements forge.Comments.
func (f *Forge) CommentLimit() int { return commentLimit }

// Comments implements forge.Comments. What GitLab itself notes ("added 1 commit") is left out.
func (f *Forge) Comments(ctx context.Context, r forge.Repository, number int, since time.Time) ([]forge.Comment, error) {
	doing := "listing the notes of " + place(r, number)
	me, err := f.me(ctx)
	if err != nil {
		return nil, err
	}
	// The newest first: there is no filter by time, and one that changes while we read moves to where we have been.
	options := &gitlab.ListMergeRequestNotesOptions{OrderBy: gitlab.Ptr("updated_at"), Sort: gitlab.Ptr("desc")}
	found := map[int]forge.Comment{}
	err = pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := f.api.Notes.ListMergeRequestNotes(int(r.ID), number, options, gitlab.WithContext(ctx))
		for _, n := range page {
			if at(n.UpdatedAt).Before(since) {
				resp.NextPage = 0
				break
			}
			if !n.System {
				found[n.ID] = f.comment(r, number, n, me)
			}
		}
		return resp, err
	})
	if err != nil {
		return nil, refused(doing, err)
	}
	all := make([]forge.Comment, 0, len(found))
	for _, c := range found {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b forge.Comment) int { return int(a.ID - b.ID) })
	return all, nil
}

func (f *Forge) comment(r forge.Repository, number int, n *gitlab.Note, me int64) forge.Comment {
	author := user(&gitlab.BasicUser{ID: n.Author.ID, Username: n.Author.Username})
	return forge.Comment{
		ID: int64(n.ID), Body: n.Body, Author: author, CreatedAt: at(n.CreatedAt),
		URL:    fmt.Sprintf("%s/-/merge_requests/%d#note_%d", f.web.JoinPath(r.Owner, r.Name), number, n.ID),
		Edited: !at(n.UpdatedAt).Equal(at(n.CreatedAt)),
		Ours:   author.ID == me,
	}
}

// CreateComment implements forge.Comments. It is never repeated: when the answer is lost, the caller looks for its marker.
func (f *Forge) CreateComment(ctx context.Context, r forge.Repository, number int, body string) (forge.Comment, error) {
	doing := "noting on " + place(r, number)
	if err := fits(body); err != nil {
		return forge.Comment{}, refused(doing, err)
	}
	me, err := f.me(ctx)
	if err != nil {
		return forge.Comment{}, err
	}
	made, _, err := f.api.Notes.CreateMergeRequestNote(int(r.ID), number, &gitlab.CreateMergeRequestNoteOptions{Body: &body}, gitlab.WithContext(ctx))
	if err != nil {
		return forge.Comment{}, refused(doing, err)
	}
	return f.comment(r, number, made, me), nil
}

// EditComment implements forge.Comments.
func (f *Forge) EditComment(ctx context.Context, r forge.Repository, number int, id int64, body string) error {
	doing := fmt.Sprintf("editing note %d of %s", id, place(r, number))
	if err := fits(body); err != nil {
		return refused(doing, err)
	}
	_, _, err := f.api.Notes.UpdateMergeRequestNote(int(r.ID), number, int(id), &gitlab.UpdateMergeRequestNoteOptions{Body: &body}, gitlab.WithContext(ctx))
	return refused(doing, err)
}

func fits(body string) error {
	if n := utf8.RuneCountInString(body); n > commentLimit {
		return fmt.Errorf("%w: %d characters are more than %d", forge.ErrInvalid, n, commentLimit)
	}
	return nil
}

// emoji are GitLab's names of our reactions.
var emoji = map[forge.Reaction]string{
	forge.Eyes: "eyes", forge.Rocket: "rocket", forge.ThumbsUp: "thumbsup", forge.ThumbDown: "thumbsdown", forge.Confused: "confused",
}

// React implements forge.Comments. GitLab answers 404 to an emoji that is there already, so it is looked for first.
func (f *Forge) React(ctx context.Context, r forge.Repository, number int, id int64, reaction forge.Reaction) error {
	doing := fmt.Sprintf("reacting to note %d of %s", id, place(r, number))
	name, known := emoji[reaction]
	if !known {
		return fmt.Errorf("%s: %w: no reaction %s", doing, forge.ErrInvalid, reaction)
	}
	_, err := wire.Deed[*gitlab.AwardEmoji]{
		Look: func(ctx context.Context) (*gitlab.AwardEmoji, bool, error) {
			return f.reaction(ctx, r, number, int(id), name)
		},
		Create: func(ctx context.Context) (*gitlab.AwardEmoji, bool, error) {
			made, _, err := f.api.AwardEmoji.CreateMergeRequestAwardEmojiOnNote(int(r.ID), number, int(id), &gitlab.CreateAwardEmojiOptions{Name: name}, gitlab.WithContext(ctx))
			return made, lost(err), err
		},
	}.Do(ctx)
	return refused(doing, err)
}

// reaction finds our own emoji of that name.
func (f *Forge) reaction(ctx context.Context, r forge.Repository, number, note int, name string) (found *gitlab.AwardEmoji, ok bool, err error) {
	me, err := f.me(ctx)
	if err != nil {
		return nil, false, err
	}
	var options gitlab.ListOptions
	err = pages(&options, func() (*gitlab.Response, error) {
		list := gitlab.ListAwardEmojiOptions(options)
		page, resp, err := f.api.AwardEmoji.ListMergeRequestAwardEmojiOnNote(int(r.ID), number, note, &list, gitlab.WithContext(ctx))
		for _, given := range page {
			if given.Name == name && int64(given.User.ID) == me {
				found = given
			}
		}
		return resp, err
	})
	return found, found != nil, err
}
