package bot

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// TestWhoHasUsGoBackHasAHandInIt asks for a pull request that goes back, and approves it: it is ours by its author, and nobody's by its pushes.
func TestWhoHasUsGoBackHasAHandInIt(t *testing.T) {
	bob := forge.User{ID: 2, Login: "bob"}
	message := "Revert pull request 3\n\nThis takes back " + merged + ", as bob asked with /rollback prod --reason \"Slipway-Asked-By: 7 carol\".\n" + askedBy(bob)
	got := askersOf([]git.Commit{{Message: "on top\n"}, {Message: message}, {Message: "Slipway-Asked-By: 0 nobody\nSlipway-Asked-By: x y\n"}})
	if diff := cmp.Diff([]forge.User{bob}, got); diff != "" {
		t.Fatalf("who asked (-want +have):\n%s", diff)
	}
	in := policy.Input{Command: command.Command{Verb: command.Sync}, Writers: got, Reviewers: map[int64]forge.Permission{2: forge.Write},
		PullRequest: forge.PullRequest{State: forge.Open, Author: forge.User{ID: 99, Login: "slipway[bot]", Bot: true}, Head: forge.Ref{SHA: headA}},
		Reviews:     []forge.Review{{User: forge.User{ID: 2, Login: "bob-renamed"}, State: forge.Approved, SHA: headA}}}
	for _, g := range policy.Evaluate(in).Gates {
		if g.Name == "approval" && g.Passed {
			t.Errorf("their own approval counts: %+v", g)
		}
	}
}

func TestOnlyOurBranchesAreAskedAbout(t *testing.T) {
	for name, change := range map[string]func(*visit){
		"another's branch": func(v *visit) { v.ground = &ground{} },
		"a fork's":         func(v *visit) { v.ground, v.pull.Head.Name, v.pull.HeadRepository = &ground{}, "slipway/revert-1-2", 8 },
	} {
		v := looking(change)
		if got, err := v.askers(t.Context()); err != nil || got != nil { // anything more would read git
			t.Errorf("%s: %v (%v)", name, got, err)
		}
	}
}
