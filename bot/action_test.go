package bot_test

import (
	"encoding/json"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/fixtures/stage"
)

// actions lists, tries and carries out an action on a live object.
func actions(p *play) {
	p.eventually("the application is deployed", func() (string, bool) {
		return p.image(p.Client, "shop-dev"), len(p.application("web-dev").Status.History) > 0 && len(p.application("web-dev").Status.Resources) > 0
	})
	pull := p.open(stage.Alice, "actions", p.everywhere("1.5.70"))
	p.reported(pull.Number, pull.HeadSHA)
	restarted := func() string {
		d := &appsv1.Deployment{}
		p.must(p.Client.Get(p.t.Context(), types.NamespacedName{Namespace: "shop-dev", Name: "web"}, d))
		text, err := json.Marshal(d.Spec.Template.Annotations)
		p.must(err)
		return string(text)
	}
	before := restarted()
	p.answer(pull.Number, p.say(stage.Mallory, pull.Number, "/action restart deploy/web dev"), "write permission")
	list := p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/action deploy/web dev"), "action restart Deployment/web app:web-dev")
	p.t.Logf("the list:\n%s", list.Body)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/action restart deploy/nothing dev"), "There are:")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/action restrat deploy/web dev"), "Did you mean `restart`?")
	tried := p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/action restart deploy/web dev --dry-run"), "nothing was changed")
	p.t.Logf("the dry run:\n%s", tried.Body)
	if now := restarted(); now != before {
		p.t.Errorf("a dry run changed it: %s", now)
	}
	c := p.say(stage.Alice, pull.Number, "/action restart deploy/web dev")
	p.answer(pull.Number, c, "### Done")
	p.reacted(c, "rocket")
	if now := restarted(); now == before || !strings.Contains(now, "restartedAt") {
		p.t.Errorf("not restarted: %s", now)
	}
}
