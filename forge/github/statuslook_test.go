package github_test

import (
	"testing"

	"github.com/slipway-cd/slipway/forge"
)

func TestWhatStandsOnACommitIsLookedUpOnceForAllStatuses(t *testing.T) {
	w := newTrial(t)
	_, head := w.pull(t)
	set := func(state forge.CheckStatus, fresh bool) (looks, writes int) {
		t.Helper()
		var all []forge.Check
		for _, name := range []string{"slipway/dev", "slipway/staging", "slipway/prod"} {
			all = append(all, forge.Check{Name: name, SHA: head, Status: state, Conclusion: forge.Success, Title: "so it is", New: fresh})
		}
		looks, writes = w.calls("GET", "/status"), w.calls("POST", "/statuses/")
		if err := w.Forge.SetStatuses(t.Context(), w.Repository, all...); err != nil {
			t.Fatal(err)
		}
		return w.calls("GET", "/status") - looks, w.calls("POST", "/statuses/") - writes
	}
	for _, step := range []struct {
		name          string
		state         forge.CheckStatus
		fresh         bool
		looks, writes int
	}{
		{"for the first time", forge.Queued, true, 0, 3},
		{"again", forge.Queued, false, 1, 0},
		{"when all have changed", forge.Completed, false, 1, 3},
	} {
		if looks, writes := set(step.state, step.fresh); looks != step.looks || writes != step.writes {
			t.Errorf("%s: %d looks and %d writes, want %d and %d", step.name, looks, writes, step.looks, step.writes)
		}
	}
}
