package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/slipway-cd/slipway/bot/command"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

const (
	// overlap is how far back comments are asked for, so that none is lost between two clocks.
	overlap = 2 * time.Minute
	// mostPending commands of one pull request wait at once; what is said beyond is not heard.
	mostPending = 50
)

// overhear listens, unless the first report is to be made: right before that is posted it is listened anyway, and what was said before is about
// none.
func (v *visit) overhear(ctx context.Context) error {
	if v.res.Status.Report == nil && v.pull.State == forge.Open {
		return nil
	}
	return v.listen(ctx)
}

// listen records the commands in comments that are new. Nothing is done about a command before it is recorded, and no comment is
// read twice: the mark moves in the same write.
func (v *visit) listen(ctx context.Context) error {
	s := &v.res.Status
	since := s.CommentsBefore.Time
	if since.IsZero() {
		// What was said before we first saw the pull request was not said to us; the delivery may have been late.
		since = v.res.CreationTimestamp.Add(-10 * time.Minute)
	}
	from := since
	if s.Report == nil {
		from = time.Time{} // to be looked through for our own as well
	}
	comments, err := v.forge.Comments(ctx, v.repo, v.pull.Number, from)
	if err != nil {
		return fmt.Errorf("reading comments: %w", err)
	}
	v.unreported = nil
	if s.Report == nil {
		v.unreported = &comments
	}
	seen := v.Now()
	if err := v.tellEdited(ctx, comments, since); err != nil {
		return err
	}
	slices.SortFunc(comments, func(a, b forge.Comment) int { return cmp.Compare(a.ID, b.ID) })
	var heard []int64
	for _, c := range comments {
		v.foldTwin(ctx, c)
		if c.ID <= s.CommentMark || c.CreatedAt.Before(since) {
			continue
		}
		s.CommentMark = c.ID
		if before := c.CreatedAt.Add(-overlap); before.After(s.CommentsBefore.Time) {
			s.CommentsBefore = metav1.NewMicroTime(before)
		}
		if v.hear(c, seen) {
			heard = append(heard, c.ID)
		}
	}
	if err := v.save(ctx); err != nil {
		return err
	}
	for _, id := range heard {
		v.react(ctx, id, forge.Eyes)
	}
	return nil
}

// Editors is what a forge may offer beside: which comments were edited where their times do not tell.
type Editors interface {
	EditedComments(ctx context.Context, r forge.Repository, comments []forge.Comment) ([]int64, error)
}

// tellEdited marks those new comments with commands that were edited so soon that their times do not tell.
func (v *visit) tellEdited(ctx context.Context, comments []forge.Comment, since time.Time) error {
	f, ok := v.forge.(Editors)
	if !ok {
		return nil
	}
	var asked []forge.Comment
	for _, c := range comments {
		if c.ID > v.res.Status.CommentMark && !c.CreatedAt.Before(since) && audible(c) && len(command.Parse(c.Body, command.Options{Mentions: v.Mentions})) > 0 {
			asked = append(asked, c)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	edited, err := f.EditedComments(ctx, v.repo, asked)
	if courtesy(err) { // the forge has no such answer
		v.log.Warn("it cannot be told whether comments were edited in the second in which they were posted", "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for edited comments: %w", err)
	}
	for i := range comments {
		comments[i].Edited = comments[i].Edited || slices.Contains(edited, comments[i].ID)
	}
	return nil
}

// audible says whether a comment may hold commands. Ours do not; neither do those of other bots, which repeat what strangers say; nor what was
// edited, as nobody knows by whom.
func audible(c forge.Comment) bool {
	return !c.Ours && !c.Edited && !c.Author.Bot && c.Author.Login != ""
}

// hear records a comment's commands.
func (v *visit) hear(c forge.Comment, seen time.Time) bool {
	if !audible(c) {
		return false
	}
	s := &v.res.Status
	pending := s.Waiting()
	heard := false
	for _, cmd := range command.Parse(c.Body, command.Options{Mentions: v.Mentions}) {
		if s.CommandIndex(c.ID, cmd.Text) >= 0 || pending >= mostPending {
			continue
		}
		key := fmt.Sprintf("%s-%d-%d", v.res.Name, c.ID, cmd.Index)
		s.Commands = append(s.Commands, slipway.Command{
			ID: c.ID, Text: cmd.Text, Author: c.Author.Login, AuthorID: c.Author.ID, Phase: slipway.CommandPending, OperationID: key,
			CreatedAt: metav1.NewMicroTime(latest(c.CreatedAt, seen)),
		})
		v.fresh[key] = true
		pending++
		heard = true
	}
	return heard
}

// latest is the latest moment at which a comment can have been made: forges count in whole seconds, and their clocks are not ours, but
// it was there when we saw it. A command is bound to the report that stood there at that moment.
func latest(created, seen time.Time) time.Time {
	if end := created.Truncate(time.Second).Add(time.Second - time.Microsecond); end.Before(seen) {
		return end
	}
	return seen
}

// react acknowledges a comment. That it cannot is no reason to stop. A button has none.
func (v *visit) react(ctx context.Context, comment int64, with forge.Reaction) {
	if comment == 0 {
		return
	}
	if err := v.forge.React(ctx, v.repo, v.pull.Number, comment, with); err != nil {
		v.log.Warn("a reaction could not be added", "comment", comment, "reaction", with, "error", err)
	}
}
