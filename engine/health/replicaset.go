package health

func replicaSet(r *fields) *Health {
	if r.lags() {
		return progressing("Waiting for rollout to finish: observed replica set generation less than desired generation")
	}
	if c := r.condition("ReplicaFailure"); c != nil && c.text("status") == "True" {
		return degraded("%s", c.text("message"))
	}
	if want, fixed := r.integer("spec", "replicas"); fixed && r.count("status", "availableReplicas") < want {
		return progressing("Waiting for rollout to finish: %d out of %d new replicas are available...", r.count("status", "availableReplicas"), want)
	}
	return healthy("")
}
