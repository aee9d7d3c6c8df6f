package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/settings"
)

const settingsUsage = "a file with the ConfigMap " + settings.ConfigMapName + ", as the flags of kustomize build are in it (default: the one that the tree declares)"

// declaredSwitches are what the settings say to all renders: those of a file, or of the one ConfigMap that a tree declares. Where it
// declares several, which of them counts in which cluster is not known, and none does.
func declaredSwitches(m change.Manifests, file string, notes io.Writer) (render.Switches, error) {
	maps := m.Settings
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return render.Switches{}, fmt.Errorf("--settings: %w", err)
		}
		var c corev1.ConfigMap
		if err := yaml.Unmarshal(text, &c); err != nil {
			return render.Switches{}, fmt.Errorf("--settings: %s: %w", file, err)
		}
		if c.Kind != "ConfigMap" || c.Name != settings.ConfigMapName {
			return render.Switches{}, fmt.Errorf("--settings: %s is not the ConfigMap %s", file, settings.ConfigMapName)
		}
		maps = []corev1.ConfigMap{c}
	} else if len(maps) > 1 {
		fmt.Fprintf(notes, "slipway: note: %s is declared in %s; --settings says which of them counts\n", settings.ConfigMapName, strings.Join(m.SettingsFiles, " and "))
		return render.Switches{}, nil
	}
	now, faults := settings.Decode(maps, nil)
	for _, fault := range faults {
		fmt.Fprintf(notes, "slipway: note: a setting is passed over: %v\n", fault)
	}
	return switchesOf(now), nil
}
