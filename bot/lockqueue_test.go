package bot_test

import (
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// candidate opens an approved pull request for staging.
func (p *play) candidate(branch, tag string) store.Pull {
	p.t.Helper()
	pull := p.open(stage.Alice, branch, p.tag("staging", tag))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	return pull
}

// queue has three pull requests want one application: the first holds it, the second waits to run by itself, the third waits to be told.
func queue(p *play) {
	first := p.early("queue-first", "1.5.60")
	second, third := p.candidate("queue-second", "1.5.61"), p.candidate("queue-third", "1.5.62")
	c := p.say(stage.Alice, second.Number, "/sync staging --wait")
	reply := p.answer(second.Number, c, "number 1 in the queue")
	if !strings.Contains(reply.Body, fmt.Sprintf("/pull/%d", first.Number)) {
		p.t.Errorf("the reply does not say who holds it:\n%s", reply.Body)
	}
	told := p.say(stage.Alice, third.Number, "/sync staging")
	p.t.Logf("the refusal:\n%s", p.answer(third.Number, told, "number 2 in the queue").Body)
	p.reacted(told, "confused")
	p.visits(stage.Bob, p.Pages+"/locks", "web-staging", fmt.Sprintf("#%d", first.Number), fmt.Sprintf("#%d", second.Number), fmt.Sprintf("#%d", third.Number))

	p.answer(first.Number, p.say(stage.Bob, first.Number, "/unlock --dry-run"), "Nothing was given back")
	p.answer(first.Number, p.say(stage.Bob, first.Number, "/unlock"), "is next")
	p.answer(second.Number, c, "**Healthy**")
	p.runs(p.Client, "shop-staging", "1.5.61")

	p.answer(second.Number, p.say(stage.Alice, second.Number, "/unlock staging"), "Given back")
	p.eventually("the third is told", func() (string, bool) {
		said := p.ours(third.Number, "<!-- slipway:turn ")
		return fmt.Sprint(said), len(said) == 1 && strings.Contains(said[0].Body, "/sync app:web-staging")
	})
	p.answer(third.Number, p.say(stage.Alice, third.Number, "/sync staging"), "**Healthy**")
	p.runs(p.Client, "shop-staging", "1.5.62")

	p.answer(first.Number, p.say(stage.Bob, first.Number, "/unlock staging --force"), "admin permission")
	p.answer(first.Number, p.say("root", first.Number, "/unlock staging --force --reason incident"), "taken from")
	p.eventually("the third is told who took it", func() (string, bool) {
		said := p.ours(third.Number, "<!-- slipway:taken ")
		return fmt.Sprint(said), len(said) == 1 && strings.Contains(said[0].Body, "incident")
	})
	p.eventually("nothing is held", func() (string, bool) { return fmt.Sprint(p.held()), len(p.held()) == 0 })
}
