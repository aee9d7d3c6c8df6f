package health

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// spark judges a SparkApplication by its state and, while it runs, by whether as many executors run as it asks for.
func spark(s subject) *Health {
	state, ok := s.at([]string{"status", "applicationState", "state"}).(string)
	text := s.text("status", "applicationState", "errorMessage")
	switch {
	case !ok:
		return progressing("Waiting for Executor pods")
	case state == "":
		return progressing("SparkApplication was added, enqueuing it for submission")
	}
	switch state {
	case "RUNNING":
		if enoughExecutors(s) {
			return healthy("SparkApplication is Running")
		}
	case "SUBMITTED":
		return progressing("SparkApplication was submitted successfully")
	case "COMPLETED":
		return healthy("SparkApplication was Completed")
	case "FAILED", "SUBMISSION_FAILED", "FAILING":
		return degraded("%s", text)
	case "PENDING_RERUN":
		return progressing("SparkApplication is Pending Rerun")
	case "INVALIDATING":
		return &Health{Missing, "SparkApplication is in InvalidatingState"}
	case "SUCCEEDING":
		return progressing("The driver is done, and the executors are cleaned up")
	case "UNKNOWN":
		return progressing("The state of the driver or of an executor is unknown")
	}
	return progressing("Waiting for Executor pods")
}

func enoughExecutors(s subject) bool {
	executors, ok := s.at([]string{"status", "executorState"}).(map[string]any)
	if !ok {
		return false
	}
	running := 0.0
	for _, state := range executors {
		if state == "RUNNING" {
			running++
		}
	}
	want, fixed := number(s.at([]string{"spec", "executor", "instances"}))
	if fixed && want == running {
		return true
	}
	if least, most, ok := executorRange(s); ok {
		return running >= least && running <= most
	}
	return !fixed && s.at([]string{"spec", "dynamicAllocation"}) == nil && running >= 1
}

// executorRange is what dynamic allocation allows, by the specification or by Spark's own configuration.
func executorRange(s subject) (least, most float64, ok bool) {
	most = math.Inf(1)
	bound := func(into *float64, v any) {
		if n, ok := number(v); ok {
			*into = n
		}
	}
	if s.text("spec", "dynamicAllocation", "enabled") == "true" {
		bound(&least, s.at([]string{"spec", "dynamicAllocation", "minExecutors"}))
		bound(&most, s.at([]string{"spec", "dynamicAllocation", "maxExecutors"}))
		return least, most, true
	}
	for _, prefix := range []string{"spark.streaming.dynamicAllocation.", "spark.dynamicAllocation."} {
		if s.text("spec", "sparkConf", prefix+"enabled") == "true" {
			bound(&least, s.at([]string{"spec", "sparkConf", prefix + "minExecutors"}))
			bound(&most, s.at([]string{"spec", "sparkConf", prefix + "maxExecutors"}))
			return least, most, true
		}
	}
	return 0, 0, false
}

// collector judges an OpenTelemetryCollector by its "ready/all" replicas.
func collector(s subject) *Health {
	mode := s.text("spec", "mode")
	replicas, ok := s.at([]string{"status", "scale", "statusReplicas"}).(string)
	switch {
	case s.at([]string{"status"}) == nil:
		return progressing("Waiting for OpenTelemetry Collector status")
	case !ok && mode == "sidecar":
		return healthy("Collector is running in sidecar mode")
	case !ok:
		return progressing("Scale status not available")
	}
	a, b, _ := strings.Cut(replicas, "/")
	ready, errA := strconv.Atoi(a)
	all, errB := strconv.Atoi(b)
	switch {
	case errA != nil || errB != nil:
		return progressing("Unable to parse replica status: %s", replicas)
	case ready == 0 && all == 0 && mode == "daemonset":
		return healthy("DaemonSet has no eligible nodes (0/0)")
	case ready == 0:
		return degraded("No replicas are ready")
	case ready == all:
		return healthy("All replicas are ready")
	}
	return progressing("Replicas are starting up")
}

// keycloak judges by what was true first: errors that have been there since before it was ready still count.
func keycloak(s subject) *Health {
	if s.at([]string{"status", "conditions"}) == nil {
		return progressing("Waiting for Keycloak status conditions to exist")
	}
	conditions := slices.Clone(s.conditions)
	slices.SortStableFunc(conditions, func(a, b any) int {
		return strings.Compare(since(a), since(b))
	})
	for _, item := range conditions {
		c := within(item)
		switch {
		case c.text("status") != "True":
		case c.text("type") == "Ready":
			return healthy("")
		case c.text("type") == "HasErrors":
			return degraded("Has Errors: %s", c.text("message"))
		}
	}
	return progressing("")
}

// since is when a condition came to be; those that do not say come last.
func since(item any) string {
	if t := within(item).text("lastTransitionTime"); t != "" {
		return t
	}
	return "~"
}

func spinApp(s subject) *Health {
	if s.at([]string{"status"}) == nil {
		return progressing("Waiting for status to be available")
	}
	text := s.says("Progressing")
	low := strings.ToLower(text)
	stuck := s.condition("Progressing")["reason"] == "ProgressDeadlineExceeded" || strings.Contains(low, "timeout") || strings.Contains(low, "failed")
	want := 1.0
	if n, ok := number(s.at([]string{"spec", "replicas"})); ok {
		want = n
	}
	ready := s.number("status", "readyReplicas")
	switch {
	case s.status("Progressing") == "False" && stuck:
		return degraded("%s", text)
	case s.status("Available") != "True":
		return degraded("%s", s.says("Available"))
	case ready < want:
		return progressing("Waiting for replicas to be ready (%s/%s)", plain(ready), plain(want))
	case s.status("Progressing") == "True":
		return progressing("%s", text)
	}
	return healthy("Application is healthy with %s/%s replicas ready", plain(ready), plain(want))
}

// canary judges one of Flagger.
func canary(s subject) *Health {
	phase := s.text("status", "phase")
	if phase == "" {
		return &Health{Unknown, "No status"}
	}
	texts := []string{phase}
	if weight := s.number("status", "canaryWeight"); weight > 0 {
		texts = append(texts, fmt.Sprintf("Canary Weight: %s %%", plain(weight)))
	}
	for _, item := range s.conditions {
		texts = append(texts, within(item).text("message"))
	}
	h := &Health{Unknown, strings.Join(texts, " --- ")}
	switch phase {
	case "Failed":
		h.Status = Degraded
	case "Progressing", "Finalising", "Promoting", "Initializing", "Waiting", "WaitingPromotion":
		h.Status = Progressing
	case "Succeeded", "Initialized":
		h.Status = Healthy
	}
	return h
}

func karmada(kind string) (func(subject) *Health, bool) {
	return func(s subject) *Health {
		clusters, told := s.list("spec", "clusters"), s.list("status", "aggregatedStatus")
		named := s.at([]string{"spec", "clusters"}) != nil
		if len(told) == 0 || named && len(clusters) != len(told) || !named && kind == "ClusterResourceBinding" {
			return progressing("Current resource status is insufficient")
		}
		for _, item := range told {
			c := within(item)
			if c.text("health") == "Unhealthy" || c.text("health") == "Unknown" && c.text("applied") != "true" {
				return degraded("Current resource status is unhealthy")
			}
		}
		return healthy("")
	}, kind == "ResourceBinding" || kind == "ClusterResourceBinding"
}

// disruptionBudget is well even while it lets no pod go: that is what it is for.
func disruptionBudget(s subject) *Health {
	h := progressing("Waiting for status")
	for _, item := range s.conditions {
		c := within(item)
		reason := c.text("reason")
		if c.text("status") == "False" && reason != "InsufficientPods" {
			return degraded("PodDisruptionBudget has %s", reason)
		}
		h = healthy("PodDisruptionBudget has %s", reason)
	}
	return h
}
