package appset

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// IsRolling says whether the applications of a set are synced step by step.
func IsRolling(set *argo.ApplicationSet) bool {
	s := set.Spec.Strategy
	return s != nil && s.Type == argo.StrategyRollingSync && s.RollingSync != nil
}

// IsReverse says whether the applications of a set that is deleted go step by step, the last step first.
func IsReverse(set *argo.ApplicationSet) bool {
	return IsRolling(set) && len(set.Spec.Strategy.RollingSync.Steps) > 0 && strings.EqualFold(set.Spec.Strategy.DeletionOrder, argo.DeletionOrderReverse)
}

// Rolling is what a rolling sync is decided by.
type Rolling struct {
	Set *argo.ApplicationSet
	// Generated are the applications that the set makes, Current those that are there.
	Generated, Current []*argo.Application
	// Changed says whether the specification of one that is there is another than the generated one.
	Changed func(live, generated *argo.Application) bool
	Now     time.Time
}

// Rollout is how far a rolling sync has come, and what it does next.
type Rollout struct {
	// Status of each application that is there, by name.
	Status []argo.ApplicationSetApplicationStatus
	// Sync are the applications whose turn it is, with the moment at which it became so: an operation is begun for each, once.
	Sync map[string]metav1.Time
	// Conditions are RolloutProgressing and InvalidRolloutConfig.
	Conditions []argo.ApplicationSetCondition
}

// Rollout decides a rolling sync as Argo CD does, with its words. An application waits until all of the steps before its own are
// healthy, is pending until an operation has begun for it, and progresses until it is synced and healthy. Who is in no step has the step
// -1, and counts against nobody's maxUpdate.
func (r Rolling) Rollout() Rollout {
	steps, issues := stepsOf(r.Set, r.Generated)
	now := metav1.NewTime(r.Now.Truncate(time.Second))
	status := make([]argo.ApplicationSetApplicationStatus, 0, len(r.Current))
	generated := byName(r.Generated)
	for _, app := range r.Current {
		s := known(r.Set, app, now)
		s.Step = strconv.Itoa(steps.of(app.Name))
		changed := generated[app.Name] != nil && r.Changed(app, generated[app.Name])
		status = append(status, advance(s, app, changed, now))
	}
	slices.SortFunc(status, func(a, b argo.ApplicationSetApplicationStatus) int {
		return strings.Compare(a.Application, b.Application)
	})
	open := steps.open(status)
	current := byName(r.Current)
	start(r.Set, status, open, func(name string) metav1.Time { return turnOf(current[name], now) }, issues)
	out := Rollout{Status: status, Sync: map[string]metav1.Time{}}
	for _, s := range status {
		if s.Status == argo.ProgressiveSyncPending && open[s.Application] && s.LastTransitionTime != nil {
			out.Sync[s.Application] = *s.LastTransitionTime
		}
	}
	out.Conditions = []argo.ApplicationSetCondition{progressing(r.Set, status), issues.condition()}
	return out
}

func byName(apps []*argo.Application) map[string]*argo.Application {
	m := make(map[string]*argo.Application, len(apps))
	for _, app := range apps {
		m[app.Name] = app
	}
	return m
}

// known is the application's status in the set, as it was or as it begins.
func known(set *argo.ApplicationSet, app *argo.Application, now metav1.Time) argo.ApplicationSetApplicationStatus {
	for _, s := range set.Status.ApplicationStatus {
		if s.Application == app.Name {
			s = *s.DeepCopy()
			if s.TargetRevisions == nil {
				s.TargetRevisions = []string{}
			}
			return s
		}
	}
	return argo.ApplicationSetApplicationStatus{Application: app.Name, TargetRevisions: revisionsOf(app), LastTransitionTime: &now,
		Message: "No Application status found, defaulting status to Waiting", Status: argo.ProgressiveSyncWaiting}
}

func revisionsOf(app *argo.Application) []string {
	if s := app.Status.Sync; len(s.Revisions) > 0 {
		return s.Revisions
	} else if s.Revision != "" {
		return []string{s.Revision}
	}
	return []string{}
}

// advance moves an application on by what is seen of it.
func advance(s argo.ApplicationSetApplicationStatus, app *argo.Application, changed bool, now metav1.Time) argo.ApplicationSetApplicationStatus {
	before := s.Status
	since := s.LastTransitionTime
	to := func(code argo.ProgressiveSyncStatusCode, message string) {
		s.Status, s.Message, s.LastTransitionTime = code, message, &now
	}
	moved := !slices.Equal(s.TargetRevisions, revisionsOf(app))
	switch {
	case moved && changed:
		to(argo.ProgressiveSyncWaiting, "Application has pending changes (revision and spec differ), setting status to Waiting")
	case moved:
		to(argo.ProgressiveSyncWaiting, "Application has pending changes, setting status to Waiting")
	case changed && s.Status != argo.ProgressiveSyncWaiting:
		to(argo.ProgressiveSyncWaiting, "Application has pending changes (spec differs), setting status to Waiting")
	}
	s.TargetRevisions = revisionsOf(app)
	// What was compared before the specification changed says nothing of the present one.
	synced := app.Status.Sync.Status == argo.SyncStatusCodeSynced && !changed && compared(app)
	healthy := app.Status.Health.Status == argo.HealthStatusHealthy
	switch {
	case s.Status == argo.ProgressiveSyncWaiting && synced && healthy:
		to(argo.ProgressiveSyncHealthy, "Application resource has synced, updating status to Healthy")
	case s.Status == argo.ProgressiveSyncWaiting && synced:
		to(argo.ProgressiveSyncProgressing, "Application resource has synced, updating status to Progressing")
	case s.Status != before || s.Status == argo.ProgressiveSyncWaiting:
	case before == argo.ProgressiveSyncPending:
		if message := begun(app, since); message != "" {
			to(argo.ProgressiveSyncProgressing, message)
		}
	case before == argo.ProgressiveSyncProgressing && synced && healthy:
		to(argo.ProgressiveSyncHealthy, "Application resource became Healthy, updating status from Progressing to Healthy")
	}
	return s
}

// compared says whether the application's status is of its present sources and destination.
func compared(app *argo.Application) bool {
	c := app.Status.Sync.ComparedTo
	var source argo.ApplicationSource
	if app.Spec.Source != nil && len(app.Spec.Sources) == 0 {
		source = *app.Spec.Source
	}
	return equality.Semantic.DeepEqual(c.Destination, app.Spec.Destination) && equality.Semantic.DeepEqual(c.Sources, app.Spec.Sources) &&
		equality.Semantic.DeepEqual(c.Source, source)
}

// RolloutKey is the name under which an operation carries the moment at which its application's turn came, so that it is begun once.
const RolloutKey = "slipway.dev/rollout"

// Begun says whether an operation has begun for an application since its turn came.
func Begun(app *argo.Application, since metav1.Time) bool {
	state := app.Status.OperationState
	if state == nil {
		return false
	}
	return state.StartedAt.After(since.Time) || slices.ContainsFunc(state.Operation.Info, func(i argo.Info) bool {
		return i.Name == RolloutKey && i.Value == Turn(since)
	})
}

// turnOf is the moment from which an application's turn counts: none by which an operation that has begun already would be taken for this
// turn's. Moments are of whole seconds, and within one an operation may fail and its mending be there.
func turnOf(app *argo.Application, now metav1.Time) metav1.Time {
	if app == nil || app.Status.OperationState == nil {
		return now
	}
	if began := app.Status.OperationState.StartedAt; began.After(now.Time) {
		now = began // by another's clock
	}
	if Begun(app, now) {
		now = metav1.NewTime(now.Add(time.Second))
	}
	return now
}

// Turn is how a moment is written into an operation.
func Turn(since metav1.Time) string { return since.UTC().Format(time.RFC3339) }

// begun says why a pending application progresses; empty while it does not.
func begun(app *argo.Application, since *metav1.Time) string {
	if since == nil {
		since = &metav1.Time{}
	}
	switch {
	case Begun(app, *since):
		switch phase := app.Status.OperationState.Phase; {
		case phase.Successful():
			return "Application resource completed a sync successfully, updating status from Pending to Progressing"
		case phase.Completed():
			return "Application resource completed a sync, updating status from Pending to Progressing"
		}
		return "Application resource became Progressing, updating status from Pending to Progressing"
	case slices.ContainsFunc(app.Status.Conditions, func(c argo.ApplicationCondition) bool {
		return c.Type == argo.ApplicationConditionInvalidSpecError || c.Type == argo.ApplicationConditionUnknownError
	}):
		return "Application resource has error and cannot sync, updating status to Progressing"
	}
	return ""
}

// steps are the names of the applications of each step; one that is in several belongs to the first.
type steps struct {
	names [][]string
	first map[string]int
}

// of is the step of an application, from 1; -1 for one that is in none.
func (s steps) of(name string) int {
	if i, ok := s.first[name]; ok {
		return i + 1
	}
	return -1
}

func stepsOf(set *argo.ApplicationSet, apps []*argo.Application) (steps, *rolloutIssues) {
	all := set.Spec.Strategy.RollingSync.Steps
	s, issues := steps{names: make([][]string, len(all)), first: map[string]int{}}, &rolloutIssues{twice: map[string][]int{}}
	for _, app := range apps {
		for i, step := range all {
			if !selects(step, app.Labels, i, issues) {
				continue
			}
			s.names[i] = append(s.names[i], app.Name)
			if at, ok := s.first[app.Name]; ok {
				if issues.twice[app.Name] == nil {
					issues.twice[app.Name] = []int{at}
				}
				issues.twice[app.Name] = append(issues.twice[app.Name], i)
				continue
			}
			s.first[app.Name] = i
		}
		if _, ok := s.first[app.Name]; !ok {
			issues.none = append(issues.none, app.Name)
		}
	}
	for i := range s.names {
		if len(s.names[i]) == 0 {
			issues.empty = append(issues.empty, i)
		}
	}
	return s, issues
}

// selects says whether all expressions of a step hold. A label that is missing is In no list, and NotIn any.
func selects(step argo.ApplicationSetRolloutStep, labels map[string]string, at int, issues *rolloutIssues) bool {
	for _, e := range step.MatchExpressions {
		value, there := labels[e.Key]
		switch e.Operator {
		case argo.MatchExpressionIn:
			if !there || !slices.Contains(e.Values, value) {
				return false
			}
		case argo.MatchExpressionNotIn:
			if there && slices.Contains(e.Values, value) {
				return false
			}
		default:
			issues.operator(at, e.Operator)
			return false
		}
	}
	return true
}

// open are the applications whose step may go on: the first step, and each after one whose applications are all there and healthy.
func (s steps) open(status []argo.ApplicationSetApplicationStatus) map[string]bool {
	healthy := map[string]bool{}
	for _, st := range status {
		healthy[st.Application] = st.Status == argo.ProgressiveSyncHealthy
	}
	open := map[string]bool{}
	for _, names := range s.names {
		done := true
		for _, name := range names {
			open[name] = true
			done = done && healthy[name]
		}
		if !done {
			break
		}
	}
	return open
}

// start makes those that wait pending, as many of a step at a time as its maxUpdate allows.
func start(set *argo.ApplicationSet, status []argo.ApplicationSetApplicationStatus, open map[string]bool, turn func(name string) metav1.Time, issues *rolloutIssues) {
	all := set.Spec.Strategy.RollingSync.Steps
	total, busy := make([]int, len(all)), make([]int, len(all))
	step := func(s argo.ApplicationSetApplicationStatus) int {
		n, err := strconv.Atoi(s.Step)
		if err != nil || n < 1 || n > len(all) {
			return -1
		}
		return n - 1
	}
	for _, s := range status {
		if i := step(s); i >= 0 {
			total[i]++
			if s.Status == argo.ProgressiveSyncPending || s.Status == argo.ProgressiveSyncProgressing {
				busy[i]++
			}
		}
	}
	for k := range status {
		s := &status[k]
		i := step(*s)
		if i < 0 || s.Status != argo.ProgressiveSyncWaiting || !open[s.Application] {
			continue
		}
		if busy[i] >= atOnce(all[i].MaxUpdate, total[i], i, issues) {
			continue
		}
		s.Status, s.LastTransitionTime = argo.ProgressiveSyncPending, new(turn(s.Application))
		s.Message = "Application moved to Pending status, watching for the Application resource to start Progressing"
		busy[i]++
	}
}

// atOnce is how many of a step may be updated at a time: a number or a share, which is rounded down, but to 1 at least unless it is 0.
// One that cannot be read lets none begin.
func atOnce(limit *intstr.IntOrString, total, at int, issues *rolloutIssues) int {
	if limit == nil {
		return total
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(limit, total, false)
	if err != nil {
		issues.limit(at, limit.String())
		return 0
	}
	if limit.Type == intstr.String && limit.StrVal != "0%" && n < 1 {
		return 1
	}
	return n
}

// progressing says at which step the rolling sync is.
func progressing(set *argo.ApplicationSet, status []argo.ApplicationSetApplicationStatus) argo.ApplicationSetCondition {
	for i := range set.Spec.Strategy.RollingSync.Steps {
		step := strconv.Itoa(i + 1)
		if slices.ContainsFunc(status, func(s argo.ApplicationSetApplicationStatus) bool {
			return s.Step == step && s.Status != argo.ProgressiveSyncHealthy
		}) {
			return argo.ApplicationSetCondition{Type: argo.ApplicationSetConditionRolloutProgressing, Status: argo.ApplicationSetConditionStatusTrue,
				Reason: argo.ApplicationSetReasonApplicationSetModified, Message: "ApplicationSet is performing rollout of step " + step}
		}
	}
	return argo.ApplicationSetCondition{Type: argo.ApplicationSetConditionRolloutProgressing, Status: argo.ApplicationSetConditionStatusFalse,
		Reason: argo.ApplicationSetReasonApplicationSetRolloutComplete, Message: "ApplicationSet Rollout has completed"}
}

// DeletionOrder are the applications of a set that goes, in the order in which they do: the last step first, one at a time. Those of no
// step are not among them.
func DeletionOrder(set *argo.ApplicationSet, apps []*argo.Application) []*argo.Application {
	s, _ := stepsOf(set, apps)
	var order []*argo.Application
	for _, app := range apps {
		if s.of(app.Name) > 0 {
			order = append(order, app)
		}
	}
	slices.SortFunc(order, func(a, b *argo.Application) int {
		if d := s.of(b.Name) - s.of(a.Name); d != 0 {
			return d
		}
		return strings.Compare(a.Name, b.Name)
	})
	return order
}
