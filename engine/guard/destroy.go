package guard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// holdsData are the kinds whose removal takes data, or other objects, with it.
var holdsData = map[[2]string]string{
	{"", "PersistentVolumeClaim"}:                        "its data may go with it",
	{"", "Namespace"}:                                    "everything in it goes with it",
	{"apps", "StatefulSet"}:                              "its pods stop; its claims stay unless their retention policy says otherwise",
	{"apiextensions.k8s.io", "CustomResourceDefinition"}: "every object of that kind goes with it",
}

// destroys warns of removals that cannot be undone by applying the old manifests again.
func destroys(f Facts) []Finding {
	var found []Finding
	for _, d := range f.Differences {
		consequence, dangerous := holdsData[[2]string{d.ID.Group, d.ID.Kind}]
		if d.Kind != compare.Removed || !dangerous {
			continue
		}
		found = append(found, Finding{
			Place: d.Place, ID: d.ID, Check: "destroys", Severity: Warn,
			Message: fmt.Sprintf("%s is removed: %s", d.ID, consequence),
		})
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
