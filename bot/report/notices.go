package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
)

// Notice is one remark: about an application, about several of which the same is to be said, or about none.
type Notice struct {
	// Blocks is whether it stands in the way of the merge; Mild is worth a line, and no warning.
	Blocks, Mild bool
	// Applications that it is about, in the order of the report.
	Applications []string
	// Alike is whether it is told as of the first of them, and of the others with their own names.
	Alike bool
	// Object that it is about, as "apps/Deployment shop/web", or "". Text goes on behind it, or behind the applications, where it begins with a
	// space or a colon; else it is a sentence of its own.
	Object, Text string
	// Detail is text of several lines, to be shown as it is written.
	Detail string
	Hint   string
	Place  string // "file:line", or ""
	// Guard is the name by which /override lets it pass, where it blocks.
	Guard string
	// Override says by whom and why it passes.
	Override *guard.Override

	check string
	id    object.ID
}

// notices are all remarks of a report, those that block first; what is to be said of many applications is said once.
func notices(c change.Change) []Notice {
	var all []Notice
	for _, set := range brokenSets(c) {
		all = append(all, Notice{Blocks: true, Text: "ApplicationSet " + set.Name + " cannot be generated, so its applications are not shown",
			Detail: message(set.Fault), Place: placed(set.Fault.Place)})
	}
	first := map[string]int{}
	for _, a := range c.Applications {
		times := map[string]int{}
		for _, n := range noticesOf(a) {
			same, alike := n.keys(a)
			times[alike]++ // objects of one application may differ in nothing that the keys tell
			same, alike = fmt.Sprint(times[alike], same), fmt.Sprint(times[alike], alike)
			i, told := first[same]
			if !told {
				i, told = first[alike]
			}
			if told {
				all[i].join(n, a.Name)
				continue
			}
			first[same], first[alike] = len(all), len(all)
			n.Applications = []string{a.Name}
			all = append(all, n)
		}
	}
	slices.SortStableFunc(all, func(a, b Notice) int { return a.rank() - b.rank() })
	return all
}

func (n Notice) rank() int {
	switch {
	case n.Blocks:
		return 0
	case !n.Mild:
		return 1
	}
	return 2
}

// keys are the same for remarks of two applications that say the same: to the letter, or but for the applications' own names and namespaces.
func (n Notice) keys(a change.Application) (same, alike string) {
	by, place := "", ""
	if n.Override != nil {
		by = n.Override.By + "\n" + n.Override.Reason
	}
	if n.Detail != "" {
		place = n.Place // what is wrong in a file is mended there, each by itself
	}
	key := func(own func(string) string) string {
		return fmt.Sprintf("%t %t %q %q %q %q %q %q %q %q %q", n.Blocks, n.Mild, n.check, n.id.Group, n.id.Kind, own(n.id.Name), own(n.Text), own(n.Detail), place, n.Hint, by)
	}
	return "=" + key(func(s string) string { return s }) + n.id.Namespace,
		"~" + key(func(s string) string { return generic(generic(s, a.Name), n.id.Namespace) })
}

// generic is a text without a name; one that may be any word, or a part of it, stays.
func generic(s, name string) string {
	if len(name) < 2 || strings.IndexFunc(name, unicode.IsLetter) < 0 {
		return s
	}
	return strings.ReplaceAll(s, name, "\x00")
}

// join has the remark be about another application, too.
func (n *Notice) join(other Notice, application string) {
	n.Applications = append(n.Applications, application)
	n.Alike = n.Alike || n.Object != other.Object || n.Text != other.Text || n.Detail != other.Detail || n.Place != other.Place
}

// noticesOf are the remarks about one application.
func noticesOf(a change.Application) []Notice {
	var out []Notice
	if f := a.After.Fault; f != nil {
		out = append(out, Notice{Blocks: true, Text: " cannot be rendered", Detail: message(f), Place: placed(f.Place)})
	}
	for _, f := range a.Findings {
		out = append(out, found(f))
	}
	for _, w := range newWarnings(a) {
		out = append(out, Notice{Text: strings.TrimSpace(w)})
	}
	for _, id := range a.Foreign {
		out = append(out, Notice{id: id, Text: " would write " + id.String() + ", which exists in the cluster and is not this application's"})
	}
	if a.Live != "" {
		out = append(out, Notice{Text: "the cluster could not be read: " + a.Live})
	}
	return out
}

func found(f guard.Finding) Notice {
	n := Notice{Blocks: f.Blocking(), Mild: f.Weight() == guard.Note, Text: f.Message, Hint: f.Hint, Place: placed(f.Place), Override: f.Override, check: f.Check, id: f.ID}
	if rest, ok := strings.CutPrefix(f.Message, f.ID.String()); ok && f.ID.Kind != "" {
		n.Object, n.Text = f.ID.String(), rest
	}
	if n.Blocks {
		n.Guard = guard.Of(f.Check)
	}
	return n
}

// Joint is what stands between the applications of a remark and what is said of them.
func (n Notice) Joint() string {
	if len(n.Applications) == 0 || n.Object == "" && strings.HasPrefix(n.Text, " ") {
		return ""
	}
	return ": "
}

// Restarts is whether the remark is that the pods of a workload are replaced, and nothing more.
func (n Notice) Restarts() bool { return n.Mild && n.check == "restarts" }
