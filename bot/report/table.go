package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
)

// maxRows bounds the table; the rest is counted. Six hundred rows alone would fill a comment.
const maxRows = 60

// table has a row an application. Those that render the same are left to the end of the report. Once merged, how applications were
// before is no news.
func table(apps []change.Application, merged bool) string {
	var rows []string
	for _, a := range apps {
		if a.Kind == change.Unchanged && !a.Failed() {
			continue
		}
		rows = append(rows, row(a, merged))
	}
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	head := "| Application | Environment | Cluster | Changes | Health now | Sync now | Drift |\n|---|---|---|---|---|---|---|\n"
	if merged {
		head = "| Application | Environment | Cluster | Changes |\n|---|---|---|---|\n"
	}
	b.WriteString(head)
	for _, r := range rows[:min(len(rows), maxRows)] {
		b.WriteString(r)
	}
	if rest := len(rows) - maxRows; rest > 0 {
		fmt.Fprintf(&b, "\nand %s more\n", count(rest, "application"))
	}
	return b.String() + "\n"
}

func row(a change.Application, merged bool) string {
	cluster := cell(a.Cluster)
	if a.Moves != "" {
		cluster += " → " + cell(a.Moves)
	}
	change := fmt.Sprintf("| %s%s | %s | %s | %s |", cell(a.Name), badge(a), plain(a.Environment), cluster, changes(a))
	if merged {
		return change + "\n"
	}
	health, sync, drift := state(a.Health, healthIcons), state(a.Sync, syncIcons), "–"
	switch {
	case a.Live != "":
		drift = "unknown"
	case a.Undeployed:
		health, sync = "not deployed yet", "–"
	case len(a.Drift) > 0:
		drift = count(len(a.Drift), "resource")
	}
	return fmt.Sprintf("%s %s | %s | %s |\n", change, health, sync, drift)
}

func badge(a change.Application) string {
	switch {
	case a.Failed():
		return " ❌"
	case a.Kind == change.Added:
		return " (new)"
	case a.Kind == change.Removed:
		return " (removed)"
	}
	return ""
}

// changes is "+1 ~2 −3", leaving out what is nought.
func changes(a change.Application) string {
	if a.After.Fault != nil {
		return "cannot be rendered"
	}
	if a.Unseen {
		return "not shown"
	}
	added, changed, removed := a.Counts()
	var parts []string
	for _, p := range []struct {
		sign string
		n    int
	}{{"+", added}, {"~", changed}, {"−", removed}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%s%d", p.sign, p.n))
		}
	}
	return cmp.Or(strings.Join(parts, " "), "none")
}

var healthIcons = map[string]string{"Healthy": "💚", "Progressing": "🔄", "Degraded": "💔", "Suspended": "⏸️", "Missing": "👻"}

var syncIcons = map[string]string{"Synced": "✅", "OutOfSync": "⚠️"}

// state is a word of the controller's with its picture; anything else is shown as code.
func state(s string, icons map[string]string) string {
	if s == "" {
		return "–"
	}
	if icon := icons[s]; icon != "" {
		return icon + " " + s
	}
	return plain(s)
}

// plain is a cell that may be empty.
func plain(s string) string {
	if s == "" {
		return "–"
	}
	return cell(s)
}
