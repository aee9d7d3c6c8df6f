// Package plan decides which applications a change to a repository can touch, and says why and why not. It works on values:
// specifications, names of refs, and the names of files that renders read. It comes before rendering, which tells it what was
// read, and after it, when it explains what was found.
package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Scope is the change: a repository and the branch that would move.
type Scope struct {
	// Same says whether a source's URL names the changed repository.
	Same func(repoURL string) bool
	// BaseBranch is the branch the change goes to, without refs/heads/.
	BaseBranch string
	// DefaultBranch is what an empty targetRevision, or HEAD, means.
	DefaultBranch string
}

// Candidate is an application with at least one source that the change moves.
type Candidate struct {
	App *argo.Application
	// Moved are the indices of those sources, counted over SourceList.
	Moved []int
}

// Miss is an application of the repository that the change does not touch, and the reason in words.
type Miss struct {
	Namespace, Name string
	Reason          string
}

// Select picks the applications that follow the branch. Applications without any source in the repository are neither: they are
// none of the repository's business.
func Select(apps []*argo.Application, scope Scope) (candidates []Candidate, misses []Miss) {
	for _, app := range apps {
		moved, reason := Moved(&app.Spec, scope)
		switch {
		case len(moved) > 0:
			candidates = append(candidates, Candidate{App: app, Moved: moved})
		case reason != "":
			misses = append(misses, Miss{app.Namespace, app.Name, reason})
		}
	}
	return candidates, misses
}

// Moved are the sources of spec that a change in scope moves. With none it gives the reason why a source in the repository does
// not move, or "" when there is no such source.
func Moved(spec *argo.ApplicationSpec, scope Scope) (moved []int, reason string) {
	for i, src := range spec.SourceList() {
		if Follows(src, scope) {
			moved = append(moved, i)
			continue
		}
		if src.Chart != "" || !scope.Same(src.RepoURL) {
			continue
		}
		reason = fmt.Sprintf("follows %s, not %s", src.TargetRevision, scope.BaseBranch)
	}
	if len(moved) > 0 {
		return moved, ""
	}
	return nil, reason
}

// Follows says whether a source is in the repository and at the branch that would move.
func Follows(src argo.ApplicationSource, scope Scope) bool {
	return src.Chart == "" && scope.Same(src.RepoURL) && tracks(src.TargetRevision, scope)
}

// tracks says whether a target revision moves with the branch. Tags, SHAs and version constraints do not.
func tracks(revision string, scope Scope) bool {
	switch branch := strings.TrimPrefix(revision, "refs/heads/"); {
	case branch == "", branch == "HEAD":
		return scope.BaseBranch == scope.DefaultBranch
	default:
		return branch == scope.BaseBranch
	}
}

// Access is how a render came to know of a path.
type Access string

const (
	Read   Access = "read"
	Listed Access = "listed"
	Missed Access = "missed" // looked for and not found
)

// Touch is one path of a render's trace.
type Touch struct {
	Path   string
	Access Access
}

// Reason is why a change reaches an application.
type Reason struct {
	// File is the changed file, or "" when the application's own specification changes.
	File string
	// Text completes the sentence "this application is shown because …".
	Text string
	// Names are the words of Text that somebody chose, in their order: to be quoted where it is shown.
	Names []string
}

// File is a changed file.
type File struct {
	Path string
	// Listed is whether the listing of its folder changes with it: it comes, goes, or becomes something else. Whoever only lists the
	// folder learns nothing of a file whose content alone changes.
	Listed bool
}

// Index tells quickly which paths of a trace can meet a change: the changed files and the folders whose listings change.
type Index map[string]struct{}

// NewIndex indexes changed files.
func NewIndex(changed []File) Index {
	x := make(Index, 2*len(changed))
	for _, file := range changed {
		x[file.Path] = struct{}{}
		if file.Listed {
			x[path.Dir(file.Path)] = struct{}{}
		}
	}
	return x
}

// Near says whether a path can meet the change. Of a trace without such paths, Why has nothing to say.
func (x Index) Near(p string) bool {
	_, ok := x[p]
	return ok
}

// Why names the changed files that a render's trace meets, in the order of the files. With no meeting it is empty: then the render
// cannot have changed.
func Why(trace []Touch, changed []File) []Reason {
	if len(trace) == 0 {
		return nil
	}
	reads, lists, misses := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, t := range trace {
		switch t.Access {
		case Read:
			reads[t.Path] = true
		case Listed:
			lists[t.Path] = true
		case Missed:
			misses[t.Path] = true
		}
	}
	var reasons []Reason
	sorted := slices.SortedFunc(slices.Values(changed), func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range sorted {
		switch file := f.Path; {
		case reads[file]:
			reasons = append(reasons, Reason{File: file, Text: "it reads " + file, Names: []string{file}})
		case misses[file]:
			reasons = append(reasons, Reason{File: file, Text: "it looked for " + file, Names: []string{file}})
		case f.Listed && lists[path.Dir(file)]:
			reasons = append(reasons, Reason{File: file, Text: "it lists the folder of " + file, Names: []string{file}})
		}
	}
	return reasons
}
