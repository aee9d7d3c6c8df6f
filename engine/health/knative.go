package health

import (
	"fmt"
	"strings"
)

func knative(kind string) (func(subject) *Health, bool) {
	switch kind {
	case "Service":
		return knativeService, true
	case "KnativeServing":
		return func(s subject) *Health {
			return knativeInstallation(s, []string{"Ready", "InstallSucceeded", "DependenciesInstalled", "DeploymentsAvailable"}, []string{"Ready", "DeploymentsAvailable"})
		}, true
	case "KnativeEventing":
		return func(s subject) *Health {
			return knativeInstallation(s, []string{"Ready", "InstallSucceeded"}, []string{"Ready"})
		}, true
	case "InferenceService":
		return inference, true
	}
	return nil, false
}

// shortfalls tells of the conditions that are not True, and counts those that are False and Unknown.
func shortfalls(s subject) (text string, no, unknown int) {
	var lines []string
	for _, item := range s.conditions {
		c := within(item)
		switch c.text("status") {
		case "False":
			no++
		case "Unknown":
			unknown++
		default:
			continue
		}
		l := c.text("type") + " is " + c.text("status")
		if reason := c.text("reason"); reason != "" {
			l += ", since " + reason + "."
		}
		if message := c.text("message"); message != "" {
			l += " " + message
		}
		lines = append(lines, l)
	}
	return strings.Join(lines, "\n"), no, unknown
}

func knativeService(s subject) *Health {
	if len(s.conditions) == 0 {
		return progressing("Waiting for status update.")
	}
	text, no, unknown := shortfalls(s)
	switch {
	case no > 0:
		return degraded("%s", text)
	case unknown == 0 && s.status("ConfigurationsReady") == "True" && s.status("RoutesReady") == "True" && s.status("Ready") == "True":
		return healthy("Knative Service is healthy.")
	}
	return progressing("%s", text)
}

// knativeInstallation needs all conditions of need; one of wait that is False, or any that is Unknown, is work under way.
func knativeInstallation(s subject, need, wait []string) *Health {
	kind := s.text("kind")
	if s.at([]string{"status", "conditions"}) == nil {
		return progressing("Waiting for %s", kind)
	}
	text, _, unknown := shortfalls(s)
	if unknown > 0 {
		return progressing("%s", text)
	}
	for _, c := range wait {
		if s.status(c) == "False" {
			return progressing("%s", text)
		}
	}
	for _, c := range need {
		if s.status(c) != "True" {
			return degraded("%s", text)
		}
	}
	return healthy("%s is healthy.", kind)
}

func inference(s subject) *Health {
	transition := s.text("status", "modelStatus", "transitionStatus")
	switch {
	case len(s.conditions) == 0:
		return progressing("Waiting for InferenceService to report status...")
	case s.status("Stopped") == "True":
		return &Health{Suspended, "InferenceService is Stopped"}
	}
	var open []string
	for _, item := range s.conditions {
		if c := within(item); c.text("type") != "Stopped" && c.text("status") != "True" {
			open = append(open, strings.TrimSpace(fmt.Sprintf("%s is %s %s %s", c.text("type"), c.text("status"), c.text("reason"), c.text("message"))))
		}
	}
	settled := transition == "" || transition == "UpToDate"
	if !settled {
		open = append(open, "transitionStatus is "+transition)
	}
	text := strings.Join(open, "; ")
	switch {
	case len(open) == 0:
		return healthy("InferenceService is healthy.")
	case settled, transition == "InProgress":
		return progressing("%s", text)
	}
	return degraded("%s", text)
}
