package guard

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/kubernetes/scheme"
)

// lifecycle is what Kubernetes has published of a version of a kind: since when it is deprecated, when it goes, and what takes its place.
type lifecycle struct {
	deprecated, removed *version.Version // nil where that is not decided
	// instead is the version to use, in words; empty where nothing takes its place.
	instead string
}

// lifecycleOf finds what is published. Most of it comes with the types themselves, as the API server has it for its warnings; kinds that
// are gone from the library stand in a table.
func lifecycleOf(gvk schema.GroupVersionKind) (lifecycle, bool) {
	if gone, ok := departed[gvk]; ok {
		return gone, true
	}
	o, err := scheme.Scheme.New(gvk)
	if err != nil {
		return lifecycle{}, false
	}
	d, ok := o.(interface{ APILifecycleDeprecated() (major, minor int) })
	if !ok {
		return lifecycle{}, false
	}
	var l lifecycle
	l.deprecated = minor(d.APILifecycleDeprecated())
	if r, ok := o.(interface{ APILifecycleRemoved() (major, minor int) }); ok {
		l.removed = minor(r.APILifecycleRemoved())
	}
	if r, ok := o.(interface {
		APILifecycleReplacement() schema.GroupVersionKind
	}); ok {
		l.instead = written(r.APILifecycleReplacement())
	}
	return l, true
}

func minor(major, minor int) *version.Version {
	if major == 0 {
		return nil
	}
	return version.MajorMinor(uint(major), uint(minor)) //nolint:gosec // small numbers of our own
}

func written(gvk schema.GroupVersionKind) string {
	if gvk.Version == "" {
		return ""
	}
	return fmt.Sprintf("%s %s", gvk.GroupVersion(), gvk.Kind)
}

// departed are versions that the linked libraries no longer have, from the deprecation guide of Kubernetes
// (https://kubernetes.io/docs/reference/using-api/deprecation-guide/).
var departed = map[schema.GroupVersionKind]lifecycle{
	{Group: "extensions", Version: "v1beta1", Kind: "PodSecurityPolicy"}:                  between(11, 16, "the Pod Security admission's labels on namespaces"),
	{Group: "policy", Version: "v1beta1", Kind: "PodSecurityPolicy"}:                      between(21, 25, "the Pod Security admission's labels on namespaces"),
	{Group: "autoscaling", Version: "v2beta1", Kind: "HorizontalPodAutoscaler"}:           between(22, 25, "autoscaling/v2 HorizontalPodAutoscaler"),
	{Group: "autoscaling", Version: "v2beta2", Kind: "HorizontalPodAutoscaler"}:           between(23, 26, "autoscaling/v2 HorizontalPodAutoscaler"),
	{Group: "apiextensions.k8s.io", Version: "v1beta1", Kind: "CustomResourceDefinition"}: between(16, 22, "apiextensions.k8s.io/v1 CustomResourceDefinition"),
	{Group: "apiregistration.k8s.io", Version: "v1beta1", Kind: "APIService"}:             between(19, 22, "apiregistration.k8s.io/v1 APIService"),
}

// between is the life of a version from its deprecation in Kubernetes 1.x to its removal in a later one.
func between(deprecated, removed uint, instead string) lifecycle {
	return lifecycle{version.MajorMinor(1, deprecated), version.MajorMinor(1, removed), instead}
}
