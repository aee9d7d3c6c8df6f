package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slipway-cd/slipway/bot/report"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
)

// TestKeptReports holds reports that need a cluster, or that no repository can bring about, to what they were when somebody looked at them.
func TestKeptReports(t *testing.T) {
	for name, in := range map[string]report.Input{"denied": denied(), "hostile": hostile(), "alike": alike(), "merged": merged(), "megabytes": megabytes()} {
		t.Run(name, func(t *testing.T) {
			in.Limit, in.Command, in.Version = 65536, "/", "test"
			in.Change.Base, in.Change.Head, in.Change.Merged = strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
			in.Change.Considered = len(in.Change.Applications)
			page := report.Comment(in)
			wellFormed(t, page.Body, in.Limit)
			golden(t, name+".md", page.Body)
		})
	}
}

func deployment(namespace, name string) object.ID {
	return object.ID{Group: "apps", Kind: "Deployment", Namespace: namespace, Name: name}
}

// deployed is a touched application as it stands in a cluster.
func deployed(environment, cluster string, a change.Application) change.Application {
	a.Environment, a.Cluster, a.Health, a.Sync, a.Verification = environment, cluster, "Healthy", "Synced", change.Verification{Accepted: 1}
	return a
}

// denied is a change that the API server would refuse in one of two places, where one guard blocks and another was overridden.
func denied() report.Input {
	staging := deployed("staging", "eu-1", touched("web-staging", "ConfigMap", "-  replicas: 2", "+  replicas: 30"))
	prod := deployed("prod", "eu-2", touched("web-prod", "ConfigMap", "-  replicas: 2", "+  replicas: 30"))
	prod.Health, prod.Sync = "Degraded", "OutOfSync"
	prod.Verification = change.Verification{Accepted: 3, Denied: 1, Later: 2, Unknown: 1, Notes: []string{"Certificate shop/web: its kind comes with this change"}}
	id := deployment("shop", "web")
	place := object.Place{File: "web/overlays/prod/replicas.yaml", Line: 7}
	prod.Findings = []guard.Finding{
		{ID: id, Check: guard.DryRun, Severity: guard.Block, Place: place, Hint: "mend it, or ask whoever runs the policy",
			Message: id.String() + `: the API server would refuse it: admission webhook "quota.acme.example" denied the request: spec.replicas: Invalid value: (hidden): at most 20`},
		{ID: id, Check: "two-zones", Severity: guard.Block, Place: place, Message: id.String() + ": spread it over two zones",
			Override: &guard.Override{By: "carol", Reason: "zone b is down, #123"}},
		{ID: object.ID{Kind: "PersistentVolumeClaim", Namespace: "shop", Name: "cache"}, Check: "destroys", Severity: guard.Warn,
			Place: object.Place{File: "web/base/cache.yaml", Line: 1}, Message: "PersistentVolumeClaim shop/cache is removed: its data may go with it"},
		{ID: id, Check: "restarts", Severity: guard.Note, Message: id.String() + " replaces its pods"},
	}
	return report.Input{Change: change.Change{Applications: []change.Application{staging, prod}}, Page: "https://slipway.example.com/p/1",
		Next: []report.Environment{{Name: "staging", BeforeMerge: true}, {Name: "prod", Locked: "acme/shop#12"}}}
}

// hostile is a change in which everything that somebody may choose is chosen to mislead.
func hostile() report.Input {
	const rtl, none = "\u202e", "\u200b"
	evil := "</details>`@everyone`" + rtl + "fixes #1 | <!-- [x](https://evil.example) -->" + none
	a := touched("web"+rtl+"bew", "Config```Map", "-  k: "+evil, "+  k: ```\n+</details></code>\n+# approved by @acme/admins"+rtl)
	a.Cluster, a.Environment, a.Health, a.Sync = "in|cluster`"+rtl, "prod\n\n# approved", "</td>"+evil, evil
	a.Why = []plan.Reason{{Text: "it reads " + evil, File: evil, Names: []string{evil}}, {Text: "it lists " + evil}}
	a.Before.Warnings = []string{"as before " + evil}
	a.After.Warnings = []string{"as before " + evil, "new: " + evil}
	a.Differences[0].Was, a.Differences[0].Hook = evil, evil
	id := deployment("shop", evil)
	a.Findings = []guard.Finding{{ID: id, Check: guard.Schema, Severity: guard.Block, Message: id.String() + ": " + evil, Hint: evil, Place: object.Place{File: evil, Line: 3}},
		{ID: id, Check: evil, Severity: guard.Block, Message: evil, Override: &guard.Override{By: evil, Reason: evil}},
		{ID: id, Check: "restarts", Severity: guard.Note, Message: id.String() + " replaces its pods"}}
	a.Foreign = []object.ID{id}
	a.Verification = change.Verification{Accepted: 1, Notes: []string{evil}}
	a.Drift = a.Differences
	broken := change.Application{Name: evil, Cluster: evil, Kind: change.Changed, After: change.Side{Fault: &object.Fault{Place: object.Place{File: evil}, Field: evil, Message: evil + "\n" + evil, Hint: evil}}}
	return report.Input{Change: change.Change{Applications: []change.Application{a, broken}, Misses: []plan.Miss{{Name: evil, Reason: evil}},
		Sets:  []change.Set{{Name: evil, Note: evil}, {Name: evil, Fault: &object.Fault{Message: evil}}},
		Reach: []change.Reach{{File: evil, Readers: 2, Changed: 1}, {File: evil + "2"}}},
		Next: []report.Environment{{Name: evil, Locked: evil}}}
}

// alike is one change of a chart that many read, with the same to be said of each.
func alike() report.Input {
	var apps []change.Application
	for i := range 24 {
		name := fmt.Sprintf("shop-%02d", i)
		a := deployed([]string{"staging", "prod"}[i/12], "eu-1", touched(name, "ConfigMap", "-  replicas: 3", "+  replicas: 0"))
		id := deployment("ns-"+name, name)
		place := object.Place{File: "charts/shop/templates/deployment.yaml", Line: 1}
		a.Findings = []guard.Finding{
			{ID: id, Check: "stops", Severity: guard.Warn, Place: place, Message: id.String() + " is scaled from 3 to 0: nothing of it runs any more"},
			{ID: id, Check: guard.DeprecatedAPIs, Severity: guard.Warn, Message: "policy/v1beta1 PodDisruptionBudget goes with Kubernetes 1.25", Hint: "use policy/v1 PodDisruptionBudget"},
			{ID: id, Check: "restarts", Severity: guard.Note, Place: place, Message: id.String() + " replaces its pods"}}
		if i == 3 {
			a.Verification = change.Verification{Denied: 1, Accepted: 4}
			a.Findings = append(a.Findings, guard.Finding{ID: id, Check: guard.DryRun, Severity: guard.Warn, Message: id.String() + ": the API server would refuse it: exceeded quota"})
		}
		if i > 20 {
			a.After.Fault = &object.Fault{Place: object.Place{File: "charts/shop/values.yaml", Line: 3}, Message: "yaml: did not find expected key"}
			a.Findings, a.Differences, a.Verification = nil, nil, change.Verification{}
		}
		apps = append(apps, a)
	}
	return report.Input{Change: change.Change{Applications: apps}}
}

// merged is a report after the merge.
func merged() report.Input {
	a := deployed("staging", "eu-1", touched("web-staging", "ConfigMap", "-  colour: red", "+  colour: blue"))
	b := deployed("prod", "eu-2", touched("web-prod", "ConfigMap", "-  colour: red", "+  colour: blue"))
	return report.Input{Change: change.Change{Applications: []change.Application{a, b}}, After: &report.After{By: "alice", Commit: strings.Repeat("d", 40),
		Followed: []report.Followed{{Application: "web-staging", Environment: "staging", Phase: "Degraded", Message: "Deployment shop/web has 1 of 3 pods ready",
			Findings: []string{"Pod shop/web-7d9f-x2x: container web: ImagePullBackOff: registry.example.com/shop/web:1.5.0 is not there", "Event: Failed 12 times, last 20s ago"}}},
		Waiting: []report.Waiting{{Application: "web-prod", Environment: "prod", Command: "/sync prod"}}}}
}

// megabytes is five of them, in fifty applications.
func megabytes() report.Input {
	var apps []change.Application
	for i := range 50 {
		a := deployed("prod", "eu-1", touched(fmt.Sprintf("app-%02d", i), "ConfigMap"))
		a.Differences = nil
		for j := range 10 {
			var text strings.Builder
			for k := range 160 {
				fmt.Fprintf(&text, "-  key-%d: the value of application %d as it was\n+  key-%d: the value of application %d as it will be\n", k, i, k, i)
			}
			a.Differences = append(a.Differences, compare.Difference{ID: object.ID{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprint("settings-", j)},
				Kind: compare.Changed, Added: 160, Removed: 160, Text: "@@ -1,160 +1,160 @@\n" + text.String()})
		}
		apps = append(apps, a)
	}
	return report.Input{Change: change.Change{Applications: apps, Timings: change.Timings{Renders: 100, Reused: 50, Total: 1340 * time.Millisecond}}, Page: "https://slipway.example.com/p/1"}
}
