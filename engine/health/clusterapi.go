package health

import "strings"

func clusterAPI(kind string) (func(subject) *Health, bool) {
	switch kind {
	case "MachinePool":
		return machinePool, true
	case "AWSManagedControlPlane":
		return managedControlPlane, true
	}
	return nil, false
}

func machinePool(s subject) *Health {
	phase := s.text("status", "phase")
	if phase == "" {
		return progressing("Waiting for MachinePool")
	}
	h := progressing("MachinePool is %s", phase)
	switch phase {
	case "Running", "Scaling":
		h.Status = Healthy
	case "Failed", "Unknown":
		h.Status = Degraded
	}
	var not []string
	for _, item := range s.conditions {
		c := within(item)
		if c.text("status") != "False" {
			continue
		}
		text := "Not " + c.text("type")
		if reason := c.text("reason"); reason != "" {
			text += " (" + reason + ")"
		}
		not = append(not, text)
	}
	if len(not) > 0 {
		h.Message += ": " + strings.Join(not, ", ")
	}
	return h
}

func managedControlPlane(s subject) *Health {
	if seen, ok := number(s.at([]string{"status", "observedGeneration"})); ok && seen != s.number("metadata", "generation") {
		return progressing("Waiting for the control plane spec to be reconciled")
	}
	switch {
	case s.text("status", "failureMessage") != "":
		return degraded("%s", s.text("status", "failureMessage"))
	case s.status("EKSControlPlaneUpdating") == "True":
		return progressing("EKS control plane is updating")
	case s.status("Ready") == "True":
		return healthy("Control plane is ready")
	}
	var errors []string
	for _, item := range s.conditions {
		if c := within(item); c.text("status") == "False" && c.text("severity") == "Error" {
			errors = append(errors, c.text("message"))
		}
	}
	if len(errors) > 0 {
		return degraded("%s", strings.Join(errors, " "))
	}
	return progressing("Control plane is not ready")
}
