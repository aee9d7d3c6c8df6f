package bot_test

import (
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/fixtures/stage"
)

// button deploys to staging by the check's button: for those who may, and with an answer.
func button(p *play) {
	pull := p.open(stage.Alice, "button", p.tag("staging", "1.5.90"))
	_, check := p.reported(pull.Number, pull.HeadSHA)
	var labels []string
	for _, a := range check.Actions {
		labels = append(labels, a.Label+"="+a.Identifier)
	}
	if got := strings.Join(labels, ", "); !strings.HasPrefix(got, "Sync to staging=sync.") || !strings.Contains(got, ", Re-check=diff.") {
		p.t.Fatalf("the buttons are %s", got)
	}
	clicked := func(text string) {
		p.t.Helper()
		p.eventually("an answer to the button with "+text, func() (string, bool) {
			var all []string
			for _, c := range p.ours(pull.Number, "<!-- slipway:reply ") {
				if first, _, _ := strings.Cut(c.Body, "\n"); strings.Contains(first, "-click-") {
					all = append(all, c.Body)
				}
			}
			return fmt.Sprint(all), strings.Contains(strings.Join(all, "\n"), text)
		})
	}
	p.press(stage.Alice, check, "Sync to staging")
	clicked("0 of 1")
	again := p.offeredAnew(check, "Sync to staging")
	p.approve(pull.Number)
	p.replay(check, "Sync to staging") // would be allowed now
	p.press(stage.Alice, again, "Sync to staging")
	clicked("**Healthy**")
	answers := 0
	for _, c := range p.ours(pull.Number, "<!-- slipway:reply ") {
		if first, _, _ := strings.Cut(c.Body, "\n"); strings.Contains(first, "-click-") {
			answers++
		}
	}
	if answers != 2 {
		p.t.Errorf("%d answers to two presses", answers)
	}
	p.runs(p.Client, "shop-staging", "1.5.90")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/unlock\n/sync nowhere\n/lock staging\n/status"), "Given back")
	p.eventually("what follows a refusal is left out, and what only shows is shown", func() (string, bool) {
		var all []string
		for _, c := range p.ours(pull.Number, "<!-- slipway:reply ") {
			all = append(all, c.Body)
		}
		text := strings.Join(all, "\n")
		return text, strings.Contains(text, "was left out") && strings.Contains(text, "### Status")
	})
}
