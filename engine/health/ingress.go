package health

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func ingress(u *unstructured.Unstructured) (*Health, error) {
	addresses, _, err := unstructured.NestedSlice(u.Object, "status", "loadBalancer", "ingress")
	if err != nil {
		return nil, err
	}
	if len(addresses) == 0 {
		return progressing("Waiting for the ingress controller to set an address"), nil
	}
	return healthy(""), nil
}
