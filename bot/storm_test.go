package bot_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/fixtures/forge"
	"github.com/slipway-cd/slipway/fixtures/forge/hooks"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/soak"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// stormy is a pull request in the storm.
type stormy struct {
	store.Pull
	head  string
	heads []string
	said  []store.Comment
}

// TestStorm has a tenth of all deliveries lost, a tenth sent twice and a fifth out of order, the server killed again and again, and the forge
// answer 5xx, 403 and 429 in bursts: each pull request ends with one report and one concluded check, each command with one answer.
func TestStorm(t *testing.T) {
	p := perform(t, "--sweep=3s")
	pulls, kills := max(5, soak.Times(t, 50)), max(2, soak.Times(t, 20))
	p.patient = time.Duration(pulls) * 15 * time.Second // an App may make 80 checks and comments a minute, and each has seven
	p.Forge.Hooks.Fail(hooks.Faults{Lose: 10, Twice: 10, Swap: 20, Seed: 7})
	began := time.Now()
	var all []*stormy
	deeds := pulls * 7
	done := 0
	step := func() { // one more thing was done; now and then the weather turns
		done++
		if done%max(1, deeds/kills) == 0 {
			p.weather(done)
			p.Server.Kill()
			p.must(p.Server.Start(t.Context()))
		}
	}
	for i := range pulls {
		branch := fmt.Sprintf("storm-%d", i)
		s := &stormy{Pull: p.open(stage.Alice, branch, p.tag("staging", fmt.Sprintf("4.0.%d", i)))}
		s.head, s.heads = s.HeadSHA, []string{s.HeadSHA}
		all = append(all, s)
		step()
	}
	for round := range 3 {
		for i, s := range all {
			s.said = append(s.said, p.say(stage.Bob, s.Number, []string{"/status", "/sync nowhere", "/status"}[round]))
			step()
			if round < 2 {
				s.head = p.push(stage.Alice, fmt.Sprintf("storm-%d", i), p.tag("staging", fmt.Sprintf("4.%d.%d", round+1, i)))
				s.heads = append(s.heads, s.head)
			}
			step()
		}
	}
	p.Forge.Hooks.Fail(hooks.Faults{})
	for _, s := range all {
		p.weathered(s)
	}
	p.Forge.Faults.Clear()
	sent := 0
	for _, d := range p.Forge.Hooks.List(p.Hook()) {
		if !d.Redelivery {
			sent++
		}
	}
	t.Logf("%d pull requests, %d deliveries, %d kills, all well after %s", pulls, sent, done/max(1, deeds/kills), time.Since(began).Round(time.Second))
}

// weather has the forge fail in the ways it knows, for some calls each.
func (p *play) weather(n int) {
	anything := regexp.MustCompile(`^/api/v3/repos/`)
	for _, f := range []forge.Fault{
		{Path: anything, Status: http.StatusBadGateway, Times: 8},
		{Path: anything, Skip: 5, Status: http.StatusForbidden, Secondary: true, RetryAfter: time.Second, Times: 2},
		{Path: anything, Skip: 9, Status: http.StatusTooManyRequests, RetryAfter: time.Second, Times: 2},
		{Path: anything, Method: http.MethodPost, Skip: n % 3, CutAfter: true, Times: 2},
	} {
		p.Forge.Faults.Add(f)
	}
}

// weathered waits until a pull request is as it would be without a storm.
func (p *play) weathered(s *stormy) {
	p.t.Helper()
	comment, check := p.reported(s.Number, s.head)
	if check.Conclusion != "success" || len(p.ours(s.Number, "<!-- slipway:report ")) != 1 {
		p.t.Errorf("%d: the check ended in %s (%s); %d reports; the comment:\n%.300s", s.Number, check.Conclusion, check.Output.Summary,
			len(p.ours(s.Number, "<!-- slipway:report ")), comment.Body)
	}
	for _, head := range s.heads {
		p.eventually(fmt.Sprintf("the check of %.7s ends", head), func() (string, bool) {
			checks := p.Forge.Store.CheckRuns(p.Repo.ID, head)
			return fmt.Sprintf("%+v", checks), len(checks) == 0 && head != s.head || len(checks) == 1 && checks[0].Status == "completed"
		})
	}
	for _, c := range s.said {
		p.answer(s.Number, c, "###")
		answers := 0
		for _, reply := range p.ours(s.Number, "<!-- slipway:reply ") {
			first, _, _ := strings.Cut(reply.Body, "\n")
			if strings.Contains(first, fmt.Sprintf("-%d-0 ", c.ID)) {
				answers++
			}
		}
		if answers != 1 {
			p.t.Errorf("%d: %q has %d answers", s.Number, c.Body, answers)
		}
	}
}
