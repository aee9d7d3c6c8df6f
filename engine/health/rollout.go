package health

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// rollout judges an Argo Rollout by the phase that its controller gives it.
func rollout(u *unstructured.Unstructured) (*Health, error) {
	status, _, err := unstructured.NestedMap(u.Object, "status")
	if err != nil {
		return nil, err
	}
	message, _ := status["message"].(string)
	switch status["phase"] {
	case "Healthy":
		return &Health{Healthy, message}, nil
	case "Degraded":
		return &Health{Degraded, message}, nil
	case "Paused":
		return &Health{Suspended, message}, nil
	}
	return &Health{Progressing, message}, nil
}
