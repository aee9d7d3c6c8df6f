package compare

import (
	"bytes"
	"encoding/base64"
	"reflect"
	"slices"
)

// maskSecrets masks two forms of one Secret. A side that is not a map is masked whole.
func (m masker) maskSecrets(before, after any) pair {
	bm, bIsMap := before.(map[string]any)
	am, aIsMap := after.(map[string]any)
	out := maskMaps(foldStringData(side(bm, bIsMap)), foldStringData(side(am, aIsMap)), m.maskSecretField)
	rest := maskValue(before, after)
	if !bIsMap {
		out.before = rest.before
	}
	if !aIsMap {
		out.after = rest.after
	}
	return out
}

// maskSecretField masks one top-level field of a Secret. Only what Secrets are known to have beside values is shown.
func (m masker) maskSecretField(field string, p pair) pair {
	switch field {
	case "apiVersion", "kind", "type":
		return shownIf(p, func(v any) bool { _, ok := v.(string); return ok })
	case "immutable":
		return shownIf(p, func(v any) bool { _, ok := v.(bool); return ok })
	case "metadata":
		return maskFields(p, m.maskMetadataField)
	case "data":
		return maskFields(p, func(_ string, p pair) pair { return maskValue(p.before, p.after) })
	}
	return maskValue(p.before, p.after)
}

func (m masker) maskMetadataField(field string, p pair) pair {
	text := func(v any) bool { _, ok := v.(string); return ok }
	switch field {
	case "name", "generateName", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "selfLink":
		return shownIf(p, text)
	case "labels":
		return maskFields(p, func(_ string, p pair) pair { return shownIf(p, text) })
	case "annotations":
		return maskFields(p, func(key string, p pair) pair {
			if slices.Contains(m.hide, key) {
				return maskValue(p.before, p.after)
			}
			return shownIf(p, text)
		})
	case "finalizers", "ownerReferences", "generation":
		return p
	}
	return maskValue(p.before, p.after)
}

// maskFields masks what is in two maps; a side that is no map is masked whole.
func maskFields(p pair, mask func(string, pair) pair) pair {
	bm, bIsMap := p.before.(map[string]any)
	am, aIsMap := p.after.(map[string]any)
	out := maskMaps(side(bm, bIsMap), side(am, aIsMap), mask)
	rest := maskValue(p.before, p.after)
	if !bIsMap {
		out.before = rest.before
	}
	if !aIsMap {
		out.after = rest.after
	}
	return out
}

// shownIf shows each side that fits and masks the other.
func shownIf(p pair, fits func(any) bool) pair {
	masked := maskValue(p.before, p.after)
	if fits(p.before) {
		masked.before = p.before
	}
	if fits(p.after) {
		masked.after = p.after
	}
	return masked
}

// maskValue says how a value changes, and nothing else of it.
func maskValue(before, after any) pair {
	_, noBefore := before.(absent)
	_, noAfter := after.(absent)
	switch {
	case noBefore && noAfter:
		return pair{absent{}, absent{}}
	case noBefore:
		return pair{absent{}, valueAdded}
	case noAfter:
		return pair{valueRemoved, absent{}}
	case sameValue(before, after):
		return pair{unchanged, unchanged}
	}
	return pair{valueBefore, valueChanged}
}

// sameValue compares as the API server would store: two spellings of the same bytes in base64 are one value.
func sameValue(a, b any) bool {
	as, aok := a.(string)
	bs, bok := b.(string)
	if !aok || !bok {
		return reflect.DeepEqual(a, b)
	}
	if as == bs {
		return true
	}
	ab, aerr := base64.StdEncoding.DecodeString(as)
	bb, berr := base64.StdEncoding.DecodeString(bs)
	return aerr == nil && berr == nil && bytes.Equal(ab, bb)
}

// foldStringData is a copy of a Secret in which stringData has become part of data, as it does when it is stored. What is
// not as a Secret has it stays where it is, to be masked whole.
func foldStringData(secret map[string]any) map[string]any {
	out := make(map[string]any, len(secret))
	for k, v := range secret {
		out[k] = v
	}
	data, dataOK := stringMap(secret["data"])
	if dataOK && len(data) > 0 {
		out["data"] = data
	} else if secret["data"] == nil {
		delete(out, "data")
	}
	text, textOK := stringMap(secret["stringData"])
	if !dataOK || !textOK {
		return out
	}
	delete(out, "stringData")
	for k, v := range text {
		s, _ := v.(string)
		data[k] = base64.StdEncoding.EncodeToString([]byte(s))
	}
	if len(data) > 0 {
		out["data"] = data
	}
	return out
}

// stringMap is a copy of v if it is nothing or a map whose values are strings; null is the empty string.
func stringMap(v any) (map[string]any, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return map[string]any{}, v == nil
	}
	out := make(map[string]any, len(m))
	for k, v := range m {
		switch v.(type) {
		case nil:
			out[k] = ""
		case string:
			out[k] = v
		default:
			return nil, false
		}
	}
	return out, true
}
