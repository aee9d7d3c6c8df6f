package bot_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/fixtures/forge"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/soak"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// moments are calls to the forge after which the server is killed: all of the first at full soak, a spread of them else.
func moments(t *testing.T, most int) []int {
	t.Helper()
	step := max(1, 40/soak.Percent(t))
	var all []int
	for k := 1; k <= most; k += step {
		all = append(all, k)
	}
	return all
}

// killAfter has something done, kills the server when it has made k more calls to the forge, and starts it again.
func (p *play) killAfter(k int, do func()) {
	p.t.Helper()
	p.after(k, do)
	p.Server.Kill()
	p.must(p.Server.Start(p.t.Context()))
}

// after has something done, and waits until the server has made k more calls to the forge, or is silent.
func (p *play) after(k int, do func()) {
	p.t.Helper()
	count := func() int {
		return p.Forge.Requests.Count(func(r forge.Request) bool { return strings.HasPrefix(r.Path, "/api/v3/repos/") })
	}
	before := count()
	do()
	last, quiet := before, 0
	p.eventually(fmt.Sprintf("%d calls", k), func() (string, bool) {
		now := count()
		if quiet++; now != last {
			last, quiet = now, 0
		}
		return fmt.Sprint(now - before), now-before >= k || quiet > 60
	})
}

// TestCrash kills the server at each of its calls: what it was about is finished after a restart, and done once.
func TestCrash(t *testing.T) {
	p := perform(t)
	for _, k := range moments(t, 16) {
		t.Run(fmt.Sprintf("report, call %d", k), func(t *testing.T) { crashInReport(p.by(t), k) })
	}
	for _, k := range moments(t, 16) {
		t.Run(fmt.Sprintf("sync, call %d", k), func(t *testing.T) { crashInSync(p.by(t), k) })
	}
}

// TestNewerPush pushes again while the report of the first head is being made, after each of its calls.
func TestNewerPush(t *testing.T) {
	p := perform(t)
	for _, k := range moments(t, 12) {
		t.Run(fmt.Sprintf("call %d", k), func(t *testing.T) { pushedAgain(p.by(t), k) })
	}
}

func pushedAgain(p *play, k int) {
	branch := fmt.Sprintf("push-%d", k)
	var pull store.Pull
	p.after(k, func() { pull = p.open(stage.Alice, branch, p.tag("staging", fmt.Sprintf("1.8.%d", k))) })
	newer := p.push(stage.Alice, branch, p.tag("staging", fmt.Sprintf("1.9.%d", k)))
	comment, check := p.reported(pull.Number, newer)
	if check.Conclusion != "success" || !strings.Contains(comment.Body, fmt.Sprintf("1.9.%d", k)) {
		p.t.Errorf("check %s, report:\n%s", check.Conclusion, comment.Body)
	}
	p.eventually("the first head's check ends", func() (string, bool) {
		checks := p.Forge.Store.CheckRuns(p.Repo.ID, pull.HeadSHA)
		return fmt.Sprintf("%+v", checks), len(checks) == 0 || len(checks) == 1 && checks[0].Status == "completed"
	})
}

func crashInReport(p *play, k int) {
	var pull store.Pull
	p.killAfter(k, func() {
		pull = p.open(stage.Alice, fmt.Sprintf("report-%d", k), p.tag("staging", fmt.Sprintf("1.6.%d", k)))
	})
	p.reported(pull.Number, pull.HeadSHA)
	p.once(pull)
}

// once says that a pull request has one report and one check, concluded.
func (p *play) once(pull store.Pull) {
	p.t.Helper()
	if n := len(p.ours(pull.Number, "<!-- slipway:report ")); n != 1 {
		p.t.Errorf("%d reports", n)
	}
	if checks := p.Forge.Store.CheckRuns(p.Repo.ID, pull.HeadSHA); len(checks) != 1 || checks[0].Status != "completed" {
		p.t.Errorf("checks %+v", checks)
	}
}

func crashInSync(p *play, k int) {
	tag := fmt.Sprintf("1.7.%d", k)
	pull := p.open(stage.Alice, fmt.Sprintf("sync-%d", k), p.tag("staging", tag))
	p.reported(pull.Number, pull.HeadSHA)
	p.approve(pull.Number)
	before := len(p.application("web-staging").Status.History)
	deployments := len(p.Forge.Store.Deployments(p.Repo.ID))
	var c store.Comment
	p.killAfter(k, func() { c = p.say(stage.Alice, pull.Number, "/sync staging") })
	p.answer(pull.Number, c, "**Healthy**")
	p.reacted(c, "rocket")
	p.runs(p.Client, "shop-staging", tag)
	if n := len(p.ours(pull.Number, "<!-- slipway:reply ")); n != 1 {
		p.t.Errorf("%d answers", n)
	}
	if after := len(p.application("web-staging").Status.History); after != before+1 && after < 10 {
		p.t.Errorf("%d syncs, want 1", after-before)
	}
	if n := len(p.Forge.Store.Deployments(p.Repo.ID)); n != deployments+1 {
		p.t.Errorf("%d deployments, want 1", n-deployments)
	}
	p.once(pull)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/unlock"), "Given back")
}
