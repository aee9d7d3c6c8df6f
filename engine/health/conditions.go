package health

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// builtIn says whether a group comes with Kubernetes. Those of its kinds that have no rule have no health, whatever
// conditions they show.
func builtIn(group string) bool {
	switch group {
	case "", "apps", "batch", "autoscaling", "policy", "extensions":
		return true
	}
	return slices.Contains(kubernetes[:], group)
}

// kubernetes are the API server's own groups of names with dots. Others, such as gateway.networking.k8s.io, are custom resources too.
var kubernetes = [...]string{"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io",
	"authorization.k8s.io", "certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io",
	"internal.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io", "resource.k8s.io", "scheduling.k8s.io",
	"storage.k8s.io", "storagemigration.k8s.io", "metrics.k8s.io"}

// conditions judges a custom resource of which nothing is known, by what Kubernetes' conventions say of status. Argo CD gives such
// kinds no health at all, so nothing here may hold up what it would let through without a reason that the object itself gives:
//
//   - Degraded only by a condition that is named for it (Stalled, Failed, Degraded), or by Ready or Available that are False for a
//     reason that is named for a fault;
//   - Progressing by an observedGeneration that lags, by Reconciling, by Ready or Available that are not yet True;
//   - Suspended by a condition of that name;
//   - no health where none of these are there. A condition Progressing alone says nothing: some controllers leave it True for ever.
func conditions(s subject) *Health {
	if seen, ok := number(s.at([]string{"status", "observedGeneration"})); ok && seen < s.number("metadata", "generation") {
		return progressing("Waiting for the spec update to be observed")
	}
	for _, bad := range []string{"Stalled", "Failed", "Degraded"} {
		if s.status(bad) == "True" {
			return &Health{Degraded, s.reasoned(bad)}
		}
	}
	for _, held := range []string{"Suspended", "Paused"} {
		if s.status(held) == "True" {
			return &Health{Suspended, s.reasoned(held)}
		}
	}
	if s.status("Reconciling") == "True" {
		return &Health{Progressing, s.reasoned("Reconciling")}
	}
	for _, good := range []string{"Ready", "Available"} {
		if c := s.condition(good); c != nil {
			return s.readiness(good, c)
		}
	}
	return nil
}

func (s subject) readiness(conditionType string, c map[string]any) *Health {
	if seen, ok := number(c["observedGeneration"]); ok && seen < s.number("metadata", "generation") {
		return progressing("Waiting for the spec update to be observed")
	}
	switch {
	case c["status"] == "True":
		return &Health{Healthy, plain(c["message"])}
	case c["status"] == "False" && tellsOfFault(plain(c["reason"])):
		return &Health{Degraded, s.reasoned(conditionType)}
	}
	return &Health{Progressing, s.reasoned(conditionType)}
}

// tellsOfFault tells reasons that end in failure from those of something under way, which are also not ready: what is missing,
// in conflict or tried again may come right by itself.
func tellsOfFault(reason string) bool {
	reason = strings.ToLower(reason)
	return slices.ContainsFunc([]string{"fail", "error", "invalid", "denied", "forbidden", "unauthorized"},
		func(sign string) bool { return strings.Contains(reason, sign) })
}

// reasoned is a condition's reason and message.
func (s subject) reasoned(conditionType string) string {
	c := s.condition(conditionType)
	reason, message := plain(c["reason"]), plain(c["message"])
	switch {
	case message == "":
		return reason
	case reason == "":
		return message
	}
	return reason + ": " + message
}

// conditionsOf reads status.conditions; what is not a condition there is skipped.
func conditionsOf(u *unstructured.Unstructured) []condition {
	var all []condition
	for _, item := range subjectOf(u.Object).conditions {
		m, ok := item.(map[string]any)
		if !ok {
			continue
		}
		field := func(k string) string { s, _ := m[k].(string); return s }
		all = append(all, condition{Type: field("type"), Status: field("status"), Reason: field("reason"), Message: field("message")})
	}
	return all
}
