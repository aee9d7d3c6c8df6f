package compare

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// same says whether two decoded values are equal, number types included. Most objects of a changed application are, and saying so costs a
// hundredth of writing both down.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !same(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i, v := range a {
			if !same(v, b[i]) {
				return false
			}
		}
		return true
	case string:
		b, ok := b.(string)
		return ok && a == b
	case int64:
		b, ok := b.(int64)
		return ok && a == b
	case bool:
		b, ok := b.(bool)
		return ok && a == b
	case float64:
		b, ok := b.(float64)
		return ok && a == b
	case nil:
		return b == nil
	}
	return false // of what is not decoded nothing is known
}

// sameContent says that two forms of an object are equal in all that tidy leaves, without copying them. Where it says no, they may
// still mean the same.
func sameContent(a, b *unstructured.Unstructured) bool {
	skipStatus := func(k string) bool { return k == "status" || k == "metadata" }
	am, aok := a.Object["metadata"].(map[string]any)
	bm, bok := b.Object["metadata"].(map[string]any)
	skipWritten := func(k string) bool { return k == "annotations" || slices.Contains(serverWritten, k) }
	aa, _ := am["annotations"].(map[string]any)
	ba, _ := bm["annotations"].(map[string]any)
	skipNoise := func(k string) bool { return slices.Contains(noise, k) }
	return aok && bok && sameMaps(a.Object, b.Object, skipStatus) && sameMaps(am, bm, skipWritten) && sameMaps(aa, ba, skipNoise)
}

// sameMaps compares two maps but for the keys to skip.
func sameMaps(a, b map[string]any, skip func(string) bool) bool {
	for k, v := range a {
		if skip(k) {
			continue
		}
		if w, ok := b[k]; !ok || !same(v, w) {
			return false
		}
	}
	for k := range b {
		if _, both := a[k]; !both && !skip(k) {
			return false
		}
	}
	return true
}
