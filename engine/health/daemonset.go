package health

import (
	appsv1 "k8s.io/api/apps/v1"
)

func daemonSet(d *appsv1.DaemonSet) *Health {
	s := d.Status
	switch {
	case d.Generation > s.ObservedGeneration:
		return progressing("Waiting for rollout to finish: observed daemon set generation less than desired generation")
	case d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType:
		return healthy("daemon set %d out of %d new pods have been updated", s.UpdatedNumberScheduled, s.DesiredNumberScheduled)
	case s.UpdatedNumberScheduled < s.DesiredNumberScheduled:
		return progressing("Waiting for daemon set %q rollout to finish: %d out of %d new pods have been updated...", d.Name, s.UpdatedNumberScheduled, s.DesiredNumberScheduled)
	case s.NumberAvailable < s.DesiredNumberScheduled:
		return progressing("Waiting for daemon set %q rollout to finish: %d of %d updated pods are available...", d.Name, s.NumberAvailable, s.DesiredNumberScheduled)
	}
	return healthy("")
}
