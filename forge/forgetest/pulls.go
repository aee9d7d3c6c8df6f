package forgetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/slipway-cd/slipway/forge"
)

func openPullRequest(t *testing.T, w World) {
	author := w.People.User(t, "alice")
	w.People.Grant(t, "alice", forge.Write)
	number, head := w.People.Open(t, Pull{Author: "alice", Title: "Scale `web` up", Branch: "scale/web", Draft: true})
	w.People.Label(t, number, "preview")
	p := one(w.Forge.PullRequest(t.Context(), w.Repository, number))(t)
	equal(t, "number", p.Number, number)
	equal(t, "repository", p.Repository.ID, w.Repository.ID)
	equal(t, "title", p.Title, "Scale `web` up")
	equal(t, "author", p.Author, author)
	equal(t, "state", p.State, forge.Open)
	equal(t, "draft", p.Draft, true)
	equal(t, "head", p.Head, forge.Ref{Name: "scale/web", SHA: head})
	equal(t, "base branch", p.Base.Name, w.Repository.DefaultBranch)
	equal(t, "fork", p.Fork(), false)
	if !slices.Equal(p.Labels, []string{"preview"}) {
		t.Errorf("labels are %v", p.Labels)
	}
	if p.URL == "" || p.UpdatedAt.IsZero() {
		t.Errorf("URL %q, updated at %s", p.URL, p.UpdatedAt)
	}
	if p.Mergeable == nil && p.TestMerge != "" {
		t.Errorf("there is a test merge %s before mergeability is known", p.TestMerge)
	}
}

func pushedHead(t *testing.T, w World) {
	w.People.Grant(t, "alice", forge.Write)
	number, first := w.People.Open(t, Pull{Author: "alice", Title: "x", Branch: "x"})
	equal(t, "head", one(w.Forge.PullRequest(t.Context(), w.Repository, number))(t).Head.SHA, first)
	second := w.People.Push(t, number)
	equal(t, "head after the push", one(w.Forge.PullRequest(t.Context(), w.Repository, number))(t).Head.SHA, second)
}

func closedAndMerged(t *testing.T, w World) {
	w.People.Grant(t, "alice", forge.Write)
	closed, _ := w.People.Open(t, Pull{Author: "alice", Title: "x", Branch: "x"})
	merged, _ := w.People.Open(t, Pull{Author: "alice", Title: "y", Branch: "y"})
	w.People.Close(t, closed)
	commit := w.People.Merge(t, merged)
	equal(t, "state of the closed one", one(w.Forge.PullRequest(t.Context(), w.Repository, closed))(t).State, forge.Closed)
	p := one(w.Forge.PullRequest(t.Context(), w.Repository, merged))(t)
	equal(t, "state of the merged one", p.State, forge.Merged)
	equal(t, "merge commit", p.MergeCommit, commit)
	equal(t, "merged by", p.MergedBy.Login, "owner")
}

func fork(t *testing.T, w World) {
	w.People.Grant(t, "mallory", forge.Read)
	number, head := w.People.Open(t, Pull{Author: "mallory", Title: "x", Branch: "x", Fork: true})
	p := one(w.Forge.PullRequest(t.Context(), w.Repository, number))(t)
	equal(t, "fork", p.Fork(), true)
	equal(t, "head", p.Head.SHA, head)
	equal(t, "repository", p.Repository.ID, w.Repository.ID)
	if p.HeadRepository == 0 || p.HeadRepository == w.Repository.ID {
		t.Errorf("head repository is %d", p.HeadRepository)
	}
	if p.HeadOwner != "mallory" && p.HeadOwner != "" { // not every forge says
		t.Errorf("the head's owner is %q", p.HeadOwner)
	}
}

func deletedFork(t *testing.T, w World) {
	w.People.Grant(t, "mallory", forge.Read)
	number, head := w.People.Open(t, Pull{Author: "mallory", Title: "x", Branch: "x", Fork: true})
	w.People.DeleteFork(t, number)
	p := one(w.Forge.PullRequest(t.Context(), w.Repository, number))(t)
	equal(t, "fork", p.Fork(), true)
	equal(t, "head repository", p.HeadRepository, 0)
	equal(t, "head", p.Head.SHA, head)
}

func openPullRequests(t *testing.T, w World) {
	w.People.Grant(t, "alice", forge.Write)
	heads := map[int]string{}
	for i := range 5 {
		number, head := w.People.Open(t, Pull{Author: "alice", Title: "x", Branch: fmt.Sprintf("x%d", i)})
		heads[number] = head
		if i == 2 {
			w.People.Close(t, number)
			delete(heads, number)
		}
	}
	w.Faults.Pages(t, 2)
	listed := one(w.Forge.OpenPullRequests(t.Context(), w.Repository))(t)
	equal(t, "how many are listed", len(listed), len(heads))
	for _, p := range listed {
		equal(t, fmt.Sprintf("head of %d", p.Number), p.Head.SHA, heads[p.Number])
	}
}

func reviews(t *testing.T, w World) {
	for _, login := range []string{"alice", "bob", "carol"} {
		w.People.Grant(t, login, forge.Write)
	}
	number, head := w.People.Open(t, Pull{Author: "alice", Title: "x", Branch: "x"})
	equal(t, "reviews at first", len(one(w.Forge.Reviews(t.Context(), w.Repository, number))(t)), 0)
	want := map[string]forge.ReviewState{"bob": forge.Approved}
	w.People.Review(t, number, "bob", forge.Approved)
	w.People.Review(t, number, "bob", forge.Commented)
	if w.People.Review(t, number, "carol", forge.ChangesRequested) {
		want["carol"] = forge.ChangesRequested
	}
	w.Faults.Pages(t, 1)
	given := one(w.Forge.Reviews(t.Context(), w.Repository, number))(t)
	equal(t, "how many reviewers", len(given), len(want))
	for _, r := range given {
		equal(t, "verdict of "+r.User.Login, r.State, want[r.User.Login])
		if r.SHA != "" && r.SHA != head {
			t.Errorf("the verdict is on %s, want %s", r.SHA, head)
		}
	}
	pushed := w.People.Push(t, number)
	for _, r := range one(w.Forge.Reviews(t.Context(), w.Repository, number))(t) {
		if r.State == forge.Approved && r.SHA == pushed {
			t.Errorf("%s's approval of %s is taken for one of what was pushed after it", r.User.Login, head)
		}
	}
	if w.People.Review(t, number, "bob", forge.Dismissed) {
		for _, r := range one(w.Forge.Reviews(t.Context(), w.Repository, number))(t) {
			if r.User.Login == "bob" && r.State == forge.Approved {
				t.Error("an approval that was taken back still counts")
			}
		}
	}
}

// writers asks that nobody is named who had no hand in it; a forge need not know anybody.
func writers(t *testing.T, w World) {
	w.People.Grant(t, "alice", forge.Write)
	w.People.Grant(t, "bob", forge.Write)
	number, _ := w.People.Open(t, Pull{Author: "alice", Title: "x", Branch: "x"})
	w.People.Review(t, number, "bob", forge.Approved)
	p := one(w.Forge.PullRequest(t.Context(), w.Repository, number))(t)
	for _, u := range one(w.Forge.Writers(t.Context(), w.Repository, p))(t) {
		equal(t, "who had a hand in it", u, p.Author)
	}
}

func permissions(t *testing.T, w World) {
	// Forges have levels that others lack, so what counts is what each may do at least, and that reading is not writing.
	levels := map[string]forge.Permission{"reader": forge.Read, "writer": forge.Write, "maintainer": forge.Maintain, "owner": forge.Admin}
	for login, want := range levels {
		user := w.People.User(t, login)
		if login != "owner" {
			w.People.Grant(t, login, want)
		}
		got := one(w.Forge.Permission(t.Context(), w.Repository, user))(t)
		if got < want || (got >= forge.Write) != (want >= forge.Write) {
			t.Errorf("%s may %s, want %s", login, got, want)
		}
	}
	writer := w.People.User(t, "writer")
	w.People.Grant(t, "writer", forge.None)
	equal(t, "what a former writer may do", one(w.Forge.Permission(t.Context(), w.Repository, writer))(t), forge.None)
}

func unknownUser(t *testing.T, w World) {
	nobody := forge.User{ID: 987654321, Login: "nobody-of-that-name"}
	equal(t, "what nobody may do", one(w.Forge.Permission(t.Context(), w.Repository, nobody))(t), forge.None)
	w.People.Grant(t, "alice", forge.Admin)
	imitation := w.People.User(t, "alice")
	imitation.ID += 100000
	equal(t, "what someone with alice's former name may do", one(w.Forge.Permission(t.Context(), w.Repository, imitation))(t), forge.None)
}
