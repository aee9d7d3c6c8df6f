package bot_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/fixtures/forge"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// TestStatuses is a pull request whose environments have commit statuses, by way of restarts, a second head, the merge and production.
func TestStatuses(t *testing.T) {
	p := perform(t)
	p.push(stage.Alice, "main", map[string]string{".slipway.yaml": "statuses: true\n" + strings.ReplaceAll(p.policyFile(), "beforeMerge: true", "beforeMerge: true\n    requires: {checks: all}")})
	for _, act := range []struct {
		name string
		play func(*play)
	}{
		{"from the report to production", statusesToProduction},
		{"closed and opened again", statusesClosed},
		{"the App may not set any", statusesForbidden},
	} {
		t.Run(act.name, func(t *testing.T) { act.play(p.by(t)) })
	}
}

// status waits for the commit status of an environment to be in a state, and to say a text.
func (p *play) status(sha, environment, state, text string) {
	p.t.Helper()
	p.eventually(fmt.Sprintf("slipway/%s on %.7s is %s", environment, sha, state), func() (string, bool) {
		all := p.Forge.Store.LatestStatuses(p.Repo.ID, sha)
		for _, s := range all {
			if s.Context == "slipway/"+environment {
				return s.State + ": " + s.Description, s.State == state && strings.Contains(s.Description, text) && s.TargetURL != ""
			}
		}
		return fmt.Sprint(all), false
	})
}

// neverTwice holds that no status was set on a commit as it stood there already.
func (p *play) neverTwice(shas ...string) {
	p.t.Helper()
	for _, sha := range shas {
		last := map[string]store.Status{}
		for _, s := range p.Forge.Store.Statuses(p.Repo.ID, sha) {
			if next, ok := last[s.Context]; ok && next.State == s.State && next.Description == s.Description {
				p.t.Errorf("%s was set twice to %s: %s", s.Context, s.State, s.Description)
			}
			last[s.Context] = s
		}
	}
}

func statusesToProduction(p *play) {
	pull := p.open(stage.Alice, "statuses", p.tag("staging", "1.7.0"))
	first := pull.HeadSHA
	p.reported(pull.Number, first)
	p.status(first, "dev", "success", "nothing changes here")
	p.status(first, "prod", "success", "nothing changes here")
	p.status(first, "staging", "pending", "web-staging: to be deployed")

	files := p.everywhere("1.7.1")
	delete(files, "web/overlays/dev/kustomization.yaml")
	second := p.push(stage.Alice, "statuses", files)
	p.reported(pull.Number, second)
	p.status(first, "staging", "error", "superseded")
	p.status(second, "staging", "pending", "to be deployed")
	p.status(second, "prod", "pending", "to be deployed")

	p.approve(pull.Number)
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/sync staging"), "**Healthy**") // its own statuses are no check that it waits for
	p.status(second, "staging", "success", "synced and healthy, by /sync staging by alice")
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/unlock staging"), "Given back")
	p.status(second, "staging", "pending", "was given back")

	p.asleep(func() {
		_, err := p.Forge.As(stage.Bob).Merge(p.t.Context(), stage.Shop, pull.Number, store.Merge{})
		p.must(err)
	})
	p.status(second, "prod", "pending", "waits for a sync")
	c := p.say(stage.Bob, pull.Number, "/sync staging prod")
	p.killAfter(3, func() {})
	p.answer(pull.Number, c, "**Healthy**")
	p.status(second, "staging", "success", "synced and healthy")
	p.status(second, "prod", "success", "synced and healthy")
	p.neverTwice(first, second)
}

func statusesClosed(p *play) {
	pull := p.open(stage.Alice, "statuses-closed", p.tag("prod", "1.7.2"))
	p.status(pull.HeadSHA, "prod", "pending", "to be deployed")
	_, err := p.Forge.As(stage.Alice).ClosePull(p.t.Context(), stage.Shop, pull.Number)
	p.must(err)
	p.status(pull.HeadSHA, "prod", "error", "closed without being merged")
	p.status(pull.HeadSHA, "staging", "success", "nothing changes")
	_, err = p.Forge.As(stage.Alice).Reopen(p.t.Context(), stage.Shop, pull.Number)
	p.must(err)
	p.status(pull.HeadSHA, "prod", "pending", "to be deployed")
	p.neverTwice(pull.HeadSHA)
}

func statusesForbidden(p *play) {
	p.Forge.Faults.Add(forge.Fault{Path: regexp.MustCompile(`/statuses/`), Status: http.StatusForbidden, Message: "Resource not accessible by integration", Times: 1 << 20})
	pull := p.open(stage.Alice, "statuses-forbidden", p.tag("staging", "1.7.3"))
	comment, check := p.reported(pull.Number, pull.HeadSHA)
	if check.Conclusion != "success" {
		p.t.Errorf("the check: %s", check.Conclusion)
	}
	p.eventually("the report says what is missing", func() (string, bool) {
		body := p.ours(pull.Number, "<!-- slipway:report ")[0].Body
		return body, strings.Contains(body, `"statuses: write"`)
	})
	p.answer(pull.Number, p.say(stage.Alice, pull.Number, "/status staging"), "web-staging") // nothing waits for it
	if now := p.ours(pull.Number, "<!-- slipway:report "); len(now) != 1 || now[0].ID != comment.ID {
		p.t.Errorf("%d reports", len(now))
	}
}
