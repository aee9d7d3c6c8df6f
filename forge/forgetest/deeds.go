package forgetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/slipway-cd/slipway/forge"
)

func check(sha string) forge.Check {
	return forge.Check{ExternalID: "k1", Name: "slipway", SHA: sha, Status: forge.Queued, Title: "Waiting", Summary: "for the diff"}
}

func checkTwice(t *testing.T, w World) {
	_, head := pull(t, w)
	c := check(head)
	id := one(w.Forge.SetCheck(t.Context(), w.Repository, c))(t)
	c.Status = forge.InProgress
	equal(t, "the id when it is set again", one(w.Forge.SetCheck(t.Context(), w.Repository, c))(t), id)
	c.ID, c.Status, c.Conclusion = id, forge.Completed, forge.Success
	for range 2 {
		equal(t, "the id when it is set by its id", one(w.Forge.SetCheck(t.Context(), w.Repository, c))(t), id)
	}
	seen := w.Ledger.Checks(t, head)
	equal(t, "how many checks there are", len(seen), 1)
	equal(t, "name", seen[0].Name, "slipway")
	equal(t, "status", seen[0].Status, forge.Completed)
	equal(t, "conclusion", seen[0].Conclusion, forge.Success)
}

func checkNew(t *testing.T, w World) {
	_, head := pull(t, w)
	w.Faults.Lose(t)
	c := check(head)
	c.New = true
	id := one(w.Forge.SetCheck(t.Context(), w.Repository, c))(t)
	c.New = false
	equal(t, "the id when it is set again", one(w.Forge.SetCheck(t.Context(), w.Repository, c))(t), id)
	equal(t, "how many checks there are", len(w.Ledger.Checks(t, head)), 1)
}

func checkLost(t *testing.T, w World) {
	_, head := pull(t, w)
	w.Faults.Lose(t)
	one(w.Forge.SetCheck(t.Context(), w.Repository, check(head)))(t)
	equal(t, "how many checks there are", len(w.Ledger.Checks(t, head)), 1)
}

func otherChecks(t *testing.T, w World) {
	number, head := pull(t, w)
	first := one(w.Forge.SetCheck(t.Context(), w.Repository, check(head)))(t)
	next := one(w.Forge.SetCheck(t.Context(), w.Repository, check(w.People.Push(t, number))))(t)
	if first == next {
		t.Error("the check of another commit was taken for this one's")
	}
}

func checkConclusion(t *testing.T, w World) {
	_, head := pull(t, w)
	c := check(head)
	c.Status = forge.Completed
	if _, err := w.Forge.SetCheck(t.Context(), w.Repository, c); !errors.Is(err, forge.ErrInvalid) {
		t.Errorf("without a conclusion: %v", err)
	}
	for _, conclusion := range []forge.Conclusion{forge.Success, forge.Failure, forge.Neutral, forge.Cancelled, forge.ActionRequired} {
		c.Conclusion = conclusion
		one(w.Forge.SetCheck(t.Context(), w.Repository, c))(t)
	}
}

func deployment(sha string) forge.Deployment {
	return forge.Deployment{Environment: "staging", SHA: sha, Description: "by alice", Key: "command-1"}
}

func deployTwice(t *testing.T, w World) {
	_, head := pull(t, w)
	d := deployment(head)
	id := one(w.Forge.CreateDeployment(t.Context(), w.Repository, d))(t)
	equal(t, "the id when it is created again", one(w.Forge.CreateDeployment(t.Context(), w.Repository, d))(t), id)
	d.Environment, d.Production = "prod", true
	if other := one(w.Forge.CreateDeployment(t.Context(), w.Repository, d))(t); other == id {
		t.Error("the deployment to another environment was taken for this one's")
	}
	seen := w.Ledger.Deployments(t)
	equal(t, "how many deployments there are", len(seen), 2)
	equal(t, "commit", seen[0].SHA, head)
	equal(t, "environment", seen[0].Environment, "staging")
}

func deployLost(t *testing.T, w World) {
	_, head := pull(t, w)
	w.Faults.Lose(t)
	one(w.Forge.CreateDeployment(t.Context(), w.Repository, deployment(head)))(t)
	equal(t, "how many deployments there are", len(w.Ledger.Deployments(t)), 1)
}

func deploymentStates(t *testing.T, w World) {
	_, head := pull(t, w)
	id := one(w.Forge.CreateDeployment(t.Context(), w.Repository, deployment(head)))(t)
	long := fmt.Sprintf("%0200d", 7)
	for _, state := range []forge.DeploymentState{forge.DeploymentInProgress, forge.DeploymentInProgress, forge.DeploymentSuccess} {
		must(t, w.Forge.SetDeploymentStatus(t.Context(), w.Repository, id,
			forge.DeploymentStatus{State: state, Description: long, LogURL: "https://slipway.example.com/log", EnvironmentURL: "https://shop.example.com"}))
	}
	got := w.Ledger.DeploymentStates(t, id)
	if want := []forge.DeploymentState{forge.DeploymentInProgress, forge.DeploymentSuccess}; !slices.Equal(got, want) {
		t.Errorf("states are %v, want %v", got, want)
	}
}
