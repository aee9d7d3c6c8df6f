package sync

import (
	"strings"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

func TestMayAdopt(t *testing.T) {
	app := func(namespace, name, project, adoptedBy string) *argo.Application {
		a := automated()
		a.Namespace, a.Name, a.Spec.Project = namespace, name, project
		if adoptedBy != "" {
			a.Annotations = map[string]string{slipway.AdoptedByAnnotation: adoptedBy}
		}
		return a
	}
	for name, c := range map[string]struct {
		adopter, old *argo.Application
		may          bool
	}{
		"of one project":                   {app("argocd", "new", "team", ""), app("argocd", "old", "team", ""), true},
		"of the default one, named or not": {app("argocd", "new", "", ""), app("argocd", "old", "default", ""), true},
		"of another project":               {app("argocd", "new", "other", ""), app("argocd", "old", "team", ""), false},
		"named on both":                    {app("argocd", "new", "other", ""), app("argocd", "old", "team", "new"), true},
		"named on both, elsewhere":         {app("apps", "new", "other", ""), app("argocd", "old", "team", "apps/new"), true},
		"a namesake elsewhere is named":    {app("apps", "new", "other", ""), app("argocd", "old", "team", "new"), false},
		"somebody else is named":           {app("argocd", "new", "other", ""), app("argocd", "old", "team", "newest"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if reason := MayAdopt(c.adopter, c.old); (reason == "") != c.may {
				t.Error(reason)
			}
		})
	}
}

// An Application that is pruned in the sync that brings who adopts from it goes last: before that its finalizer would take all along.
func TestAnAdoptedApplicationIsPrunedLast(t *testing.T) {
	application := func(name string, annotations ...string) func() Plan {
		return func() Plan {
			old := thing("argoproj.io", "Application", "old")
			fresh := thing("argoproj.io", "Application", name, annotations...)
			in := Input{Desired: set(fresh), Live: newWorld(old).live, Operation: argo.SyncOperation{Prune: true}, Now: start, StartedAt: start, Tried: Tried{DryRun: true}}
			for id := range in.Live {
				in.Prunable = append(in.Prunable, id)
			}
			return Next(in)
		}
	}
	verbs := func(p Plan) string {
		var all []string
		for _, group := range p.Step.Groups {
			for _, a := range group {
				all = append(all, string(a.Verb)+" "+a.ID.Name)
			}
		}
		return strings.Join(all, ", ")
	}
	if got := verbs(application("new")()); got != "prune old, apply new" {
		t.Errorf("without adoption: %s", got)
	}
	if got := verbs(application("new", slipway.AdoptFromAnnotation, "old")()); got != "apply new" {
		t.Errorf("first step: %s", got)
	}
}
