package appset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// list yields the elements that are written out.
func (r *run) list(g generator) ([]params, error) {
	var sets []params
	for i, element := range g.List.Elements {
		field := fmt.Sprintf("%s.list.elements[%d]", g.field, i)
		var p params
		if err := json.Unmarshal(element.Raw, &p); err != nil {
			return nil, fault(field, "an element is an object of parameters")
		}
		if !r.set.Spec.GoTemplate {
			var err error
			if p, err = flatElement(p, field); err != nil {
				return nil, err
			}
		}
		sets = append(sets, p)
	}
	if g.List.ElementsYaml == "" {
		return sets, nil
	}
	field := g.field + ".list.elementsYaml"
	var more []params
	if err := r.decode([]byte(g.List.ElementsYaml), &more); err != nil {
		return nil, within(field, err)
	}
	return append(sets, more...), nil
}

// flatElement is an element for templates of the simple form, which know strings only: others are refused, but for those in values.
func flatElement(element params, field string) (params, error) {
	p := params{}
	for _, key := range slices.Sorted(maps.Keys(element)) {
		switch v := element[key].(type) {
		case string:
			if key == "values" {
				return nil, fault(field+".values", "values is an object of strings")
			}
			p[key] = v
		case map[string]any:
			if key != "values" {
				return nil, notString(field, key)
			}
			for _, k := range slices.Sorted(maps.Keys(v)) {
				s, ok := v[k].(string)
				if !ok {
					return nil, notString(field+".values", k)
				}
				p["values."+k] = s
			}
		default:
			return nil, notString(field, key)
		}
	}
	return p, nil
}

func notString(field, key string) error {
	f := fault(field+"."+key, "the value is not a string")
	f.Hint = "quote it, or set goTemplate: true"
	return f
}
