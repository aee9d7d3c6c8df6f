package health

func argoDeeds(kind string) []deed {
	switch kind {
	case "Rollout":
		return rolloutDeeds()
	case "AnalysisRun":
		over := func(s subject) bool {
			switch s.text("status", "phase") {
			case "Successful", "Failed", "Error", "Inconclusive":
				return true
			}
			return holds("spec", "terminate")(s)
		}
		return []deed{setting("terminate", "", true, "spec", "terminate").disabledIf(over)}
	case "CronWorkflow", "WorkflowTemplate":
		return []deed{{Action: Action{Name: "create-workflow", Icon: iconPlus, DisplayName: "Create Workflow"}, do: createWorkflow}}
	case "Application":
		return []deed{setting("toggle-auto-sync", "", false, "spec", "syncPolicy", "automated", "enabled").called("Disable Auto-Sync").onlyIf(automated),
			setting("toggle-auto-sync", "", true, "spec", "syncPolicy", "automated", "enabled").called("Enable Auto-Sync").onlyIf(not(automated))}
	}
	return nil
}

// automated says that an Application syncs by itself.
func automated(s subject) bool {
	policy, ok := s.at([]string{"spec", "syncPolicy", "automated"}).(map[string]any)
	return ok && (policy["enabled"] == nil || policy["enabled"] == true)
}

func rolloutDeeds() []deed {
	promoted := func(s subject) bool {
		return plain(s.at([]string{"status", "currentPodHash"})) == s.text("status", "stableRS")
	}
	aborted := holds("status", "abort")
	paused := func(s subject) bool {
		if s.at([]string{"status", "pauseConditions"}) != nil {
			return len(s.list("status", "pauseConditions")) > 0
		}
		return holds("spec", "paused")(s)
	}
	restart := deed{Action: Action{Name: "restart", DisplayName: "Restart Pods"}, do: func(w *work) error { return w.set(w.stamp(), "spec", "restartAt") }}
	resume := deed{Action: Action{Name: "resume"}, unless: not(paused), do: resumeRollout}
	retry := deed{Action: Action{Name: "retry"}, do: func(w *work) error { w.remove("status", "abort"); return nil }}
	full := deed{Action: Action{Name: "promote-full"}, do: promoteFull}
	skip := deed{Action: Action{Name: "skip-current-step"}, do: skipStep}
	return []deed{restart, resume,
		setting("abort", "", true, "status", "abort").disabledIf(func(s subject) bool { return promoted(s) || aborted(s) }),
		retry.disabledIf(func(s subject) bool { return promoted(s) || !aborted(s) }),
		setting("pause", "", true, "spec", "paused").disabledIf(func(s subject) bool { return promoted(s) || aborted(s) || holds("spec", "paused")(s) }),
		full.disabledIf(func(s subject) bool {
			return s.at([]string{"status"}) == nil || promoted(s) || ancient(s) && s.at([]string{"spec", "strategy", "blueGreen"}) != nil
		}),
		skip.disabledIf(func(s subject) bool {
			steps := s.list("spec", "strategy", "canary", "steps")
			return len(steps) == 0 || s.number("status", "currentStepIndex") == float64(len(steps))
		})}
}

// ancient says that the controller is older than 1.0: it observed a hash, not a generation, and knows no promoteFull.
func ancient(s subject) bool {
	seen, ok := number(s.at([]string{"status", "observedGeneration"}))
	return !ok || seen > s.number("metadata", "generation")
}

func resumeRollout(w *work) error {
	s := subjectOf(w.object.Object)
	if len(s.list("status", "pauseConditions")) > 0 {
		w.remove("status", "pauseConditions")
	}
	if holds("spec", "paused")(s) {
		return w.set(false, "spec", "paused")
	}
	return nil
}

func promoteFull(w *work) error {
	s := subjectOf(w.object.Object)
	switch {
	case s.at([]string{"status"}) == nil:
		return nil
	case !ancient(s):
		return w.set(true, "status", "promoteFull")
	}
	w.remove("status", "abort")
	if steps := s.list("spec", "strategy", "canary", "steps"); len(steps) > 0 {
		return w.set(int64(len(steps)), "status", "currentStepIndex")
	}
	return nil
}

func skipStep(w *work) error {
	s := subjectOf(w.object.Object)
	at, started := number(s.at([]string{"status", "currentStepIndex"}))
	if !started || int(at) >= len(s.list("spec", "strategy", "canary", "steps")) {
		return nil
	}
	if len(s.list("status", "pauseConditions")) > 0 {
		w.remove("status", "pauseConditions")
	}
	return w.set(int64(at)+1, "status", "currentStepIndex")
}
