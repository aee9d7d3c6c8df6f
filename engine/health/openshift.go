package health

import (
	"fmt"
	"strings"
)

func openShift(kind string) (func(subject) *Health, bool) {
	switch kind {
	case "Route":
		return admittedRoute, true
	case "DeploymentConfig":
		return deploymentConfig, true
	case "Subscription":
		return subscription, true
	case "Policy":
		return placedPolicy, true
	case "ConfigurationPolicy":
		return configurationPolicy, true
	}
	return nil, false
}

func admittedRoute(s subject) *Health {
	routers := s.list("status", "ingress")
	if s.at([]string{"status", "ingress"}) == nil {
		return progressing("Route is still getting admitted")
	}
	admitted, refused := 0, 0
	for _, item := range routers {
		switch within(item).status("Admitted") {
		case "True":
			admitted++
		case "False":
			refused++
		}
	}
	switch {
	case admitted == len(routers):
		return healthy("Route is healthy")
	case refused > 0:
		return degraded("Route is degraded")
	}
	return progressing("Route is still getting admitted")
}

func deploymentConfig(s subject) *Health {
	replicas, counted := number(s.at([]string{"status", "replicas"}))
	if s.at([]string{"status", "conditions"}) == nil || !counted {
		return progressing("replication controller is waiting for pods to run")
	}
	available := s.status("Available") == "True"
	progress := s.condition("Progressing")
	rolledOut := progress["status"] == "True" && progress["reason"] == "NewReplicationControllerAvailable"
	switch {
	case replicas == 0, available && rolledOut:
		return healthy("replication controller successfully rolled out")
	case available || rolledOut:
		return progressing("replication controller is waiting for pods to run")
	}
	return degraded("Deployment config is degraded")
}

// subscription judges one of the Operator Lifecycle Manager. An upgrade that waits for a person's approval does not make the
// version unwell that is installed.
func subscription(s subject) *Health {
	if s.at([]string{"status", "conditions"}) == nil {
		return progressing("An install plan for a subscription is pending installation")
	}
	pending := s.condition("InstallPlanPending")
	waits := s.text("spec", "installPlanApproval") == "Manual" && pending["status"] == "True" && pending["reason"] == "RequiresApproval" &&
		s.at([]string{"status", "installedCSV"}) != nil
	state, _ := s.at([]string{"status", "state"}).(string)
	if missing := s.condition("InstallPlanMissing"); missing != nil && missing["reason"] != "ReferencedInstallPlanNotFound" {
		return degraded("%s", subscriptionText(s))
	}
	for _, c := range []string{"CatalogSourcesUnhealthy", "InstallPlanFailed", "ResolutionFailed"} {
		if s.status(c) == "True" {
			return degraded("%s", subscriptionText(s))
		}
	}
	switch {
	case state == "UpgradeFailed":
		return degraded("%s", subscriptionText(s))
	case pending["status"] == "True" && !waits, state == "", state == "UpgradeAvailable", state == "UpgradePending" && !waits:
		return progressing("%s", subscriptionText(s))
	}
	return healthy("%s", subscriptionText(s))
}

func subscriptionText(s subject) string {
	var parts []string
	for _, item := range s.conditions {
		c := within(item)
		parts = append(parts, c.text("type")+" is "+c.text("status"))
	}
	return strings.Join(append(parts, fmt.Sprintf("state is '%s'", s.text("status", "state"))), ", ")
}

// placedPolicy judges a policy of Open Cluster Management, at the root (by cluster) or replicated to one (by template).
func placedPolicy(s subject) *Health {
	compliant := s.text("status", "compliant")
	switch {
	case s.text("spec", "disabled") == "true":
		return healthy("Policy is disabled")
	case compliant == "" && s.at([]string{"status", "status"}) == nil && len(s.list("status", "placement")) > 0:
		return healthy("No clusters match this policy")
	case compliant == "":
		return progressing("Waiting for the status to be reported")
	}
	noun, name := "clusters", []string{"clustername"}
	entries := s.list("status", "status")
	if entries == nil {
		noun, name, entries = "templates", []string{"templateMeta", "name"}, s.list("status", "details")
	}
	var bad []string
	for _, item := range entries {
		if e := within(item); e.text("compliant") != "Compliant" {
			bad = append(bad, e.text(name...))
		}
	}
	text := "All " + noun + " are compliant"
	if len(bad) > 0 {
		text = "NonCompliant " + noun + ": " + strings.Join(bad, ", ")
	}
	if compliant == "Compliant" {
		return healthy("%s", text)
	}
	return degraded("%s", text)
}

func configurationPolicy(s subject) *Health {
	compliant := s.text("status", "compliant")
	seen, ok := number(s.at([]string{"status", "lastEvaluatedGeneration"}))
	switch {
	case compliant == "":
		return progressing("Waiting for the status to be reported")
	case !ok || seen != s.number("metadata", "generation"):
		return progressing("Waiting for the status to be updated")
	case s.at([]string{"status", "compliancyDetails"}) == nil:
		return progressing("Waiting for compliance")
	}
	var texts []string
	for _, item := range s.list("status", "compliancyDetails") {
		for _, c := range within(item).conditions {
			texts = append(texts, within(c).text("type")+" - "+within(c).text("message"))
		}
	}
	if compliant == "Compliant" {
		return healthy("%s", strings.Join(texts, "; "))
	}
	return degraded("%s", strings.Join(texts, "; "))
}
