package guard

import (
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/object"
)

// kindExists finds objects of kinds that the destination does not serve and that no CustomResourceDefinition of the change brings.
// Those that Kubernetes once had are another guard's.
func kindExists(f Facts) []Finding {
	if f.Serves == nil {
		return nil
	}
	var found []Finding
	for _, o := range f.After.All() {
		gvk := o.GroupVersionKind()
		if len(f.Serves(gvk.GroupKind())) > 0 || len(f.Brought.Kinds[gvk.GroupKind()]) > 0 || skipsDryRun(o) || past(gvk, f.Version) {
			continue
		}
		x := about(o, Kinds, "the destination does not know the kind %s in %s", gvk.Kind, o.GetAPIVersion())
		x.Hint = "mend apiVersion and kind, or install the CustomResourceDefinition first"
		found = append(found, x)
	}
	return found
}

// skipsDryRun says whether the author has declared that the kind may be missing.
func skipsDryRun(o object.Object) bool {
	options := strings.Split(o.GetAnnotations()["argocd.argoproj.io/sync-options"], ",")
	return slices.ContainsFunc(options, func(s string) bool {
		return strings.TrimSpace(s) == "SkipDryRunOnMissingResource=true"
	})
}
