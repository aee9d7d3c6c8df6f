package project

import (
	"fmt"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Violation is a reason why an application may not be synced. Field is a path in the Application, such as
// "spec.sources[1].repoURL".
type Violation struct {
	Field   string
	Message string
}

// Check lists what of an application its project does not permit, and what of its spec is incomplete, with Argo CD's
// texts. The destination is taken as the spec names it, by server or by name; CheckIn takes the registered cluster.
func Check(app *argo.Application, proj *argo.AppProject) []Violation {
	d := app.Spec.Destination
	return New(proj, Scope{}).CheckIn(app, Destination{Server: d.Server, Name: d.Name, Namespace: d.Namespace})
}

// CheckIn is Check against a destination that has been looked up.
func (p Permits) CheckIn(app *argo.Application, d Destination) []Violation {
	found := Spec(&app.Spec)
	for i, source := range app.Spec.SourceList() {
		if source.RepoURL != "" && !p.Source(source.RepoURL) {
			found = append(found, Violation{sourceField(&app.Spec, i) + ".repoURL",
				fmt.Sprintf("application repo %s is not permitted in project '%s'", source.RepoURL, p.name)})
		}
	}
	if h := app.Spec.SourceHydrator; h != nil && !p.Source(h.DrySource.RepoURL) {
		found = append(found, Violation{"spec.sourceHydrator.drySource.repoURL",
			fmt.Sprintf("application repo %s is not permitted in project '%s'", h.DrySource.RepoURL, p.name)})
	}
	if (d.Server != "" || d.Name != "") && !p.Destination(d) {
		cluster := d.Server
		if cluster == "" {
			cluster = d.Name
		}
		found = append(found, Violation{"spec.destination", fmt.Sprintf(
			"application destination server '%s' and namespace '%s' do not match any of the allowed destinations in project '%s'",
			cluster, d.Namespace, p.name)})
	}
	return found
}

// Spec lists what is missing or contradictory in a spec whatever the project.
func Spec(spec *argo.ApplicationSpec) []Violation {
	var found []Violation
	sources := spec.SourceList()
	if len(sources) == 0 {
		found = append(found, Violation{"spec.source", "spec.source.repoURL and either spec.source.path or spec.source.chart are required"})
	}
	for i := range sources {
		if message := incomplete(&sources[i], spec.HasMultipleSources()); message != "" {
			found = append(found, Violation{sourceField(spec, i), message})
		}
	}
	switch d := spec.Destination; {
	case d.Server != "" && d.Name != "":
		found = append(found, Violation{"spec.destination",
			fmt.Sprintf("application destination can't have both name and server defined: %s %s", d.Name, d.Server)})
	case d.Server == "" && d.Name == "":
		found = append(found, Violation{"spec.destination", "Destination server missing from app spec"})
	}
	return found
}

func incomplete(s *argo.ApplicationSource, oneOfSeveral bool) string {
	switch {
	case oneOfSeveral && (s.RepoURL == "" || s.Path == "" && s.Chart == "" && s.Ref == ""):
		return fmt.Sprintf("spec.source.repoURL and either source.path, source.chart, or source.ref are required for source %s", s.RepoURL)
	case !oneOfSeveral && (s.RepoURL == "" || s.Path == "" && s.Chart == ""):
		return "spec.source.repoURL and either spec.source.path or spec.source.chart are required"
	case s.Chart != "" && s.TargetRevision == "":
		return "spec.source.targetRevision is required if the manifest source is a helm chart"
	case s.Path != "" && s.Chart != "":
		return "spec.source.path and spec.source.chart exclude each other"
	}
	return ""
}

func sourceField(spec *argo.ApplicationSpec, i int) string {
	switch {
	case len(spec.Sources) > 0:
		return fmt.Sprintf("spec.sources[%d]", i)
	case spec.SourceHydrator != nil:
		return "spec.sourceHydrator.syncSource"
	default:
		return "spec.source"
	}
}
