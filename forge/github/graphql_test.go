package github_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/github"
)

// TestAnEditWithinASecondIsKnown edits a comment so soon that the times which REST gives are the same.
func TestAnEditWithinASecondIsKnown(t *testing.T) {
	w := newTrial(t)
	number, _ := w.pull(t)
	f, ok := w.Forge.(*github.Forge)
	if !ok {
		t.Fatalf("%T", w.Forge)
	}
	plain, err := f.CreateComment(t.Context(), w.Repository, number, "as it was posted")
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		c, err := f.CreateComment(t.Context(), w.Repository, number, "Nice work.")
		if err != nil {
			t.Fatal(err)
		}
		if err := f.EditComment(t.Context(), w.Repository, number, c.ID, "/sync prod"); err != nil {
			t.Fatal(err)
		}
		all, err := f.Comments(t.Context(), w.Repository, number, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if last := all[len(all)-1]; last.ID != c.ID || last.Edited {
			continue // the second was over
		}
		gone := all[len(all)-1]
		gone.ID, gone.Node = 987654321, "SXNzdWVDb21tZW50Ojk4NzY1NDMyMQ=="
		edited, err := f.EditedComments(t.Context(), w.Repository, append(all, gone))
		if err != nil || slices.Contains(edited, plain.ID) || !slices.Contains(edited, c.ID) || !slices.Contains(edited, gone.ID) {
			t.Errorf("edited: %v (%v), want %d and not %d", edited, err, c.ID, plain.ID)
		}
		return
	}
	t.Fatal("no edit came within the second")
}

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
