package compare

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// changedFields are the paths in which two tidied, masked objects differ: two levels deep in metadata and spec, one elsewhere.
func changedFields(before, after *unstructured.Unstructured) []string {
	b, a := contentOf(before), contentOf(after)
	var out []string
	for _, k := range differing(b, a) {
		bm, bok := b[k].(map[string]any)
		am, aok := a[k].(map[string]any)
		deep := (k == "metadata" || k == "spec") && (bok || b[k] == nil) && (aok || a[k] == nil)
		if !deep {
			out = append(out, k)
			continue
		}
		for _, sub := range differing(bm, am) {
			out = append(out, k+"."+sub)
		}
	}
	slices.Sort(out)
	return out
}

func contentOf(u *unstructured.Unstructured) map[string]any {
	if u == nil {
		return nil
	}
	return u.Object
}

func differing(a, b map[string]any) []string {
	var out []string
	for k, v := range a {
		if w, ok := b[k]; !ok || !equality.Semantic.DeepEqual(v, w) {
			out = append(out, k)
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			out = append(out, k)
		}
	}
	return out
}
