package health

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func apiService(u *unstructured.Unstructured) (*Health, error) {
	for _, c := range conditionsOf(u) {
		if c.Type != "Available" {
			continue
		}
		message := c.Reason + ": " + c.Message
		if c.Status == "True" {
			return &Health{Healthy, message}, nil
		}
		return &Health{Progressing, message}, nil
	}
	return progressing("Waiting to be processed"), nil
}
