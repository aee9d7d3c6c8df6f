package health

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// builtIn says whether a group comes with Kubernetes. Those of its kinds that have no rule have no health, whatever
// conditions they show.
func builtIn(group string) bool {
	return slices.Contains([]string{"", "apps", "batch", "autoscaling", "policy", "extensions", "admissionregistration.k8s.io",
		"apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "certificates.k8s.io",
		"coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io",
		"networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io", "storage.k8s.io",
		"storagemigration.k8s.io", "metrics.k8s.io"}, group)
}

// conditions judges a custom resource by what Kubernetes' conventions say of status: observedGeneration, and the conditions
// Stalled, Failed, Degraded, Reconciling, Ready and Available. Without any of them it has no health.
func conditions(u *unstructured.Unstructured) *Health {
	observed, found, err := unstructured.NestedInt64(u.Object, "status", "observedGeneration")
	if err == nil && found && observed < u.GetGeneration() {
		return progressing("Waiting for the spec update to be observed")
	}
	all := conditionsOf(u)
	for _, bad := range []string{"Stalled", "Failed", "Degraded"} {
		if c, ok := find(all, bad); ok && c.Status == "True" {
			return &Health{Degraded, text(c)}
		}
	}
	if c, ok := find(all, "Reconciling"); ok && c.Status == "True" {
		return &Health{Progressing, text(c)}
	}
	for _, good := range []string{"Ready", "Available"} {
		if c, ok := find(all, good); ok {
			return readiness(c)
		}
	}
	return nil
}

func readiness(c condition) *Health {
	switch {
	case c.Status == "True":
		return &Health{Healthy, c.Message}
	case c.Status == "False" && tellsOfFault(c.Reason):
		return &Health{Degraded, text(c)}
	}
	return &Health{Progressing, text(c)}
}

// tellsOfFault tells reasons that end in failure from those of something under way, which are also not ready.
func tellsOfFault(reason string) bool {
	reason = strings.ToLower(reason)
	return slices.ContainsFunc([]string{"fail", "error", "invalid", "denied", "forbidden", "degraded", "notfound", "missing", "unauthorized", "backoff", "conflict", "exceeded"},
		func(sign string) bool { return strings.Contains(reason, sign) })
}

func text(c condition) string {
	switch {
	case c.Message == "":
		return c.Reason
	case c.Reason == "":
		return c.Message
	}
	return c.Reason + ": " + c.Message
}

func find(all []condition, conditionType string) (condition, bool) {
	i := slices.IndexFunc(all, func(c condition) bool { return c.Type == conditionType })
	if i < 0 {
		return condition{}, false
	}
	return all[i], true
}

// conditionsOf reads status.conditions; what is not a condition there is skipped.
func conditionsOf(u *unstructured.Unstructured) []condition {
	list, _, err := unstructured.NestedSlice(u.Object, "status", "conditions")
	if err != nil {
		return nil
	}
	var all []condition
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			continue
		}
		field := func(k string) string { s, _ := m[k].(string); return s }
		all = append(all, condition{Type: field("type"), Status: field("status"), Reason: field("reason"), Message: field("message")})
	}
	return all
}
