package cluster

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// links are what makes one object part of another without an owner reference saying so.
type links struct {
	// kind, namespace and name of the object that it belongs to; kind is empty if there is none.
	group, kind, namespace, name string
	// claims are the names of a StatefulSet's claim templates: its PersistentVolumeClaims are called "<claim>-<set>-<ordinal>".
	claims []string
}

// linksOf infers what an object belongs to:
//   - Endpoints and EndpointSlices to the Service of their name or label,
//   - a token Secret to its ServiceAccount,
//   - a PersistentVolume to the claim that is bound to it.
func linksOf(u *unstructured.Unstructured) links {
	switch gvk := u.GroupVersionKind(); gvk.GroupKind() {
	case schema.GroupKind{Kind: "Endpoints"}:
		return links{kind: "Service", namespace: u.GetNamespace(), name: u.GetName()}
	case schema.GroupKind{Group: "discovery.k8s.io", Kind: "EndpointSlice"}:
		if service := u.GetLabels()["kubernetes.io/service-name"]; service != "" {
			return links{kind: "Service", namespace: u.GetNamespace(), name: service}
		}
	case schema.GroupKind{Kind: "Secret"}:
		account := u.GetAnnotations()["kubernetes.io/service-account.name"]
		if u.Object["type"] == "kubernetes.io/service-account-token" && account != "" {
			return links{kind: "ServiceAccount", namespace: u.GetNamespace(), name: account}
		}
	case schema.GroupKind{Kind: "PersistentVolume"}:
		spec, _ := u.Object["spec"].(map[string]any)
		claim, _ := spec["claimRef"].(map[string]any)
		name, _ := claim["name"].(string)
		namespace, _ := claim["namespace"].(string)
		if name != "" {
			return links{kind: "PersistentVolumeClaim", namespace: namespace, name: name}
		}
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		return links{claims: claimsOf(u)}
	}
	return links{}
}

func claimsOf(set *unstructured.Unstructured) []string {
	spec, _ := set.Object["spec"].(map[string]any)
	templates, _ := spec["volumeClaimTemplates"].([]any)
	var out []string
	for _, t := range templates {
		m, _ := t.(map[string]any)
		metadata, _ := m["metadata"].(map[string]any)
		if name, _ := metadata["name"].(string); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// claimedBy says whether a PersistentVolumeClaim's name is one that a StatefulSet gives.
func claimedBy(claim, set string, templates []string) bool {
	for _, t := range templates {
		ordinal, ok := strings.CutPrefix(claim, t+"-"+set+"-")
		if ok && ordinal != "" && strings.Trim(ordinal, "0123456789") == "" {
			return true
		}
	}
	return false
}
