package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/object"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

func condition(kind, message string) argo.ApplicationCondition {
	return argo.ApplicationCondition{Type: kind, Message: message}
}

// mergeConditions takes now's conditions, with the times of those that said the same before. Conditions about deletion are the
// finalizer's and stay.
func mergeConditions(before, now []argo.ApplicationCondition, at metav1.Time) []argo.ApplicationCondition {
	var all []argo.ApplicationCondition
	for _, c := range before {
		if c.Type == argo.ApplicationConditionDeletionError {
			all = append(all, c)
		}
	}
	for _, c := range now {
		c.LastTransitionTime = &at
		if i := slices.IndexFunc(before, func(o argo.ApplicationCondition) bool { return o.Type == c.Type && o.Message == c.Message }); i >= 0 {
			c.LastTransitionTime = before[i].LastTransitionTime
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b argo.ApplicationCondition) int {
		if a.Type != b.Type {
			return strings.Compare(a.Type, b.Type)
		}
		return strings.Compare(a.Message, b.Message)
	})
	return slices.CompactFunc(all, func(a, b argo.ApplicationCondition) bool { return a.Type == b.Type && a.Message == b.Message })
}

// setHealth moves the time of the last change only with the code.
func setHealth(status *argo.ApplicationStatus, code argo.HealthStatusCode, now metav1.Time) {
	if status.Health.Status == code {
		return
	}
	status.Health = argo.HealthStatus{Status: code, LastTransitionTime: &now}
}

// comparedTo is the part of a specification that a comparison with these sources uses.
func comparedTo(spec *argo.ApplicationSpec, sources []argo.ApplicationSource) argo.ComparedTo {
	c := argo.ComparedTo{Destination: spec.Destination, IgnoreDifferences: spec.IgnoreDifferences}
	if spec.HasMultipleSources() {
		c.Sources = sources
	} else if len(sources) > 0 {
		c.Source = sources[0]
	}
	return c
}

// fill writes a comparison into status.
func fill(status *argo.ApplicationStatus, found finding, multiple bool, now metav1.Time) {
	c, t := found.comparison, found.target
	status.Sync.Status = c.Sync
	status.Sync.Revision, status.Sync.Revisions = "", nil
	status.SourceType, status.SourceTypes = "", nil
	if multiple {
		status.Sync.Revisions = t.Revisions
		for _, s := range t.SourceTypes {
			status.SourceTypes = append(status.SourceTypes, argo.ApplicationSourceType(s))
		}
	} else {
		status.Sync.Revision = first(t.Revisions)
		status.SourceType = argo.ApplicationSourceType(first(t.SourceTypes))
	}
	status.Resources = resources(c.Resources)
	status.ResourceHealthSource = argo.ResourceHealthLocationInline
	status.Summary = summary(c.Resources)
	setHealth(status, c.Health, now)
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// resources lists what is managed. A hook is listed while its object lives, without a sync status: it is run, not kept.
func resources(all []change.Resource) []argo.ResourceStatus {
	var list []argo.ResourceStatus
	for _, r := range all {
		if r.Hook && r.Live == nil || r.ID.Name == "" {
			continue
		}
		s := argo.ResourceStatus{
			Group: r.ID.Group, Version: r.Version, Kind: r.ID.Kind, Namespace: r.ID.Namespace, Name: r.ID.Name,
			Hook: r.Hook, RequiresPruning: r.RequiresPruning, SyncWave: r.Wave, RequiresDeletionConfirmation: confirms(r),
		}
		if !r.Hook {
			s.Status = r.Status
		}
		switch {
		case r.Health != nil:
			s.Health = &argo.HealthStatus{Status: r.Health.Status, Message: r.Health.Message}
		case r.Live == nil && r.Desired != nil:
			s.Health = &argo.HealthStatus{Status: argo.HealthStatusMissing}
		}
		list = append(list, s)
	}
	return list
}

func confirms(r change.Resource) bool {
	for _, u := range []*unstructured.Unstructured{r.Live, r.Desired} {
		if u != nil && (engine.Setting(u, nil, "Prune") == "confirm" || engine.Setting(u, nil, "Delete") == "confirm") {
			return true
		}
	}
	return false
}

// summary lists images, addresses, and whether other applications are managed.
func summary(all []change.Resource) argo.ApplicationSummary {
	images, urls := map[string]bool{}, map[string]bool{}
	apps := false
	for _, r := range all {
		u := r.Live
		if u == nil {
			u = r.Desired
		}
		if u == nil || r.Hook {
			continue
		}
		for _, image := range engine.Images(u) {
			images[image] = true
		}
		for _, url := range addresses(u) {
			urls[url] = true
		}
		apps = apps || r.ID.Group == "argoproj.io" && r.ID.Kind == "Application"
	}
	return argo.ApplicationSummary{Images: sorted(images), ExternalURLs: sorted(urls), IsAppOfApps: apps}
}

func sorted(set map[string]bool) []string {
	if len(set) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(set))
}

// shared are the warnings about objects that another application tracks.
func shared(instance string, owners map[object.ID]string) []argo.ApplicationCondition {
	var all []argo.ApplicationCondition
	for id, owner := range owners {
		all = append(all, condition(argo.ApplicationConditionSharedResourceWarning,
			fmt.Sprintf("%s/%s is part of applications %s and %s", id.Kind, id.Name, instance, owner)))
	}
	slices.SortFunc(all, func(a, b argo.ApplicationCondition) int { return strings.Compare(a.Message, b.Message) })
	return all
}

// appendHistory adds an ended operation to the history: only full syncs that changed something for good are worth going back to.
func appendHistory(app *argo.Application, state *argo.OperationState) {
	s := state.Operation.Sync
	if !state.Phase.Successful() || s == nil || s.DryRun || len(s.Resources) > 0 || state.SyncResult == nil || state.FinishedAt == nil {
		return
	}
	h := argo.RevisionHistory{
		Revision: state.SyncResult.Revision, Revisions: state.SyncResult.Revisions,
		Source: state.SyncResult.Source, Sources: state.SyncResult.Sources,
		DeployedAt: *state.FinishedAt, DeployStartedAt: &state.StartedAt, InitiatedBy: state.Operation.InitiatedBy,
	}
	history := slices.Clone(app.Status.History)
	if n := len(history); n > 0 {
		h.ID = history[n-1].ID + 1
	}
	history = append(history, h)
	limit := 10
	if l := app.Spec.RevisionHistoryLimit; l != nil {
		limit = int(max(*l, 0))
	}
	app.Status.History = history[max(0, len(history)-limit):]
}

func isEmpty(patch []byte) bool {
	text := string(patch)
	return text == "{}" || strings.HasPrefix(text, `{"metadata":{"resourceVersion":"`) && strings.Count(text, ":") == 2
}
