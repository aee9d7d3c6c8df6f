package bot_test

import (
	"fmt"
	"maps"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// notAsReviewed has the base branch change, while Slipway is down, what a report showed of an application: a command bound to that report
// is refused, and the one that follows the next report is not.
func notAsReviewed(p *play) {
	const base = "web/overlays/staging/host.yaml"
	host := p.file("main", base)
	pull := p.owned("moved", p.tag("staging", "1.7.6"))
	var c store.Comment
	p.asleep(func() {
		p.push("root", "main", map[string]string{base: strings.Replace(host, "staging.", "stage.", 1)})
		c = p.say(stage.Alice, pull.Number, "/sync staging")
	})
	reply := p.answer(pull.Number, c, "changed since the report: web-staging")
	p.t.Logf("the refusal:\n%s", reply.Body)
	p.reacted(c, "confused")
	p.untouched("web-staging", c)
	p.push("root", "main", map[string]string{base: host})
	p.close(pull.Number)
}

// nothingWhole is what cannot be rendered: it is refused with what is broken.
func nothingWhole(p *play) {
	files := p.tag("staging", "1.7.7")
	files["web/overlays/staging/host.yaml"] = "a: [b\n"
	pull := p.owned("torn", files)
	c := p.say(stage.Alice, pull.Number, "/sync staging")
	p.t.Logf("the refusal:\n%s", p.answer(pull.Number, c, "cannot be applied: web-staging").Body)
	p.explained(stage.Alice, pull.Number, "cannot be applied: web-staging")
	p.untouched("web-staging", c)
	p.close(pull.Number)
}

// declaring asks for what renders Applications before the merge: they come and go with the base.
func declaring(p *play) {
	spec := p.file("main", "apps/web-staging.yaml")
	pull := p.owned("declaring", map[string]string{"apps/web-staging.yaml": strings.Replace(spec, "metadata:\n", "metadata:\n  annotations: {note: declared}\n", 1)})
	c := p.say(stage.Alice, pull.Number, "/sync app:shop")
	p.t.Logf("the refusal:\n%s", p.answer(pull.Number, c, "declares Applications, or what governs them: shop").Body)
	p.untouched("shop", c)
	p.close(pull.Number)
}

// untrusted has what nobody has vouched for synced, and held once its pull request is closed.
func untrusted(p *play) {
	fork, err := p.Forge.As(stage.Mallory).Fork(p.t.Context(), stage.Shop)
	p.must(err)
	_, err = p.Forge.As(stage.Mallory).Commit(p.t.Context(), fork.FullName(), store.FileCommit{Branch: "gift", Message: "A gift", Files: p.tag("staging", "6.6.6")})
	p.must(err)
	pull, err := p.Forge.As(stage.Mallory).Open(p.t.Context(), stage.Shop, store.NewPull{Title: "A gift", Head: stage.Mallory + ":gift", Base: "main"})
	p.must(err)
	p.reported(pull.Number, pull.HeadSHA)
	p.reads(pull.Number, "/ok-to-test")
	c := p.say(stage.Mallory, pull.Number, "/ok-to-test")
	p.answer(pull.Number, c, "somebody else than the author")
	c = p.say(stage.Bob, pull.Number, "/sync staging")
	p.answer(pull.Number, c, "the head's author has no write permission")
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/status"), "comments `/ok-to-test` first")
	p.reacted(p.say(stage.Bob, pull.Number, "/ok-to-test"), "rocket")
	p.reads(pull.Number, "6.6.6")
	p.close(pull.Number)
	p.answer(pull.Number, p.say(stage.Bob, pull.Number, "/lock staging"), "the pull request is opened again")
}

// scaled gives an action a parameter: first none, then one that is no number, then four.
func scaled(p *play) {
	replicas := func() string {
		d := &appsv1.Deployment{}
		p.must(p.Client.Get(p.t.Context(), types.NamespacedName{Namespace: "shop-staging", Name: "web"}, d))
		return fmt.Sprint(*d.Spec.Replicas)
	}
	before := replicas()
	files := p.tag("staging", "1.7.8")
	maps.Copy(files, p.tag("dev", "1.7.8"))
	pull := p.owned("scaled", files)
	p.t.Logf("the list:\n%s", p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/action deploy/web staging"), "--param replicas=").Body)
	for _, wrong := range []struct{ param, says, reaction string }{
		{"replicas=many", "It ended with: `invalid number: many`", "-1"},
		{"count=4", "has no parameter `count`. It takes: `replicas`.", "confused"},
	} {
		c := p.say(stage.Alice, pull.Number, "/action scale deploy/web staging --param "+wrong.param)
		p.t.Logf("%s:\n%s", wrong.param, p.answer(pull.Number, c, wrong.says).Body)
		p.reacted(c, wrong.reaction)
	}
	if now := replicas(); now != before {
		p.t.Errorf("%s replicas, of %s before", now, before)
	}
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/action scale deploy/web staging --param replicas=4 --reason rush"), "### Done")
	if now := replicas(); now != "4" {
		p.t.Errorf("%s replicas", now)
	}
	p.close(pull.Number)
}
