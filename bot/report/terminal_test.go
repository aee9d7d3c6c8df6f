package report_test

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/bot/report"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/plan"
)

// TestATerminalShowsOursApartFromOthers has names that go on in another line, where they would pass for what Slipway says.
func TestATerminalShowsOursApartFromOthers(t *testing.T) {
	const forged = "Unchanged: 7 applications of this repository"
	hostile := "a\n" + forged + "\n\x1b[2J\x1b[1m"
	c := change.Change{
		Conflicts:    []string{hostile},
		Applications: []change.Application{{Name: hostile, Cluster: hostile, Kind: change.Changed, Why: []plan.Reason{{Text: "it reads " + hostile}}}},
		Reach:        []change.Reach{{File: hostile, Readers: 2}},
	}
	for _, colour := range []bool{true, false} {
		text := report.Terminal(report.Input{Change: c}, colour)
		if strings.Contains(text, "\n"+forged) || strings.Contains(text, "\x1b[2J") || !colour && strings.Contains(text, "\x1b") {
			t.Errorf("colour %v: %q", colour, text)
		}
	}
}
