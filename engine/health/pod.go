package health

import (
	"fmt"
	"strings"
)

func pod(p *fields) *Health {
	always, message := alwaysRestarts(p), p.text("status", "message")
	if always {
		if why, failing := waitingInVain(p); failing {
			return &Health{Degraded, why}
		}
	}
	switch p.text("status", "phase") {
	case "Pending":
		return &Health{Progressing, message}
	case "Succeeded":
		return &Health{Healthy, message}
	case "Failed":
		return &Health{Degraded, failure(p)}
	case "Running":
		if always {
			return &Health{runningService(p), message}
		}
		if policy := p.text("spec", "restartPolicy"); policy == "OnFailure" || policy == "Never" {
			return &Health{Progressing, message}
		}
	}
	return &Health{Unknown, message}
}

// alwaysRestarts is the pod's restart policy, which a pod that is not a hook may have disregarded by an annotation.
func alwaysRestarts(p *fields) bool {
	if p.text("spec", "restartPolicy") == "Always" {
		return true
	}
	annotation := func(key string) string { return p.text("metadata", "annotations", key) }
	return annotation("argocd.argoproj.io/ignore-restart-policy") == "true" && annotation("argocd.argoproj.io/hook") == "" && annotation("helm.sh/hook") == ""
}

// waitingInVain says that a container waits for something that does not come by itself, such as an image that cannot be pulled.
func waitingInVain(p *fields) (message string, failing bool) {
	var messages []string
	for _, c := range p.list("status", "containerStatuses") {
		reason := c.text("state", "waiting", "reason")
		if !strings.HasPrefix(reason, "Err") && !strings.HasSuffix(reason, "Error") && !strings.HasSuffix(reason, "BackOff") {
			continue
		}
		failing = true
		text := c.text("state", "waiting", "message")
		if text == "" {
			text = reason
		}
		messages = append(messages, text)
	}
	return strings.Join(messages, ", "), failing
}

func failure(p *fields) string {
	if message := p.text("status", "message"); message != "" {
		return message
	}
	for _, c := range append(p.list("status", "initContainerStatuses"), p.list("status", "containerStatuses")...) {
		name, message, code := c.text("name"), c.text("state", "terminated", "message"), c.count("state", "terminated", "exitCode")
		switch {
		case message != "" && !endsWithLog(p, name):
			return message
		case c.text("state", "terminated", "reason") == "OOMKilled":
			return "OOMKilled"
		case code != 0:
			return fmt.Sprintf("container %q failed with exit code %d", name, code)
		}
	}
	return ""
}

// endsWithLog says whether a container's last message may be the end of its log, which is not for everybody who may see its health.
func endsWithLog(p *fields, container string) bool {
	for _, c := range append(p.list("spec", "initContainers"), p.list("spec", "containers")...) {
		if c.text("name") == container {
			return c.text("terminationMessagePolicy") == "FallbackToLogsOnError"
		}
	}
	return false
}

func runningService(p *fields) Status {
	if ready := p.condition("Ready"); ready != nil && ready.text("status") == "True" {
		return Healthy
	}
	for _, c := range p.list("status", "containerStatuses") {
		if c.has("lastState", "terminated") {
			return Degraded
		}
	}
	return Progressing
}
