package appset

import (
	"encoding/json"
	"fmt"
	"maps"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// plugin yields what a service answers, with what it was asked under generator.input.parameters.
func (r *run) plugin(g generator) ([]params, error) {
	field := g.field + ".plugin"
	if g.Plugin.ConfigMapRef.Name == "" {
		return nil, fault(field+".configMapRef.name", "name is missing")
	}
	input, err := asked(g.Plugin.Input.Parameters, field)
	if err != nil {
		return nil, err
	}
	question := argo.PluginGenerator{ConfigMapRef: g.Plugin.ConfigMapRef, Input: g.Plugin.Input}
	at := NeedsWorld{Generator: "plugin", Field: field}
	all, err := outside(r, at, question, func() ([]map[string]any, error) {
		return r.world.Plugin(g.Plugin.ConfigMapRef.Name, g.Plugin.Input.Parameters)
	})
	if err != nil {
		return nil, fmt.Errorf("asking the plugin for %s: %w", field, err)
	}
	var sets []params
	for _, answer := range all {
		size, err := measure(answer, 0)
		if err == nil {
			err = r.limit.spend(size + perEntry)
		}
		if err != nil {
			return nil, within(field, err)
		}
		set := params{}
		if answer, err = r.shown(answer, at); err != nil {
			return nil, err
		}
		if r.set.Spec.GoTemplate {
			maps.Copy(set, answer)
		} else {
			flat := map[string]string{}
			flatten(flat, "", answer)
			for k, v := range flat {
				set[k] = v
			}
		}
		set["generator"] = map[string]any{"input": map[string]any{"parameters": clone(input)}}
		if err := r.addValues(set, g.Plugin.Values, field); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// asked is what the service is asked, as templates see it.
func asked(parameters argo.PluginParameters, field string) (map[string]any, error) {
	input := make(map[string]any, len(parameters))
	for key, raw := range parameters {
		var v any
		if err := json.Unmarshal(raw.Raw, &v); err != nil {
			return nil, fault(child(field+".input.parameters", key), "the value is no JSON: %v", err)
		}
		input[key] = v
	}
	return input, nil
}
