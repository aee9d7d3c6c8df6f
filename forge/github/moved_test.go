package github_test

import (
	"testing"

	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/forge"
)

// A repository keeps its pull requests when it is given another name, and when another repository is given the name that it had. What is read
// by the name of before says where it is now, at no call beside where nothing moved.
func TestAPullRequestIsReadWhereItsRepositoryIsNow(t *testing.T) {
	w := newTrial(t)
	number, head := w.pull(t)
	read := func(name string, calls int) {
		t.Helper()
		before := w.calls("GET", `/pulls/\d+$|/repositories/\d+$`)
		p, err := w.Forge.PullRequest(t.Context(), w.Repository, number)
		if err != nil || p.Head.SHA != head || p.Repository.ID != w.Repository.ID || p.Repository.Name != name || p.State != forge.Open {
			t.Errorf("read %+v: %v", p, err)
		}
		if n := w.calls("GET", `/pulls/\d+$|/repositories/\d+$`) - before; n != calls {
			t.Errorf("%d calls, want %d", n, calls)
		}
	}
	read(w.Repository.Name, 1)
	if err := w.in.Settle(t.Context()); err != nil { // deliveries are written from what is there
		t.Fatal(err)
	}
	alice, _ := w.in.Store.AccountByLogin("alice")
	if _, err := w.in.Store.Rename(store.Actor{Account: alice.ID}, w.Repository.ID, "elsewhere"); err != nil {
		t.Fatal(err)
	}
	read("elsewhere", 3)
	if _, err := w.in.Server.Repo(t.Context(), store.NewRepo{Owner: w.Repository.Owner, Name: w.Repository.Name}); err != nil {
		t.Fatal(err)
	}
	read("elsewhere", 3)
}
