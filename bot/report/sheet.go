package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// Sheet is a report whole, as values for a page that has no limit. It says what the comment says, in the same words where there are
// some; nothing in it is escaped, but marks that mislead are written out.
type Sheet struct {
	Headline string
	Symbol   string
	Failed   bool
	// Base, Head and Merged are commits.
	Base, Head, Merged string
	Conflicts          []string
	// Notices are what a reviewer should see before anything else, those that block first.
	Notices []Notice
	// Applications that the change touches, faulty ones among them.
	Applications []Entry
	// Next says for each environment how the change gets there.
	Next []Environment
	// Reach, Unread and Same say which files are read by what, which by nothing, and what does not change.
	Reach, Unread, Same []string
	Considered          int
	Renders, Reused     int
	Took                time.Duration
	Version             string
}

// Entry is an application on a Sheet.
type Entry struct {
	Namespace, Name, Project, Environment, Cluster, Moves, Parent string
	// Kind is added, changed, removed or unchanged.
	Kind      string
	Automated bool
	Failed    bool
	// Changes is "+1 ~2 −3", or what stands in its place.
	Changes                     string
	Added, Changed, Removed     int // resources
	LinesAdded, LinesRemoved    int
	Health, HealthMessage, Sync string
	Live                        string // why the cluster could not be read
	Undeployed, Unseen          bool
	Why                         []string
	Warnings                    []string
	Remarks                     []string
	// Tried is what the destination says to a dry run, "…" while it is asked, or ""; Untold is what it could not be asked about, and why.
	Tried         string
	Untold        []string
	Before, After []string // revisions
	// Like is the name of an application above in which the same lines change, or "".
	Like               string
	Differences, Drift []Piece
}

// Piece is the difference of one object.
type Piece struct {
	Group, Kind, Namespace, Name string
	// Verb is added, changed, removed or renamed; Was is the name that the object had before, where it gets another.
	Verb, Was      string
	Hook           string
	Added, Removed int // lines
	Fields         []string
	Place          string
	// Text is a unified diff: hunks with their @@ lines, no file names.
	Text string
}

// Title is the object's name with its kind, as people write it.
func (p Piece) Title() string {
	return object.ID{Group: p.Group, Kind: p.Kind, Namespace: p.Namespace, Name: p.Name}.String()
}

// Whole makes the Sheet of a report.
func Whole(in Input) Sheet {
	c := in.Change
	s := Sheet{
		Headline: Headline(c), Symbol: icon(c), Failed: Conclude(c) == forge.Failure || in.Proposed != nil, Base: c.Base, Head: c.Head, Merged: c.Merged,
		Notices: remarked(in), Next: in.Next, Considered: c.Considered, Renders: c.Timings.Renders, Reused: c.Timings.Reused,
		Took: c.Timings.Total, Version: in.Version,
	}
	if in.Proposed != nil {
		s.Symbol = "❌"
	}
	for _, f := range c.Conflicts {
		s.Conflicts = append(s.Conflicts, visible(f))
	}
	first := map[string]string{}
	for _, a := range c.Applications {
		if a.Kind == change.Unchanged && !a.Failed() && len(a.Drift) == 0 {
			continue
		}
		e := entry(a)
		if like, told := first[alike(a)]; told && len(a.Differences) > 0 {
			e.Like = visible(like)
		} else if len(a.Differences) > 0 {
			first[alike(a)] = a.Name
		}
		s.Applications = append(s.Applications, e)
	}
	s.Reach, s.Unread = reaching(c)
	s.Same = same(c)
	return s
}

func entry(a change.Application) Entry {
	e := Entry{
		Namespace: visible(a.Namespace), Name: visible(a.Name), Project: visible(a.Project), Environment: visible(a.Environment), Cluster: visible(a.Cluster),
		Moves: visible(a.Moves), Parent: visible(a.Parent), Kind: string(a.Kind), Automated: a.Automated, Failed: a.Failed(), Changes: changes(a),
		Health: visible(a.Health), HealthMessage: visible(a.HealthMessage), Sync: visible(a.Sync), Live: visible(a.Live), Undeployed: a.Undeployed, Unseen: a.Unseen,
		Before: a.Before.Revisions, After: a.After.Revisions, Differences: pieces(a.Differences), Drift: pieces(a.Drift),
	}
	e.Added, e.Changed, e.Removed = a.Counts()
	for _, p := range e.Differences {
		e.LinesAdded += p.Added
		e.LinesRemoved += p.Removed
	}
	last := ""
	for _, r := range a.Why {
		text := visible(r.Text)
		how := strings.TrimSuffix(text, visible(r.File)) // "it reads "
		if how == last && r.File != "" {
			text = visible(r.File)
		}
		e.Why, last = append(e.Why, text), how
	}
	if verified(a) {
		e.Tried = tried(a.Verification)
	}
	for _, note := range a.Verification.Notes {
		e.Untold = append(e.Untold, visible(note))
	}
	for _, w := range oldWarnings(a) {
		e.Warnings = append(e.Warnings, visible(w))
	}
	switch {
	case a.Moves != "":
		e.Remarks = append(e.Remarks, "Everything is new in "+visible(a.Moves)+".")
	case a.Before.Fault != nil && a.Kind == change.Changed:
		e.Remarks = append(e.Remarks, "The base cannot be rendered"+plainPlace(a.Before.Fault.Place)+", so everything is shown as added.")
	}
	return e
}

func pieces(all []compare.Difference) []Piece {
	out := make([]Piece, 0, len(all))
	for _, d := range all {
		if d.Now != "" { // it stands under its new name
			continue
		}
		verb := verbs[d.Kind]
		if d.Was != "" {
			verb = verbs[compare.Changed]
			if d.Renamed() {
				verb = "renamed"
			}
		}
		out = append(out, Piece{Group: visible(d.ID.Group), Kind: visible(d.ID.Kind), Namespace: visible(d.ID.Namespace), Name: visible(d.ID.Name),
			Verb: verb, Was: visible(d.Was), Hook: visible(d.Hook), Added: d.Added, Removed: d.Removed, Fields: d.Fields, Place: placed(d.Place), Text: d.Text})
	}
	return out
}

// remarked are the remarks of the comment, without its bounds.
func remarked(in Input) []Notice {
	var all []Notice
	if f := in.Proposed; f != nil {
		all = append(all, Notice{Blocks: true, Text: "The policy of this pull request cannot be read. Once it is merged, no command that acts would be allowed.", Detail: message(f), Place: placed(f.Place)})
	}
	if f := in.Policy; f != nil {
		all = append(all, Notice{Text: "The policy on the base branch cannot be read, so no command that acts is allowed until it is mended.", Detail: message(f), Place: placed(f.Place)})
	}
	for _, r := range in.Remarks {
		all = append(all, Notice{Mild: true, Text: r})
	}
	all = append(all, notices(in.Change)...)
	for i, n := range all {
		n.Object, n.Text, n.Detail, n.Hint, n.Place = visible(n.Object), visible(n.Text), visible(n.Detail), visible(n.Hint), visible(n.Place)
		n.Applications = slices.Clone(n.Applications)
		for k, name := range n.Applications {
			n.Applications[k] = visible(name)
		}
		if o := n.Override; o != nil {
			n.Override = &guard.Override{Check: o.Check, By: visible(o.By), Reason: visible(o.Reason), At: o.At}
		}
		all[i] = n
	}
	slices.SortStableFunc(all, func(a, b Notice) int { return a.rank() - b.rank() })
	return all
}

// reaching says how far each changed file reaches.
func reaching(c change.Change) (read, unread []string) {
	if c.Considered == 0 {
		return nil, nil
	}
	for _, f := range c.Reach {
		switch {
		case f.Readers > 0:
			read = append(read, visible(f.File)+" is read by "+reach(f))
		case len(f.Sets) > 0:
			read = append(read, visible(f.File)+" is read by ApplicationSets: "+visible(strings.Join(f.Sets, ", ")))
		default:
			unread = append(unread, visible(f.File))
		}
	}
	return read, unread
}

// same are the applications of the repository that do not change, each with the reason.
func same(c change.Change) []string {
	var out []string
	for _, a := range c.Applications {
		if a.Kind == change.Unchanged && !a.Failed() {
			var why []string
			for _, r := range a.Why {
				why = append(why, visible(r.Text))
			}
			out = append(out, visible(a.Name)+" renders the same, although "+strings.Join(why, ", "))
		}
	}
	for _, set := range c.Sets {
		if set.Fault == nil {
			out = append(out, "what ApplicationSet "+visible(set.Name)+" generates is not looked into: "+visible(set.Note))
		}
	}
	for _, m := range c.Misses {
		out = append(out, visible(m.Name)+": "+visible(m.Reason))
	}
	return out
}

// Warned is whether something needs attention.
func (s Sheet) Warned() bool {
	return slices.ContainsFunc(s.Notices, func(n Notice) bool { return !n.Mild })
}

// Tried is whether destinations were asked about any application, or are.
func (s Sheet) Tried() bool {
	return slices.ContainsFunc(s.Applications, func(e Entry) bool { return e.Tried != "" })
}

// Kinds are the kinds of objects that differ, sorted.
func (s Sheet) Kinds() []string {
	var kinds []string
	for _, e := range s.Applications {
		for _, p := range e.Differences {
			kinds = append(kinds, p.Kind)
		}
		for _, p := range e.Drift {
			kinds = append(kinds, p.Kind)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

func placed(p object.Place) string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return visible(p.File)
	}
	return fmt.Sprintf("%s:%d", visible(p.File), p.Line)
}

func plainPlace(p object.Place) string {
	if at := placed(p); at != "" {
		return " (" + at + ")"
	}
	return ""
}
