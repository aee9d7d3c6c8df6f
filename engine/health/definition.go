package health

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// definition judges a CustomResourceDefinition: its kind is of use once it is established under the names it wants.
func definition(u *unstructured.Unstructured) (*Health, error) {
	established := false
	for _, c := range conditionsOf(u) {
		switch {
		case c.Type == "NamesAccepted" && c.Status == "False":
			return &Health{Degraded, c.Message}, nil
		case c.Type == "Terminating" && c.Status == "True":
			return &Health{Progressing, c.Message}, nil
		case c.Type == "Established" && c.Status == "True":
			established = true
		}
	}
	if !established {
		return progressing("Waiting for the kind to be established"), nil
	}
	return healthy(""), nil
}
