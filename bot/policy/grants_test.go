package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/forge"
)

func TestForgeNames(t *testing.T) {
	names := []string{"acme:platform", "acme:Platform Team", "github:alice", "gitlab:alice", "acme/platform", "acme/a/b", "okta-admins", "alice",
		"bob@example.com", "https://idp/x", "a:b:c", ""}
	for kind, want := range map[forge.Kind][]string{
		forge.GitHub: {"acme:platform", "acme:Platform Team", "github:alice"},
		forge.GitLab: {"gitlab:alice", "acme/platform", "acme/a/b"},
	} {
		if diff := cmp.Diff(want, ForgeNames(kind, names)); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
}

func TestTeamsToAskAbout(t *testing.T) {
	names := []string{"acme:platform", "acme:Platform Team", "github:alice", "acme/platform", "acme", "bob@example.com"}
	for kind, want := range map[forge.Kind]map[string]string{
		forge.GitHub: {"acme:platform": "acme/platform", "acme:Platform Team": "acme/platform-team"},
		forge.GitLab: {"acme/platform": "acme/platform", "acme": "acme"},
	} {
		if diff := cmp.Diff(want, Teams(kind, names)); diff != "" {
			t.Errorf("%s: %s", kind, diff)
		}
	}
}

func TestGrants(t *testing.T) {
	on := func(g Grants) Grants { g.Asked, g.Action, g.Account = true, "sync", "github:alice"; return g }
	for name, c := range map[string]struct {
		in     Grants
		absent bool
		passed bool
		says   string
	}{
		"nothing is asked":          {in: Grants{Applications: []Grant{{Object: "a/b"}}}, absent: true},
		"allowed":                   {in: on(Grants{Applications: []Grant{{"shop/web", true, "acme:x: p, ..."}}}), passed: true, says: "acme:x: p, ..."},
		"one of two is not allowed": {in: on(Grants{Applications: []Grant{{"shop/web", true, "x"}, {"shop/db", false, "no line lets github:alice sync it"}}}), says: "p, github:alice, applications, sync, shop/db, allow"},
		"what cannot be read":       {in: Grants{Unread: "argocd-rbac-cm cannot be read: line 3"}, says: "line 3"},
	} {
		t.Run(name, func(t *testing.T) {
			g, ok := grants(Input{Grants: c.in})
			if ok == c.absent || g.Passed != c.passed || !strings.Contains(g.Value+g.Satisfy, c.says) {
				t.Errorf("%+v, %v", g, ok)
			}
		})
	}
}

// Every command that deploys, or holds what is deployed, asks.
func TestCommandsThatActAskForGrants(t *testing.T) {
	for _, verb := range []command.Verb{command.Sync, command.Lock, command.Unlock} {
		d := Evaluate(Input{Command: command.Command{Verb: verb}, Grants: Grants{Unread: "it cannot be read"}})
		found := false
		for _, g := range d.Closed() {
			found = found || g.Name == "policy.csv"
		}
		if !found {
			t.Errorf("/%s does not ask", verb)
		}
	}
}
