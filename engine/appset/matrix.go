package appset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// matrix yields each set of the first generator with each that the second makes of it.
func (r *run) matrix(g generator) ([]params, error) {
	children, _, err := g.children()
	if err != nil {
		return nil, err
	}
	field := g.field + ".matrix.generators"
	if len(children) != 2 {
		return nil, fault(field, "a matrix has two generators, not %d", len(children))
	}
	firsts, err := r.sets(children[0], nil)
	if err != nil {
		return nil, err
	}
	var sets []params
	for _, first := range firsts {
		seconds, err := r.sets(children[1], first)
		if err != nil {
			return nil, err
		}
		for _, second := range seconds {
			if err := r.limit.spend(len(first) + len(second)); err != nil {
				return nil, within(field, err)
			}
			set, err := r.combine(first, second)
			if err != nil {
				return nil, within(field, err)
			}
			if sets = append(sets, set); len(sets) > maxSets {
				return nil, fault(field, "the matrix yields more than %d sets of parameters", maxSets)
			}
		}
	}
	return sets, nil
}

// combine joins a set of each generator. With Go templates the first wins; otherwise they must not contradict each other.
func (r *run) combine(first, second params) (params, error) {
	if r.set.Spec.GoTemplate {
		return overlay(second, first), nil
	}
	set := make(params, len(first)+len(second))
	for k, v := range first {
		set[k] = fmt.Sprint(v)
	}
	for _, k := range slices.Sorted(maps.Keys(second)) {
		v := fmt.Sprint(second[k])
		if have, ok := set[k]; ok && have != v {
			return nil, fault("", "both generators yield %q, with different values: %q and %q", k, short(have.(string)), short(v))
		}
		set[k] = v
	}
	return set, nil
}

// overlay is a new map of what is in lower and upper, with upper's value where both have one that is not a map. Neither is changed.
func overlay(lower, upper map[string]any) map[string]any {
	out := make(map[string]any, len(lower)+len(upper))
	maps.Copy(out, lower)
	for k, v := range upper {
		if u, ok := asMap(v); ok {
			if l, ok := asMap(out[k]); ok {
				v = overlay(l, u)
			}
		}
		out[k] = v
	}
	return out
}

func asMap(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true
	case map[string]string:
		return untyped(v), true
	}
	return nil, false
}

// valued are the kinds whose values are templates of their own parameters.
var valued = []string{"clusters", "git", "scmProvider", "clusterDecisionResource", "pullRequest", "plugin"}

// fill puts a set of parameters into all strings of a generator. Values that name parameters which are not in the set are left as
// they are: they are the generator's own.
func (r *run) fill(g generator, given params) (generator, error) {
	raw, err := json.Marshal(g.ApplicationSetNestedGenerator)
	if err != nil {
		return g, fmt.Errorf("filling %s: %w", g.field, err)
	}
	tree, err := parseJSON(raw)
	if err != nil {
		return g, fmt.Errorf("filling %s: %w", g.field, err)
	}
	given, _ = clone(map[string]any(given)).(map[string]any)
	filled, err := r.fillTree(tree, given, g.field)
	if err != nil {
		return g, err
	}
	if raw, err = json.Marshal(filled); err != nil {
		return g, fmt.Errorf("filling %s: %w", g.field, err)
	}
	out, err := decodeGenerator(raw, g.field, g.depth)
	out.Selector = g.Selector // it selects by what is generated, and is no template
	return out, err
}

func (r *run) fillTree(tree any, given params, field string) (any, error) {
	kinds, ok := tree.(map[string]any)
	if !ok {
		return tree, nil
	}
	out := make(map[string]any, len(kinds))
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		body, ok := kinds[kind].(map[string]any)
		at := field + "." + kind
		delete(body, "template") // one of an inner generator counts for nothing, and may name what is not there yet
		var err error
		switch {
		case ok && (kind == "matrix" || kind == "merge"):
			out[kind], err = r.fillCombination(body, given, at)
		case ok && slices.Contains(valued, kind):
			out[kind], err = r.fillValued(body, given, at)
		default:
			out[kind], err = r.text.walk(kinds[kind], given, at)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *run) fillCombination(body map[string]any, given params, field string) (any, error) {
	children, _ := body["generators"].([]any)
	rest := maps.Clone(body)
	delete(rest, "generators")
	filled, err := r.text.walk(rest, given, field)
	if err != nil {
		return nil, err
	}
	all := make([]any, len(children))
	for i, child := range children {
		if all[i], err = r.fillTree(child, given, fmt.Sprintf("%s.generators[%d]", field, i)); err != nil {
			return nil, err
		}
	}
	out := filled.(map[string]any)
	out["generators"] = all
	return out, nil
}

func (r *run) fillValued(body map[string]any, given params, field string) (any, error) {
	values, _ := body["values"].(map[string]any)
	rest := maps.Clone(body)
	delete(rest, "values")
	filled, err := r.text.walk(rest, given, field)
	if err != nil || values == nil {
		return filled, err
	}
	resolved := make(map[string]any, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		s, ok := values[key].(string)
		if !ok {
			continue
		}
		if resolved[key], err = r.text.tryFill(s, given); err != nil {
			return nil, within(field+".values."+key, err)
		}
	}
	filled.(map[string]any)["values"] = resolved
	return filled, nil
}
