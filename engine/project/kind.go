package project

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// Kind reports whether objects of a kind are permitted. For namespaced kinds an absent whitelist permits all and an
// empty one none; for cluster-scoped kinds an absent or empty whitelist permits none, and entries may narrow to a name.
// The blacklist always takes away.
func (p Permits) Kind(gk schema.GroupKind, namespaced bool, name string) bool {
	if namespaced {
		return (p.spec.NamespaceResourceWhitelist == nil || listsKind(p.spec.NamespaceResourceWhitelist, gk)) &&
			!listsKind(p.spec.NamespaceResourceBlacklist, gk)
	}
	return listsObject(p.spec.ClusterResourceWhitelist, gk, name) && !listsObject(p.spec.ClusterResourceBlacklist, gk, name)
}

func listsKind(list []metav1.GroupKind, gk schema.GroupKind) bool {
	for _, item := range list {
		if matchKind(item.Group, gk.Group) && matchKind(item.Kind, gk.Kind) {
			return true
		}
	}
	return false
}

func listsObject(list []argo.ClusterResourceRestrictionItem, gk schema.GroupKind, name string) bool {
	for _, item := range list {
		if matchKind(item.Group, gk.Group) && matchKind(item.Kind, gk.Kind) && (item.Name == "" || matchGlob(item.Name, name)) {
			return true
		}
	}
	return false
}

// Object says why an object may not be managed in a cluster, or "" if it may: its kind must be permitted, and for a
// namespaced object its own namespace, not only the application's. The texts are Argo CD's.
func (p Permits) Object(id object.ID, namespaced bool, cluster Destination) string {
	if !p.Kind(id.GroupKind(), namespaced, id.Name) {
		return fmt.Sprintf("resource %s:%s is not permitted in project %s", id.Group, id.Kind, p.name)
	}
	if !namespaced {
		return ""
	}
	cluster.Namespace = id.Namespace
	if !p.Destination(cluster) {
		return fmt.Sprintf("namespace %s is not permitted in project '%s'", id.Namespace, p.name)
	}
	return ""
}
