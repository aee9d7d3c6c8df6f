package health

// rollout judges an Argo Rollout: by the phase that its controller gives it since 1.0, by its parts before.
func rollout(s subject) *Health {
	if s.at([]string{"status"}) == nil || rolloutUnobserved(s) {
		return progressing("Waiting for rollout spec update to be observed")
	}
	if phase := s.text("status", "phase"); phase != "" {
		h := &Health{Status(phase), s.text("status", "message")}
		if phase == "Paused" {
			h.Status = Suspended
		} else if rank(h.Status) == 5 {
			h.Status = Unknown
		}
		return h
	}
	progress := s.condition("Progressing")
	switch {
	case s.condition("InvalidSpec") != nil:
		return degraded("%s", s.says("InvalidSpec"))
	case progress["reason"] == "RolloutAborted", progress["reason"] == "ProgressDeadlineExceeded":
		return degraded("%s", s.says("Progressing"))
	case len(s.list("status", "pauseConditions")) > 0, s.text("spec", "paused") == "true":
		return &Health{Suspended, "Rollout is paused"}
	case s.text("status", "currentPodHash") == "":
		return progressing("Waiting for rollout to finish: status has not been reconciled.")
	}
	return rolloutReplicas(s)
}

func rolloutUnobserved(s subject) bool {
	if seen, ok := number(s.at([]string{"status", "observedGeneration"})); ok && seen < s.number("metadata", "generation") {
		return true
	}
	if s.at([]string{"spec", "workloadRef"}) == nil || s.at([]string{"metadata", "annotations"}) == nil {
		return false
	}
	return s.text("metadata", "annotations", "rollout.argoproj.io/workload-generation") != s.text("status", "workloadObservedGeneration")
}

func rolloutReplicas(s subject) *Health {
	want := 1.0
	if n, ok := number(s.at([]string{"spec", "replicas"})); ok {
		want = n
	}
	updated := s.number("status", "updatedReplicas")
	switch {
	case updated < want:
		return progressing("Waiting for roll out to finish: More replicas need to be updated")
	case s.number("status", "availableReplicas") < updated:
		return progressing("Waiting for roll out to finish: updated replicas are still becoming available")
	}
	current, stable := s.text("status", "currentPodHash"), s.text("status", "stableRS")
	if stable == "" {
		stable = s.text("status", "canary", "stableRS")
	}
	if s.at([]string{"spec", "strategy", "blueGreen"}) != nil {
		switch {
		case s.text("status", "blueGreen", "activeSelector") != current:
			return progressing("active service cutover pending")
		case stable != "" && stable != current:
			return progressing("waiting for analysis to complete")
		}
		return healthy("")
	}
	if s.at([]string{"spec", "strategy", "canary"}) != nil {
		switch {
		case s.number("status", "replicas") > updated:
			return progressing("Waiting for roll out to finish: old replicas are pending termination")
		case stable != current:
			return progressing("Waiting for rollout to finish steps")
		}
	}
	return healthy("")
}
