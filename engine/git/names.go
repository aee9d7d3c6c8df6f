package git

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/Masterminds/semver/v3"
)

// names are the refs of a store, read at most once in a while; a fetch makes them be read again.
type names struct {
	store   *Store
	dir     string
	head    string // the ref that "" and HEAD mean
	keepFor time.Duration

	mu   sync.Mutex
	read time.Time
	refs []ref
}

type ref struct {
	name string
	id   Hash
}

func (n *names) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refs, n.read = nil, time.Time{}
}

func (n *names) list(ctx context.Context) ([]ref, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refs != nil && time.Since(n.read) < n.keepFor {
		return n.refs, nil
	}
	began := time.Now()
	out, err := n.store.output(ctx, command{dir: n.dir, args: []string{"for-each-ref", "--format=%(objectname) %(refname)",
		"refs/heads", "refs/tags", "refs/remotes", headRef}})
	if err != nil {
		return nil, err
	}
	refs := []ref{}
	for line := range strings.Lines(string(out)) {
		id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if ok && Hash(id).IsFull() {
			refs = append(refs, ref{name: name, id: Hash(id)})
		}
	}
	n.refs, n.read = refs, began
	return refs, nil
}

// find looks a name up as people write it: in full, or without refs/heads/, refs/tags/ or refs/remotes/. A full name is what it says,
// whatever branches are called; of several others, the first in the order of full names wins, which is the branch.
func find(refs []ref, name string) (Hash, bool) {
	if i := slices.IndexFunc(refs, func(r ref) bool { return r.name == name }); i >= 0 {
		return refs[i].id, true
	}
	for _, r := range refs {
		if r.name == "refs/heads/"+name || r.name == "refs/tags/"+name || r.name == "refs/remotes/"+name {
			return r.id, true
		}
	}
	return "", false
}

// newest yields the tag of the highest version that a constraint admits. Only a constraint counts: an exact version is a name.
func newest(refs []ref, prefix, revision string) (Hash, bool) {
	if _, err := semver.NewVersion(revision); err == nil {
		return "", false
	}
	constraint, err := semver.NewConstraint(revision)
	if err != nil {
		return "", false
	}
	var best *semver.Version
	var id Hash
	for _, r := range refs {
		tag, ok := strings.CutPrefix(r.name, "refs/tags/"+prefix)
		if !ok {
			continue
		}
		v, err := semver.NewVersion(tag)
		if err == nil && constraint.Check(v) && (best == nil || v.GreaterThan(best)) {
			best, id = v, r.id
		}
	}
	return id, best != nil
}
