package cluster

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// content is an object without what the server counts and without status: the part whose changes matter.
func content(u *unstructured.Unstructured) map[string]any {
	out := make(map[string]any, len(u.Object))
	for k, v := range u.Object {
		if k != "status" {
			out[k] = v
		}
	}
	metadata, _ := u.Object["metadata"].(map[string]any)
	kept := make(map[string]any, len(metadata))
	for k, v := range metadata {
		if k != "resourceVersion" && k != "generation" && k != "managedFields" {
			kept[k] = v
		}
	}
	out["metadata"] = kept
	return out
}
