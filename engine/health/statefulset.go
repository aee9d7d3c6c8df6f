package health

import (
	appsv1 "k8s.io/api/apps/v1"
)

func statefulSet(s *appsv1.StatefulSet) *Health {
	if s.Status.ObservedGeneration == 0 || s.Generation > s.Status.ObservedGeneration {
		return progressing("Waiting for statefulset spec update to be observed...")
	}
	if s.Spec.Replicas != nil && s.Status.ReadyReplicas < *s.Spec.Replicas {
		return progressing("Waiting for %d pods to be ready...", *s.Spec.Replicas-s.Status.ReadyReplicas)
	}
	strategy := s.Spec.UpdateStrategy
	if strategy.Type == appsv1.RollingUpdateStatefulSetStrategyType && strategy.RollingUpdate != nil {
		return partitioned(s, strategy.RollingUpdate.Partition)
	}
	if strategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return healthy("statefulset has %d ready pods", s.Status.ReadyReplicas)
	}
	if s.Status.UpdateRevision != s.Status.CurrentRevision {
		return progressing("waiting for statefulset rolling update to complete %d pods at revision %s...", s.Status.UpdatedReplicas, s.Status.UpdateRevision)
	}
	return healthy("statefulset rolling update complete %d pods at revision %s...", s.Status.CurrentReplicas, s.Status.CurrentRevision)
}

// partitioned does not compare revisions: with a partition the old one stays in use.
func partitioned(s *appsv1.StatefulSet, partition *int32) *Health {
	if s.Spec.Replicas != nil && partition != nil {
		if want := *s.Spec.Replicas - *partition; s.Status.UpdatedReplicas < want {
			return progressing("Waiting for partitioned roll out to finish: %d out of %d new pods have been updated...", s.Status.UpdatedReplicas, want)
		}
	}
	return healthy("partitioned roll out complete: %d new pods have been updated...", s.Status.UpdatedReplicas)
}
