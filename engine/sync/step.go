package sync

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// step builds what is to be done at k: prunes, then deletions of hooks that are to be created anew, then applies. While such a
// hook is still there nothing is applied.
func (d *decision) step(k key, among []*task) Plan {
	s := &Step{Phase: k.phase, Wave: k.wave}
	var prunes, removals []Action
	var applies, leaving, unconfirmed, going []*task
	for _, t := range among {
		if !t.pending() || t.key() != k {
			continue
		}
		switch {
		case t.isPrune() && d.unconfirmed(t):
			unconfirmed = append(unconfirmed, t)
		case t.isPrune() && t.live.GetDeletionTimestamp() != nil:
			t.status, t.op, t.message = argo.ResultCodePruned, argo.OperationSucceeded, messagePruned // others have asked for it
			going = append(going, t)
		case t.isPrune():
			prunes = append(prunes, d.action(t, Prune))
		case !d.isLeftOver(t):
			applies = append(applies, t)
		case t.live.GetDeletionTimestamp() != nil && !slices.Contains(t.live.GetFinalizers(), HookFinalizer):
			leaving = append(leaving, t)
		default:
			removals = append(removals, d.action(t, Remove))
		}
	}
	for _, group := range [][]Action{prunes, removals} {
		if len(group) > 0 {
			s.Groups = append(s.Groups, group)
		}
	}
	if len(removals) == 0 && len(leaving) == 0 {
		s.Groups = append(s.Groups, d.applyGroups(applies)...)
	}
	switch {
	case len(s.Groups) > 0:
		p := running("")
		p.Step = s
		return p
	case len(going) > 0:
		p := running(waiting("deletion of", going, "resources"))
		p.Again = time.Millisecond
		return p
	case len(leaving) > 0:
		return running(waiting("deletion of hook", leaving, "hooks"))
	default:
		return running(waiting("pruning confirmation of", unconfirmed, "resources"))
	}
}

// applyGroups puts tasks, which are in kind order, into one group a kind.
func (d *decision) applyGroups(tasks []*task) [][]Action {
	var groups [][]Action
	var kind schema.GroupKind
	for i, t := range tasks {
		if i == 0 || t.id.GroupKind() != kind {
			groups = append(groups, nil)
			kind = t.id.GroupKind()
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], d.action(t, Apply))
	}
	return groups
}

func (d *decision) unconfirmed(t *task) bool {
	return !d.Operation.DryRun && Setting(t.live, d.Options, "Prune") == "confirm" && d.Approved.Before(d.StartedAt)
}

// runOnce are kinds whose objects run to an end and never again. One that an earlier operation left behind is replaced whatever
// its policies say: applied over, it would pass for a run of this operation.
var runOnce = []schema.GroupKind{
	{Group: "batch", Kind: "Job"}, {Kind: "Pod"}, {Group: "argoproj.io", Kind: "Workflow"},
	{Group: "tekton.dev", Kind: "PipelineRun"}, {Group: "tekton.dev", Kind: "TaskRun"},
}

// isLeftOver reports whether a pending hook's object of an earlier run has to go first.
func (d *decision) isLeftOver(t *task) bool {
	return t.isHook() && t.live != nil && markOf(t.live) != d.mark(t.phase) &&
		(slices.Contains(Policies(t.target), BeforeHookCreation) || slices.Contains(runOnce, t.id.GroupKind()))
}

// cleanHooks deletes the objects of completed hooks that have policy.
func (d *decision) cleanHooks(policy Policy) (Plan, bool) {
	if d.Tried.Cleanup || d.Operation.DryRun {
		return Plan{}, false
	}
	var group []Action
	for _, t := range slices.Concat(d.tasks, d.fails) {
		if t.isHook() && t.complete() && t.live != nil && t.live.GetDeletionTimestamp() == nil &&
			markOf(t.live) == d.mark(t.phase) && slices.Contains(Policies(t.target), policy) {
			group = append(group, d.action(t, Remove))
		}
	}
	if len(group) == 0 {
		return Plan{}, false
	}
	p := running("")
	p.Step = &Step{Phase: group[0].Phase, Cleanup: true, Groups: [][]Action{group}}
	return p, true
}

// dryRun tries everything before anything is changed. What cannot be tried yet is left out: objects whose namespace or kind comes
// with this sync, those that are replaced or forced, and hooks that replace an earlier run's. An operation that is itself a dry
// run does nothing else.
func dryRun(d *decision) (Plan, bool) {
	if !d.Operation.DryRun && (d.Tried.DryRun || d.started()) {
		return Plan{}, false
	}
	if d.Operation.DryRun {
		d.settleUntried()
	}
	applies := filter(slices.Concat(d.tasks, d.fails), func(t *task) bool { return t.pending() && !t.isPrune() && d.canTry(t) })
	if len(applies) == 0 {
		return Plan{}, false
	}
	slices.SortStableFunc(applies, func(a, b *task) int { return kindRank(a.id.Kind) - kindRank(b.id.Kind) })
	p := running("")
	p.Step = &Step{DryRun: true, Record: d.Operation.DryRun, Phase: argo.SyncPhaseSync, Groups: d.applyGroups(applies)}
	return p, true
}

// settleUntried answers, in an operation that is a dry run, for what the API server is not asked about.
func (d *decision) settleUntried() {
	for _, t := range slices.Concat(d.tasks, d.fails) {
		switch {
		case !t.pending():
		case t.isPrune():
			t.status, t.op, t.message = argo.ResultCodePruned, argo.OperationSucceeded, messagePruned+dryRunSuffix
		case !d.canTry(t):
			t.status, t.op, t.message = argo.ResultCodeSynced, argo.OperationSucceeded, "cannot be tried before what it replaces or needs"+dryRunSuffix
		}
	}
}

func (d *decision) canTry(t *task) bool {
	if d.isLeftOver(t) || d.forces() || Setting(t.target, d.Options, "Replace") == "true" || asks(t, "Replace") || asks(t, "Force") {
		return false
	}
	if d.Served != nil {
		if _, served := d.Served(t.id.GroupKind()); !served {
			return false
		}
	}
	return !d.born[t.id.Namespace]
}

func (d *decision) action(t *task, verb Verb) Action {
	a := Action{Verb: verb, ID: t.id, Version: t.object().GroupVersionKind().Version, Phase: t.phase, Hook: t.hook, Wave: t.wave}
	if verb == Apply {
		a.Object = t.target
		if t.isHook() {
			a.Object = marked(t.target, d.mark(t.phase))
		}
		a.Apply = d.applyOptions(t)
		return a
	}
	if t.live != nil {
		a.UID = t.live.GetUID()
	}
	a.Propagation = "foreground"
	if p := Setting(nil, d.Options, "PrunePropagationPolicy"); p == "background" || p == "orphan" {
		a.Propagation = p
	}
	if verb == Remove {
		a.Propagation = "background"
	}
	return a
}

func (d *decision) applyOptions(t *task) ApplyOptions {
	setting := func(key string) string { return Setting(t.target, d.Options, key) }
	o := ApplyOptions{
		Replace:        setting("Replace") == "true" || asks(t, "Replace"),
		Force:          (d.forces() || asks(t, "Force")) && !holdsOthers(t.id),
		SkipValidation: setting("Validate") == "false",
		KeepManagers:   d.Options.Has("ClientSideApplyMigration=false"),
	}
	o.ServerSide = !o.Replace && setting("ServerSideApply") != "false"
	return o
}

// asks reports whether an object itself has an option, as it is wanted or as it is.
func asks(t *task, option string) bool {
	return Setting(t.target, nil, option) == "true" || t.live != nil && Setting(t.live, nil, option) == "true"
}

// holdsOthers reports whether other objects would go with an object; such a one is never deleted to be made anew.
func holdsOthers(id object.ID) bool {
	return id.Group == "" && id.Kind == "Namespace" || id.Group == "apiextensions.k8s.io" && id.Kind == "CustomResourceDefinition"
}

func (d *decision) untilTimeout() time.Duration {
	if d.WaveTimeout <= 0 || d.Since.IsZero() {
		return 0
	}
	return max(d.WaveTimeout-d.Now.Sub(d.Since), time.Second)
}

// Record adds what came of a step to what is recorded. A dry run leaves no trace where it succeeds, unless the operation is one.
func Record(done []argo.ResourceResult, s *Step, outcomes []Outcome) []argo.ResourceResult {
	l := listed(done)
	for _, o := range outcomes {
		if r, keep := outcomeResult(s, o); keep {
			l.set(r)
		}
	}
	return l.lines
}

func outcomeResult(s *Step, o Outcome) (argo.ResourceResult, bool) {
	a := o.Action
	r := argo.ResourceResult{
		Group: a.ID.Group, Version: a.Version, Kind: a.ID.Kind, Namespace: a.ID.Namespace, Name: a.ID.Name,
		Message: o.Message, HookType: a.Hook, SyncPhase: a.Phase, Images: Images(a.Object),
	}
	switch {
	case a.Verb == Remove || a.Verb == Release:
		return r, false // of hooks, only how they ran is recorded
	case s.DryRun && o.Failed:
		r.Status, r.HookPhase, r.Message = argo.ResultCodeSyncFailed, argo.OperationFailed, o.Message+dryRunSuffix
	case s.DryRun:
		r.Status, r.HookPhase = argo.ResultCodeSynced, argo.OperationSucceeded
		r.Message = strings.TrimSuffix(o.Message, " (server dry run)") + dryRunSuffix
		return r, s.Record
	case o.Failed:
		r.Status, r.HookPhase = argo.ResultCodeSyncFailed, argo.OperationFailed
	case a.Verb == Prune:
		r.Status, r.HookPhase, r.Message = argo.ResultCodePruned, argo.OperationSucceeded, orElse(o.Message, messagePruned)
	default:
		r.Status, r.HookPhase = argo.ResultCodeSynced, argo.OperationRunning
	}
	return r, true
}

// Removes reports whether a step deletes objects of hooks, whose end has to be seen in the cluster before the next decision.
func (s *Step) Removes() bool {
	return slices.ContainsFunc(s.Groups, func(group []Action) bool {
		return slices.ContainsFunc(group, func(a Action) bool { return a.Verb == Remove })
	})
}
