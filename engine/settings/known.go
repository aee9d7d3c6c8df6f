package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// KnownField says that a field of a custom resource is of a type that Kubernetes defines, such as "core/v1/PodSpec".
type KnownField struct {
	Group, Kind string
	Field       string // names with dots between them
	Type        string
}

// knownFields reads resource.customizations.knownTypeFields by kinds, and what the one map of older installations says.
func knownFields(m map[string]string) ([]KnownField, []error) {
	var out []KnownField
	var errs []error
	add := func(key, group, kind, text string) {
		var fields []struct {
			Field string `json:"field"`
			Type  string `json:"type"`
		}
		if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", ConfigMapName, key, err))
			return
		}
		for _, f := range fields {
			out = append(out, KnownField{Group: group, Kind: kind, Field: f.Field, Type: f.Type})
		}
	}
	for key, text := range m {
		if name, ok := strings.CutPrefix(key, "resource.customizations.knownTypeFields."); ok {
			group, kind := splitKind(name, "_")
			add(key, group, kind, text)
		}
	}
	old := map[string]map[string]any{}
	if err := yaml.Unmarshal([]byte(m["resource.customizations"]), &old); err != nil {
		old = nil // said where the ignored differences are read
	}
	for name, c := range old {
		fields, ok := c["knownTypeFields"]
		if !ok {
			continue
		}
		text, isText := fields.(string)
		if !isText { // it is a list there, not a text
			b, err := yaml.Marshal(fields)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: resource.customizations: %w", ConfigMapName, err))
				continue
			}
			text = string(b)
		}
		group, kind := splitKind(name, "/")
		add("resource.customizations", group, kind, text)
	}
	slices.SortFunc(out, func(a, b KnownField) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Type, b.Type))
	})
	return out, errs
}
