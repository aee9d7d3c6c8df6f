// Package change is the one pipeline: gather, plan, render, compare, guard. The bot runs it for a pull request, the controller
// for one application, and `slipway diff` on a laptop; what a comment promises is therefore what a sync does.
//
// It stands in the middle of the river: trees of git objects and applications come in, a Change goes out, which bot/report
// writes down.
package change

import (
	"slices"
	"time"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
)

// Change is what a merge would do, in every application and cluster.
type Change struct {
	// Base, Head and Merged are commits (40 hex). Merged is the merge of the two others.
	Base, Head, Merged string
	// Conflicts are the files that cannot be merged; with any, nothing else is known.
	Conflicts []string
	// Files are the paths that differ between Base and Merged.
	Files []string
	// Reach says of each of these files how many applications read it, and how many of those change.
	Reach []Reach
	// Applications that the change touches, in the order of environment, cluster and name; faulty ones are among them.
	Applications []Application
	// Sets are the ApplicationSets whose applications could not be found out, in either tree.
	Sets []Set
	// Misses are applications of the repository that the change does not touch, with the reason.
	Misses []plan.Miss
	// Considered is the number of applications that have a source in the repository.
	Considered int
	Timings    Timings
}

// Reach is how far a changed file reaches: "charts/web/templates/deploy.yaml is read by 14 applications, 12 change".
type Reach struct {
	File string
	// Readers are the applications whose renders read the file, looked for it in vain, or list it; Changed are those of them that
	// change. What no application reads has neither.
	Readers, Changed int
	// Sets are the names of the ApplicationSets whose generators read it.
	Sets []string
}

// Set is an ApplicationSet that could not be looked into.
type Set struct {
	Namespace, Name string
	// Parent is the application that declares it, or "".
	Parent string
	// Fault is a mistake that the change makes; Note says why it is left out where it is none.
	Fault *object.Fault
	Note  string
}

// Kind says what the change does to an application.
type Kind string

const (
	Added     Kind = "added"
	Changed   Kind = "changed"
	Removed   Kind = "removed"
	Unchanged Kind = "unchanged" // it reads what changed, and renders the same
)

// Application is what the change does to one application.
type Application struct {
	Namespace, Name string
	Project         string
	Environment     string // "" when it belongs to none
	Cluster         string // the destination's name, or its server's address
	// Moves is the cluster that the change sends it to, or "": everything is new there, and stays in Cluster too.
	Moves       string
	Destination string // the destination's namespace
	// Parent is the name of the application that declares this one, or "".
	Parent    string
	Kind      Kind
	Automated bool
	// Unseen is whether what it becomes is not looked at before the merge; a finding says why.
	Unseen bool
	// Why it is here, at least one reason.
	Why []plan.Reason
	// Before is the render at the base (zero for an added application), After the one of the merge (zero for a removed one).
	Before, After Side
	// Differences are what the change does, resource by resource; Secrets are masked.
	Differences []compare.Difference
	// Drift is what had changed in the cluster before: from what the base desires to what is live.
	Drift []compare.Difference
	// Undeployed is whether nothing of what the base wants is in the cluster yet; then there is no drift to speak of.
	Undeployed bool
	// Foreign are objects that the change would write and that exist in the cluster without being this application's. Their
	// content is not shown.
	Foreign []object.ID
	// Live says why the cluster could not be read; "" when it could.
	Live string
	// Health and Sync are the application's state now, as the controller last wrote it; "" when it is not in the cluster.
	Health, HealthMessage, Sync string
	Findings                    []guard.Finding
	// Verification is what the destination and registries say, once they were asked; see Pipeline.Verify.
	Verification Verification
	pending      *pending
}

// Side is one render of an application.
type Side struct {
	// Revisions are the resolved commits or versions of the sources, in their order.
	Revisions []string
	// Digest of the objects: equal digests, equal objects.
	Digest   string
	Tools    []string // "Helm", "Kustomize", "Directory", one a source
	Objects  int
	Fault    *object.Fault
	Warnings []string
	Cached   bool
	Elapsed  time.Duration
}

// Failed says whether the application, or something in it, stands in the way of the merge.
func (a Application) Failed() bool {
	return a.After.Fault != nil || guard.Blocks(a.Findings)
}

// Guarded are the guards that block the application, whoever has overridden them.
func (a Application) Guarded() []string { return guard.Guarded(a.Findings) }

// Failed says whether anything stands in the way of the merge.
func (c Change) Failed() bool {
	return len(c.Conflicts) > 0 || slices.ContainsFunc(c.Applications, Application.Failed) ||
		slices.ContainsFunc(c.Sets, func(s Set) bool { return s.Fault != nil })
}

// Counts are the numbers of resources added, changed and removed. What is renamed counts once, as changed.
func (a Application) Counts() (added, changed, removed int) {
	for _, d := range a.Differences {
		switch {
		case d.Kind == compare.Changed, d.Was != "":
			changed++
		case d.Kind == compare.Added:
			added++
		case d.Kind == compare.Removed && d.Now == "":
			removed++
		}
	}
	return added, changed, removed
}

// Renamed is the number of resources that get another name: one is made, and the old one goes.
func (a Application) Renamed() int {
	n := 0
	for _, d := range a.Differences {
		if d.Renamed() {
			n++
		}
	}
	return n
}

// Timings are where the time of a Change went.
type Timings struct {
	Render, Compare, Live, Total time.Duration
	// Renders is how many were asked for, Reused how many of them were answered from the cache or by a trace that held.
	Renders, Reused int
}
