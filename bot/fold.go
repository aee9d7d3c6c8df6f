package bot

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/bot/command"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// Folder is what a forge may offer beside: folding comments away, which people can open again.
type Folder interface {
	FoldComment(ctx context.Context, r forge.Repository, number int, comment int64) error
}

// mostFolded answers are folded away in one look; the others in the next.
const mostFolded = 5

// fold folds the answers to commands away that are about a head which was replaced, once the report of the new one stands: whoever reads the
// conversation shall not take them for what holds now. It is a courtesy, and stops nothing.
func (v *visit) fold(ctx context.Context) error {
	f, ok := v.forge.(Folder)
	s := &v.res.Status
	if !ok || v.pull.State != forge.Open || s.Report == nil || s.Report.Head != v.pull.Head.SHA {
		return nil
	}
	folded := 0
	for i := range s.Commands {
		c := &s.Commands[i]
		if folded == mostFolded || !v.outdated(c) {
			continue
		}
		folded++
		err := f.FoldComment(ctx, v.repo, v.pull.Number, number(c.ReplyID))
		var limited *forge.RateLimited
		if errors.As(err, &limited) {
			break
		}
		if err != nil {
			v.log.Warn("an answer could not be folded away", "comment", c.ReplyID, "error", err)
		}
		c.Folded = true
	}
	return v.save(ctx)
}

// ofAHead are the verbs whose answers are about the head that stood there. What a lock holds, it holds whatever is pushed.
var ofAHead = []command.Verb{command.Sync, command.Diff, command.Status}

// outdated says whether the answer to a command is about an earlier head.
func (v *visit) outdated(c *slipway.Command) bool {
	if c.Folded || c.ReplyID == "" || !c.Phase.Finished() {
		return false
	}
	about := v.res.Status.ReportBefore(c.CreatedAt.Time)
	parsed := command.Parse(c.Text, command.Options{Mentions: v.Mentions})
	return about != nil && about.Head != v.pull.Head.SHA && len(parsed) > 0 && slices.Contains(ofAHead, parsed[0].Verb)
}

// foldTwin folds away a report of ours that is not the one that is edited: two replicas may have made one each while the lead passed from one
// to the other.
func (v *visit) foldTwin(ctx context.Context, c forge.Comment) {
	f, ok := v.forge.(Folder)
	r := v.res.Status.Report
	if !ok || !c.Ours || r == nil || r.CommentID == "" || r.CommentID == text(c.ID) || !strings.HasPrefix(c.Body, reportMarker(v.res)) {
		return
	}
	if v.memory.mayEdit(edit{comment: "twin/" + text(c.ID)}, v.Now(), longUnseen) > 0 {
		return // it was seen to already
	}
	if err := f.FoldComment(ctx, v.repo, v.pull.Number, c.ID); err != nil {
		v.log.Warn("a second report could not be folded away", "comment", c.ID, "error", err)
	}
}
