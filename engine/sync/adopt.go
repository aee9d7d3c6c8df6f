package sync

import (
	"fmt"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// MayAdopt says why an application must not take over the objects of another that it names, or "". It is to be known already that each
// may be in its project.
func MayAdopt(adopter, old *argo.Application) string {
	if adopter.Spec.ProjectName() == old.Spec.ProjectName() {
		return ""
	}
	by := slipway.ApplicationNamed(old.Annotations, slipway.AdoptedByAnnotation, old.Namespace)
	if by != nil && by.Namespace == adopter.Namespace && by.Name == adopter.Name {
		return ""
	}
	return fmt.Sprintf("%s: application %s/%s is in project %s and this one in %s; put both into one, or annotate that one with %s: %s/%s",
		slipway.AdoptFromAnnotation, old.Namespace, old.Name, old.Spec.ProjectName(), adopter.Spec.ProjectName(),
		slipway.AdoptedByAnnotation, adopter.Namespace, adopter.Name)
}

// adopted are the Applications whose objects wanted Applications take over. They must not go before those have come.
func (in *Input) adopted() map[object.ID]bool {
	found := map[object.ID]bool{}
	for _, o := range in.Desired.All() {
		if k := o.GroupVersionKind(); k.Group != "argoproj.io" || k.Kind != "Application" {
			continue
		}
		if old := slipway.ApplicationNamed(o.GetAnnotations(), slipway.AdoptFromAnnotation, o.GetNamespace()); old != nil {
			found[object.ID{Group: "argoproj.io", Kind: "Application", Namespace: old.Namespace, Name: old.Name}] = true
		}
	}
	return found
}
