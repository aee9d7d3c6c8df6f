package compare

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// canonicalPair writes two forms of one object in one way, so that only what means something else differs: quantities ("1000m"
// is "1"), empty lists that are left out, and defaults within lists that the server merges as a whole. Objects with fields that
// we do not know are left as they are, both.
func canonicalPair(a, b *unstructured.Unstructured) (*unstructured.Unstructured, *unstructured.Unstructured) {
	ca, okA := canonical(a)
	cb, okB := canonical(b)
	if okA && okB {
		dropEmptyLists(ca.Object)
		dropEmptyLists(cb.Object)
	} else {
		ca, cb = a.DeepCopy(), b.DeepCopy()
	}
	for _, u := range []*unstructured.Unstructured{ca, cb} {
		dropNulls(u.Object)
		fillDefaults(u)
	}
	return ca, cb
}

// canonical takes an object of a kind that Kubernetes defines through its Go type and back.
func canonical(u *unstructured.Unstructured) (*unstructured.Unstructured, bool) {
	known, err := scheme.Scheme.New(u.GroupVersionKind())
	if err != nil {
		return nil, false
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.DeepCopy().Object, known, true); err != nil {
		return nil, false
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(known)
	if err != nil {
		return nil, false
	}
	return &unstructured.Unstructured{Object: content}, true
}

// dropEmptyLists removes what, in the kinds that Kubernetes defines, means the same as nothing.
func dropEmptyLists(v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, v := range x {
			if list, ok := v.([]any); ok && len(list) == 0 {
				delete(x, k)
				continue
			}
			dropEmptyLists(v)
		}
	case []any:
		for _, v := range x {
			dropEmptyLists(v)
		}
	}
}

// fillDefaults writes the server's defaults into lists that it merges as a whole: there, a desired item without them would
// differ from the same item as it is stored.
func fillDefaults(u *unstructured.Unstructured) {
	gvk := u.GroupVersionKind()
	spec, _ := u.Object["spec"].(map[string]any)
	switch {
	case gvk.Group == "apps" && gvk.Kind == "StatefulSet":
		for _, claim := range items(spec["volumeClaimTemplates"]) {
			claim["apiVersion"], claim["kind"] = "v1", "PersistentVolumeClaim"
			delete(claim, "status")
			if s, ok := claim["spec"].(map[string]any); ok {
				fill(s, "volumeMode", "Filesystem")
			}
			if m, ok := claim["metadata"].(map[string]any); ok {
				delete(m, "creationTimestamp")
			}
		}
	case gvk.Group == "networking.k8s.io" && gvk.Kind == "NetworkPolicy":
		for _, direction := range []string{"ingress", "egress"} {
			for _, rule := range items(spec[direction]) {
				for _, port := range items(rule["ports"]) {
					fill(port, "protocol", "TCP")
				}
			}
		}
	case gvk.Group == "admissionregistration.k8s.io":
		for _, webhook := range items(u.Object["webhooks"]) {
			for _, rule := range items(webhook["rules"]) {
				fill(rule, "scope", "*")
			}
		}
	case gvk.Group == "apiextensions.k8s.io" && gvk.Kind == "CustomResourceDefinition":
		if spec["preserveUnknownFields"] == false { // the server stores it by leaving it out
			delete(spec, "preserveUnknownFields")
		}
	case gvk.Group == "" && gvk.Kind == "Endpoints":
		sortSubsets(u)
	case gvk.Group == "rbac.authorization.k8s.io":
		if ref, ok := u.Object["roleRef"].(map[string]any); ok {
			fill(ref, "apiGroup", "rbac.authorization.k8s.io")
		}
		for _, subject := range items(u.Object["subjects"]) {
			if subject["kind"] == "User" || subject["kind"] == "Group" {
				fill(subject, "apiGroup", "rbac.authorization.k8s.io")
			}
		}
	}
	fillReferences(u.Object)
}

// fillReferences writes the defaults of the references that a pod's description is full of: to fields of the pod itself, to
// resources, and to projected tokens.
func fillReferences(v any) {
	switch x := v.(type) {
	case map[string]any:
		if ref, ok := x["fieldRef"].(map[string]any); ok {
			fill(ref, "apiVersion", "v1")
		}
		if ref, ok := x["resourceFieldRef"].(map[string]any); ok {
			fill(ref, "divisor", "0")
		}
		if token, ok := x["serviceAccountToken"].(map[string]any); ok {
			fill(token, "expirationSeconds", int64(3600))
		}
		for _, v := range x {
			fillReferences(v)
		}
	case []any:
		for _, v := range x {
			fillReferences(v)
		}
	}
}

func fill(m map[string]any, key string, value any) {
	if m[key] == nil {
		m[key] = value
	}
}

// items are the items of a list that are maps.
func items(v any) []map[string]any {
	list, _ := v.([]any)
	var out []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// sortSubsets orders what an Endpoints object lists: its controller writes addresses and ports in any order. The lists are merged
// as a whole, so defaults are filled in.
func sortSubsets(u *unstructured.Unstructured) {
	for _, subset := range items(u.Object["subsets"]) {
		for _, port := range items(subset["ports"]) {
			fill(port, "protocol", "TCP")
		}
		for _, field := range []string{"addresses", "notReadyAddresses", "ports"} {
			if list, ok := subset[field].([]any); ok {
				sortByText(list)
			}
		}
	}
	if subsets, ok := u.Object["subsets"].([]any); ok {
		sortByText(subsets)
	}
}

func sortByText(list []any) {
	slices.SortStableFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// dropAggregated removes the rules of a ClusterRole that a controller puts together from others.
func dropAggregated(u *unstructured.Unstructured) {
	if aggregated(u) {
		delete(u.Object, "rules")
	}
}

// aggregated says that a controller puts the object's rules together from those of others.
func aggregated(u *unstructured.Unstructured) bool {
	gvk := u.GroupVersionKind()
	return gvk.Group == "rbac.authorization.k8s.io" && gvk.Kind == "ClusterRole" && u.Object["aggregationRule"] != nil
}
