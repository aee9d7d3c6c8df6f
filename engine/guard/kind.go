package guard

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/object"
)

// kindExists finds objects of kinds that the destination does not serve and that no CustomResourceDefinition of the same
// application brings.
func kindExists(f Facts) []Finding {
	if f.Serves == nil {
		return nil
	}
	brought := defined(f.After)
	var found []Finding
	for _, o := range f.After.All() {
		id := o.ID()
		if f.Serves(id.Group, id.Kind) || brought[[2]string{id.Group, id.Kind}] || skipsDryRun(o) {
			continue
		}
		found = append(found, Finding{
			Place: o.Place, ID: id, Check: "kind-exists", Severity: Block,
			Message: fmt.Sprintf("the destination does not know the kind %s in %s", id.Kind, o.GetAPIVersion()),
			Hint:    "mend apiVersion and kind, or install the CustomResourceDefinition first",
		})
	}
	return found
}

// defined are the kinds that CustomResourceDefinitions among the objects bring.
func defined(s *object.Set) map[[2]string]bool {
	kinds := map[[2]string]bool{}
	for _, o := range s.All() {
		if o.ID().Group != "apiextensions.k8s.io" || o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		group, _, _ := unstructured.NestedString(o.Unstructured.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(o.Unstructured.Object, "spec", "names", "kind")
		kinds[[2]string{group, kind}] = true
	}
	return kinds
}
