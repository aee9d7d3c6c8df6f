package compare

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// rulesFor are the rules that speak of id. Group and kind are globs; name and namespace, where set, are exact.
func rulesFor(id object.ID, all []argo.ResourceIgnoreDifferences) []argo.ResourceIgnoreDifferences {
	var out []argo.ResourceIgnoreDifferences
	for _, r := range all {
		if glob(r.Group, id.Group) && glob(r.Kind, id.Kind) && (r.Name == "" || r.Name == id.Name) && (r.Namespace == "" || r.Namespace == id.Namespace) {
			out = append(out, r)
		}
	}
	return out
}

func glob(pattern, s string) bool {
	if pattern == "*" {
		return true
	}
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}

// ignoring removes from both predicted and live what the rules leave out of the comparison. The error is for the reader: a
// rule that cannot be followed must not pass for one that was.
func ignoring(id object.ID, predicted, live *unstructured.Unstructured, o Options) error {
	for _, r := range rulesFor(id, o.Ignore) {
		for _, u := range []*unstructured.Unstructured{predicted, live} {
			if err := withoutFields(u.Object, r); err != nil {
				return err
			}
		}
		if err := ignoreManagers(r.ManagedFieldsManagers, predicted, live, o.Schema); err != nil {
			return err
		}
	}
	return nil
}

// Without is a copy of u without the fields that the rules leave out by pointers and jq expressions; what they say of managers, and
// rules that cannot be followed, are passed over. It serves to tell whether a change of an object is worth a look.
func Without(u *unstructured.Unstructured, rules []argo.ResourceIgnoreDifferences) *unstructured.Unstructured {
	applicable := rulesFor(object.IDOf(u), rules)
	if len(applicable) == 0 {
		return u
	}
	out := u.DeepCopy()
	for _, r := range applicable {
		if err := withoutFields(out.Object, r); err != nil {
			continue
		}
	}
	return out
}

// withoutFields removes what a rule names by pointers and expressions, in place and one after the other.
func withoutFields(content map[string]any, r argo.ResourceIgnoreDifferences) error {
	for _, pointer := range r.JSONPointers {
		tokens, err := parsePointer(pointer)
		if err != nil {
			return err
		}
		removePointer(content, tokens)
	}
	for _, expression := range r.JQPathExpressions {
		paths, err := jqSelects(expression, content)
		if err != nil {
			return err
		}
		removePaths(content, paths)
	}
	return nil
}

func parsePointer(pointer string) ([]string, error) {
	if !strings.HasPrefix(pointer, "/") {
		return nil, fmt.Errorf("ignoreDifferences: %q is not a JSON pointer (it must begin with /)", pointer)
	}
	tokens := strings.Split(pointer[1:], "/")
	for i, t := range tokens {
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(t)
	}
	return tokens, nil
}

// removePointer removes what the pointer leads to and returns the node as it is then; a path that is not there is no fault.
func removePointer(node any, tokens []string) any {
	switch x := node.(type) {
	case map[string]any:
		child, ok := x[tokens[0]]
		if !ok {
			return node
		}
		if len(tokens) == 1 {
			delete(x, tokens[0])
			return x
		}
		x[tokens[0]] = removePointer(child, tokens[1:])
	case []any:
		i, err := strconv.Atoi(tokens[0])
		if err != nil || i < 0 || i >= len(x) {
			return node
		}
		if len(tokens) == 1 {
			return append(x[:i:i], x[i+1:]...)
		}
		x[i] = removePointer(x[i], tokens[1:])
	}
	return node
}

// removed marks, in a list, an item that goes once all paths have been followed: until then positions stand.
type removed struct{}

// removePaths removes all that the paths lead to, as jq's delpaths does: each path speaks of the content as it was before.
func removePaths(content map[string]any, paths []jqPath) {
	if slices.ContainsFunc(paths, func(p jqPath) bool { return len(p) == 0 }) {
		clear(content) // the whole object
		return
	}
	for _, p := range paths {
		removePath(content, p)
	}
	sweep(content)
}

func removePath(node any, p jqPath) {
	last := len(p) == 1
	switch x := node.(type) {
	case map[string]any:
		key, ok := p[0].(string)
		switch {
		case !ok:
		case last:
			delete(x, key)
		default:
			removePath(x[key], p[1:])
		}
	case []any:
		from, to, ok := itemsAt(p[0], len(x))
		for i := from; ok && i < to; i++ {
			if last {
				x[i] = removed{}
			} else if _, isIndex := p[0].(int); isIndex {
				removePath(x[i], p[1:])
			}
		}
	}
}

// itemsAt is the items of a list of n that one element of a path speaks of: an index, which may count from the end, or a slice.
func itemsAt(element any, n int) (from, to int, ok bool) {
	at := func(v any, otherwise int) int {
		i, isInt := v.(int)
		if !isInt {
			return otherwise
		}
		if i < 0 {
			i += n
		}
		return min(max(i, 0), n)
	}
	switch e := element.(type) {
	case int:
		if e < 0 {
			e += n
		}
		return e, e + 1, e >= 0 && e < n
	case map[string]any:
		return at(e["start"], 0), at(e["end"], n), true
	}
	return 0, 0, false
}

// sweep takes marked items out of all lists, and returns the node as it is then.
func sweep(node any) any {
	switch x := node.(type) {
	case map[string]any:
		for k, v := range x {
			x[k] = sweep(v)
		}
	case []any:
		kept := x[:0]
		for _, v := range x {
			if _, gone := v.(removed); !gone {
				kept = append(kept, sweep(v))
			}
		}
		return kept
	}
	return node
}

// ignoreManagers removes every field that one of the managers owns, by live's account, from both.
func ignoreManagers(managers []string, predicted, live *unstructured.Unstructured, schema Schema) error {
	owned, err := fieldsOwnedBy(managers, live, schema)
	if err != nil || owned == nil {
		return err
	}
	for _, u := range []*unstructured.Unstructured{predicted, live} {
		typed, err := schema.ObjectToTyped(u)
		if err != nil {
			return fmt.Errorf("ignoreDifferences: managedFieldsManagers: %w", err)
		}
		without, err := schema.TypedToObject(typed.RemoveItems(owned.Leaves()))
		if err != nil {
			return fmt.Errorf("ignoreDifferences: managedFieldsManagers: %w", err)
		}
		if w, ok := without.(*unstructured.Unstructured); ok {
			u.Object = w.Object
		}
	}
	return nil
}

// fieldsOwnedBy are the fields that one of the managers owns by live's account; nil if none does.
func fieldsOwnedBy(managers []string, live *unstructured.Unstructured, schema Schema) (*fieldpath.Set, error) {
	if len(managers) == 0 {
		return nil, nil
	}
	if schema == nil {
		return nil, fmt.Errorf("ignoreDifferences: managedFieldsManagers need the schema of %s", live.GroupVersionKind())
	}
	var owned *fieldpath.Set
	for _, e := range live.GetManagedFields() {
		if !slices.Contains(managers, e.Manager) {
			continue
		}
		fields, err := fieldsOf(e)
		if err != nil {
			return nil, err
		}
		if owned == nil {
			owned = fieldpath.NewSet()
		}
		owned = owned.Union(fields)
	}
	return owned, nil
}
