package github_test

import (
	"errors"
	"testing"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/github"
)

func TestACommentIsFoldedAway(t *testing.T) {
	w := newTrial(t)
	number, _ := w.pull(t)
	c, err := w.Forge.CreateComment(t.Context(), w.Repository, number, "of yesterday")
	if err != nil {
		t.Fatal(err)
	}
	f, ok := w.Forge.(*github.Forge)
	if !ok {
		t.Fatalf("%T", w.Forge)
	}
	for range 2 {
		if err := f.FoldComment(t.Context(), w.Repository, number, c.ID); err != nil {
			t.Fatal(err)
		}
	}
	if kept, _ := w.in.Store.Comment(w.in.Repo.ID, c.ID); kept.Minimized != "outdated" {
		t.Errorf("minimised as %q", kept.Minimized)
	}
	if err := f.FoldComment(t.Context(), w.Repository, number, 987654321); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("a comment that is not there: %v", err)
	}
}
