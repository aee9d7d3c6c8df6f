package health

import "strings"

// promoter judges what GitOps Promoter counts by branch or by commit; its other kinds are in the table.
func promoter(kind string) (func(subject) *Health, bool) {
	switch kind {
	case "ChangeTransferPolicy":
		return transferPolicy, true
	case "PromotionStrategy":
		return promotionStrategy, true
	case "GitCommitStatus", "TimedCommitStatus", "WebRequestCommitStatus":
		return commitGate, true
	}
	return nil, false
}

// promoterReady judges the condition that all of them have; nil says to look on.
func promoterReady(s subject) *Health {
	kind, ready := s.text("kind"), s.condition("Ready")
	switch {
	case s.at([]string{"status"}) == nil:
		return progressing("Initializing %s", noun(kind))
	case ready == nil:
		return progressing("%s is not ready yet", capital(kind))
	}
	seen, told := number(ready["observedGeneration"])
	if generation, ok := number(s.at([]string{"metadata", "generation"})); ok && told && seen != generation {
		return progressing("Waiting for %s spec update to be observed", noun(kind))
	}
	reason, message := plain(ready["reason"]), plain(ready["message"])
	switch ready["status"] {
	case "False":
		if reason == "ReconciliationError" {
			return degraded("%s reconciliation failed: %s", capital(kind), message)
		}
		return degraded("%s reconciliation failed (%s): %s", capital(kind), reason, message)
	case "Unknown":
		return progressing("%s readiness unknown (%s): %s", capital(kind), reason, message)
	}
	return nil
}

// commitGate judges the gates of branches.
func commitGate(s subject) *Health {
	if h := promoterReady(s); h != nil {
		return h
	}
	var failed, pending []string
	for _, item := range s.list("status", "environments") {
		env := within(item)
		switch env.text("phase") {
		case "success":
		case "failure":
			failed = append(failed, env.text("branch"))
		default:
			pending = append(pending, env.text("branch"))
		}
	}
	switch {
	case len(failed) > 0:
		return degraded("Failed for branch(es): %s", strings.Join(failed, ", "))
	case len(pending) > 0:
		return progressing("Pending for branch(es): %s", strings.Join(pending, ", "))
	}
	return healthy("Passed for %d environment(s)", len(s.list("status", "environments")))
}

func transferPolicy(s subject) *Health {
	if h := promoterReady(s); h != nil {
		return h
	}
	active, proposed := s.text("status", "active", "dry", "sha"), s.text("status", "proposed", "dry", "sha")
	switch {
	case active == "":
		return progressing("The active commit DRY SHA is missing or empty.")
	case proposed == "":
		return progressing("The proposed commit DRY SHA is missing or empty.")
	case active != proposed:
		return progressing("Promotion in progress from '%s' to '%s'. %s", short(active), short(proposed), gates(s.list("status", "proposed", "commitStatuses")))
	}
	if open := gates(s.list("status", "active", "commitStatuses")); open != "" {
		return healthy("Environment is up-to-date, but not all commit statuses are successful. %s", open)
	}
	return healthy("Environment is up-to-date on commit %s.", short(active))
}

func promotionStrategy(s subject) *Health {
	if h := promoterReady(s); h != nil {
		return h
	}
	environments := s.list("status", "environments")
	if len(environments) == 0 {
		return degraded("Promotion strategy has no environments configured")
	}
	first := hydrated(within(environments[0]))
	for _, item := range environments {
		env := within(item)
		switch {
		case env.text("active", "dry", "sha") == "":
			return progressing("The active commit DRY SHA is missing or empty in environment '%s'.", env.text("branch"))
		case hydrated(env) == "":
			return progressing("The proposed commit DRY SHA is missing or empty in environment '%s'.", env.text("branch"))
		}
	}
	var open []string
	for _, item := range environments {
		env := within(item)
		active, proposed := env.text("active", "dry", "sha"), env.text("proposed", "dry", "sha")
		if hydrated(env) != first {
			return progressing("Not all environments have the same proposed commit: the hydrator has not been at all of them.")
		}
		if active != proposed {
			return progressing("Promotion in progress for environment '%s' from '%s' to '%s'. %s", env.text("branch"), short(active), short(proposed),
				gates(env.list("proposed", "commitStatuses")))
		}
		if text := gates(env.list("active", "commitStatuses")); text != "" {
			open = append(open, env.text("branch")+": "+text)
		}
	}
	if len(open) > 0 {
		return healthy("Environments are up-to-date, but not all commit statuses are successful. %s", strings.Join(open, " "))
	}
	return healthy("All environments are up-to-date on commit '%s'.", short(within(environments[0]).text("active", "dry", "sha")))
}

// hydrated is the commit that the hydrator has got to.
func hydrated(env subject) string {
	if sha := env.text("proposed", "note", "drySha"); sha != "" {
		return sha
	}
	return env.text("proposed", "dry", "sha")
}

// gates names the commit statuses that are not successful; empty if all are.
func gates(statuses []any) string {
	var pending, failed []string
	for _, item := range statuses {
		switch gate := within(item); gate.text("phase") {
		case "pending":
			pending = append(pending, gate.text("key"))
		case "failure":
			failed = append(failed, gate.text("key"))
		}
	}
	text := ""
	if len(pending) > 0 {
		text = "Pending commit statuses: " + strings.Join(pending, ", ") + "."
	}
	if len(failed) > 0 {
		text = strings.TrimSpace(text + " Failed commit statuses: " + strings.Join(failed, ", ") + ".")
	}
	return text
}

// short is a commit as people write it.
func short(sha string) string { return sha[:min(len(sha), 7)] }
