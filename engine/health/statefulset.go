package health

func statefulSet(s *fields) *Health {
	if s.count("status", "observedGeneration") == 0 || s.lags() {
		return progressing("Waiting for statefulset spec update to be observed...")
	}
	want, fixed := s.integer("spec", "replicas")
	ready, updated := s.count("status", "readyReplicas"), s.count("status", "updatedReplicas")
	if fixed && ready < want {
		return progressing("Waiting for %d pods to be ready...", want-ready)
	}
	strategy := s.text("spec", "updateStrategy", "type")
	if strategy == "RollingUpdate" && s.has("spec", "updateStrategy", "rollingUpdate") {
		// Revisions are not compared: with a partition the old one stays in use.
		partition, partitioned := s.integer("spec", "updateStrategy", "rollingUpdate", "partition")
		if fixed && partitioned && updated < want-partition {
			return progressing("Waiting for partitioned roll out to finish: %d out of %d new pods have been updated...", updated, want-partition)
		}
		return healthy("partitioned roll out complete: %d new pods have been updated...", updated)
	}
	if strategy == "OnDelete" {
		return healthy("statefulset has %d ready pods", ready)
	}
	current, update := s.text("status", "currentRevision"), s.text("status", "updateRevision")
	if update != current {
		return progressing("waiting for statefulset rolling update to complete %d pods at revision %s...", updated, update)
	}
	return healthy("statefulset rolling update complete %d pods at revision %s...", s.count("status", "currentReplicas"), current)
}
