package policy_test

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/forge"
)

var (
	alice = forge.User{ID: 1, Login: "alice"} // the author
	bob   = forge.User{ID: 2, Login: "bob"}
	carol = forge.User{ID: 3, Login: "carol"}
	mallo = forge.User{ID: 9, Login: "mallory"}
)

const head = "1111111111111111111111111111111111111111"
const older = "2222222222222222222222222222222222222222"

// ready is a sync before the merge that passes every gate. Tests change one thing.
func ready() policy.Input {
	return policy.Input{
		Command:    command.Command{Verb: command.Sync},
		User:       alice,
		Permission: forge.Write,
		PullRequest: forge.PullRequest{State: forge.Open, Author: alice, Head: forge.Ref{SHA: head},
			Repository: forge.Repository{ID: 7, Owner: "team", Name: "shop"}},
		Reviews:     []forge.Review{{User: bob, State: forge.Approved, SHA: head}},
		Reviewers:   map[int64]forge.Permission{bob.ID: forge.Write, carol.ID: forge.Write, alice.ID: forge.Admin},
		Trusted:     true,
		Environment: policy.Environment{Name: "staging", BeforeMerge: true, Allow: policy.Allow{Permission: forge.Write}},
		Report:      policy.Reviewed{Posted: true, Head: head},
	}
}

// outcome of one gate: change an allowed input, then look at it.
type outcome struct {
	change  func(*policy.Input)
	allowed bool
	value   string // part of the gate's value
	satisfy string // part of what would open it
}

func tryGate(t *testing.T, gate string, cases map[string]outcome) {
	t.Helper()
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			in := ready()
			want.change(&in)
			got := policy.Evaluate(in)
			if got.Allowed != want.allowed {
				t.Fatalf("allowed %v, want %v: %+v", got.Allowed, want.allowed, got.Gates)
			}
			for _, g := range got.Gates {
				if g.Name != gate {
					if !g.Passed {
						t.Errorf("gate %q is closed as well: %+v", g.Name, g)
					}
					continue
				}
				if g.Passed != want.allowed || !strings.Contains(g.Value, want.value) || !strings.Contains(g.Satisfy, want.satisfy) {
					t.Errorf("got %+v, want %+v", g, want)
				}
				if !g.Passed && g.Satisfy == "" {
					t.Error("a closed gate does not say what would open it")
				}
				return
			}
			if want.value != "" || !want.allowed {
				t.Errorf("gate %q was not looked at", gate)
			}
		})
	}
}

func TestTheReadyInputIsAllowed(t *testing.T) {
	if got := policy.Evaluate(ready()); !got.Allowed || len(got.Closed()) != 0 {
		t.Fatalf("got %+v", got.Closed())
	}
}

func TestARefusalNamesEveryClosedGate(t *testing.T) {
	got := policy.Evaluate(policy.Input{
		Command: command.Command{Verb: command.Sync}, User: mallo, Permission: forge.Read,
		PullRequest: forge.PullRequest{State: forge.Open, Author: mallo, Head: forge.Ref{SHA: head}},
		Environment: policy.Policy{}.Named("prod"),
	})
	var names []string
	for _, g := range got.Closed() {
		names = append(names, g.Name)
	}
	if want := "permission, merged, trusted head, approval, report"; got.Allowed || strings.Join(names, ", ") != want {
		t.Errorf("closed: %s, want %s", strings.Join(names, ", "), want)
	}
}

func TestAVerbWithoutRulesIsRefused(t *testing.T) {
	in := ready()
	in.Permission = forge.Admin
	for _, verb := range []command.Verb{"", "sudo"} {
		in.Command.Verb = verb
		if policy.Evaluate(in).Allowed {
			t.Errorf("/%s is allowed", verb)
		}
	}
}
