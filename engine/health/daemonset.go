package health

func daemonSet(d *fields) *Health {
	want, updated, available := d.count("status", "desiredNumberScheduled"), d.count("status", "updatedNumberScheduled"), d.count("status", "numberAvailable")
	name := d.text("metadata", "name")
	switch {
	case d.lags():
		return progressing("Waiting for rollout to finish: observed daemon set generation less than desired generation")
	case d.text("spec", "updateStrategy", "type") == "OnDelete":
		return healthy("daemon set %d out of %d new pods have been updated", updated, want)
	case updated < want:
		return progressing("Waiting for daemon set %q rollout to finish: %d out of %d new pods have been updated...", name, updated, want)
	case available < want:
		return progressing("Waiting for daemon set %q rollout to finish: %d of %d updated pods are available...", name, available, want)
	}
	return healthy("")
}
