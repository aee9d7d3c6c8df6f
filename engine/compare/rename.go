package compare

import (
	"bytes"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/object"
)

const (
	// likeness is the share of lines, of both sides together, that a removed and an added object must have in common to be one
	// object under two names.
	likeness = 0.6
	// enough is how many such lines there must be: what has fewer says too little to be recognised by.
	enough = 4
	// candidates bounds the pairs that are looked at within a kind.
	candidates = 2500
)

// renames tells of removed and added objects of one kind that they are one object under two names: Difference.Was and Now name
// each other, and the added one shows what changes besides. What happens in the cluster is the same: one is made, one deleted.
func renames(differences []Difference, before, after map[object.ID]object.Object, hide []string) {
	type kind struct{ group, kind, namespace string }
	olds, news := map[kind][]int{}, map[kind][]int{}
	for i, d := range differences {
		k := kind{d.ID.Group, d.ID.Kind, d.ID.Namespace}
		switch {
		case strings.HasSuffix(d.ID.Name, nameless):
		case d.Kind == Removed:
			olds[k] = append(olds[k], i)
		case d.Kind == Added:
			news[k] = append(news[k], i)
		}
	}
	for k, removed := range olds {
		for _, p := range matches(differences, removed, news[k]) {
			old, added := &differences[p.old], &differences[p.added]
			r := Resource(added.ID, before[old.ID].Unstructured, after[added.ID].Unstructured, hide...)
			added.Was, old.Now = old.ID.Name, added.ID.Name
			added.Before, added.Text, added.Added, added.Removed, added.Fields = r.Before, r.Text, r.Added, r.Removed, r.Fields
		}
	}
}

// Renamed says whether the object is an added one that had another name before, by somebody's choice: a name whose generated hash
// follows its content is no other name to a person.
func (d Difference) Renamed() bool { return d.Was != "" && !hashed(d.Was, d.ID.Name) }

// match is a removed and an added object, by their indices, and how alike they are.
type match struct {
	old, added int
	alike      float64
}

// matches pairs what is most alike first, each object once.
func matches(differences []Difference, olds, news []int) []match {
	if len(olds)*len(news) == 0 || len(olds)*len(news) > candidates {
		return nil
	}
	var found, chosen []match
	for _, o := range olds {
		for _, n := range news {
			if alike := resemblance(differences[o], differences[n]); alike >= likeness {
				found = append(found, match{o, n, alike})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b match) int {
		switch {
		case a.alike > b.alike:
			return -1
		case a.alike < b.alike:
			return 1
		}
		return 0
	})
	used := map[int]bool{}
	for _, m := range found {
		if !used[m.old] && !used[m.added] {
			used[m.old], used[m.added] = true, true
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// resemblance is from 0 (nothing in common) to 1 (the same but for the name). It reads what may be shown, so that nothing of a
// Secret's values is in it. Names that differ by a generated hash alone belong together, whatever they hold.
func resemblance(old, added Difference) float64 {
	if hashed(old.ID.Name, added.ID.Name) {
		return 1
	}
	a, b := content(old.Before), content(added.After)
	if old.ID.Group == "argoproj.io" && (old.ID.Kind == "Application" || old.ID.Kind == "ApplicationSet") {
		if slices.Equal(a, b) {
			return 1
		}
		return 0 // they all look alike; what they read tells them apart
	}
	asIs := func(l string) string { return l }
	// names may be in labels too, or in an image that keeps its own
	common := max(shared(a, b, asIs, asIs), shared(a, b, unnamed(old.ID.Name), unnamed(added.ID.Name)))
	if common < enough {
		return 0
	}
	return 2 * float64(common) / float64(len(a)+len(b))
}

// unnamed takes an object's name out of a line.
func unnamed(name string) func(string) string {
	return func(l string) string { return strings.ReplaceAll(l, name, nameless) }
}

// shared counts the lines that two documents have in common, each as its own side writes it.
func shared(a, b []string, as, bs func(string) string) int {
	left, common := map[string]int{}, 0
	for _, l := range a {
		left[as(l)]++
	}
	for _, l := range b {
		if l = bs(l); left[l] > 0 {
			left[l]--
			common++
		}
	}
	return common
}

// content is a document without the lines that every object of its kind and namespace has.
func content(document string) []string {
	var out []string
	for l := range strings.Lines(document) {
		switch l = strings.TrimSuffix(l, "\n"); {
		case strings.HasPrefix(l, "apiVersion:"), strings.HasPrefix(l, "kind:"), l == "metadata:", strings.HasPrefix(l, "  namespace:"), strings.HasPrefix(l, "  name:"):
		default:
			out = append(out, l)
		}
	}
	return out
}

// hashed says whether two names are one name with different hashes behind it, as Kustomize writes them: ten of the letters and
// digits that it chooses hashes from.
func hashed(a, b string) bool {
	i, j := strings.LastIndexByte(a, '-'), strings.LastIndexByte(b, '-')
	return i > 0 && i == j && a[:i] == b[:j] && isHash(a[i+1:]) && isHash(b[j+1:])
}

func isHash(s string) bool {
	return len(s) == 10 && len(bytes.Trim([]byte(s), "bcdfghkmt2456789")) == 0
}
