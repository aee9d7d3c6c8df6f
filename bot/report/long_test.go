package report_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-cd/slipway/bot/report"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
)

var update = flag.Bool("update", false, "write what was got into testdata")

// Reports that no small repository brings about: their pages are kept in testdata, but for the very long one.

func TestSixtyApplications(t *testing.T) {
	environments := []string{"dev", "staging", "prod"}
	var apps []change.Application
	for i := range 60 {
		name := fmt.Sprintf("shop-%02d-%s", i/3, environments[i%3])
		a := touched(name, "ConfigMap", "-  timeout: 30s", "+  timeout: 45s")
		if i%20 == 7 { // one in twenty is no like the others
			a = touched(name, "ConfigMap", "-  timeout: 30s", "+  timeout: "+fmt.Sprint(i)+"s")
		}
		a.Environment, a.Cluster, a.Health, a.Sync = environments[i%3], "eu-"+fmt.Sprint(i%2+1), "Healthy", "Synced"
		a.Why = []plan.Reason{{Text: "it reads charts/shop/values.yaml", File: "charts/shop/values.yaml", Names: []string{"charts/shop/values.yaml"}}}
		apps = append(apps, a)
	}
	page := report.Comment(report.Input{Limit: 65536, Command: "/", Version: "test", Change: change.Change{
		Base: strings.Repeat("a", 40), Head: strings.Repeat("b", 40), Merged: strings.Repeat("c", 40), Considered: 60, Applications: apps,
		Files: []string{"charts/shop/values.yaml"}, Reach: []change.Reach{{File: "charts/shop/values.yaml", Readers: 60, Changed: 60}},
	}})
	wellFormed(t, page.Body, 65536)
	golden(t, "sixty.md", page.Body)
}

func TestDrift(t *testing.T) {
	a := touched("web", "ConfigMap", "-  colour: red", "+  colour: blue")
	a.Environment, a.Health, a.Sync = "prod", "Degraded", "OutOfSync"
	a.Drift = []compare.Difference{{ID: object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, Kind: compare.Changed, Added: 1, Removed: 1,
		Text: "@@ -7,3 +7,3 @@\n spec:\n-  replicas: 7\n+  replicas: 3\n   selector:\n"}}
	page := report.Comment(report.Input{Limit: 65536, Command: "/", Version: "test", Change: change.Change{
		Base: strings.Repeat("a", 40), Head: strings.Repeat("b", 40), Merged: strings.Repeat("c", 40), Considered: 1, Applications: []change.Application{a}}})
	golden(t, "drift.md", page.Body)
}

// Five megabytes of differences end within the limit of each forge, with every application named and nothing cut inside a fence.
func TestFiveMegabytes(t *testing.T) {
	var apps []change.Application
	for i := range 50 {
		a := touched(fmt.Sprintf("app-%02d", i), "ConfigMap")
		a.Differences = nil
		for j := range 10 {
			text := strings.Repeat(fmt.Sprintf("-  key: `%d` </details>\n+  key: ```%d``` é\n", i, j), 250)
			a.Differences = append(a.Differences, compare.Difference{ID: object.ID{Kind: "ConfigMap", Namespace: "shop", Name: fmt.Sprint("settings-", j)},
				Kind: compare.Changed, Added: 250, Removed: 250, Text: "@@ -1,250 +1,250 @@\n" + text})
		}
		apps = append(apps, a)
	}
	for _, limit := range []int{4000, 20000, 65536, 1_000_000} {
		body := report.Comment(report.Input{Limit: limit, Command: "/", Version: "test", Change: change.Change{Applications: apps, Considered: 50}}).Body
		wellFormed(t, body, limit)
		if !strings.Contains(body, "only counted") {
			t.Errorf("limit %d: nothing says that something is left out", limit)
		}
		if limit >= 20000 && !strings.Contains(body, "app-49") {
			t.Errorf("limit %d: the last application is not named", limit)
		}
	}
}

// wellFormed holds what is true of every page: within the limit, and every fence and every details block closed.
func wellFormed(t *testing.T, body string, limit int) {
	t.Helper()
	if n := utf8.RuneCountInString(body); n > limit {
		t.Errorf("%d characters, of %d", n, limit)
	}
	fence, open := "", 0
	for line := range strings.Lines(body) {
		line = strings.TrimLeft(strings.TrimSuffix(line, "\n"), "> ")
		bar := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(bar) >= 3:
			fence = bar
		case fence != "" && line == fence:
			fence = ""
		case fence == "":
			if strings.HasPrefix(line, "<details") { // all of ours begin a line, and end on one of their own
				open++
			}
			if line == "</details>" {
				open--
			}
		}
	}
	if fence != "" || open != 0 {
		t.Errorf("limit %d: a fence is open: %q; details open: %d", limit, fence, open)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), or run with -update:\n%s", name, diff)
	}
}
