package project

import (
	"fmt"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// OfSet is the name of the project that an ApplicationSet's template names outright, or "".
func OfSet(set *argo.ApplicationSet) string {
	if name := set.Spec.Template.Spec.Project; !strings.Contains(name, "{{") {
		return name
	}
	return ""
}

// Generates says why the generators of a set must not read a repository with credentials that are not its author's, or nil. Whoever may
// write sets elsewhere than in the control namespace reads what their project permits and nothing else: what is listed becomes names and
// labels that they see. The project is that of OfSet; nil does not exist.
func Generates(set *argo.ApplicationSet, proj *argo.AppProject, scope Scope, control, repoURL string) *object.Fault {
	const field = "spec.template.spec.project"
	name := OfSet(set)
	switch {
	case set.Namespace == control:
		return nil
	case name == "":
		return &object.Fault{Field: field, Message: "a set outside the control namespace that reads repositories names its project outright"}
	case proj == nil || !New(proj, Scope{}).SourceNamespace(set.Namespace, control):
		return &object.Fault{Field: field, Message: fmt.Sprintf("sets of namespace %q are not allowed to use project %q", set.Namespace, name),
			Hint: "its sourceNamespaces say whose are"}
	case !New(proj, scope).Source(repoURL):
		return &object.Fault{Message: fmt.Sprintf("repository %s is not permitted in project %q", repoURL, name)}
	}
	return nil
}
