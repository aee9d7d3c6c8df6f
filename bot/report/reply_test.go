package report_test

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/bot/report"
)

// TestARefusalBeginsWithWhatIsInTheWay has the closed gates above those that are open, each kind in its own order.
func TestARefusalBeginsWithWhatIsInTheWay(t *testing.T) {
	gates := []policy.Gate{
		{Name: "permission", Passed: true, Value: "write"},
		{Name: "merged", Value: "it is open", Satisfy: "merge it"},
		{Name: "report", Passed: true},
		{Name: "approval", Value: "0 of 1", Satisfy: "one by bob|carol"},
	}
	body := report.Refusal("/sync prod", "It is not allowed now.", gates)
	last := -1
	for _, row := range []string{"| ❌ | merged |", "| ❌ | approval | 0 of 1 | one by bob\\|carol |", "| ✅ | permission |", "| ✅ | report |"} {
		at := strings.Index(body, row)
		if at <= last {
			t.Errorf("%q is not in its place:\n%s", row, body)
		}
		last = at
	}
	if gates[0].Name != "permission" {
		t.Error("the caller's gates were moved")
	}
}
