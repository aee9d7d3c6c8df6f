package bot_test

import (
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// TestRules takes one pull request through checks, an outdated head, the order of environments, a freeze, and the installation's policy.csv.
func TestRules(t *testing.T) {
	p := perform(t).atDesks()
	p.must(p.Client.Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: stage.Namespace, Name: "argocd-rbac-cm"},
		Data:       map[string]string{"policy.csv": "p, github:bob, applications, sync, */*, allow\np, github:alice, applications, sync, */web-staging, allow\n"},
	}))
	_, err := p.Forge.As("root").Commit(t.Context(), stage.Shop, store.FileCommit{Branch: "main", Message: "strict", Files: map[string]string{".slipway.yaml": strict}})
	p.must(err)
	files := p.tag("staging", "1.6.0")
	maps.Copy(files, p.tag("prod", "1.6.0"))
	pull := p.open(stage.Alice, "rules", files)
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)

	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "ci is not there")
	p.explained(stage.Alice, pull.Number, "ci is not there")
	p.ci(pull.HeadSHA, "failure")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "ci is failure")
	p.ci(pull.HeadSHA, "success")
	_, err = p.Forge.As("root").Commit(t.Context(), stage.Shop, store.FileCommit{Branch: "main", Message: "meanwhile", Files: map[string]string{"NOTES.md": "x"}})
	p.must(err)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "the head lacks commits of main")

	p.merge(pull.Number)
	refusal := p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync prod"), "web-staging does not have it yet in staging")
	t.Logf("the refusal:\n%s", refusal.Body)
	if !strings.Contains(refusal.Body, "no line lets github:alice sync it") {
		t.Error("policy.csv was not asked")
	}
	p.explained(stage.Alice, pull.Number, "web-staging does not have it yet in staging")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "**Healthy**")
	p.runs(p.Client, "shop-staging", "1.6.0")
	p.explained(stage.Alice, pull.Number, "it is deployed and healthy in staging", "no line lets github:alice sync it", "one of bob gives the command with --override always")
	c := p.say(stage.Alice, pull.Number, "/sync prod --override always")
	p.answer(pull.Number, c, "one of bob gives the command with --override always")
	p.untouched("web-prod", c)
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/sync prod --override always"), "**Healthy**")
	p.runs(p.ProdClient, "shop-prod", "1.6.0")

	p.look()

	p.act(t, "rolled back where the App may not push", unprivileged)
}
