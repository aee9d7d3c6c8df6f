package gitlab_test

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway/forge/forgetest"
	"github.com/slipway-cd/slipway/forge/gitlab"

	"github.com/slipway-cd/slipway/fixtures/world"
)

func TestForge(t *testing.T) { forgetest.Run(t, sandbox) }

func TestSignIn(t *testing.T) {
	forgetest.RunSignIn(t, func(t *testing.T) forgetest.Visitors {
		s := world.Start(t)
		v, client := s.Visitors(t, true)
		in, err := gitlab.NewSignIn(gitlab.Options{BaseURL: s.URL, Token: "the bot's", SigningToken: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
			AllowedOwners: []string{world.Owner}, RootCAs: s.Roots(), Backoff: time.Millisecond}, client.ID, client.Secret)
		if err != nil {
			t.Fatal(err)
		}
		v.SignIn = in
		return v
	})
}

// sandbox is the sandbox forge with our bot in the project.
func sandbox(t *testing.T) forgetest.World {
	t.Helper()
	const signing = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	s := world.Start(t)
	token, gitToken := s.GitLabBot(t, signing)
	f, err := gitlab.New(gitlab.Options{
		BaseURL: s.URL, Token: token, GitToken: gitToken, SigningToken: signing, AllowedOwners: []string{world.Owner},
		RootCAs: s.Roots(), WriteSpacing: time.Millisecond, Backoff: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := s.GitLab(t)
	w.Forge, w.Verifier = f, f
	return w
}
