package appset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// flatten puts what is nested in v into flat, under keys joined by dots: {"a": {"b": [1]}} becomes {"a.b.0": "1"}. Empty objects and
// arrays vanish. Of two ways to one key the one that sorts later wins.
func flatten(flat map[string]string, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			flatten(flat, join(prefix, k), v[k])
		}
	case map[string]string:
		flatten(flat, prefix, untyped(v))
	case []any:
		for i, item := range v {
			flatten(flat, join(prefix, strconv.Itoa(i)), item)
		}
	default:
		flat[prefix] = fmt.Sprint(v) // a large number becomes 1e+06, as in Argo CD
	}
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// flattenAll is what a selector sees of a set of parameters.
func flattenAll(p params) map[string]string {
	flat := make(map[string]string, len(p))
	for _, k := range slices.Sorted(maps.Keys(p)) {
		flatten(flat, k, p[k])
	}
	return flat
}

func untyped(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// clone is a copy that shares nothing that a template could change.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, item := range v {
			out[k] = clone(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	}
	return v // other maps and slices cannot be changed: Sprig's functions take those of JSON alone
}
