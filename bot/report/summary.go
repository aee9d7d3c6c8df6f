package report

import (
	"strings"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// Summary is a report for programs: what changes, resource by resource, and what stands in the way. Fields are added to it, and none is
// renamed. Nothing in it is escaped; Secrets are masked as everywhere.
type Summary struct {
	Headline string `json:"headline"`
	// Deployable is whether nothing stands in the way of the merge.
	Deployable bool `json:"deployable"`
	// Base, Head and Merged are commits; Merged is that of the two others, and empty with conflicts.
	Base         string               `json:"base"`
	Head         string               `json:"head"`
	Merged       string               `json:"merged,omitempty"`
	Conflicts    []string             `json:"conflicts"` // files
	Considered   int                  `json:"considered"`
	Applications []SummaryApplication `json:"applications"`
	Sets         []SummarySet         `json:"applicationSets"`
	Files        []SummaryReach       `json:"files"`
	Milliseconds int64                `json:"milliseconds"`
}

// SummaryApplication is an application that the change touches.
type SummaryApplication struct {
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
	Project     string `json:"project,omitempty"`
	Environment string `json:"environment,omitempty"`
	Cluster     string `json:"cluster"`
	MovesTo     string `json:"movesTo,omitempty"` // the cluster that the change sends it to
	Parent      string `json:"parent,omitempty"`
	// Kind is added, changed, removed or unchanged: it reads what changed, and renders the same.
	Kind       string            `json:"kind"`
	Deployable bool              `json:"deployable"`
	Automated  bool              `json:"automated"`
	Why        []string          `json:"why"`
	Fault      *object.Fault     `json:"fault,omitempty"`
	Warnings   []string          `json:"warnings"`
	Findings   []SummaryFinding  `json:"findings"`
	Resources  []SummaryResource `json:"resources"`
	Revisions  []string          `json:"revisions"` // after the merge
}

// SummaryFinding is what a guard found.
type SummaryFinding struct {
	object.Place
	Guard      string `json:"guard"`
	Level      string `json:"level"` // block, warn or note
	Blocks     bool   `json:"blocks"`
	Resource   string `json:"resource,omitempty"`
	Field      string `json:"field,omitempty"`
	Message    string `json:"message"`
	Hint       string `json:"hint,omitempty"`
	Overridden string `json:"overriddenBy,omitempty"`
}

// SummaryResource is the difference of one object.
type SummaryResource struct {
	object.Place
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	// Change is added, changed, removed or renamed; Was is the name before.
	Change string   `json:"change"`
	Was    string   `json:"was,omitempty"`
	Hook   string   `json:"hook,omitempty"`
	Fields []string `json:"fields"`
	Added  int      `json:"added"`   // lines
	Gone   int      `json:"removed"` // lines
	// Diff is unified: hunks with their @@ lines, no file names.
	Diff string `json:"diff"`
}

// SummarySet is an ApplicationSet that was not looked into.
type SummarySet struct {
	Namespace string        `json:"namespace"`
	Name      string        `json:"name"`
	Fault     *object.Fault `json:"fault,omitempty"`
	Note      string        `json:"note,omitempty"`
}

// SummaryReach is how many applications read a changed file, and how many of them change.
type SummaryReach struct {
	File    string `json:"file"`
	Readers int    `json:"readers"`
	Changed int    `json:"changed"`
}

// Summarise makes the Summary of a change.
func Summarise(c change.Change) Summary {
	s := Summary{
		Headline: Headline(c), Deployable: !c.Failed(), Base: c.Base, Head: c.Head, Merged: c.Merged, Conflicts: array(c.Conflicts),
		Considered: c.Considered, Applications: []SummaryApplication{}, Sets: []SummarySet{}, Files: []SummaryReach{},
		Milliseconds: c.Timings.Total.Milliseconds(),
	}
	for _, a := range c.Applications {
		s.Applications = append(s.Applications, summaryOf(a))
	}
	for _, set := range c.Sets {
		s.Sets = append(s.Sets, SummarySet{set.Namespace, set.Name, set.Fault, set.Note})
	}
	for _, f := range c.Reach {
		s.Files = append(s.Files, SummaryReach{f.File, f.Readers, f.Changed})
	}
	return s
}

func summaryOf(a change.Application) SummaryApplication {
	s := SummaryApplication{
		Namespace: a.Namespace, Name: a.Name, Project: a.Project, Environment: a.Environment, Cluster: a.Cluster, MovesTo: a.Moves, Parent: a.Parent,
		Kind: string(a.Kind), Deployable: !a.Failed(), Automated: a.Automated, Why: []string{}, Fault: a.After.Fault, Warnings: array(warnings(a)),
		Findings: []SummaryFinding{}, Resources: []SummaryResource{}, Revisions: array(a.After.Revisions),
	}
	for _, r := range a.Why {
		s.Why = append(s.Why, r.Text)
	}
	for _, f := range a.Findings {
		one := SummaryFinding{Place: f.Place, Guard: f.Check, Level: string(f.Severity), Blocks: f.Blocking(), Field: f.Field, Message: f.Message, Hint: f.Hint}
		if f.ID != (object.ID{}) {
			one.Resource = f.ID.String()
		}
		if f.Override != nil {
			one.Overridden = f.Override.By
		}
		s.Findings = append(s.Findings, one)
	}
	for _, d := range a.Differences {
		if d.Now == "" { // else it stands under its new name
			s.Resources = append(s.Resources, resourceOf(d))
		}
	}
	return s
}

func resourceOf(d compare.Difference) SummaryResource {
	r := SummaryResource{Place: d.Place, Group: d.ID.Group, Kind: d.ID.Kind, Namespace: d.ID.Namespace, Name: d.ID.Name, Change: strings.ToLower(string(d.Kind)),
		Was: d.Was, Hook: d.Hook, Fields: array(d.Fields), Added: d.Added, Gone: d.Removed, Diff: d.Text}
	switch {
	case d.Renamed():
		r.Change = "renamed"
	case d.Was != "":
		r.Change = "changed"
	}
	return r
}

// array is a list that JSON shows as one even when it is empty.
func array(all []string) []string { return append([]string{}, all...) }
