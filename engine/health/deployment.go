package health

func deployment(d *fields) *Health {
	if d.flag("spec", "paused") {
		return &Health{Suspended, "Deployment is paused"}
	}
	if d.lags() {
		return progressing("Waiting for rollout to finish: observed deployment generation less than desired generation")
	}
	if c := d.condition("Progressing"); c != nil && c.text("reason") == "ProgressDeadlineExceeded" {
		return degraded("Deployment %q exceeded its progress deadline", d.text("metadata", "name"))
	}
	want, fixed := d.integer("spec", "replicas")
	all, updated, available := d.count("status", "replicas"), d.count("status", "updatedReplicas"), d.count("status", "availableReplicas")
	switch {
	case fixed && updated < want:
		return progressing("Waiting for rollout to finish: %d out of %d new replicas have been updated...", updated, want)
	case all > updated:
		return progressing("Waiting for rollout to finish: %d old replicas are pending termination...", all-updated)
	case available < updated:
		return progressing("Waiting for rollout to finish: %d of %d updated replicas are available...", available, updated)
	}
	return healthy("")
}
