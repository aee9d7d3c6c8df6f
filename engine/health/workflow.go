package health

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func workflow(u *unstructured.Unstructured) (*Health, error) {
	phase, _, err := unstructured.NestedString(u.Object, "status", "phase")
	if err != nil {
		return nil, err
	}
	message, _, err := unstructured.NestedString(u.Object, "status", "message")
	if err != nil {
		return nil, err
	}
	switch phase {
	case "", "Pending", "Running":
		return &Health{Progressing, message}, nil
	case "Succeeded":
		return &Health{Healthy, message}, nil
	case "Failed", "Error":
		return &Health{Degraded, message}, nil
	}
	return &Health{Unknown, message}, nil
}
