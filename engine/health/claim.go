package health

import (
	corev1 "k8s.io/api/core/v1"
)

func claim(c *corev1.PersistentVolumeClaim) *Health {
	switch c.Status.Phase {
	case corev1.ClaimBound:
		return healthy("")
	case corev1.ClaimPending:
		return progressing("")
	case corev1.ClaimLost:
		return degraded("")
	}
	return &Health{Status: Unknown}
}
