package v1alpha1

import "strings"

// Annotations by which an Application that was renamed or moved keeps its objects.
const (
	// AdoptFromAnnotation, on the new Application, names the one whose objects it takes over: NAME in its own namespace, or NAMESPACE/NAME.
	// Both have to be in the same AppProject, unless the old one names the new one by AdoptedByAnnotation.
	//
	// The new one applies what it wants over the old one's objects, and prunes nothing in the sync that takes them over. The old one no
	// longer syncs by itself, and when it is deleted it deletes nothing and runs no hooks of its deletion: what the new one does not want
	// stays. That holds while both are for the same cluster.
	AdoptFromAnnotation = "slipway.dev/adopt-from"
	// AdoptedByAnnotation, on the old Application, names the new one in the same form.
	AdoptedByAnnotation = "slipway.dev/adopted-by"
)

// ApplicationNamed reads NAME or NAMESPACE/NAME from an Application's annotation; a NAME alone is of the Application's own namespace.
// It is nil where nothing is named.
func ApplicationNamed(annotations map[string]string, key, namespace string) *ApplicationRef {
	name := strings.TrimSpace(annotations[key])
	if elsewhere, of, found := strings.Cut(name, "/"); found {
		namespace, name = elsewhere, of
	}
	if name == "" || namespace == "" {
		return nil
	}
	return &ApplicationRef{Namespace: namespace, Name: name}
}
