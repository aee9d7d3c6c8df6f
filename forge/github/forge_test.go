package github_test

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge/forgetest"
	"github.com/slipway-cd/slipway/forge/github"

	"github.com/slipway-cd/slipway/fixtures/world"
)

func TestForge(t *testing.T) { forgetest.Run(t, sandbox) }

func TestSignIn(t *testing.T) {
	forgetest.RunSignIn(t, func(t *testing.T) forgetest.Visitors {
		s := world.Start(t)
		app, _, key := s.GitHubApp(t)
		f, err := github.New(github.Options{BaseURL: s.APIURL(), AppID: app, PrivateKey: key, WebhookSecret: []byte(world.Secret),
			AllowedOwners: []string{world.Owner}, RootCAs: s.Roots(), Backoff: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		v, client := s.Visitors(t, false)
		if v.SignIn, err = f.SignIn(client.ID, client.Secret); err != nil {
			t.Fatal(err)
		}
		return v
	})
}

// sandbox is the sandbox forge with an App of ours on it.
func sandbox(t *testing.T) forgetest.World {
	t.Helper()
	s := world.Start(t)
	app, installation, key := s.GitHubApp(t)
	f, err := github.New(github.Options{
		BaseURL: s.APIURL(), AppID: app, PrivateKey: key, WebhookSecret: []byte(world.Secret), AllowedOwners: []string{world.Owner},
		RootCAs: s.Roots(), WriteSpacing: time.Millisecond, Backoff: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := s.GitHub(t, installation)
	w.Forge, w.Verifier = f, f
	return w
}
