package bot_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/fixtures/forge"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// TestForgeFaults has the forge's calls go wrong in the ways that forges know: a pull request still ends with one report and one
// concluded check, a command with one answer.
func TestForgeFaults(t *testing.T) {
	p := perform(t)
	comments, checks := regexp.MustCompile(`/issues/\d+/comments$`), regexp.MustCompile(`/check-runs$`)
	anything := regexp.MustCompile(`^/api/v3/repos/`)
	for _, c := range []struct {
		name   string
		faults []forge.Fault
	}{
		{"the answer to the report is lost", []forge.Fault{{Method: http.MethodPost, Path: comments, CutAfter: true}}},
		{"the answer to the check is lost", []forge.Fault{{Method: http.MethodPost, Path: checks, CutAfter: true}}},
		{"the report is not taken at first", []forge.Fault{{Method: http.MethodPost, Path: comments, Cut: true, Times: 3}}},
		{"a secondary limit", []forge.Fault{{Method: http.MethodPost, Path: comments, Status: http.StatusForbidden, Secondary: true, RetryAfter: time.Second}}},
		{"too many requests", []forge.Fault{{Path: anything, Skip: 3, Times: 2, Status: http.StatusTooManyRequests, RetryAfter: time.Second}}},
		{"the forge is down for a while", []forge.Fault{{Path: anything, Skip: 2, Times: 12, Status: http.StatusBadGateway}}},
		{"it is gone and comes back", []forge.Fault{{Path: anything, Skip: 1, Times: 2, Status: http.StatusNotFound}}},
		{"connections break", []forge.Fault{{Path: anything, Skip: 4, Times: 6, Cut: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := p.by(t)
			defer p.Forge.Faults.Clear()
			for _, f := range c.faults {
				p.Forge.Faults.Add(f)
			}
			pull := p.open(stage.Alice, "fault-"+strings.ReplaceAll(c.name, " ", "-"), p.tag("staging", "1.4.1"))
			p.reported(pull.Number, pull.HeadSHA)
			p.once(pull)
		})
	}
	t.Run("the answer to a reply is lost", func(t *testing.T) {
		p := p.by(t)
		defer p.Forge.Faults.Clear()
		pull := p.open(stage.Alice, "fault-reply", p.tag("staging", "1.4.1"))
		p.reported(pull.Number, pull.HeadSHA)
		p.Forge.Faults.Add(forge.Fault{Method: http.MethodPost, Path: comments, CutAfter: true})
		c := p.say(stage.Bob, pull.Number, "/sync prod")
		p.answer(pull.Number, c, "is none of what this pull request changes")
		p.reacted(c, "confused")
		if n := len(p.ours(pull.Number, "<!-- slipway:reply ")); n != 1 {
			t.Errorf("%d answers", n)
		}
	})
	t.Run("an answer about a head that was replaced is folded away", func(t *testing.T) { folded(p.by(t)) })
}

func folded(p *play) {
	pull := p.ready("folded", p.tag("staging", "1.4.2"))
	c := p.say(stage.Bob, pull.Number, "/sync prod")
	reply := p.answer(pull.Number, c, "is none of what this pull request changes")
	p.reacted(c, "confused")
	head := p.push(stage.Alice, "folded", p.tag("staging", "1.4.3"))
	report, _ := p.reported(pull.Number, head)
	p.eventually("the answer is folded away", func() (string, bool) {
		now, _ := p.Forge.Store.Comment(p.Repo.ID, reply.ID)
		return now.Minimized, now.Minimized == "outdated"
	})
	if now, _ := p.Forge.Store.Comment(p.Repo.ID, report.ID); now.Minimized != "" {
		p.t.Errorf("the report is folded away as %s", now.Minimized)
	}
}
