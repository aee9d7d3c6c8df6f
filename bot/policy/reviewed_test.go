package policy_test

import (
	"testing"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/forge"
)

func TestReport(t *testing.T) {
	tryGate(t, "report", map[string]outcome{
		"read":              {change: func(in *policy.Input) {}, allowed: true, value: "1111111111"},
		"none before":       {change: func(in *policy.Input) { in.Report = policy.Reviewed{} }, value: "no report", satisfy: "wait for the report"},
		"head pushed since": {change: func(in *policy.Input) { in.Report.Head = older }, value: "about 2222222222, the head is 1111111111", satisfy: "new head"},
	})
}

func TestAsReviewed(t *testing.T) {
	tryGate(t, "as reviewed", map[string]outcome{
		"same":  {change: func(in *policy.Input) {}, allowed: true, value: "what the report showed"},
		"moved": {change: func(in *policy.Input) { in.Report.Moved = []string{"web-staging"} }, value: "web-staging", satisfy: "new report"},
	})
}

func TestRenders(t *testing.T) {
	tryGate(t, "renders", map[string]outcome{
		"whole":  {change: func(in *policy.Input) {}, allowed: true},
		"broken": {change: func(in *policy.Input) { in.Report.Broken = []string{"web-staging"} }, value: "web-staging", satisfy: "mended"},
	})
	tryGate(t, "mergeable", map[string]outcome{
		"conflict": {change: func(in *policy.Input) { in.Report.Conflicts = true }, value: "conflicts", satisfy: "resolved"},
	})
}

func TestDeclares(t *testing.T) {
	tryGate(t, "declares", map[string]outcome{
		"nothing":          {change: func(in *policy.Input) {}, allowed: true},
		"before the merge": {change: func(in *policy.Input) { in.Report.Declaring = []string{"root"} }, value: "root", satisfy: "merged"},
		"after the merge": {change: func(in *policy.Input) {
			in.PullRequest.State, in.Report.Declaring = forge.Merged, []string{"root"}
		}, allowed: true},
	})
}
