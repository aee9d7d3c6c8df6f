package project

import (
	"fmt"
	"slices"
	"strings"
)

// Previews says why the project must not hold what pull requests make, or "" when it may. Whoever may open a pull request has a hand in
// such applications, so the project confines them to namespaces of one pattern, and to no kind of the whole cluster but the Namespace
// itself.
func (p Permits) Previews() string {
	var patterns []string
	for _, d := range p.spec.Destinations {
		if isDenial(d.Namespace) || isDenial(d.Server) || isDenial(d.Name) {
			continue
		}
		if !slices.Contains(patterns, d.Namespace) {
			patterns = append(patterns, d.Namespace)
		}
	}
	switch {
	case len(patterns) == 0:
		return fmt.Sprintf("project %s has no destinations; previews need one pattern of namespaces, such as preview-*", p.name)
	case len(patterns) > 1:
		return fmt.Sprintf("project %s has destinations in %s; one that holds previews has one pattern of namespaces, such as preview-*", p.name, strings.Join(patterns, " and "))
	case strings.Trim(patterns[0], "*?") == "":
		return fmt.Sprintf("project %s lets applications into every namespace (%q); one that holds previews has one pattern, such as preview-*", p.name, patterns[0])
	}
	for _, k := range p.spec.ClusterResourceWhitelist {
		if k.Group != "" || k.Kind != "Namespace" {
			return fmt.Sprintf("project %s permits the kind %s of whole clusters (clusterResourceWhitelist); one that holds previews permits Namespace at most",
				p.name, strings.TrimPrefix(k.Group+"/"+k.Kind, "/"))
		}
	}
	return ""
}
