package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// setReport is what a reconcile has to say of a set.
type setReport struct {
	// reason and message of an error; empty is none.
	reason, message string
	// generated is whether the generators answered.
	generated bool
	// rolling are the conditions of a rolling sync, which stay as they were where none was looked at, unless the set does not roll.
	rolling []argo.ApplicationSetCondition
	// seen is whether the applications were looked at: progress and resources are then what follows.
	seen      bool
	progress  []argo.ApplicationSetApplicationStatus
	resources []argo.ResourceStatus
}

// failed is the report of generators that gave no answer.
func failed(err error) *setReport {
	reason := argo.ApplicationSetReasonApplicationParamsGenerationError
	if f, ok := object.AsFault(err); ok && (strings.HasPrefix(f.Field, "spec.template") || strings.HasPrefix(f.Field, "spec.templatePatch")) {
		reason = argo.ApplicationSetReasonRenderTemplateParamsError
	}
	return &setReport{reason: reason, message: err.Error()}
}

// outcome is the report of what was decided and done.
func (p *setPass) outcome(s setSeen, todo setTodo, done error) setReport {
	r := setReport{generated: true, seen: true, resources: resourcesOf(s, todo)}
	if todo.rolling != nil {
		r.rolling, r.progress = todo.rolling.Conditions, todo.rolling.Status
	}
	var failure *setFailure
	switch {
	case errors.As(done, &failure):
		r.reason, r.message = failure.reason, failure.Error()
	case len(todo.errs) > 0:
		r.reason, r.message = argo.ApplicationSetReasonApplicationValidationError, todo.errs[len(todo.errs)-1]
		if n := len(todo.errs) - 1; n > 0 {
			r.message += fmt.Sprintf(" (and %d more)", n)
		}
	case todo.held != "":
		r.reason, r.message = argo.ApplicationSetReasonDeleteApplicationError, todo.held
	}
	return r
}

// resourcesOf are the applications that are there, and those just made.
func resourcesOf(s setSeen, todo setTodo) []argo.ResourceStatus {
	all := slices.Clone(s.current)
	for _, app := range todo.create {
		if app.UID != "" {
			all = append(all, app)
		}
	}
	var out []argo.ResourceStatus
	for _, app := range all {
		if slices.ContainsFunc(todo.remove, func(gone *argo.Application) bool { return gone.UID == app.UID }) && len(app.Finalizers) == 0 {
			continue
		}
		out = append(out, argo.ResourceStatus{Group: argo.Group, Version: argo.SchemeGroupVersion.Version, Kind: "Application",
			Name: app.Name, Namespace: app.Namespace, Status: app.Status.Sync.Status, Health: &argo.HealthStatus{Status: app.Status.Health.Status}})
	}
	slices.SortFunc(out, func(a, b argo.ResourceStatus) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// report writes a set's status, if it says anything new.
func (p *setPass) report(ctx context.Context, r setReport) error {
	into := p.set.DeepCopy()
	now := metav1.NewTime(p.now().Truncate(time.Second))
	status := &into.Status
	status.Conditions = conditionsOf(p.set, r, now)
	status.Health = healthOf(status.Conditions)
	if r.seen {
		status.ResourcesCount = int64(len(r.resources))
		status.Resources = r.resources[:min(len(r.resources), p.settings.MaxResources)]
		status.ApplicationStatus = settled(p.set.Status.ApplicationStatus, r.progress)
	}
	if reflect.DeepEqual(p.set.Status, into.Status) {
		return nil
	}
	patch := client.MergeFrom(p.set)
	data, err := patch.Data(into)
	if err != nil {
		return fmt.Errorf("comparing the status of application set %s: %w", p.set.Name, err)
	}
	if isEmpty(data) {
		return nil
	}
	if err := p.client.Status().Patch(ctx, into, client.RawPatch(patch.Type(), data), client.FieldOwner(Manager)); err != nil {
		return fmt.Errorf("writing the status of application set %s: %w", p.set.Name, err)
	}
	p.wrote(into)
	return nil
}

// settled keeps what was written where only its time is another.
func settled(before, now []argo.ApplicationSetApplicationStatus) []argo.ApplicationSetApplicationStatus {
	same := slices.EqualFunc(before, now, func(a, b argo.ApplicationSetApplicationStatus) bool {
		return a.Application == b.Application && a.Status == b.Status && a.Step == b.Step && a.Message == b.Message && slices.Equal(a.TargetRevisions, b.TargetRevisions)
	})
	if same {
		return before
	}
	return now
}

// conditionsOf are a set's, in the order of their types, as Argo CD writes them. One that says what it said keeps its time.
func conditionsOf(set *argo.ApplicationSet, r setReport, now metav1.Time) []argo.ApplicationSetCondition {
	const yes, no = argo.ApplicationSetConditionStatusTrue, argo.ApplicationSetConditionStatusFalse
	all := []argo.ApplicationSetCondition{{Type: argo.ApplicationSetConditionParametersGenerated, Status: yes,
		Reason: argo.ApplicationSetReasonParametersGenerated, Message: "Successfully generated parameters for all Applications"}}
	if !r.generated {
		all[0].Status, all[0].Reason, all[0].Message = no, argo.ApplicationSetReasonErrorOccurred, r.message
	}
	if r.reason != "" {
		all = append(all, argo.ApplicationSetCondition{Type: argo.ApplicationSetConditionErrorOccurred, Status: yes, Reason: r.reason, Message: r.message},
			argo.ApplicationSetCondition{Type: argo.ApplicationSetConditionResourcesUpToDate, Status: no, Reason: argo.ApplicationSetReasonErrorOccurred, Message: r.message})
	} else {
		const done = "All applications have been generated successfully"
		for _, c := range []argo.ApplicationSetCondition{{Type: argo.ApplicationSetConditionErrorOccurred, Status: no}, {Type: argo.ApplicationSetConditionResourcesUpToDate, Status: yes}} {
			c.Reason, c.Message = argo.ApplicationSetReasonApplicationSetUpToDate, done
			all = append(all, c)
		}
	}
	all = append(all, r.rolling...)
	rolls := set.Spec.Strategy != nil && set.Spec.Strategy.Type == argo.StrategyRollingSync
	for _, c := range set.Status.Conditions {
		of := c.Type == argo.ApplicationSetConditionRolloutProgressing || c.Type == argo.ApplicationSetConditionInvalidRolloutConfig
		if (!of || rolls && !r.seen) && !slices.ContainsFunc(all, func(o argo.ApplicationSetCondition) bool { return o.Type == c.Type }) {
			all = append(all, c) // others' conditions, and those that were not looked at
		}
	}
	for i := range all {
		c := &all[i]
		if len(c.Message) > conditionLimit {
			c.Message = strings.ToValidUTF8(c.Message[:conditionLimit], "") + "…"
		}
		if c.LastTransitionTime == nil {
			c.LastTransitionTime = since(set, *c, now)
		}
	}
	slices.SortFunc(all, func(a, b argo.ApplicationSetCondition) int { return cmp.Compare(a.Type, b.Type) })
	return all
}

// conditionLimit bounds what a condition says, in bytes.
const conditionLimit = 4 << 10

func since(set *argo.ApplicationSet, c argo.ApplicationSetCondition, now metav1.Time) *metav1.Time {
	for _, was := range set.Status.Conditions {
		if was.Type == c.Type && was.Status == c.Status && was.Reason == c.Reason && was.Message == c.Message && was.LastTransitionTime != nil {
			return was.LastTransitionTime
		}
	}
	return &now
}

// healthOf follows from the conditions.
func healthOf(all []argo.ApplicationSetCondition) argo.HealthStatus {
	message := func(t argo.ApplicationSetConditionType) (string, bool) {
		for _, c := range all {
			if c.Type == t && c.Status == argo.ApplicationSetConditionStatusTrue {
				return c.Message, true
			}
		}
		return "", false
	}
	for _, h := range []struct {
		of   argo.ApplicationSetConditionType
		code argo.HealthStatusCode
	}{
		{argo.ApplicationSetConditionErrorOccurred, argo.HealthStatusDegraded},
		{argo.ApplicationSetConditionRolloutProgressing, argo.HealthStatusProgressing},
		{argo.ApplicationSetConditionResourcesUpToDate, argo.HealthStatusHealthy},
	} {
		if m, ok := message(h.of); ok {
			return argo.HealthStatus{Status: h.code, Message: m}
		}
	}
	return argo.HealthStatus{Status: argo.HealthStatusUnknown, Message: "Waiting for health status to be determined"}
}
