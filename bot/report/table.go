package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
)

const (
	// fewRows is how many rows are read at a glance; more are folded under a summary.
	fewRows = 15
	// maxRows bounds the table; the rest is counted. Six hundred rows alone would fill a comment.
	maxRows = 100
)

// table has a row an application. Those that render the same are left to the end of the report. Once merged, how applications were
// before is no news.
func table(apps []change.Application, merged bool) string {
	apps = slices.DeleteFunc(slices.Clone(apps), func(a change.Application) bool { return a.Kind == change.Unchanged && !a.Failed() })
	if len(apps) == 0 {
		return ""
	}
	var b strings.Builder
	dry := !merged && slices.ContainsFunc(apps, verified)
	switch {
	case merged:
		b.WriteString("| Application | Environment | Cluster | Changes |\n|---|---|---|---|\n")
	case dry:
		b.WriteString("| Application | Environment | Cluster | Changes | Dry run | Health now | Sync now | Drift |\n|---|---|---|---|---|---|---|---|\n")
	default:
		b.WriteString("| Application | Environment | Cluster | Changes | Health now | Sync now | Drift |\n|---|---|---|---|---|---|---|\n")
	}
	for _, a := range apps[:min(len(apps), maxRows)] {
		b.WriteString(row(a, merged, dry))
	}
	if rest := len(apps) - maxRows; rest > 0 {
		fmt.Fprintf(&b, "\nand %s more\n", count(rest, "application"))
	}
	if len(apps) <= fewRows {
		return b.String() + "\n"
	}
	return summary(apps, merged) + "<details><summary>All " + count(len(apps), "application") + "</summary>\n\n" + b.String() + "\n</details>\n\n"
}

// group is the applications of one environment in one cluster.
type group struct {
	environment, cluster                  string
	applications, ill, out, drift, failed int
	sum                                   totals
}

// summary has a row for each environment in each cluster.
func summary(apps []change.Application, merged bool) string {
	var groups []*group
	for _, a := range apps {
		i := slices.IndexFunc(groups, func(g *group) bool { return g.environment == a.Environment && g.cluster == a.Cluster })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{environment: a.Environment, cluster: a.Cluster})
		}
		groups[i].add(a)
	}
	var b strings.Builder
	if merged {
		b.WriteString("| Environment | Cluster | Applications | Changes |\n|---|---|---|---|\n")
	} else {
		b.WriteString("| Environment | Cluster | Applications | Changes | Not healthy now | Out of sync now | Drifted |\n|---|---|---|---|---|---|---|\n")
	}
	for _, g := range groups[:min(len(groups), fewRows)] {
		b.WriteString(g.row(merged))
	}
	if rest := len(groups) - fewRows; rest > 0 {
		fmt.Fprintf(&b, "\nand %s more\n", count(rest, "place"))
	}
	return b.String() + "\n"
}

func (g *group) add(a change.Application) {
	g.applications++
	g.sum.add(a)
	for _, c := range []struct {
		n   *int
		yes bool
	}{
		{&g.failed, a.Failed()},
		{&g.ill, a.Health != "" && a.Health != "Healthy"},
		{&g.out, a.Sync != "" && a.Sync != "Synced"},
		{&g.drift, len(a.Drift) > 0},
	} {
		if c.yes {
			*c.n++
		}
	}
}

func (g *group) row(merged bool) string {
	changes := signed(g.sum.added, g.sum.changed, g.sum.removed)
	if g.failed > 0 {
		changes += fmt.Sprintf(" ❌ %d cannot be deployed", g.failed)
	}
	row := fmt.Sprintf("| %s | %s | %d | %s |", plain(g.environment), cell(g.cluster), g.applications, changes)
	if merged {
		return row + "\n"
	}
	for i, n := range []int{g.ill, g.out, g.drift} {
		switch {
		case n == 0:
			row += " – |"
		default:
			row += fmt.Sprintf(" %s%d |", []string{"💔 ", "⚠️ ", ""}[i], n)
		}
	}
	return row + "\n"
}

func row(a change.Application, merged, dry bool) string {
	cluster := cell(a.Cluster)
	if a.Moves != "" {
		cluster += " → " + cell(a.Moves)
	}
	change := fmt.Sprintf("| %s%s | %s | %s | %s |", cell(a.Name), badge(a), plain(a.Environment), cluster, changes(a))
	if merged {
		return change + "\n"
	}
	if dry {
		change += " " + tried(a.Verification) + " |"
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
	return signed(added, changed, removed)
}

func signed(added, changed, removed int) string {
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
