package github_test

import (
	"errors"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/forgetest"

	"github.com/slipway-cd/slipway/fixtures/forge/hooks"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
)

// TestALostDeliveryIsHadAgain finds a delivery that never arrived in GitHub's log, over pages of one, and has it sent.
func TestALostDeliveryIsHadAgain(t *testing.T) {
	w := newTrial(t)
	w.People.Grant(t, "alice", forge.Write)
	if err := w.in.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Second)
	w.in.Hooks.Fail(hooks.Faults{Drop: 100})
	w.People.Open(t, forgetest.Pull{Author: "alice", Title: "x", Branch: "x"})
	if err := w.in.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.in.Hooks.Fail(hooks.Faults{})
	f := start(t, w.options)
	w.Faults.Pages(t, 1)
	find := func() (lost forge.Delivery, all []forge.Delivery) {
		t.Helper()
		all, err := f.Deliveries(t.Context(), began)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range all {
			if d.Name == "pull_request.opened" {
				lost = d
			}
		}
		return lost, all
	}
	lost, _ := find()
	if lost.GUID == "" || lost.Delivered() || lost.Again {
		t.Fatalf("in the log: %+v", lost)
	}
	if err := f.Redeliver(t.Context(), lost.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.in.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, all := find()
	again := 0
	for _, d := range all {
		if d.GUID == lost.GUID && d.Name == lost.Name && d.Again && d.Delivered() {
			again++
		}
	}
	if again != 1 {
		t.Errorf("it came again %d times:\n%+v", again, all)
	}
	if err := f.Redeliver(t.Context(), 987654321); !errors.Is(err, forge.ErrNotFound) {
		t.Errorf("a delivery that nobody knows: %v", err)
	}
}

// TestASuspendedInstallationIsAskedOnce holds many callers back after one refusal, and lets them in again when the installation is back.
func TestASuspendedInstallationIsAskedOnce(t *testing.T) {
	w := newTrial(t)
	id := w.Repository.Installation
	owner := w.People.User(t, "owner")
	if err := w.in.Store.Suspend(actor(owner), id, true); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, err := w.Forge.PullRequest(t.Context(), w.Repository, 1); !errors.Is(err, forge.ErrUnauthorized) {
			t.Fatalf("%v", err)
		}
	}
	if n := w.calls("POST", "/access_tokens"); n != 1 {
		t.Errorf("%d tokens were asked for", n)
	}
}

func TestClosedPullRequestsSinceATime(t *testing.T) {
	w := newTrial(t)
	number, _ := w.pull(t)
	w.People.Merge(t, number)
	closed, err := w.Forge.ClosedPullRequests(t.Context(), w.Repository, time.Now().Add(-time.Hour))
	if err != nil || len(closed) != 1 || closed[0].Number != number || closed[0].State != forge.Merged {
		t.Errorf("%+v, %v", closed, err)
	}
	if closed, err = w.Forge.ClosedPullRequests(t.Context(), w.Repository, time.Now().Add(time.Hour)); err != nil || len(closed) != 0 {
		t.Errorf("since later: %+v, %v", closed, err)
	}
}

func actor(u forge.User) store.Actor { return store.Actor{Account: u.ID} }
