package bot_test

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/slipway-cd/slipway/fixtures/desk"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/stage"
)

// desks are the people of a play at their browsers. A play without them has people act through the forge's API alone.
type desks struct {
	*desk.Desk

	mu   sync.Mutex
	said map[int][]string // what was commanded and answered in this act, by pull request
}

// atDesks seats the play's people: from here on they type and press on the forge's pages, and what Slipway answers is looked for on them,
// too.
func (p *play) atDesks() *play {
	p.t.Helper()
	d, err := desk.Open(p.t.Context(), p.Forge.URL)
	p.must(err)
	p.t.Cleanup(d.Close)
	return &play{Stage: p.Stage, t: p.t, patient: p.patient, desks: &desks{Desk: d, said: map[int][]string{}}}
}

// person is somebody of the play at a browser, or nil where the play has none.
func (p *play) person(who string) *desk.Person {
	p.t.Helper()
	if p.desks == nil {
		return nil
	}
	person, err := p.desks.As(p.t.Context(), who)
	p.must(err)
	return person
}

// approves gives an approval of what stands there now.
func (p *play) approves(who string, number int) {
	p.t.Helper()
	if person := p.person(who); person != nil {
		p.must(person.Approve(p.t.Context(), stage.Shop, number))
		return
	}
	_, err := p.Forge.As(who).Review(stage.Shop, number, "APPROVE", "")
	p.must(err)
}

func (p *play) approve(number int) {
	p.t.Helper()
	p.approves(stage.Bob, number)
}

// merge has bob merge a pull request.
func (p *play) merge(number int) {
	p.t.Helper()
	if person := p.person(stage.Bob); person != nil {
		p.must(person.Merge(p.t.Context(), stage.Shop, number))
		return
	}
	_, err := p.Forge.As(stage.Bob).Merge(p.t.Context(), stage.Shop, number, store.Merge{})
	p.must(err)
}

func (p *play) close(number int) {
	p.t.Helper()
	if person := p.person(stage.Alice); person != nil {
		p.must(person.Close(p.t.Context(), stage.Shop, number))
		return
	}
	_, err := p.Forge.As(stage.Alice).ClosePull(p.t.Context(), stage.Shop, number)
	p.must(err)
}

func (p *play) label(number int, name string) {
	p.t.Helper()
	if person := p.person(stage.Alice); person != nil {
		p.must(person.Label(p.t.Context(), stage.Shop, number, name))
		return
	}
	_, err := p.Forge.As(stage.Alice).Label(stage.Shop, number, name)
	p.must(err)
}

func (p *play) unlabel(number int, name string) {
	p.t.Helper()
	if person := p.person(stage.Alice); person != nil {
		p.must(person.Unlabel(p.t.Context(), stage.Shop, number, name))
		return
	}
	_, err := p.Forge.As(stage.Alice).Unlabel(stage.Shop, number, name)
	p.must(err)
}

// press has somebody press a button of a check.
func (p *play) press(who string, check store.CheckRun, label string) {
	p.t.Helper()
	if person := p.person(who); person != nil {
		p.must(person.Press(p.t.Context(), stage.Shop, check.ID, label))
		return
	}
	for _, a := range check.Actions {
		if a.Label == label {
			p.must(p.Forge.As(who).Press(stage.Shop, check.ID, a.Identifier))
			return
		}
	}
	p.t.Fatalf("there is no button %q: %+v", label, check.Actions)
}

// rerun has somebody ask for a check again.
func (p *play) rerun(who string, check store.CheckRun) {
	p.t.Helper()
	if person := p.person(who); person != nil {
		p.must(person.Rerun(p.t.Context(), stage.Shop, check.ID))
		return
	}
	p.must(p.Forge.As(who).Rerun(stage.Shop, check.ID))
}

// say comments as a person, and gives the comment.
func (p *play) say(who string, number int, body string) store.Comment {
	p.t.Helper()
	if person := p.person(who); person != nil {
		id, err := person.Comment(p.t.Context(), stage.Shop, number, body)
		p.must(err)
		c, _ := p.Forge.Store.Comment(p.Repo.ID, id)
		return c
	}
	c, err := p.Forge.As(who).Comment(stage.Shop, number, body)
	p.must(err)
	return c
}

// answer waits for the one reply to the first command of a comment to say a text; at the desks it is read there, too, by who asked.
func (p *play) answer(number int, to store.Comment, text string) store.Comment {
	p.t.Helper()
	var reply store.Comment
	find := func() (string, bool) {
		for _, c := range p.ours(number, "<!-- slipway:reply ") {
			first, _, _ := strings.Cut(c.Body, "\n")
			if strings.Contains(first, fmt.Sprintf("-%d-0 ", to.ID)) {
				reply = c
				return c.Body, strings.Contains(c.Body, text)
			}
		}
		return "no answer", false
	}
	p.eventually(fmt.Sprintf("an answer with %q", text), find)
	if p.desks == nil {
		return reply
	}
	p.desks.heard(number, to.Body)
	enter(to.Body, reply.Body)
	asked := p.person(p.Forge.Store.Account(to.AuthorID).Login)
	p.eventually(fmt.Sprintf("the page to say %q", text), func() (string, bool) {
		said, err := asked.Said(p.t.Context(), stage.Shop, number, reply.ID)
		p.must(err)
		if _, still := find(); !still { // it went on, and says something else by now
			return said, true
		}
		return said, strings.Contains(said, plain(text))
	})
	return reply
}

// reacted waits for an emoji on a comment, by its name at the forge; at the desks it is seen there, too, by who wrote the comment.
func (p *play) reacted(to store.Comment, emoji string) {
	p.t.Helper()
	p.eventually("the reaction "+emoji, func() (string, bool) {
		c, _ := p.Forge.Store.Comment(p.Repo.ID, to.ID)
		var have []string
		for _, r := range c.Reactions {
			have = append(have, r.Content)
		}
		return strings.Join(have, ", "), strings.Contains(strings.Join(have, ", "), emoji)
	})
	if p.desks == nil || to.RepoID != p.Repo.ID {
		return
	}
	enter(to.Body, "")
	author := p.person(p.Forge.Store.Account(to.AuthorID).Login)
	p.sees("the page below the comment", []string{map[string]string{"rocket": "🚀", "confused": "😕", "-1": "👎", "eyes": "👀"}[emoji]}, func() (string, error) {
		return author.Reactions(p.t.Context(), stage.Shop, to.Number, to.ID)
	})
}

// heard remembers the first line of what was commanded, for Slipway's own page about it.
func (d *desks) heard(number int, body string) {
	line, _, _ := strings.Cut(body, "\n")
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said[number] = append(d.said[number], line)
}

// look has bob find on Slipway's own page of a pull request's commands what was answered in this act.
func (p *play) look() {
	p.t.Helper()
	bob := p.person(stage.Bob)
	for number, lines := range p.desks.said {
		page, ok := p.page(number)
		if !ok {
			continue // nothing that has a page
		}
		p.eventually("the commands on their page", func() (string, bool) {
			shown, err := bob.Visit(p.t.Context(), page+"/commands")
			p.must(err)
			for _, line := range lines {
				if !strings.Contains(shown, desk.OneLine(line)) {
					return line + " is not among: " + shown, false
				}
			}
			return "", true
		})
	}
}

// page is Slipway's own page of a pull request, as its report links it.
func (p *play) page(number int) (address string, ok bool) {
	for _, c := range p.ours(number, "<!-- slipway:report ") {
		if link := wholeReport.FindStringSubmatch(c.Body); link != nil {
			return link[1], true
		}
	}
	return "", false
}

var wholeReport = regexp.MustCompile(`\[The whole report\]\(([^)]+)\)`)

// explained waits until Slipway's page of what rules a pull request says some texts to somebody. Where the play has no desks, nobody looks.
func (p *play) explained(who string, number int, texts ...string) {
	p.t.Helper()
	if p.desks == nil {
		return
	}
	page, ok := p.page(number)
	if !ok {
		p.t.Fatalf("the report of %d has no link", number)
	}
	p.visits(who, page+"/policy", texts...)
}

// visits waits until a page of Slipway says some texts to somebody. Where the play has no desks, nobody looks.
func (p *play) visits(who, page string, texts ...string) {
	p.t.Helper()
	if p.desks == nil {
		return
	}
	p.sees("the page "+page, texts, func() (string, error) { return p.person(who).Visit(p.t.Context(), page) })
}

// reads waits until bob reads some texts in the report of a pull request, folded parts included.
func (p *play) reads(number int, texts ...string) {
	p.t.Helper()
	if p.desks == nil {
		return
	}
	p.sees("the report", texts, func() (string, error) {
		return p.person(stage.Bob).Said(p.t.Context(), stage.Shop, number, p.ours(number, "<!-- slipway:report ")[0].ID)
	})
}

// checkSays waits until the page of a check says some texts to bob.
func (p *play) checkSays(check store.CheckRun, texts ...string) {
	p.t.Helper()
	if p.desks == nil {
		return
	}
	p.sees("the page of the check", texts, func() (string, error) { return p.person(stage.Bob).Check(p.t.Context(), stage.Shop, check.ID) })
}

// sees looks again and again until all of some texts are there.
func (p *play) sees(where string, texts []string, look func() (string, error)) {
	p.t.Helper()
	p.eventually(fmt.Sprintf("%s to say %q", where, texts), func() (string, bool) {
		shown, err := look()
		p.must(err)
		for _, text := range texts {
			if !strings.Contains(shown, plain(text)) {
				return text + " is not in: " + shown, false
			}
		}
		return "", true
	})
}

// plain is a Markdown text as a reader sees it, on one line: without the marks of code, strength, headings and tables.
func plain(markdown string) string {
	return desk.OneLine(strings.NewReplacer("**", "", "`", "", "### ", "", "| ", "", " |", "").Replace(markdown))
}
