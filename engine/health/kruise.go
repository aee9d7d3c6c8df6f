package health

func kruise(kind string) (func(subject) *Health, bool) {
	switch kind {
	case "CloneSet":
		return kruiseWorkload{noun: "Cloneset", strategy: []string{"spec", "updateStrategy"}, updatedReady: "updatedAvailableReplicas"}.clones, true
	case "StatefulSet":
		return kruiseWorkload{noun: "Statefulset", strategy: []string{"spec", "updateStrategy", "rollingUpdate"}, updatedReady: "updatedAvailableReplicas"}.stateful, true
	case "DaemonSet":
		return kruiseDaemons, true
	case "GameServerSet":
		return gameServers, true
	}
	return nil, false
}

// kruiseWorkload is a set of OpenKruise, which can be paused and can stop at a partition until a person goes on.
type kruiseWorkload struct {
	noun         string
	strategy     []string
	updatedReady string
}

func (w kruiseWorkload) of(s subject, reached func(partition float64) bool) *Health {
	if s.at([]string{"status"}) == nil || !s.observed() {
		return progressing("Waiting for initialization")
	}
	strategy, _ := s.at(w.strategy).(map[string]any)
	partition, partitioned := number(strategy["partition"])
	ready, counted := number(s.at([]string{"status", w.updatedReady}))
	switch {
	case strategy["paused"] == true, !counted:
		return &Health{Suspended, w.noun + " is paused"}
	case partitioned && partition != 0 && s.number("metadata", "generation") > 1:
		if reached(partition) {
			return &Health{Suspended, w.noun + " needs manual intervention"}
		}
		return progressing("Waiting for the partition to be updated")
	case ready == s.number("status", "replicas"):
		return healthy("All %s workloads are ready and updated", w.noun)
	}
	return degraded("Some replicas are not ready or available")
}

func (w kruiseWorkload) clones(s subject) *Health {
	return w.of(s, func(float64) bool {
		return s.number("status", "updatedReplicas") >= s.number("status", "expectedUpdatedReplicas")
	})
}

func (w kruiseWorkload) stateful(s subject) *Health {
	return w.of(s, func(partition float64) bool {
		return s.number("status", "updatedReplicas") > s.number("status", "replicas")-partition
	})
}

func kruiseDaemons(s subject) *Health {
	if !s.observed() {
		return progressing("Waiting for initialization")
	}
	strategy, _ := s.at([]string{"spec", "updateStrategy", "rollingUpdate"}).(map[string]any)
	partition, _ := number(strategy["partition"])
	updated, counted := number(s.at([]string{"status", "updatedNumberScheduled"}))
	want := s.number("status", "desiredNumberScheduled")
	available, reported := number(s.at([]string{"status", "numberAvailable"}))
	switch {
	case strategy["paused"] == true, !counted:
		return &Health{Suspended, "Daemonset is paused"}
	case partition != 0 && s.number("metadata", "generation") > 1:
		if updated > want-partition {
			return &Health{Suspended, "Daemonset needs manual intervention"}
		}
	case updated == want && reported && available == want:
		return healthy("All Daemonset workloads are ready and updated")
	case updated == want && want > 0 && s.number("status", "numberUnavailable") == want:
		return degraded("Some pods are not ready or available")
	}
	return progressing("Waiting for initialization")
}

func gameServers(s subject) *Health {
	if !s.observed() {
		return progressing("Waiting for GameServerSet initialization")
	}
	partition := s.number("spec", "updateStrategy", "rollingUpdate", "partition")
	all, ready := s.number("status", "replicas"), s.number("status", "readyReplicas")
	switch {
	case s.text("spec", "updateStrategy", "rollingUpdate", "paused") == "true":
		return &Health{Suspended, "GameServerSet is paused"}
	case partition != 0 && s.number("status", "updatedReplicas") >= all-partition:
		return &Health{Suspended, "Partition=" + plain(partition) + ", waiting for manual intervention"}
	case s.number("status", "updatedReadyReplicas") == all:
		return healthy("All GameServerSet replicas are updated and ready")
	case ready < all:
		return progressing("ReadyReplicas %s/%s, still progressing", plain(ready), plain(all))
	}
	return progressing("Waiting for GameServerSet initialization")
}
