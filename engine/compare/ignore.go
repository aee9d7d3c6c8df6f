package compare

import (
	"fmt"
	"path"
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
		for _, pointer := range r.JSONPointers {
			tokens, err := parsePointer(pointer)
			if err != nil {
				return err
			}
			removePointer(predicted.Object, tokens)
			removePointer(live.Object, tokens)
		}
		for _, expression := range r.JQPathExpressions {
			if err := deleteByJQ(expression, predicted, live); err != nil {
				return err
			}
		}
		if err := ignoreManagers(r.ManagedFieldsManagers, predicted, live, o.Schema); err != nil {
			return err
		}
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

// ignoreManagers removes every field that one of the managers owns, by live's account, from both.
func ignoreManagers(managers []string, predicted, live *unstructured.Unstructured, schema Schema) error {
	if len(managers) == 0 {
		return nil
	}
	if schema == nil {
		return fmt.Errorf("ignoreDifferences: managedFieldsManagers need the schema of %s", live.GroupVersionKind())
	}
	owned := fieldpath.NewSet()
	for _, e := range live.GetManagedFields() {
		for _, m := range managers {
			if e.Manager != m {
				continue
			}
			fields, err := fieldsOf(e)
			if err != nil {
				return err
			}
			owned = owned.Union(fields)
		}
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
