package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/plan"
)

// section is one collapsible part of a report. Full is the whole of it; Short says the same without the diffs.
type section struct{ full, short string }

// openLines is how many lines of diff stand open in all; sections beyond it are for those who want to look.
const openLines = 60

// details has a section for each application that changes; those in which the same lines change share one. The first ones stand open,
// as far as they are short.
func details(apps []change.Application) []section {
	var out []section
	left := openLines
	for _, group := range groups(apps) {
		for _, d := range group[0].Differences {
			if d.Now == "" {
				left -= d.Added + d.Removed
			}
		}
		out = append(out, section{full: applications(group, left >= 0, true), short: applications(group, false, false)})
	}
	return out
}

// groups are the applications that have something to show, those together in which the same changes; in the order of their first.
func groups(apps []change.Application) [][]change.Application {
	var out [][]change.Application
	place := map[string]int{}
	for _, a := range apps {
		if a.Kind == change.Unchanged || len(a.Differences) == 0 && len(warnings(a)) == 0 && a.Moves == "" {
			continue
		}
		key := alike(a)
		i, known := place[key]
		if !known || len(a.Differences) == 0 {
			place[key] = len(out)
			out = append(out, []change.Application{a})
			continue
		}
		out[i] = append(out[i], a)
	}
	return out
}

// alike is the same for applications in which the same lines change: one chart or base that many read. Around those lines the
// applications' own names and namespaces may differ, and nothing else.
func alike(a change.Application) string {
	var b strings.Builder
	for _, d := range a.Differences {
		if d.ID.Kind == "Secret" && d.ID.Group == "" {
			return a.Namespace + "/" + a.Name // what is masked looks the same and need not be
		}
		fmt.Fprintf(&b, "%q %q %q %q %q %q %q\n", d.ID.Group, d.ID.Kind, strings.ReplaceAll(d.ID.Name, a.Name, "\x00"), d.Kind, strings.ReplaceAll(d.Was, a.Name, "\x00"), d.Hook, unnamed(d.Text, a.Name))
	}
	fmt.Fprintf(&b, "%q %q", warnings(a), a.Moves)
	return b.String()
}

// unnamed is a diff without the name and the namespace in the lines that do not change, and without the numbers of its lines.
func unnamed(text, name string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "@@"):
			line = "@@\n"
		case strings.HasPrefix(line, "   namespace: "):
			line = "   namespace:\n"
		case strings.HasPrefix(line, " "):
			line = strings.ReplaceAll(line, name, "\x00")
		}
		b.WriteString(line)
	}
	return b.String()
}

// applications is one section: an application, or several that change in the same way, shown as the first of them.
func applications(group []change.Application, stands, diffs bool) string {
	open := ""
	if stands {
		open = " open"
	}
	a := group[0]
	var b strings.Builder
	if len(group) == 1 {
		fmt.Fprintf(&b, "<details%s><summary><b>%s</b> · %s · %s</summary>\n\n", open, htmlCode(a.Name), where(a), changes(a))
	} else {
		fmt.Fprintf(&b, "<details%s><summary><b>%s</b> and %s · %s · %s each</summary>\n\n", open, htmlCode(a.Name), count(len(group)-1, "application")+" like it",
			htmlPlaces(group), changes(a))
	}
	b.WriteString(because(a.Why))
	b.WriteString(aside(a))
	b.WriteString(untold(group))
	b.WriteString(likewise(group))
	for _, d := range a.Differences {
		if d.Now == "" { // what is renamed stands under its new name
			b.WriteString(resource(d, diffs))
		}
	}
	b.WriteString("\n</details>\n\n")
	return b.String()
}

// maxAlike is how many applications of a group are named.
const maxAlike = 12

// likewise names the others of a group.
func likewise(group []change.Application) string {
	if len(group) == 1 {
		return ""
	}
	names := make([]string, 0, len(group)-1)
	for _, a := range group[1:] {
		names = append(names, Code(a.Name))
	}
	return fmt.Sprintf("Shown as in %s. The same lines change in %s.\n\n", Code(group[0].Name), listed(names, maxAlike))
}

// htmlPlaces are the environments of a group, or its clusters where it has none, in HTML.
func htmlPlaces(group []change.Application) string {
	var places []string
	for _, a := range group {
		if place := htmlCode(cmp.Or(a.Environment, a.Cluster)); !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return listed(places, 5)
}

// where is "staging in cluster a", in HTML.
func where(a change.Application) string {
	cluster := htmlCode(a.Cluster)
	if a.Moves != "" {
		cluster += " → " + htmlCode(a.Moves)
	}
	if a.Environment == "" {
		return cluster
	}
	return htmlCode(a.Environment) + " in " + cluster
}

// aside is what a reader of the differences should know of them, and what the renderers warned of before.
func aside(a change.Application) string {
	var b strings.Builder
	switch {
	case a.Moves != "":
		b.WriteString("Everything is new in " + Code(a.Moves) + ".\n\n")
	case a.Before.Fault != nil && a.Kind == change.Changed:
		b.WriteString("The base cannot be rendered" + at(a.Before.Fault.Place) + ", so everything is shown as added.\n\n")
	}
	// What the change brings stands first in the report.
	old := oldWarnings(a)
	for _, w := range old[:min(len(old), 5)] {
		b.WriteString("- " + Prose(clip(w, 300)) + "\n")
	}
	if rest := len(old) - 5; rest > 0 {
		fmt.Fprintf(&b, "- and %s more\n", count(rest, "warning"))
	}
	if len(old) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// warnings are those of the renders that the merge has.
func warnings(a change.Application) []string {
	if a.Kind == change.Removed {
		return nil
	}
	return a.After.Warnings
}

// oldWarnings are those that the base has as well.
func oldWarnings(a change.Application) []string {
	return slices.DeleteFunc(slices.Clone(warnings(a)), func(w string) bool { return !slices.Contains(a.Before.Warnings, w) })
}

// because says why an application is here: at most three reasons and a count.
func because(reasons []plan.Reason) string {
	if len(reasons) == 0 {
		return ""
	}
	return "Here because " + grounds(reasons) + ".\n\n"
}

func grounds(reasons []plan.Reason) string {
	var b strings.Builder
	last := ""
	shown := reasons[:min(len(reasons), 3)]
	for i, r := range shown {
		text := quoted(r)
		how := strings.TrimSuffix(text, Code(r.File)) // "it reads "
		if i > 0 {
			b.WriteString(", ")
		}
		if i > 0 && how == last && r.File != "" {
			text = Code(r.File)
		}
		b.WriteString(text)
		last = how
	}
	if rest := len(reasons) - len(shown); rest > 0 {
		fmt.Fprintf(&b, " and %d more", rest)
	}
	return b.String()
}

// quoted is a reason with what somebody chose of it in code.
func quoted(r plan.Reason) string {
	var b strings.Builder
	rest := r.Text
	for _, name := range r.Names {
		before, after, found := strings.Cut(rest, name)
		if !found {
			return Code(r.Text)
		}
		b.WriteString(ours(before) + Code(name))
		rest = after
	}
	return b.String() + ours(rest)
}

// ours are words of our own with the spaces around them; any others are made harmless.
func ours(s string) string {
	if strings.TrimSpace(s) == Prose(strings.TrimSpace(s)) {
		return s
	}
	return Prose(s)
}

var verbs = map[compare.Kind]string{compare.Added: "added", compare.Changed: "changed", compare.Removed: "removed"}

// happens is what becomes of an object: "added", "renamed from `web`".
func happens(d compare.Difference) string {
	switch {
	case d.Renamed():
		return "renamed from " + Code(d.Was)
	case d.Was != "":
		return "changed, was " + Code(d.Was)
	}
	return verbs[d.Kind]
}

// resource is one object's diff under its name, or only its name and size.
func resource(d compare.Difference, diffs bool) string {
	hook := ""
	if d.Hook != "" {
		hook = " · " + Code(d.Hook) + " hook"
	}
	title := fmt.Sprintf("%s %s%s", Code(d.ID.String()), happens(d), hook)
	if !diffs {
		return fmt.Sprintf("- %s (+%d −%d lines)\n", title, d.Added, d.Removed)
	}
	return "**" + title + "**\n" + fence("diff", d.Text)
}

// drifted are the sections of what had changed in the cluster before this pull request.
func drifted(apps []change.Application) []section {
	var out []section
	for _, a := range apps {
		if len(a.Drift) == 0 {
			continue
		}
		s := section{}
		for _, diffs := range []bool{true, false} {
			var b strings.Builder
			fmt.Fprintf(&b, "<details><summary>%s · %s: %s already different in the cluster</summary>\n\n", htmlCode(a.Name), where(a), count(len(a.Drift), "resource"))
			b.WriteString("What a sync of the base branch would put back: from what is live to what the branch says.\n\n")
			for _, d := range a.Drift {
				b.WriteString(resource(d, diffs))
			}
			b.WriteString("\n</details>\n\n")
			if diffs {
				s.full = b.String()
			} else {
				s.short = b.String()
			}
		}
		out = append(out, s)
	}
	return out
}

// missed is the section of applications of the repository that the change does not touch, each with the reason.
func missed(c change.Change) string {
	var lines []string
	for _, a := range c.Applications {
		if a.Kind == change.Unchanged && !a.Failed() {
			lines = append(lines, fmt.Sprintf("- %s renders the same, although %s", Code(a.Name), grounds(a.Why)))
		}
	}
	for _, set := range c.Sets {
		if set.Fault == nil {
			lines = append(lines, fmt.Sprintf("- what ApplicationSet %s generates is not looked into: %s", Code(set.Name), Prose(set.Note)))
		}
	}
	for _, m := range c.Misses {
		lines = append(lines, fmt.Sprintf("- %s: %s", Code(m.Name), Prose(m.Reason)))
	}
	if len(lines) == 0 {
		return ""
	}
	shown := lines[:min(len(lines), 50)]
	rest := ""
	if n := len(lines) - len(shown); n > 0 {
		rest = fmt.Sprintf("\n- and %d more", n)
	}
	apps := len(lines)
	for _, set := range c.Sets {
		if set.Fault == nil {
			apps--
		}
	}
	verb := "does"
	if apps != 1 {
		verb = "do"
	}
	title := fmt.Sprintf("%s of this repository %s not change", count(apps, "application"), verb)
	if apps == 0 {
		title = "What is not looked into"
	}
	return fmt.Sprintf("<details><summary>%s</summary>\n\n%s%s\n\n</details>\n\n", title, strings.Join(shown, "\n"), rest)
}

// maxReach is how many changed files are spoken of one by one.
const maxReach = 20

// reached is the section of how far each changed file reaches, where there is more to tell than the applications' own reasons.
func reached(c change.Change) string {
	files := slices.Clone(c.Reach)
	slices.SortStableFunc(files, func(a, b change.Reach) int { return cmp.Or(b.Readers-a.Readers, b.Changed-a.Changed) })
	var lines, unread []string
	telling := false
	for _, f := range files {
		if f.Readers == 0 && len(f.Sets) > 0 {
			telling = true
			lines = append(lines, fmt.Sprintf("- %s is read by %s", Code(f.File), generators(f)))
			continue
		}
		if f.Readers == 0 {
			unread = append(unread, Code(f.File))
			continue
		}
		telling = telling || f.Readers > 1 || f.Changed < f.Readers
		lines = append(lines, fmt.Sprintf("- %s is read by %s", Code(f.File), reach(f)))
		if len(f.Sets) > 0 {
			lines[len(lines)-1] += "; and by " + generators(f)
		}
	}
	if !telling && len(unread) == 0 || c.Considered == 0 {
		return ""
	}
	if rest := len(lines) - maxReach; rest > 0 {
		lines = append(lines[:maxReach], fmt.Sprintf("- and %d more", rest))
	}
	if len(unread) > 0 {
		more := ""
		if rest := len(unread) - maxReach; rest > 0 {
			more = fmt.Sprintf(" and %d more", rest)
		}
		lines = append(lines, "- no application reads "+strings.Join(unread[:min(len(unread), maxReach)], ", ")+more)
	}
	title := "What reads the changed file"
	if len(files) > 1 {
		title = fmt.Sprintf("What reads the %d changed files", len(files))
	}
	return fmt.Sprintf("<details><summary>%s</summary>\n\n%s\n\n</details>\n\n", title, strings.Join(lines, "\n"))
}

// generators are the ApplicationSets that read a file.
func generators(r change.Reach) string {
	var names []string
	for _, name := range r.Sets[:min(len(r.Sets), 3)] {
		names = append(names, "ApplicationSet "+Code(name))
	}
	if rest := len(r.Sets) - len(names); rest > 0 {
		names = append(names, fmt.Sprintf("%d more", rest))
	}
	return strings.Join(names, ", ")
}

// reach is "14 applications, 12 change".
func reach(r change.Reach) string {
	how := fmt.Sprintf("%d change", r.Changed)
	switch {
	case r.Changed == 0:
		how = "none changes"
		if r.Readers == 1 {
			how = "which does not change"
		}
	case r.Changed == r.Readers && r.Readers == 1:
		how = "which changes"
	case r.Changed == r.Readers:
		how = "all change"
	case r.Changed == 1:
		how = "1 changes"
	}
	return count(r.Readers, "application") + ", " + how
}
