package health

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// gatewayAPI judges kinds of the Gateway API, whose status is told by each parent, ancestor or listener.
func gatewayAPI(kind schema.GroupKind) (func(subject) *Health, bool) {
	switch {
	case kind.Group == "microgateway.airlock.com" && !strings.HasSuffix(kind.Kind, "Policy"):
		return func(s subject) *Health { return healthy("%s is healthy", s.text("kind")) }, true
	case kind.Kind == "Gateway":
		return gateway, true
	case strings.HasSuffix(kind.Kind, "Policy"):
		return policyOfAncestors, true
	case strings.HasSuffix(kind.Kind, "Route"):
		return route, true
	}
	return nil, false
}

// programming judges the three conditions of the Gateway API; nil says that nothing speaks against health.
func programming(s subject, prefix string) *Health {
	for _, c := range []string{"ResolvedRefs", "Accepted"} {
		if s.status(c) == "False" {
			return degraded("%s%s", prefix, s.says(c))
		}
	}
	if c := s.condition("Programmed"); c != nil && c["status"] != "True" {
		return progressing("%s%s", prefix, s.says("Programmed"))
	}
	return nil
}

func gateway(s subject) *Health {
	if h := programming(s, ""); h != nil {
		return h
	}
	listeners := s.list("status", "listeners")
	for _, item := range listeners {
		if h := programming(within(item), "Listener: "); h != nil {
			return h
		}
	}
	if len(s.conditions) == 0 && len(listeners) == 0 {
		return progressing("Waiting for Gateway status")
	}
	return healthy("Gateway is healthy")
}

// route is as well as its worst parent that has seen this form of it.
func route(s subject) *Health {
	kind, seen := s.text("kind"), false
	for _, item := range s.list("status", "parents") {
		parent := within(item)
		if len(parent.conditions) == 0 || stale(s, parent) {
			continue
		}
		seen = true
		if h := programming(parent, "Parent "+parent.text("parentRef", "name")+": "); h != nil {
			return h
		}
	}
	if !seen {
		return progressing("Waiting for %s status", kind)
	}
	return healthy("%s is healthy", kind)
}

// stale says that a condition of the part is of another generation.
func stale(s, part subject) bool {
	generation, ok := number(s.at([]string{"metadata", "generation"}))
	if !ok {
		return false
	}
	for _, item := range part.conditions {
		if seen, ok := number(within(item).at([]string{"observedGeneration"})); ok && seen != generation {
			return true
		}
	}
	return false
}

func policyOfAncestors(s subject) *Health {
	kind, accepted := s.text("kind"), false
	for _, item := range s.list("status", "ancestors") {
		if ancestor := within(item); stale(s, ancestor) || s.text("kind") != "BackendTLSPolicy" && unversioned(s, ancestor) {
			return progressing("Waiting for Ancestor %s to update %s status", ancestor.text("ancestorRef", "name"), kind)
		}
	}
	for _, item := range s.list("status", "ancestors") {
		ancestor := within(item)
		for _, c := range []string{"Accepted", "ResolvedRefs"} {
			if found := ancestor.condition(c); found != nil && found["status"] != "True" {
				return degraded("Ancestor %s: %s", ancestor.text("ancestorRef", "name"), ancestor.says(c))
			}
		}
		if ancestor.condition("Accepted") != nil {
			accepted = true
		} else if kind != "BackendTLSPolicy" {
			return degraded("Ancestor %s: %s is not accepted", ancestor.text("ancestorRef", "name"), kind)
		}
	}
	if !accepted {
		return progressing("Waiting for %s status", kind)
	}
	return healthy("%s is healthy", kind)
}

// unversioned says that a condition does not tell of which generation it is.
func unversioned(s, part subject) bool {
	if s.at([]string{"metadata", "generation"}) == nil {
		return false
	}
	for _, item := range part.conditions {
		if within(item).at([]string{"observedGeneration"}) == nil {
			return true
		}
	}
	return false
}

// gloo judges kinds of Gloo by the state that each of its namespaces reports, as a word or as a number.
func gloo(s subject) *Health {
	waiting := progressing("Update in progress")
	reports, _ := s.at([]string{"status", "statuses"}).(map[string]any)
	for _, name := range sortedKeys(reports) {
		if h := glooState(within(reports[name])); h != nil {
			return h
		}
	}
	status, _ := s.at([]string{"status"}).(map[string]any)
	if h := glooState(within(status)); h != nil {
		return h
	}
	return waiting
}

func glooState(s subject) *Health {
	switch s.text("state") {
	case "Accepted", "1":
		return healthy("The resource has been validated")
	case "Warning", "Rejected", "3", "2":
		return degraded("%s", s.text("reason"))
	case "Pending", "0":
		return &Health{Suspended, "The resource has not yet been validated"}
	}
	return nil
}
