package health

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

func pod(p *corev1.Pod) *Health {
	always := alwaysRestarts(p)
	if always {
		if message, failing := waitingInVain(p); failing {
			return &Health{Degraded, message}
		}
	}
	switch p.Status.Phase {
	case corev1.PodPending:
		return &Health{Progressing, p.Status.Message}
	case corev1.PodSucceeded:
		return &Health{Healthy, p.Status.Message}
	case corev1.PodFailed:
		return &Health{Degraded, failure(p)}
	case corev1.PodRunning:
		if always {
			return runningService(p)
		}
		return &Health{Progressing, p.Status.Message}
	}
	return &Health{Unknown, p.Status.Message}
}

// alwaysRestarts is the pod's restart policy, which a pod that is not a hook may have disregarded by an annotation.
func alwaysRestarts(p *corev1.Pod) bool {
	if p.Spec.RestartPolicy == corev1.RestartPolicyAlways {
		return true
	}
	return p.Annotations["argocd.argoproj.io/ignore-restart-policy"] == "true" && p.Annotations["argocd.argoproj.io/hook"] == "" && p.Annotations["helm.sh/hook"] == ""
}

// waitingInVain says that a container waits for something that does not come by itself, such as an image that cannot be pulled.
func waitingInVain(p *corev1.Pod) (message string, failing bool) {
	var messages []string
	for _, c := range p.Status.ContainerStatuses {
		w := c.State.Waiting
		if w == nil || !(strings.HasPrefix(w.Reason, "Err") || strings.HasSuffix(w.Reason, "Error") || strings.HasSuffix(w.Reason, "BackOff")) {
			continue
		}
		failing = true
		text := w.Message
		if text == "" {
			text = w.Reason
		}
		messages = append(messages, text)
	}
	return strings.Join(messages, ", "), failing
}

func failure(p *corev1.Pod) string {
	if p.Status.Message != "" {
		return p.Status.Message
	}
	for _, c := range append(append([]corev1.ContainerStatus{}, p.Status.InitContainerStatuses...), p.Status.ContainerStatuses...) {
		t := c.State.Terminated
		switch {
		case t == nil:
			continue
		case t.Message != "" && !endsWithLog(p, c.Name):
			return t.Message
		case t.Reason == "OOMKilled":
			return t.Reason
		case t.ExitCode != 0:
			return fmt.Sprintf("container %q failed with exit code %d", c.Name, t.ExitCode)
		}
	}
	return ""
}

// endsWithLog says whether a container's last message may be the end of its log, which is not for everybody who may see its health.
func endsWithLog(p *corev1.Pod, container string) bool {
	for _, c := range append(append([]corev1.Container{}, p.Spec.InitContainers...), p.Spec.Containers...) {
		if c.Name == container {
			return c.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError
		}
	}
	return false
}

func runningService(p *corev1.Pod) *Health {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return &Health{Healthy, p.Status.Message}
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.LastTerminationState.Terminated != nil {
			return &Health{Degraded, p.Status.Message}
		}
	}
	return &Health{Progressing, p.Status.Message}
}
