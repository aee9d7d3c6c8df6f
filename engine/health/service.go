package health

import (
	corev1 "k8s.io/api/core/v1"
)

func service(s *corev1.Service) *Health {
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer && len(s.Status.LoadBalancer.Ingress) == 0 {
		return progressing("Waiting for the load balancer's address")
	}
	return healthy("")
}
