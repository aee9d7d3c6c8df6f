package bot

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// Hidden markers are how a comment of ours is found again when the answer to its creation was lost. The key is ours, never a
// pull request's, so it cannot end the comment it stands in.

func reportMarker(res *slipway.PullRequest) string { return marker("report", res.Name) }

func replyMarker(key string) string { return marker("reply", key) }

func marker(kind, key string) string { return fmt.Sprintf("<!-- slipway:%s %s -->", kind, key) }

// marked puts the marker before a body, where no forge cuts it off.
func marked(marker, body string) string { return marker + "\n" + body }

// find looks for our comment with a marker among those changed since a time (zero: all).
func (v *visit) find(ctx context.Context, marker string, since time.Time) (int64, error) {
	comments, err := v.forge.Comments(ctx, v.repo, v.pull.Number, since)
	if err != nil {
		return 0, fmt.Errorf("looking for our comment: %w", err)
	}
	return findMarked(comments, marker), nil
}

// findMarked is the oldest of our comments that begins with a marker, or 0. Somebody else's with the same words is not ours.
func findMarked(comments []forge.Comment, marker string) int64 {
	for _, c := range comments {
		if c.Ours && strings.HasPrefix(c.Body, marker) {
			return c.ID
		}
	}
	return 0
}

// number reads an id that a status keeps as text; 0 when there is none.
func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func text(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}
