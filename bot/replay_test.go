package bot_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/fixtures/forge/hooks"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
)

// offeredAnew is a check once a button of it that was pressed has another identifier.
func (p *play) offeredAnew(check store.CheckRun, label string) store.CheckRun {
	p.t.Helper()
	var now store.CheckRun
	p.eventually("the button "+label+" is offered anew", func() (string, bool) {
		now, _ = p.Forge.Store.CheckRun(check.RepoID, check.ID)
		identifier := identifierOf(now, label)
		return identifier, identifier != "" && identifier != identifierOf(check, label)
	})
	return now
}

func identifierOf(check store.CheckRun, label string) string {
	if i := slices.IndexFunc(check.Actions, func(a store.CheckAction) bool { return a.Label == label }); i >= 0 {
		return check.Actions[i].Identifier
	}
	return ""
}

// replay sends the delivery of a press once more, as signed as it was, under another name, and waits until it was looked into.
func (p *play) replay(check store.CheckRun, label string) {
	p.t.Helper()
	const name = "00000000-0000-0000-0000-000000000bad"
	again := p.delivered("check_run", "requested_action", identifierOf(check, label)).Message
	again.GUID, again.Headers = name, maps.Clone(again.Headers)
	again.Headers["X-GitHub-Delivery"] = name
	p.Forge.Hooks.Send(again)
	p.eventually("the replayed delivery is taken in", func() (string, bool) {
		for _, d := range p.Forge.Hooks.List(again.Hook) {
			if d.GUID == name {
				return d.AnswerBody, d.StatusCode == http.StatusAccepted
			}
		}
		return "not sent", false
	})
	p.eventually("the replayed press is told apart", func() (string, bool) {
		return p.Server.Tail(20), strings.Contains(p.Server.Log(), "a button was pressed that is not offered")
	})
}

// delivered is a delivery of the App that quotes something.
func (p *play) delivered(event, action, quoted string) (found hooks.Delivery) {
	p.t.Helper()
	p.eventually("a delivery of "+event+"."+action, func() (string, bool) {
		for hook := range int64(100_000) {
			for _, d := range p.Forge.Hooks.List(hook) {
				if d.Event == event && d.Action == action && strings.Contains(string(d.Body), quoted) {
					found = d
					return "", true
				}
			}
		}
		return "", false
	})
	return found
}
