// Package compare says how objects differ: desired against desired (a pull request's base and head), and desired against live
// (drift). It is pure. Renders and live objects come in; texts that may be shown to people and verdicts that may be acted upon
// go out to engine/change, engine/guard and engine/sync.
//
// Whatever leaves this package as text has been masked: a Secret's values are never in it, nor anything that depends on them
// other than whether they are the same on both sides.
package compare

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

// Kind is what happens to an object between before and after.
type Kind string

const (
	Added     Kind = "Added"
	Changed   Kind = "Changed"
	Removed   Kind = "Removed"
	Unchanged Kind = "Unchanged"
)

// Difference is what changes in one object, in a form that may be shown.
type Difference struct {
	// ID is the object's identity. Of an object without a name the name here is its generateName and an asterisk, which no real
	// object can have.
	ID   object.ID
	Kind Kind
	// Hook is the object's hook annotation in Argo CD's words ("PreSync", "PreSync,PostSync"), or empty for an ordinary object.
	Hook string
	// Before and After are the object as masked YAML, without what only the API server writes. Empty where there is none.
	Before, After string
	// Text is a unified diff from Before to After with three lines of context: hunks with their @@ lines, no file names.
	Text string
	// Added and Removed count the lines of Text that begin with + and -.
	Added, Removed int
	// Fields are the paths that differ, sorted: two levels deep in metadata and spec ("spec.replicas"), one elsewhere ("data").
	Fields []string
	// Place is where the object is written, where that is known.
	Place object.Place
	// Was is the name that an added object had before, where it was renamed; its Before and Text then speak of the object under that
	// name. Now is the new name of a removed one.
	Was, Now string
}

// Resource compares two forms of one object. A nil before is an object that is added, a nil after one that is removed; both nil
// are Unchanged. Neither is modified. hide are annotations of Secrets whose values are masked.
func Resource(id object.ID, before, after *unstructured.Unstructured, hide ...string) Difference {
	b, a := MaskPair(tidy(before), tidy(after), hide...)
	d := Difference{ID: id, Kind: kindOf(b, a), Hook: hookOf(before, after), Before: document(b), After: document(a)}
	if d.Kind == Changed && d.Before == d.After {
		d.Kind = Unchanged
	}
	if d.Kind == Unchanged {
		return d
	}
	d.Text, d.Added, d.Removed = unified(d.Before, d.After)
	d.Fields = changedFields(b, a)
	return d
}

// Sets compares two sets of objects, pairing them by identity, and those without a name by generateName and order. The
// result is in the order of identities; what is unchanged is left out, and what is only renamed is told as such.
func Sets(before, after *object.Set, hide ...string) []Difference {
	olds, news := byKey(before), byKey(after)
	keys := make([]object.ID, 0, len(olds)+len(news))
	for k := range olds {
		keys = append(keys, k)
	}
	for k := range news {
		if _, both := olds[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, object.ID.Compare)
	var out []Difference
	for _, k := range keys {
		o, n := olds[k], news[k]
		if o.Unstructured != nil && n.Unstructured != nil && same(o.Unstructured.Object, n.Unstructured.Object) {
			continue
		}
		d := Resource(shownID(k), o.Unstructured, n.Unstructured, hide...)
		if d.Kind == Unchanged {
			continue
		}
		d.Place = n.Place
		if n.Unstructured == nil {
			d.Place = o.Place
		}
		out = append(out, d)
	}
	renames(out, olds, news, hide)
	return out
}

// nameless separates generateName from a count in the key of an object that has no name. It cannot occur in a name.
const nameless = "*"

// byKey indexes a set. Objects without a name get "generateName*N" in place of it, N counting repeats of that prefix.
func byKey(s *object.Set) map[object.ID]object.Object {
	m := make(map[object.ID]object.Object, s.Len())
	for _, o := range s.All() {
		id := o.ID()
		if id.Name == "" {
			prefix := o.GetGenerateName() + nameless
			for n := 0; ; n++ {
				id.Name = prefix + strconv.Itoa(n)
				if _, taken := m[id]; !taken {
					break
				}
			}
		}
		m[id] = o
	}
	return m
}

func shownID(key object.ID) object.ID {
	if prefix, _, ok := strings.Cut(key.Name, nameless); ok {
		key.Name = prefix + nameless
	}
	return key
}

func kindOf(before, after *unstructured.Unstructured) Kind {
	switch {
	case before == nil && after == nil:
		return Unchanged
	case before == nil:
		return Added
	case after == nil:
		return Removed
	}
	return Changed
}

// hookOf reads the hook annotation of what will be, else of what was. Helm's hooks are told in Argo CD's words; where both
// are written, Helm's are disregarded.
func hookOf(before, after *unstructured.Unstructured) string {
	u := after
	if u == nil {
		u = before
	}
	if u == nil {
		return ""
	}
	annotations := u.GetAnnotations()
	if h := annotations["argocd.argoproj.io/hook"]; h != "" {
		return h
	}
	var phases []string
	for h := range strings.SplitSeq(annotations["helm.sh/hook"], ",") {
		phase := helmPhase(strings.TrimSpace(h))
		if phase != "" && !slices.Contains(phases, phase) {
			phases = append(phases, phase)
		}
	}
	return strings.Join(phases, ",")
}

func helmPhase(hook string) string {
	switch hook {
	case "pre-install", "pre-upgrade":
		return "PreSync"
	case "post-install", "post-upgrade":
		return "PostSync"
	case "pre-delete":
		return "PreDelete"
	case "post-delete":
		return "PostDelete"
	case "pre-rollback", "post-rollback", "test", "test-success", "test-failure":
		return "Skip"
	}
	return ""
}
