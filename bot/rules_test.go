package bot_test

import (
	"maps"
	"testing"

	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// strict is a policy with every kind of rule.
const strict = `
environments:
  - name: dev
  - name: staging
    beforeMerge: true
    requires: {checks: [ci], upToDate: true}
  - name: prod
    requires: {after: [staging]}
freezes:
  - name: always
    environments: [prod]
    schedule: "* * * * *"
    duration: 24h
    reason: this is a test
    override: {users: [bob]}
`

// ci sets the status of a build on a commit.
func (p *play) ci(sha, state string) {
	p.t.Helper()
	bob, _ := p.Forge.Store.AccountByLogin(stage.Bob)
	_, err := p.Forge.Store.AddStatus(store.Actor{Account: bob.ID}, store.Status{RepoID: p.Repo.ID, SHA: sha, Context: "ci", State: state})
	p.must(err)
}

// TestRules takes one pull request through checks, an outdated head, the order of environments, and a freeze.
func TestRules(t *testing.T) {
	p := perform(t)
	_, err := p.Forge.As("root").Commit(t.Context(), stage.Shop, store.FileCommit{Branch: "main", Message: "strict", Files: map[string]string{".slipway.yaml": strict}})
	p.must(err)
	files := p.tag("staging", "1.6.0")
	maps.Copy(files, p.tag("prod", "1.6.0"))
	pull := p.open(stage.Alice, "rules", files)
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)

	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "ci is not there")
	p.ci(pull.HeadSHA, "failure")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "ci is failure")
	p.ci(pull.HeadSHA, "success")
	_, err = p.Forge.As("root").Commit(t.Context(), stage.Shop, store.FileCommit{Branch: "main", Message: "meanwhile", Files: map[string]string{"NOTES.md": "x"}})
	p.must(err)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "the head lacks commits of main")

	_, err = p.Forge.As(stage.Bob).Merge(t.Context(), stage.Shop, pull.Number, store.Merge{})
	p.must(err)
	refusal := p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync prod"), "web-staging does not have it yet in staging")
	t.Logf("the refusal:\n%s", refusal.Body)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "**Healthy**")
	p.runs(p.Client, "shop-staging", "1.6.0")
	c := p.say(stage.Alice, pull.Number, "/sync prod --override always")
	p.answer(pull.Number, c, "one of bob gives the command with --override always")
	p.untouched("web-prod", c)
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/sync prod --override always"), "**Healthy**")
	p.runs(p.ProdClient, "shop-prod", "1.6.0")
}
