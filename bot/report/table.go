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

// column is one of a table: its title, and what it says of a row.
type column[T any] struct {
	title string
	cell  func(T) string
}

// grid is a table of at most so many rows; the rest is counted.
func grid[T any](columns []column[T], rows []T, most int, noun string) string {
	var b strings.Builder
	for _, c := range columns {
		b.WriteString("| " + c.title + " ")
	}
	b.WriteString("|\n" + strings.Repeat("|---", len(columns)) + "|\n")
	for _, row := range rows[:min(len(rows), most)] {
		for _, c := range columns {
			b.WriteString("| " + c.cell(row) + " ")
		}
		b.WriteString("|\n")
	}
	if rest := len(rows) - most; rest > 0 {
		fmt.Fprintf(&b, "\nand %s more\n", count(rest, noun))
	}
	return b.String() + "\n"
}

// table has a row an application. Those that render the same are left to the end of the report.
func table(apps []change.Application, merged bool) string {
	apps = slices.DeleteFunc(slices.Clone(apps), func(a change.Application) bool { return a.Kind == change.Unchanged && !a.Failed() })
	if len(apps) == 0 {
		return ""
	}
	k := knownOf(apps, merged)
	all := grid(k.columns(), apps, maxRows, "application")
	if len(apps) <= fewRows {
		return all
	}
	return grid(k.sums(), groupsOf(apps), fewRows, "place") + "<details><summary>All " + count(len(apps), "application") + "</summary>\n\n" + all + "</details>\n\n"
}

// known says what there is to tell of any application; a column that says nothing of all of them is left out. Once merged, how applications
// were before is no news.
type known struct{ environments, tried, live bool }

func knownOf(apps []change.Application, merged bool) known {
	var k known
	for _, a := range apps {
		k.environments = k.environments || a.Environment != ""
		k.tried = k.tried || !merged && verified(a)
		k.live = k.live || !merged && (a.Health != "" || a.Sync != "" || a.Live != "" || a.Undeployed || len(a.Drift) > 0)
	}
	return k
}

func (k known) columns() []column[change.Application] {
	all := []column[change.Application]{{"Application", func(a change.Application) string { return cell(a.Name) + badge(a) }}}
	if k.environments {
		all = append(all, column[change.Application]{"Environment", func(a change.Application) string { return plain(a.Environment) }})
	}
	all = append(all, column[change.Application]{"Cluster", destination}, column[change.Application]{"Changes", changes})
	if k.tried {
		all = append(all, column[change.Application]{"Dry run", func(a change.Application) string { return tried(a.Verification) }})
	}
	if k.live {
		all = append(all, column[change.Application]{"Health now", health}, column[change.Application]{"Sync now", synced}, column[change.Application]{"Drift", drift})
	}
	return all
}

func destination(a change.Application) string {
	if a.Moves != "" {
		return cell(a.Cluster) + " → " + cell(a.Moves)
	}
	return cell(a.Cluster)
}

func health(a change.Application) string {
	if a.Undeployed && a.Live == "" {
		return "not deployed yet"
	}
	return state(a.Health, healthIcons)
}

func synced(a change.Application) string {
	if a.Undeployed && a.Live == "" {
		return "–"
	}
	return state(a.Sync, syncIcons)
}

func drift(a change.Application) string {
	switch {
	case a.Live != "":
		return "unknown"
	case len(a.Drift) > 0 && !a.Undeployed:
		return count(len(a.Drift), "resource")
	}
	return "–"
}

// group is the applications of one environment in one cluster.
type group struct {
	environment, cluster                  string
	applications, ill, out, drift, failed int
	sum                                   totals
	verification                          change.Verification
}

// groupsOf are the applications by environment and cluster.
func groupsOf(apps []change.Application) []*group {
	var groups []*group
	for _, a := range apps {
		i := slices.IndexFunc(groups, func(g *group) bool { return g.environment == a.Environment && g.cluster == a.Cluster })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{environment: a.Environment, cluster: a.Cluster})
		}
		groups[i].add(a)
	}
	return groups
}

// sums are the columns of a table of groups.
func (k known) sums() []column[*group] {
	var all []column[*group]
	if k.environments {
		all = append(all, column[*group]{"Environment", func(g *group) string { return plain(g.environment) }})
	}
	all = append(all, column[*group]{"Cluster", func(g *group) string { return cell(g.cluster) }},
		column[*group]{"Applications", func(g *group) string { return fmt.Sprint(g.applications) }}, column[*group]{"Changes", (*group).changes})
	if k.tried {
		all = append(all, column[*group]{"Dry run", func(g *group) string { return tried(g.verification) }})
	}
	if k.live {
		all = append(all, column[*group]{"Not healthy now", func(g *group) string { return some("💔 ", g.ill) }},
			column[*group]{"Out of sync now", func(g *group) string { return some("⚠️ ", g.out) }}, column[*group]{"Drifted", func(g *group) string { return some("", g.drift) }})
	}
	return all
}

func (g *group) add(a change.Application) {
	g.applications++
	g.sum.add(a)
	v := a.Verification
	g.verification.Pending = g.verification.Pending || v.Pending
	g.verification.Accepted += v.Accepted
	g.verification.Denied += v.Denied
	g.verification.Later += v.Later
	g.verification.Unknown += v.Unknown
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

func (g *group) changes() string {
	changes := signed(g.sum.added, g.sum.changed, g.sum.removed)
	if g.failed > 0 {
		changes += fmt.Sprintf(" ❌ %d cannot be deployed", g.failed)
	}
	return changes
}

// some is a number with its picture, or a dash for none.
func some(icon string, n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%s%d", icon, n)
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
