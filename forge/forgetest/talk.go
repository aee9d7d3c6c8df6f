package forgetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
)

// pull opens a pull request by alice, who may write.
func pull(t *testing.T, w World) (number int, head string) {
	t.Helper()
	w.People.Grant(t, "alice", forge.Write)
	return w.People.Open(t, Pull{Author: "alice", Title: "x", Branch: "x"})
}

func commentsInOrder(t *testing.T, w World) {
	number, _ := pull(t, w)
	var want []int64
	for i := range 5 {
		want = append(want, w.People.Comment(t, number, "alice", fmt.Sprintf("comment %d", i)))
	}
	w.Faults.Pages(t, 2)
	var got []int64
	for _, c := range one(w.Forge.Comments(t.Context(), w.Repository, number, time.Time{}))(t) {
		got = append(got, c.ID)
		equal(t, "author", c.Author, w.People.User(t, "alice"))
		equal(t, "edited", c.Edited, false)
		equal(t, "ours", c.Ours, false)
		if c.URL == "" || c.CreatedAt.IsZero() {
			t.Errorf("URL %q, created at %s", c.URL, c.CreatedAt)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("comments are %v, want %v", got, want)
	}
}

func commentsSince(t *testing.T, w World) {
	number, _ := pull(t, w)
	first := w.People.Comment(t, number, "alice", "first")
	second := w.People.Comment(t, number, "alice", "second")
	w.People.EditComment(t, number, "alice", second, "second, edited later")
	all := one(w.Forge.Comments(t.Context(), w.Repository, number, time.Time{}))(t)
	equal(t, "how many there are", len(all), 2)
	since := all[0].CreatedAt
	equal(t, "how many changed at or after the first", len(one(w.Forge.Comments(t.Context(), w.Repository, number, since))(t)), 2)
	later := one(w.Forge.Comments(t.Context(), w.Repository, number, since.Add(time.Second)))(t)
	for _, c := range later {
		if c.ID == first {
			t.Errorf("the first comment has not changed since")
		}
	}
	equal(t, "how many changed after the first", len(later), 1)
	equal(t, "how many changed in the future", len(one(w.Forge.Comments(t.Context(), w.Repository, number, since.Add(time.Hour)))(t)), 0)
}

func editedComment(t *testing.T, w World) {
	number, _ := pull(t, w)
	id := w.People.Comment(t, number, "alice", "/diff")
	must(t, w.Forge.React(t.Context(), w.Repository, number, id, forge.Eyes))
	equal(t, "edited by a reaction", one(w.Forge.Comments(t.Context(), w.Repository, number, time.Time{}))(t)[0].Edited, false)
	w.People.EditComment(t, number, "alice", id, "/sync prod")
	c := one(w.Forge.Comments(t.Context(), w.Repository, number, time.Time{}))(t)[0]
	equal(t, "edited", c.Edited, true)
	equal(t, "body", c.Body, "/sync prod")
}

func ourComment(t *testing.T, w World) {
	number, _ := pull(t, w)
	made := one(w.Forge.CreateComment(t.Context(), w.Repository, number, "<!-- marker -->\nreport"))(t)
	imitation := w.People.Comment(t, number, "alice", "<!-- marker -->\nreport")
	equal(t, "what was made is ours", made.Ours, true)
	equal(t, "its body", w.Ledger.Body(t, number, made.ID), "<!-- marker -->\nreport")
	for _, c := range one(w.Forge.Comments(t.Context(), w.Repository, number, time.Time{}))(t) {
		equal(t, fmt.Sprintf("comment %d by %s is ours", c.ID, c.Author.Login), c.Ours, c.ID != imitation)
	}
	must(t, w.Forge.EditComment(t.Context(), w.Repository, number, made.ID, "another report"))
	equal(t, "its body after the edit", w.Ledger.Body(t, number, made.ID), "another report")
}

func commentLimit(t *testing.T, w World) {
	number, _ := pull(t, w)
	limit := w.Forge.CommentLimit()
	longest := strings.Repeat("ü", limit)
	made := one(w.Forge.CreateComment(t.Context(), w.Repository, number, longest))(t)
	must(t, w.Forge.EditComment(t.Context(), w.Repository, number, made.ID, strings.Repeat("🚢", limit)))
	if _, err := w.Forge.CreateComment(t.Context(), w.Repository, number, longest+"!"); !errors.Is(err, forge.ErrInvalid) {
		t.Errorf("creating one that is too long: %v", err)
	}
	if err := w.Forge.EditComment(t.Context(), w.Repository, number, made.ID, longest+"!"); !errors.Is(err, forge.ErrInvalid) {
		t.Errorf("editing one that becomes too long: %v", err)
	}
}

func reactTwice(t *testing.T, w World) {
	number, _ := pull(t, w)
	id := w.People.Comment(t, number, "alice", "/sync")
	for _, r := range []forge.Reaction{forge.Eyes, forge.Eyes, forge.Rocket, forge.Rocket} {
		must(t, w.Forge.React(t.Context(), w.Repository, number, id, r))
	}
	got := w.Ledger.Reactions(t, number, id)
	slices.Sort(got)
	if !slices.Equal(got, []forge.Reaction{forge.Eyes, forge.Rocket}) {
		t.Errorf("reactions are %v", got)
	}
}
