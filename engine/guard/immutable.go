package guard

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fixed are the fields that the API server does not let anybody change once the object is there, by kind. A field is named by its
// path; "spec.*" is all of spec but for the exceptions.
// Source: the validation of updates in Kubernetes' own API groups.
var fixed = map[[2]string]struct {
	fields []string
	except []string
}{
	{"apps", "Deployment"}: {fields: []string{"spec.selector"}},
	{"apps", "DaemonSet"}:  {fields: []string{"spec.selector"}},
	{"apps", "ReplicaSet"}: {fields: []string{"spec.selector"}},
	{"apps", "StatefulSet"}: {fields: []string{"spec.*"}, except: []string{"replicas", "ordinals", "template", "updateStrategy",
		"revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy", "minReadySeconds"}},
	{"batch", "Job"}:                                     {fields: []string{"spec.selector", "spec.template", "spec.completions", "spec.completionMode", "spec.podFailurePolicy"}},
	{"", "PersistentVolumeClaim"}:                        {fields: []string{"spec.*"}, except: []string{"resources", "volumeAttributesClassName"}},
	{"", "Service"}:                                      {fields: []string{"spec.clusterIP"}},
	{"", "Secret"}:                                       {fields: []string{"type"}},
	{"storage.k8s.io", "StorageClass"}:                   {fields: []string{"provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"}},
	{"rbac.authorization.k8s.io", "RoleBinding"}:         {fields: []string{"roleRef"}},
	{"rbac.authorization.k8s.io", "ClusterRoleBinding"}:  {fields: []string{"roleRef"}},
	{"scheduling.k8s.io", "PriorityClass"}:               {fields: []string{"value", "preemptionPolicy"}},
	{"node.k8s.io", "RuntimeClass"}:                      {fields: []string{"handler"}},
	{"networking.k8s.io", "IngressClass"}:                {fields: []string{"spec.controller"}},
	{"apiextensions.k8s.io", "CustomResourceDefinition"}: {fields: []string{"spec.group", "spec.scope"}},
}

// unlessWritten are fields that count as changed only where both sides write them: left out, the API server fills in a default,
// which may be the very value that the other side writes.
var unlessWritten = []string{"spec.clusterIP", "spec.podManagementPolicy", "spec.serviceName", "spec.storageClassName", "spec.volumeMode",
	"spec.volumeName", "spec.completions", "spec.completionMode", "spec.dataSource", "spec.dataSourceRef", "reclaimPolicy", "volumeBindingMode",
	"preemptionPolicy", "type", "spec.scope"}

// immutables warns of changes that the API server will refuse, or, where the object is to be replaced, of what that takes.
func immutables(f Facts) []Finding {
	var found []Finding
	for _, p := range f.altered() {
		fields := frozen(p)
		if len(fields) == 0 {
			continue
		}
		if replaces(p.after) {
			found = append(found, p.found("immutable", Warn, " is deleted and made again, as its sync options say: %s cannot be changed", strings.Join(fields, ", ")))
			continue
		}
		if slices.Equal(fields, []string{"roleRef"}) {
			found = append(found, p.found("immutable", Warn, " is deleted and made again, because its roleRef cannot be changed: for a moment nobody has the rights that it gives"))
			continue
		}
		finding := p.found("immutable", Warn, ": %s cannot be changed once it is there, so the API server will refuse it", strings.Join(fields, ", "))
		finding.Hint = "give the object another name, or let it be replaced with the annotation argocd.argoproj.io/sync-options: Replace=true,Force=true"
		found = append(found, finding)
	}
	return found
}

// frozen are the fields of the object that change and may not.
func frozen(p pair) []string {
	var out []string
	rule := fixed[p.kind()]
	for _, field := range rule.fields {
		parent, all := strings.CutSuffix(field, ".*")
		if !all {
			if differs(p, field) {
				out = append(out, field)
			}
			continue
		}
		for _, name := range members(p, parent) {
			if path := parent + "." + name; !slices.Contains(rule.except, name) && differs(p, path) {
				out = append(out, path)
			}
		}
	}
	return append(out, frozenData(p)...)
}

// frozenData are fields of which it depends on more than their name whether they may change.
func frozenData(p pair) []string {
	var out []string
	switch p.kind() {
	case [2]string{"", "ConfigMap"}, [2]string{"", "Secret"}:
		if immutable, _, _ := unstructured.NestedBool(p.before, "immutable"); !immutable {
			return nil
		}
		for _, field := range []string{"data", "binaryData", "stringData", "immutable"} {
			if !same(p, field) {
				out = append(out, field)
			}
		}
	case [2]string{"", "PersistentVolumeClaim"}:
		before, after := storage(p.before), storage(p.after)
		if before != nil && after != nil && after.Cmp(*before) < 0 {
			out = append(out, fmt.Sprintf("spec.resources.requests.storage (from %s to the smaller %s)", before, after))
		}
	}
	return out
}

func storage(o map[string]any) *resource.Quantity {
	q, err := resource.ParseQuantity(text(o, "spec", "resources", "requests", "storage"))
	if err != nil {
		return nil
	}
	return &q
}

// members are the keys of a map on either side, sorted.
func members(p pair, field string) []string {
	keys := map[string]bool{}
	for _, side := range []map[string]any{p.before, p.after} {
		m, _, _ := unstructured.NestedMap(side, field)
		for k := range m {
			keys[k] = true
		}
	}
	out := make([]string, 0, len(keys))
	for k := range keys {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func differs(p pair, field string) bool {
	path := strings.Split(field, ".")
	_, was, _ := unstructured.NestedFieldNoCopy(p.before, path...)
	_, is, _ := unstructured.NestedFieldNoCopy(p.after, path...)
	if was != is && slices.Contains(unlessWritten, field) {
		return false
	}
	return !same(p, path...)
}

func same(p pair, path ...string) bool {
	before, _, _ := unstructured.NestedFieldNoCopy(p.before, path...)
	after, _, _ := unstructured.NestedFieldNoCopy(p.after, path...)
	return equality.Semantic.DeepEqual(before, after)
}

// replaces says whether the object's sync options let it be deleted and made again.
func replaces(o map[string]any) bool {
	options := (&unstructured.Unstructured{Object: o}).GetAnnotations()["argocd.argoproj.io/sync-options"]
	return slices.ContainsFunc(strings.Split(options, ","), func(s string) bool {
		s = strings.TrimSpace(s)
		return s == "Force=true"
	})
}
