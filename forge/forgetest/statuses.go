package forgetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/forge"
)

func status(sha string) forge.Check {
	return forge.Check{Name: "slipway/staging", SHA: sha, Status: forge.Queued, Title: "2 applications to be deployed", DetailsURL: "https://slipway.example.com/p"}
}

func statusOnce(t *testing.T, w World) {
	_, head := pull(t, w)
	c := status(head)
	for range 3 {
		must(t, w.Forge.SetStatuses(t.Context(), w.Repository, c))
	}
	equal(t, "how many statuses there are", len(w.Ledger.Statuses(t, head)), 1)
	for _, step := range []struct {
		status     forge.CheckStatus
		conclusion forge.Conclusion
	}{{forge.Completed, forge.Success}, {forge.Queued, ""}, {forge.Completed, forge.Failure}, {forge.Queued, ""}, {forge.Completed, forge.Cancelled}} {
		c.Status, c.Conclusion, c.Title = step.status, step.conclusion, "now it is "+string(step.conclusion)+strings.Repeat(" and so on", 30)
		must(t, w.Forge.SetStatuses(t.Context(), w.Repository, c))
		seen := w.Ledger.Statuses(t, head)
		equal(t, "status", seen[0].Status, step.status)
		equal(t, "conclusion", seen[0].Conclusion, step.conclusion)
		equal(t, "link", seen[0].DetailsURL, c.DetailsURL)
		before := len(seen)
		must(t, w.Forge.SetStatuses(t.Context(), w.Repository, c))
		equal(t, "how many there are when it is set again", len(w.Ledger.Statuses(t, head)), before)
	}
	c.Status, c.Conclusion = forge.Completed, ""
	if err := w.Forge.SetStatuses(t.Context(), w.Repository, c); !errors.Is(err, forge.ErrInvalid) {
		t.Errorf("without a conclusion: %v", err)
	}
}

func statusLost(t *testing.T, w World) {
	_, head := pull(t, w)
	w.Faults.Lose(t)
	must(t, w.Forge.SetStatuses(t.Context(), w.Repository, status(head)))
	equal(t, "how many statuses there are", len(w.Ledger.Statuses(t, head)), 1)
}

func statusesApart(t *testing.T, w World) {
	_, head := pull(t, w)
	one(w.Forge.SetCheck(t.Context(), w.Repository, check(head)))(t)
	w.Faults.Pages(t, 1)
	prod := status(head)
	prod.Name, prod.Status, prod.Conclusion = "slipway/prod", forge.Completed, forge.Success
	for range 2 {
		must(t, w.Forge.SetStatuses(t.Context(), w.Repository, status(head), prod))
	}
	found := map[string]int{}
	for _, c := range w.Ledger.Statuses(t, head) {
		found[c.Name]++
	}
	equal(t, "statuses of staging", found["slipway/staging"], 1)
	equal(t, "statuses of prod", found["slipway/prod"], 1)
}

func statusForbidden(t *testing.T, w World) {
	_, head := pull(t, w)
	w.Faults.Forbid(t)
	if err := w.Forge.SetStatuses(t.Context(), w.Repository, status(head)); !errors.Is(err, forge.ErrForbidden) {
		t.Errorf("without the permission: %v", err)
	}
}
