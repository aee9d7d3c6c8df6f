package compare

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What stands in the place of a Secret's value. Nothing in it depends on the value.
const (
	hidden       = "(value hidden)"
	valueAdded   = "(value added)"
	valueRemoved = "(value removed)"
	valueBefore  = "(value before)"
	valueChanged = "(value changed)"
	unchanged    = "(unchanged)"
)

// masker masks Secrets. hide are the annotations whose values are as secret as their data.
type masker struct{ hide []string }

// Mask is a copy of u in which each value of a Secret, at any depth, says "(value hidden)", and the copy of the object that
// client-side apply keeps in an annotation is gone. hide are annotations of Secrets whose values are masked too.
func Mask(u *unstructured.Unstructured, hide ...string) *unstructured.Unstructured {
	m := masker{hide}
	if u == nil {
		return nil
	}
	out := u.DeepCopy()
	dropLastApplied(out.Object)
	if holdsSecret(out.Object) {
		out.Object, _ = m.maskTree(out.Object, absent{}, isKind(out.Object, "Secret")).before.(map[string]any)
		hideAll(out.Object)
	}
	return out
}

// MaskPair is a copy of two forms of one object (either may be nil) in which each value of a Secret is replaced by a word that
// says whether it was added, removed, changed or neither. stringData counts as what it becomes in data, so that a value that
// only moves between them is unchanged. What a Secret holds outside the fields that Secrets have is masked as a whole, and so
// are the values of the annotations in hide.
func MaskPair(before, after *unstructured.Unstructured, hide ...string) (b, a *unstructured.Unstructured) {
	m := masker{hide}
	if before != nil {
		b = before.DeepCopy()
		dropLastApplied(b.Object)
	}
	if after != nil {
		a = after.DeepCopy()
		dropLastApplied(a.Object)
	}
	olds, news := treeOf(b), treeOf(a)
	if !holdsSecret(olds) && !holdsSecret(news) {
		return b, a
	}
	masked := m.maskTree(olds, news, isKind(olds, "Secret") || isKind(news, "Secret"))
	if b != nil {
		b.Object, _ = masked.before.(map[string]any)
	}
	if a != nil {
		a.Object, _ = masked.after.(map[string]any)
	}
	return b, a
}

// treeOf is the object's content, or absent: never a nil map, which would pass for an empty object.
func treeOf(u *unstructured.Unstructured) any {
	if u == nil {
		return absent{}
	}
	return u.Object
}

// absent marks the side of a pair that is not there.
type absent struct{}

type pair struct{ before, after any }

// maskTree masks every Secret in two trees that stand in the same place. secret says that maps here are Secrets even if they do
// not look it, as the items of a SecretList are.
func (m masker) maskTree(before, after any, secret bool) pair {
	if isSecret(before, secret) || isSecret(after, secret) {
		return m.maskSecrets(before, after)
	}
	bm, bIsMap := before.(map[string]any)
	am, aIsMap := after.(map[string]any)
	if bIsMap || aIsMap {
		list := isKind(bm, "SecretList") || isKind(am, "SecretList")
		out := maskMaps(side(bm, bIsMap), side(am, aIsMap), func(k string, p pair) pair {
			return m.maskTree(p.before, p.after, list && k == "items")
		})
		return m.keepOther(out, pair{before, after}, bIsMap, aIsMap, list)
	}
	bl, bIsList := before.([]any)
	al, aIsList := after.([]any)
	if bIsList || aIsList {
		out := m.maskLists(bl, al, secret)
		p := pair{any(out.before), any(out.after)}
		return m.keepOther(p, pair{before, after}, bIsList, aIsList, secret)
	}
	if secret {
		return maskValue(before, after)
	}
	return pair{before, after}
}

// keepOther puts back the side that is of another shape than what was masked: as it was, masked on its own.
func (m masker) keepOther(masked, original pair, before, after, secrets bool) pair {
	if !before {
		masked.before = m.alone(original.before, secrets)
	}
	if !after {
		masked.after = m.alone(original.after, secrets)
	}
	return masked
}

func (m masker) alone(v any, secrets bool) any {
	if _, gone := v.(absent); gone {
		return v
	}
	return m.maskTree(v, absent{}, secrets).before
}

func side(m map[string]any, there bool) map[string]any {
	if !there {
		return map[string]any{}
	}
	return m
}

// maskMaps applies mask to each key that either map has.
func maskMaps(before, after map[string]any, mask func(key string, p pair) pair) pair {
	b, a := map[string]any{}, map[string]any{}
	each := func(k string) {
		p := mask(k, pair{at(before, k), at(after, k)})
		put(b, k, p.before)
		put(a, k, p.after)
	}
	for k := range before {
		each(k)
	}
	for k := range after {
		if _, both := before[k]; !both {
			each(k)
		}
	}
	return pair{b, a}
}

func at(m map[string]any, k string) any {
	if v, ok := m[k]; ok {
		return v
	}
	return absent{}
}

func put(m map[string]any, k string, v any) {
	if _, gone := v.(absent); !gone {
		m[k] = v
	}
}

// maskLists pairs items by namespace and name where they have one, else by their index.
func (m masker) maskLists(before, after []any, secrets bool) struct{ before, after []any } {
	out := struct{ before, after []any }{make([]any, len(before)), make([]any, len(after))}
	partner := map[string]int{}
	for i, v := range after {
		partner[itemKey(v, i)] = i
	}
	paired := make([]bool, len(after))
	for i, v := range before {
		j, ok := partner[itemKey(v, i)]
		if !ok || paired[j] {
			out.before[i] = m.alone(v, secrets)
			continue
		}
		paired[j] = true
		p := m.maskTree(v, after[j], secrets)
		out.before[i], out.after[j] = p.before, p.after
	}
	for j, v := range after {
		if !paired[j] {
			out.after[j] = m.maskTree(absent{}, v, secrets).after
		}
	}
	return out
}

func itemKey(v any, index int) string {
	m, _ := v.(map[string]any)
	u := unstructured.Unstructured{Object: m}
	if m != nil && u.GetName() != "" {
		return u.GetKind() + " " + u.GetNamespace() + "/" + u.GetName()
	}
	return strconv.Itoa(index)
}

// isSecret tells a Secret within another object from a mere reference to one ("kind: Secret, name: x").
func isSecret(v any, known bool) bool {
	m, ok := v.(map[string]any)
	if !ok || isKind(m, "SecretList") {
		return false
	}
	if known {
		return true
	}
	_, data := m["data"]
	_, text := m["stringData"]
	_, metadata := m["metadata"].(map[string]any)
	return isKind(m, "Secret") && (data || text || metadata)
}

// isKind reads the kind whatever its case: what the API server would refuse must not be shown either.
func isKind(v any, kind string) bool {
	m, _ := v.(map[string]any)
	k, _ := m["kind"].(string)
	return strings.EqualFold(k, kind)
}

// holdsSecret says whether anything in the tree calls itself a Secret.
func holdsSecret(v any) bool {
	switch x := v.(type) {
	case map[string]any:
		if isKind(x, "Secret") || isKind(x, "SecretList") {
			return true
		}
		for _, v := range x {
			if holdsSecret(v) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(x, holdsSecret)
	}
	return false
}

// hideAll replaces the word that maskTree left on the only side it was given by one that makes no comparison.
func hideAll(v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, v := range x {
			if v == valueRemoved {
				x[k] = hidden
			}
			hideAll(v)
		}
	case []any:
		for i, v := range x {
			if v == valueRemoved {
				x[i] = hidden
			}
			hideAll(v)
		}
	}
}

// dropLastApplied removes, at any depth, the annotation in which client-side apply keeps the object as it was written.
func dropLastApplied(v any) {
	switch x := v.(type) {
	case map[string]any:
		annotations, _ := x["annotations"].(map[string]any)
		if _, kept := annotations[lastApplied]; kept {
			delete(annotations, lastApplied)
			if len(annotations) == 0 {
				delete(x, "annotations")
			}
		}
		for _, v := range x {
			dropLastApplied(v)
		}
	case []any:
		for _, v := range x {
			dropLastApplied(v)
		}
	}
}
