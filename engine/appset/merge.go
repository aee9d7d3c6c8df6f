package appset

import (
	"encoding/json"
	"fmt"
	"maps"
)

// merge yields the sets of the first generator, each overridden by those of the others that have the same values of the merge keys.
// Sets of others that the first does not have are dropped.
func (r *run) merge(g generator) ([]params, error) {
	children, c, err := g.children()
	if err != nil {
		return nil, err
	}
	field := g.field + ".merge"
	switch {
	case len(children) < 2:
		return nil, fault(field+".generators", "a merge has two generators or more, not %d", len(children))
	case len(c.MergeKeys) == 0:
		return nil, fault(field+".mergeKeys", "a merge needs at least one key")
	}
	var sets []params
	var index map[string]int
	for i, child := range children {
		more, err := r.sets(child, nil)
		if err != nil {
			return nil, err
		}
		byKey, err := keyed(more, c.MergeKeys, child.field)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			sets, index = more, byKey
			continue
		}
		for key, at := range byKey {
			if base, ok := index[key]; ok {
				sets[base] = r.override(sets[base], more[at])
			}
		}
	}
	return sets, nil
}

// keyed indexes sets by their values of the merge keys, which must tell them apart.
func keyed(sets []params, keys []string, field string) (map[string]int, error) {
	index := make(map[string]int, len(sets))
	for i, set := range sets {
		values := make(map[string]any, len(keys))
		for _, key := range keys {
			values[key] = set[key] // one that is missing counts as null
		}
		b, err := json.Marshal(values)
		if err != nil {
			return nil, fmt.Errorf("indexing %s: %w", field, err)
		}
		if _, twice := index[string(b)]; twice {
			return nil, fault(field, "the generator yields more than one set of parameters with the merge keys %s", short(string(b)))
		}
		index[string(b)] = i
	}
	return index, nil
}

func (r *run) override(base, upper params) params {
	if r.set.Spec.GoTemplate {
		return overlay(base, upper)
	}
	out := make(params, len(base)+len(upper))
	maps.Copy(out, base)
	maps.Copy(out, upper)
	return out
}
