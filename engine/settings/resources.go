package settings

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// ResourceFilter matches kinds in clusters by globs; an empty list matches all.
type ResourceFilter struct {
	APIGroups []string `json:"apiGroups"`
	Kinds     []string `json:"kinds"`
	Clusters  []string `json:"clusters"`
}

// Excluded says that a kind is left alone in the cluster of that address: it is not among the inclusions (if there are any), or
// is among the exclusions, or is one of those that are never delivered (events, leases, metrics).
func (s Settings) Excluded(kind schema.GroupKind, server string) bool {
	always := []ResourceFilter{{APIGroups: []string{"events.k8s.io", "metrics.k8s.io"}}, {APIGroups: []string{""}, Kinds: []string{"Event"}},
		{APIGroups: []string{"coordination.k8s.io"}, Kinds: []string{"Lease"}}}
	matches := func(f ResourceFilter) bool { return f.matches(kind, server) }
	if len(s.Inclusions) > 0 && !slices.ContainsFunc(s.Inclusions, matches) {
		return true
	}
	return slices.ContainsFunc(s.Exclusions, matches) || slices.ContainsFunc(always, matches)
}

func (f ResourceFilter) matches(kind schema.GroupKind, server string) bool {
	return anyGlob(f.APIGroups, kind.Group) && anyGlob(f.Kinds, kind.Kind) && anyGlob(f.Clusters, server)
}

func anyGlob(patterns []string, s string) bool {
	if len(patterns) == 0 {
		return true
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		if p == "*" || p == s {
			return true
		}
		// Servers hold slashes, which a star here means to cover.
		ok, err := path.Match(strings.ReplaceAll(p, "/", "|"), strings.ReplaceAll(s, "/", "|"))
		return ok && err == nil
	})
}

func filters(text string, into *[]ResourceFilter) error {
	return yaml.Unmarshal([]byte(text), into)
}

// Keys of rules by kind: "resource.customizations.ignoreDifferences.apps_Deployment".
const (
	ignoreDifferences = "ignoreDifferences"
	ignoreUpdates     = "ignoreResourceUpdates"
)

// ignoreRules reads the rules of one sort that apply to every application, from keys of their own and from the one map of older
// installations.
func ignoreRules(m map[string]string, sort string) ([]argo.ResourceIgnoreDifferences, []error) {
	var out []argo.ResourceIgnoreDifferences
	var errs []error
	add := func(key, group, kind, text string) {
		rule := argo.ResourceIgnoreDifferences{}
		if err := yaml.Unmarshal([]byte(text), &rule); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s: %w", ConfigMapName, key, err))
			return
		}
		rule.Group, rule.Kind = group, kind
		out = append(out, rule)
	}
	for key, text := range m {
		name, ok := strings.CutPrefix(key, "resource.customizations."+sort+".")
		switch {
		case !ok:
		case name == "all":
			add(key, "*", "*", text)
		default:
			group, kind := splitKind(name, "_")
			add(key, group, kind, text)
		}
	}
	old := map[string]map[string]any{}
	if err := yaml.Unmarshal([]byte(m["resource.customizations"]), &old); err != nil && sort == ignoreDifferences { // said once
		errs = append(errs, fmt.Errorf("%s: resource.customizations: %w", ConfigMapName, err))
	}
	for name, c := range old {
		if text, _ := c[sort].(string); text != "" {
			group, kind := splitKind(name, "/")
			add("resource.customizations", group, kind, text)
		}
	}
	slices.SortFunc(out, func(a, b argo.ResourceIgnoreDifferences) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind))
	})
	return out, errs
}

// splitKind takes "group/Kind" apart; a core kind stands alone.
func splitKind(name, separator string) (group, kind string) {
	if i := strings.LastIndex(name, separator); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// Comparing is how differences are found: resource.compareoptions, and controller.diff.server.side.
type Comparing struct {
	// IgnoreAggregatedRoles leaves out the rules of ClusterRoles that are put together from others.
	IgnoreAggregatedRoles bool
	// Status says of which kinds the status field is left out: "all", "crd" or "none".
	Status string
	// ServerSide asks the API server about every object.
	ServerSide bool
	// UpdatesAlways has changes of ignored fields be news too (ignoreDifferencesOnResourceUpdates: false).
	UpdatesAlways bool
	// Known are the fields of custom resources whose types are known: resource.customizations.knownTypeFields.
	Known []KnownField
	// Hide are annotations of Secrets whose values are masked: resource.sensitive.mask.annotations.
	Hide []string
}

// comparing reads resource.compareoptions.
func comparing(text string, into *Comparing) error {
	var from struct {
		IgnoreAggregatedRoles              bool  `json:"ignoreAggregatedRoles"`
		IgnoreResourceStatusField          any   `json:"ignoreResourceStatusField"`
		IgnoreDifferencesOnResourceUpdates *bool `json:"ignoreDifferencesOnResourceUpdates"`
	}
	if err := yaml.Unmarshal([]byte(text), &from); err != nil {
		return err
	}
	into.IgnoreAggregatedRoles = from.IgnoreAggregatedRoles
	into.UpdatesAlways = from.IgnoreDifferencesOnResourceUpdates != nil && !*from.IgnoreDifferencesOnResourceUpdates
	switch status := fmt.Sprint(from.IgnoreResourceStatusField); status {
	case "<nil>", "", "all":
		into.Status = "all"
	case "crd":
		into.Status = "crd"
	case "none", "off", "false":
		into.Status = "none"
	default:
		return fmt.Errorf("ignoreResourceStatusField: %q is none of crd, all, none", status)
	}
	return nil
}

// IgnoredUpdates are the fields of live objects whose changes alone are no reason to look at an application again.
func (s Settings) IgnoredUpdates() []argo.ResourceIgnoreDifferences {
	if s.UpdatesUnfiltered {
		return nil
	}
	if s.Comparing.UpdatesAlways {
		return s.IgnoreUpdates
	}
	return slices.Concat(s.IgnoreUpdates, s.IgnoreDifferences)
}
