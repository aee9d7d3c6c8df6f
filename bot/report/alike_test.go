package report_test

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/bot/report"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

func touched(name string, kind string, lines ...string) change.Application {
	return change.Application{Namespace: "argocd", Name: name, Cluster: "in-cluster", Kind: change.Changed, Differences: []compare.Difference{{
		ID: object.ID{Kind: kind, Namespace: "ns-" + name, Name: name + "-settings"}, Kind: compare.Changed, Added: 1, Removed: 1,
		Text: "@@ -4,4 +4,4 @@\n   name: " + name + "-settings\n   namespace: ns-" + name + "\n" + strings.Join(lines, "\n") + "\n"}}}
}

func TestTheSameChangeIsShownOnce(t *testing.T) {
	for name, c := range map[string]struct {
		apps []change.Application
		same bool
	}{
		"the same lines":                             {[]change.Application{touched("web-1", "ConfigMap", "-  k: old", "+  k: new"), touched("web-2", "ConfigMap", "-  k: old", "+  k: new")}, true},
		"other lines":                                {[]change.Application{touched("web-1", "ConfigMap", "-  k: old", "+  k: new"), touched("web-2", "ConfigMap", "-  k: old", "+  k: newer")}, false},
		"lines that differ by the application":       {[]change.Application{touched("web1", "ConfigMap", "-  n: 0", "+  n: web1"), touched("web2", "ConfigMap", "-  n: 0", "+  n: web2")}, false},
		"other surroundings":                         {[]change.Application{touched("web-1", "ConfigMap", "   x: one", "-  k: old", "+  k: new"), touched("web-2", "ConfigMap", "   x: two", "-  k: old", "+  k: new")}, false},
		"Secrets, whose values are hidden":           {[]change.Application{touched("web-1", "Secret", "-  k: (value before)", "+  k: (value changed)"), touched("web-2", "Secret", "-  k: (value before)", "+  k: (value changed)")}, false},
		"another kind":                               {[]change.Application{touched("web-1", "ConfigMap", "-  k: old", "+  k: new"), touched("web-2", "Thing", "-  k: old", "+  k: new")}, false},
		"one that changes nothing besides the other": {[]change.Application{touched("web-1", "ConfigMap", "-  k: old", "+  k: new"), {Name: "b", Kind: change.Changed}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			body := report.Comment(report.Input{Change: change.Change{Applications: c.apps}, Limit: 65000}).Body
			if same := strings.Contains(body, "The same lines change in"); same != c.same {
				t.Errorf("said to be the same: %v\n%s", same, body)
			}
			if shown := strings.Count(body, "```diff"); c.same && shown != 1 {
				t.Errorf("%d diffs are shown", shown)
			}
		})
	}
}
