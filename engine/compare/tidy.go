package compare

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// lastApplied is where kubectl's and Argo CD's client-side apply keep the whole object, Secrets included.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// serverWritten are the metadata fields that only the API server writes.
var serverWritten = []string{"managedFields", "creationTimestamp", "resourceVersion", "uid", "generation", "selfLink",
	"deletionTimestamp", "deletionGracePeriodSeconds"}

// noise are annotations that say nothing about what the object is.
var noise = []string{lastApplied, TrackingAnnotation, InstallationAnnotation, "deployment.kubernetes.io/revision"}

// tidy is a copy of u without what only the API server or we write. Values stay as they are: it masks nothing.
func tidy(u *unstructured.Unstructured) *unstructured.Unstructured {
	if u == nil {
		return nil
	}
	out := u.DeepCopy()
	delete(out.Object, "status")
	metadata, ok := out.Object["metadata"].(map[string]any)
	if !ok {
		return out
	}
	for _, f := range serverWritten {
		delete(metadata, f)
	}
	if annotations, ok := metadata["annotations"].(map[string]any); ok {
		for _, a := range noise {
			delete(annotations, a)
		}
	}
	for _, f := range []string{"annotations", "labels"} {
		if m, ok := metadata[f].(map[string]any); (ok && len(m) == 0) || (!ok && metadata[f] == nil) {
			delete(metadata, f)
		}
	}
	return out
}
