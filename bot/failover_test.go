package bot_test

import (
	"testing"
	"time"

	"github.com/slipway-cd/slipway/fixtures/stage"
)

// TestFailover kills the active one of two while it has work: the other, which has taken the deliveries all along, goes on.
func TestFailover(t *testing.T) {
	p := perform(t, "--leader-elect=true")
	standby, err := p.Standby(t.Context())
	p.must(err)
	first := p.open(stage.Alice, "taken-by-the-standby", p.tag("staging", "1.7.0"))
	p.reported(first.Number, first.HeadSHA) // by the active one, though the other took the delivery
	p.approve(first.Number)

	c := p.say(stage.Alice, first.Number, "/sync staging")
	p.Server.Kill()
	killed := time.Now()
	second := p.open(stage.Alice, "opened-without-a-leader", p.tag("dev", "1.7.1"))
	p.reported(second.Number, second.HeadSHA)
	t.Logf("the other goes on %s after the kill", time.Since(killed).Round(100*time.Millisecond))
	p.answer(first.Number, c, "**Healthy**")
	p.runs(p.Client, "shop-staging", "1.7.0")
	if reports := p.ours(first.Number, "<!-- slipway:report "); len(reports) != 1 {
		t.Errorf("%d reports", len(reports))
	}

	standby.Kill()
	unheard := p.push(stage.Alice, "opened-without-a-leader", p.tag("dev", "1.7.2")) // nobody takes the delivery
	p.must(p.Server.Start(t.Context()))
	p.reported(second.Number, unheard)
}
