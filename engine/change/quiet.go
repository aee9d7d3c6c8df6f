package change

import (
	"io/fs"
	"maps"
	"slices"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
)

// quiet settles both sides of a unit by the render of its base, where all that this read is the same in the merged tree: then the merge
// renders the same, whoever wrote its other files. In a repository of many applications that is nearly all of them; they are neither
// rendered a second time nor compared nor looked up in their clusters.
func (w *walk) quiet(u unit, base draft) (o outcome, ok bool) {
	o.unit = u
	if u.respecified || u.after == nil || u.fault != nil || u.unseen != "" || base.fault != nil {
		return o, false
	}
	revisions, same := w.merged(base)
	if !same {
		return o, false
	}
	for i, res := range base.results {
		o.beforeTarget.Trace = append(o.beforeTarget.Trace, base.traces(i)...)
		if res.Fault != nil && o.beforeTarget.Fault == nil {
			o.beforeTarget.Fault = res.Fault
		}
	}
	o.same = len(w.changes.why(o.beforeTarget.Trace)) == 0
	if !o.same || base.declares() {
		o.beforeTarget = w.p.assemble(base)
		o.afterTarget = o.beforeTarget
		o.afterTarget.Revisions, o.afterTarget.Cached, o.afterTarget.Elapsed = revisions, true, 0
	}
	return o, true
}

// merged says whether what the sources read of the base is the same in the merged tree, and names the commits there.
func (w *walk) merged(d draft) (revisions []string, same bool) {
	after := make([]*git.Tree, len(d.sources))
	refs := map[string]int{}
	for i, src := range d.sources {
		if after[i] = d.trees[i]; plan.Follows(src, w.in.Scope) {
			after[i] = w.in.MergedTree
		}
		if src.Ref != "" {
			refs[src.Ref] = i
		}
		revisions = append(revisions, after[i].Revision())
	}
	for i, res := range d.results {
		if rendersNothing(d.sources[i]) {
			continue
		}
		if !res.Lasting || !res.Trace.HoldsSince(d.trees[i].Root(), after[i]) {
			return nil, false
		}
		for name, trace := range res.RefTraces {
			if k := refs[name]; !trace.HoldsSince(d.trees[k].Root(), after[k]) {
				return nil, false
			}
		}
		for _, lent := range d.lent(i) {
			if !lent.Trace.HoldsSince(w.in.BaseTree.Root(), w.in.MergedTree) {
				return nil, false
			}
		}
	}
	return revisions, true
}

// declares says whether there are Applications among the objects, whose own changes are then to be looked for.
func (d draft) declares() bool {
	for _, res := range d.results {
		if slices.ContainsFunc(res.Objects, func(o object.Object) bool { return o.Object["kind"] == "Application" && isApplication(o.ID()) }) {
			return true
		}
	}
	return false
}

func isApplication(id object.ID) bool { return id.Group == argo.Group && id.Kind == "Application" }

// changes are the files of a change, for telling what reads them.
type changes struct {
	same  func(repoURL string) bool
	files []plan.File
	index plan.Index
}

func newChanges(in Input) changes {
	c := changes{same: in.Scope.Same}
	for _, name := range in.Files {
		c.files = append(c.files, plan.File{Path: name, Listed: typeAt(in.BaseTree, name) != typeAt(in.MergedTree, name)})
	}
	c.index = plan.NewIndex(c.files)
	return c
}

// typeAt is what a tree has under a name: "-" for nothing, else the type.
func typeAt(tree fs.FS, name string) string {
	info, err := fs.Stat(tree, name)
	if err != nil {
		return "-"
	}
	return info.Mode().Type().String()
}

// own stands for the repository that changes.
const own = "."

// why are the changed files that renders read.
func (c changes) why(traces []SourceTrace) []plan.Reason {
	var touches []plan.Touch
	for _, st := range traces {
		if st.RepoURL != own && !c.same(st.RepoURL) {
			continue
		}
		for _, e := range st.Trace {
			if c.index.Near(e.Path) {
				touches = append(touches, access(e))
			}
		}
	}
	return plan.Why(touches, c.files)
}

// reach counts, for each changed file, the applications that read it and those of them that change.
func (c changes) reach(apps []Application, sets map[string]git.Trace) []Reach {
	at := map[string]int{}
	var all []Reach
	for _, f := range c.files {
		if _, known := at[f.Path]; !known {
			at[f.Path] = len(all)
			all = append(all, Reach{File: f.Path})
		}
	}
	for _, a := range apps {
		for _, r := range a.Why {
			if i, ok := at[r.File]; ok {
				all[i].Readers++
				if a.Kind != Unchanged {
					all[i].Changed++
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		for _, r := range c.why([]SourceTrace{{own, sets[name]}}) {
			all[at[r.File]].Sets = append(all[at[r.File]].Sets, name)
		}
	}
	return all
}
