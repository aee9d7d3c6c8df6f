// Package project says what an AppProject permits: sources, destinations, kinds and namespaces of applications.
//
// It decides over values only. Reconcilers, the pull-request pipeline and the bot ask it before anything is fetched or
// applied. Where Argo CD's matching has surprises they are kept, since existing projects are written for them; each is
// named beside the code that has it, and none of them widens what a project permits in Argo CD.
package project

import (
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Scope is what is registered for one project alone and thereby permitted to it without being listed.
type Scope struct {
	// Repositories are URLs of repository secrets that name the project.
	Repositories []string
	// Clusters are those whose secrets name the project.
	Clusters []ScopedCluster
}

// ScopedCluster is a cluster that is registered for one project.
type ScopedCluster struct {
	Server, Name string
	// Namespaces limits it; empty means all.
	Namespaces []string
}

// Destination is a cluster, as far as it is known by URL and by name, and a namespace in it. For a decision that matters
// both Server and Name should be those of the registered cluster: a destination known by one of them only is refused
// where a rule speaks of the other.
type Destination struct {
	Server, Name, Namespace string
}

// Permits answers questions about one project. The zero value permits nothing.
type Permits struct {
	name  string
	spec  argo.AppProjectSpec
	scope Scope
}

// New reads a project. It keeps no reference into proj's changing parts and must not be used after proj is altered.
func New(proj *argo.AppProject, scope Scope) Permits {
	return Permits{name: proj.Name, spec: proj.Spec, scope: scope}
}

// Default is the project "default" as it is created where there is none: everything is permitted.
func Default(namespace string) *argo.AppProject {
	p := &argo.AppProject{}
	p.APIVersion, p.Kind = "argoproj.io/v1alpha1", "AppProject"
	p.Name, p.Namespace = argo.DefaultProject, namespace
	p.Spec = argo.AppProjectSpec{
		SourceRepos:              []string{"*"},
		Destinations:             []argo.ApplicationDestination{{Server: "*", Namespace: "*"}},
		ClusterResourceWhitelist: []argo.ClusterResourceRestrictionItem{{Group: "*", Kind: "*"}},
	}
	return p
}

// Name is the project's.
func (p Permits) Name() string { return p.name }

// Source reports whether a repository, chart repository or OCI artifact may be used. At least one entry must match and no
// entry may deny. A denying entry (a leading "!") counts as a match for whatever it does not deny, so a list of denials
// only permits the rest.
func (p Permits) Source(repoURL string) bool {
	url := normalizeURL(repoURL)
	if url == "" {
		return false
	}
	matched := false
	for _, entry := range append(p.scope.Repositories[:len(p.scope.Repositories):len(p.scope.Repositories)], p.spec.SourceRepos...) {
		pattern, denies := strings.CutPrefix(entry, "!")
		hit := matchURL(normalizeURL(pattern), url, denies)
		if denies && hit {
			return false
		}
		matched = matched || hit || denies
	}
	return matched
}

// Destination reports whether objects may be put there. See entry for how one line of the project is read.
func (p Permits) Destination(d Destination) bool {
	d.Server = strings.TrimSuffix(d.Server, "/")
	if p.spec.PermitOnlyProjectScopedClusters && !p.scoped(d) {
		return false
	}
	permitted := false
	for _, e := range p.destinations() {
		matched, denied := entry(e, d)
		if denied {
			return false
		}
		permitted = permitted || matched
	}
	return permitted
}

// destinations are the project's own lines and those of clusters registered for it.
func (p Permits) destinations() []argo.ApplicationDestination {
	lines := append([]argo.ApplicationDestination(nil), p.spec.Destinations...)
	for _, c := range p.scope.Clusters {
		namespaces := c.Namespaces
		if len(namespaces) == 0 {
			namespaces = []string{"*"}
		}
		for _, ns := range namespaces {
			lines = append(lines, argo.ApplicationDestination{Server: c.Server, Namespace: ns})
		}
	}
	return lines
}

func (p Permits) scoped(d Destination) bool {
	for _, c := range p.scope.Clusters {
		if d.Server != "" && strings.TrimSuffix(c.Server, "/") == d.Server || d.Server == "" && d.Name != "" && c.Name == d.Name {
			return true
		}
	}
	return false
}

// entry reads one line: it permits when (server or name matches) and namespace matches. It denies, and that comes first,
// when its name is a denial that hits, whatever the namespace (Argo CD's operator precedence, kept); when its server is a
// denial that hits and the namespace matches; or when its namespace is a denial that hits and the cluster's server
// matches. An empty server or name of either side matches nothing, and a denial of it is taken to hit, so that a
// destination known by half is refused.
func entry(e argo.ApplicationDestination, d Destination) (matched, denied bool) {
	name := d.Name != "" && matchWord(e.Name, d.Name)
	server := d.Server != "" && matchWord(strings.TrimSuffix(e.Server, "/"), d.Server)
	namespace := matchWord(e.Namespace, d.Namespace)
	denied = !name && isDenial(e.Name) ||
		!server && isDenial(e.Server) && namespace ||
		!namespace && isDenial(e.Namespace) && server
	return (server || name) && namespace, denied
}

// SourceNamespace reports whether an application that lies in namespace may use the project. Applications in the control
// namespace always may.
func (p Permits) SourceNamespace(namespace, control string) bool {
	return namespace == "" || namespace == control || MatchesNamespace(p.spec.SourceNamespaces, namespace)
}
