package health

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// definition judges a CustomResourceDefinition: its kind is of use once it is established under the names it wants.
func definition(u *unstructured.Unstructured) (*Health, error) {
	all := conditionsOf(u)
	if len(all) == 0 {
		return progressing("Status conditions not found"), nil
	}
	established := false
	for _, c := range all {
		switch {
		case c.Type == "Terminating" && c.Status == "True":
			return progressing("CRD is terminating: %s", c.Message), nil
		case c.Type == "NamesAccepted" && c.Status == "False":
			return degraded("CRD names have not been accepted: %s", c.Message), nil
		case c.Type == "NonStructuralSchema" && c.Status == "True":
			return degraded("Schema violations found: %s", c.Message), nil
		case c.Type == "Established" && c.Status == "True":
			established = true
		case c.Type == "Established" && c.Reason == "Installing":
			return progressing("CRD is being installed"), nil
		}
	}
	if !established {
		return degraded("CRD is not established"), nil
	}
	return healthy("CRD is healthy"), nil
}
