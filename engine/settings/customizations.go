package settings

import (
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// Customization is what an installation says of the health and the actions of a kind.
type Customization struct {
	// Health is a Lua script.
	Health string
	// OpenLibs gives its scripts more of Lua's libraries.
	OpenLibs bool
	// Actions is YAML that holds Lua scripts.
	Actions string
}

// customizations reads them by "group/Kind", or "Kind" of the core group: from resource.customizations, whose keys may be globs, and from
// keys of their own, such as resource.customizations.health.cert-manager.io_Certificate, which go before it.
func customizations(m map[string]string) (map[string]Customization, []error) {
	var out map[string]Customization
	set := func(kind string, c Customization) {
		if out == nil {
			out = map[string]Customization{}
		}
		out[kind] = c
	}
	var errs []error
	old := map[string]map[string]any{}
	if err := yaml.Unmarshal([]byte(m["resource.customizations"]), &old); err != nil {
		old = nil // said where the ignored differences are read
	}
	for kind, fields := range old {
		c := Customization{}
		c.Health, _ = fields["health.lua"].(string)
		c.OpenLibs, _ = fields["health.lua.useOpenLibs"].(bool)
		c.Actions, _ = fields["actions"].(string)
		if c.Health != "" || c.Actions != "" {
			set(kind, c)
		}
	}
	for key, text := range m {
		sort, name, _ := strings.Cut(strings.TrimPrefix(key, "resource.customizations."), ".")
		if !strings.HasPrefix(key, "resource.customizations.") || name == "" {
			continue
		}
		group, kind := splitKind(name, "_")
		if group != "" {
			kind = group + "/" + kind
		}
		c := out[kind]
		switch sort {
		case "health":
			c.Health = text
		case "actions":
			c.Actions = text
		case "useOpenLibs":
			open, err := strconv.ParseBool(strings.TrimSpace(text))
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %s is neither true nor false", ConfigMapName, key))
			}
			c.OpenLibs = open
		default:
			continue
		}
		set(kind, c)
	}
	return out, errs
}
