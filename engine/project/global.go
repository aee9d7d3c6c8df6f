package project

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Global says which projects inherit from one: those whose labels its selector takes, but for itself. It is one entry of globalProjects in
// argocd-cm.
type Global struct {
	Project  string
	Selector labels.Selector
}

// Inherits names the global projects of proj, in the order of the settings.
func Inherits(proj *argo.AppProject, globals []Global) []string {
	var names []string
	for _, g := range globals {
		if g.Project != proj.Name && g.Selector.Matches(labels.Set(proj.Labels)) && !slices.Contains(names, g.Project) {
			names = append(names, g.Project)
		}
	}
	return names
}

// Inherit is proj with what its global projects add: sources, destinations, permitted and denied kinds, sync windows and service accounts
// of destinations are appended, as Argo CD does. So a denial there denies here, and a list that is empty here, where that means "all",
// is there a list of what is permitted. The resourceVersion then tells the versions of all. find gives nil for a project that does not
// exist: it adds nothing. proj itself is not changed, and is what is returned where it inherits nothing.
func Inherit(proj *argo.AppProject, globals []Global, find func(name string) (*argo.AppProject, error)) (*argo.AppProject, error) {
	names := Inherits(proj, globals)
	if len(names) == 0 {
		return proj, nil
	}
	out := proj.DeepCopy()
	for _, name := range names {
		from, err := find(name)
		if err != nil {
			return nil, fmt.Errorf("reading global project %s of project %s: %w", name, proj.Name, err)
		}
		if from == nil {
			continue
		}
		out.ResourceVersion += "/" + from.ResourceVersion
		to, add := &out.Spec, from.DeepCopy().Spec
		to.SourceRepos = append(to.SourceRepos, add.SourceRepos...)
		to.Destinations = append(to.Destinations, add.Destinations...)
		to.ClusterResourceWhitelist = append(to.ClusterResourceWhitelist, add.ClusterResourceWhitelist...)
		to.ClusterResourceBlacklist = append(to.ClusterResourceBlacklist, add.ClusterResourceBlacklist...)
		to.NamespaceResourceWhitelist = append(to.NamespaceResourceWhitelist, add.NamespaceResourceWhitelist...)
		to.NamespaceResourceBlacklist = append(to.NamespaceResourceBlacklist, add.NamespaceResourceBlacklist...)
		to.SyncWindows = append(to.SyncWindows, add.SyncWindows...)
		to.DestinationServiceAccounts = append(to.DestinationServiceAccounts, add.DestinationServiceAccounts...)
	}
	return out, nil
}
