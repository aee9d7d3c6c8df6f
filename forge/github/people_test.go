package github_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/forgetest"
	"github.com/slipway-cd/slipway/forge/github"

	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/world"
)

// handIn are the logins of those that had a hand in a pull request.
func (w trial) handIn(t *testing.T, number int) []string {
	t.Helper()
	p, err := w.Forge.PullRequest(t.Context(), w.Repository, number)
	if err != nil {
		t.Fatal(err)
	}
	users, err := w.Forge.Writers(t.Context(), w.Repository, p)
	if err != nil {
		t.Fatal(err)
	}
	var logins []string
	for _, u := range users {
		logins = append(logins, u.Login)
	}
	slices.Sort(logins)
	return logins
}

func TestWhoPushesUnderAnothersNameIsKnown(t *testing.T) {
	w := newTrial(t)
	w.People.Grant(t, "bob", forge.Write)
	w.People.Grant(t, "carol", forge.Write)
	number, _ := w.pull(t)
	if got := w.handIn(t, number); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("at first: %v", got)
	}
	alice := w.People.User(t, "alice")
	for _, c := range []struct {
		who    string
		author int64
	}{{"bob", alice.ID}, {"carol", 0}} {
		_, err := w.in.Server.As(c.who).Commit(t.Context(), w.Repository.FullName(), store.FileCommit{Branch: "x", Message: "m", Author: c.author,
			Files: map[string]string{c.who: "x"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Faults.Pages(t, 1)
	if got := w.handIn(t, number); !slices.Equal(got, []string{"alice", "bob", "carol"}) {
		t.Errorf("after the pushes: %v", got)
	}
}

func TestAnEarlierBranchOfTheNameIsAnother(t *testing.T) {
	w := newTrial(t)
	w.People.Grant(t, "bob", forge.Write)
	_, err := w.in.Server.As("bob").Commit(t.Context(), w.Repository.FullName(), store.FileCommit{Branch: "x", Message: "m", Files: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	repo, _ := w.in.Server.Store.Repo(w.Repository.ID)
	if err := w.in.Server.Store.DeleteRef(t.Context(), store.Actor{Account: w.People.User(t, "bob").ID}, repo, "refs/heads/x"); err != nil {
		t.Fatal(err)
	}
	number, _ := w.pull(t)
	if got := w.handIn(t, number); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("who had a hand in it: %v", got)
	}
}

// TestARestoredBranchIsTheSame has bob push under alice's name, delete the branch, and alice bring it back, as she would one that went by mistake.
func TestARestoredBranchIsTheSame(t *testing.T) {
	w := newTrial(t)
	w.People.Grant(t, "bob", forge.Write)
	number, _ := w.pull(t)
	alice := w.People.User(t, "alice")
	head, err := w.in.Server.As("bob").Commit(t.Context(), w.Repository.FullName(), store.FileCommit{Branch: "x", Message: "m", Author: alice.ID, Files: map[string]string{"b": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	repo, _ := w.in.Server.Store.Repo(w.Repository.ID)
	if err := w.in.Server.Store.DeleteRef(t.Context(), store.Actor{Account: w.People.User(t, "bob").ID}, repo, "refs/heads/x"); err != nil {
		t.Fatal(err)
	}
	if err := w.in.Server.Store.CreateRef(t.Context(), store.Actor{Account: alice.ID}, repo, "refs/heads/x", head); err != nil {
		t.Fatal(err)
	}
	if got := w.handIn(t, number); !slices.Equal(got, []string{"alice", "bob"}) {
		t.Errorf("who had a hand in it: %v", got)
	}
}

func TestAForksCommitsSayWhoWroteThem(t *testing.T) {
	w := newTrial(t)
	w.People.Grant(t, "alice", forge.Read)
	number, _ := w.People.Open(t, forgetest.Pull{Author: "alice", Title: "x", Branch: "x", Fork: true})
	if got := w.handIn(t, number); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("who had a hand in it: %v", got)
	}
}

func TestTeams(t *testing.T) {
	w := newTrial(t)
	alice := w.People.User(t, "alice")
	if err := w.in.Server.Member(world.Owner, "alice", "platform"); err != nil {
		t.Fatal(err)
	}
	f := w.Forge.(*github.Forge)
	in, err := f.Teams(t.Context(), w.Repository, alice, []string{world.Owner + "/platform", world.Owner + "/others", "elsewhere/platform", "platform"})
	if err != nil || !slices.Equal(in, []string{world.Owner + "/platform"}) {
		t.Errorf("%v, %v", in, err)
	}
	stranger, err := f.Teams(t.Context(), w.Repository, w.People.User(t, "bob"), []string{world.Owner + "/platform"})
	if err != nil || len(stranger) != 0 {
		t.Errorf("a stranger is in %v, %v", stranger, err)
	}
}

func TestTeamsNeedAPermission(t *testing.T) {
	w := newTrialWith(t, map[string]string{"metadata": "read", "contents": "read", "pull_requests": "write"})
	_, err := w.Forge.(*github.Forge).Teams(t.Context(), w.Repository, w.People.User(t, "alice"), []string{world.Owner + "/platform"})
	if !errors.Is(err, forge.ErrForbidden) {
		t.Errorf("without the permission: %v", err)
	}
}

func TestOthersChecksNeedAPermission(t *testing.T) {
	w := newTrialWith(t, map[string]string{"metadata": "read", "contents": "read", "pull_requests": "write", "issues": "write", "checks": "write", "deployments": "write"})
	_, head := w.pull(t)
	if _, err := w.Forge.OtherChecks(t.Context(), w.Repository, head); !errors.Is(err, forge.ErrForbidden) {
		t.Errorf("without statuses: read: %v", err)
	}
}

func TestStatusesNeedAPermission(t *testing.T) {
	w := newTrialWith(t, map[string]string{"metadata": "read", "contents": "read", "pull_requests": "write", "issues": "write", "checks": "write", "statuses": "read"})
	_, head := w.pull(t)
	c := forge.Check{Name: "slipway/staging", SHA: head, Status: forge.Queued, Title: "planned"}
	if err := w.Forge.SetStatuses(t.Context(), w.Repository, c); !errors.Is(err, forge.ErrForbidden) {
		t.Errorf("without statuses: write: %v", err)
	}
	if found := w.Ledger.Statuses(t, head); len(found) != 0 {
		t.Errorf("set all the same: %+v", found)
	}
}
