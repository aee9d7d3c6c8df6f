package sync

import (
	"fmt"
	"slices"
	"strings"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Messages of Argo CD that automation keys on.
const (
	messageNoMore     = "successfully synced (no more tasks)"
	messageAllRun     = "successfully synced (all tasks run)"
	messageApply      = "one or more objects failed to apply"
	messageDryRun     = "one or more objects failed to apply (dry run)"
	messageUnfinished = "one or more synchronization tasks completed unsuccessfully"
	messageInvalid    = "one or more synchronization tasks are not valid"
	messageTerminated = "Operation terminated"

	messagePruned = "pruned"
	dryRunSuffix  = " (dry run)"
)

// rule decides or leaves it to the next.
type rule func(*decision) (Plan, bool)

// rules in their order; the first that decides wins.
var rules = []rule{
	release,        // hooks that are done let go of their objects
	terminate,      // someone asked for the end
	invalid,        // what must not or cannot be applied stops everything
	makeNamespace,  // the destination namespace, which a dry run already needs
	dryRunRefused,  // nothing was changed, nothing will be
	dryRun,         // ask for everything once before anything is changed
	fail,           // something went wrong: failure hooks, then the end
	wait,           // for hooks, for health between waves, for deletions
	delay,          // between waves
	advance,        // the first step that has something to do
	awaitLastHooks, // of the last step
	cleanUp,        // hooks whose policy says so
	succeed,
}

func running(message string) Plan { return Plan{Phase: argo.OperationRunning, Message: message} }

// terminate deletes running hooks and ends. What was applied stays.
func terminate(d *decision) (Plan, bool) {
	if !d.Terminate {
		return Plan{}, false
	}
	var group []Action
	unclean := false
	for _, t := range slices.Concat(d.tasks, d.fails) {
		if !t.isHook() || !t.running() {
			continue
		}
		if t.live == nil || markOf(t.live) != d.mark(t.phase) || t.live.GetDeletionTimestamp() != nil && !slices.Contains(t.live.GetFinalizers(), HookFinalizer) || d.Tried.Cleanup {
			unclean = unclean || d.Tried.Cleanup
			t.op, t.message = argo.OperationFailed, "Terminated"
			continue
		}
		group = append(group, d.action(t, Remove))
	}
	if len(group) > 0 {
		p := Plan{Phase: argo.OperationTerminating, Message: "operation is terminating, waiting for hooks to be deleted"}
		p.Step = &Step{Phase: argo.SyncPhaseSync, Cleanup: true, Groups: [][]Action{group}}
		return p, true
	}
	if unclean {
		return Plan{Phase: argo.OperationError, Message: "Operation termination had errors"}, true
	}
	return Plan{Phase: argo.OperationFailed, Message: messageTerminated}, true
}

// release takes our finalizer off the objects of hooks whose completion is known.
func release(d *decision) (Plan, bool) {
	var group []Action
	for _, t := range slices.Concat(d.tasks, d.fails) {
		if t.isHook() && t.complete() && t.live != nil && markOf(t.live) == d.mark(t.phase) &&
			slices.Contains(t.live.GetFinalizers(), HookFinalizer) {
			group = append(group, d.action(t, Release))
		}
	}
	if len(group) == 0 {
		return Plan{}, false
	}
	p := running("")
	p.Step = &Step{Phase: group[0].Phase, Groups: [][]Action{group}}
	return p, true
}

// invalid looks at what is still to be applied. What has become invalid while hooks run ends the operation when they are done: it has to
// let go of their objects.
func invalid(d *decision) (Plan, bool) {
	all := slices.Concat(d.tasks, d.fails)
	wrong := map[*task]string{}
	for _, t := range all {
		if !t.pending() || t.isPrune() {
			continue
		}
		if message := d.validate(t); message != "" {
			wrong[t] = message
		}
	}
	if len(wrong) == 0 {
		return Plan{}, false
	}
	if hooks := filter(all, func(t *task) bool { return t.isHook() && t.running() }); len(hooks) > 0 {
		return running(waiting("completion of hook", hooks, "hooks")), true
	}
	var messages []string
	for _, t := range all {
		message, is := wrong[t]
		if !is {
			continue
		}
		t.status, t.op, t.message = argo.ResultCodeSyncFailed, argo.OperationFailed, message
		if !slices.Contains(messages, message) {
			messages = append(messages, message)
		}
	}
	return Plan{Phase: argo.OperationFailed, Message: messageInvalid + ": " + strings.Join(some(messages), ", ")}, true
}

func (d *decision) validate(t *task) string {
	namespaced, known := d.scope(t.id)
	if !known && Setting(t.target, nil, "SkipDryRunOnMissingResource") != "true" && !d.Options.Has("SkipDryRunOnMissingResource=true") {
		return fmt.Sprintf("The Kubernetes API could not find %s/%s for requested resource %s/%s. "+
			"Make sure the %q CRD is installed on the destination cluster.", t.id.Group, t.id.Kind, t.id.Namespace, t.id.Name, t.id.Kind)
	}
	if t.problem != "" || t.ours || d.Permits == nil {
		return t.problem
	}
	return d.Permits(t.id, namespaced || !known)
}

// makeNamespace creates the destination namespace for real, since nothing in it can be tried before. A dry run does not.
func makeNamespace(d *decision) (Plan, bool) {
	for _, id := range Wanted(d.Options, d.Namespace) {
		for _, t := range d.tasks {
			if t.id == id && t.pending() && t.live == nil && !d.Operation.DryRun && !d.started() {
				p := running("creating namespace " + id.Name)
				p.Step = &Step{Phase: t.phase, Wave: t.wave, Groups: [][]Action{{d.action(t, Apply)}}}
				return p, true
			}
		}
	}
	return Plan{}, false
}

// started reports whether anything but the namespace was done.
func (d *decision) started() bool {
	return slices.ContainsFunc(slices.Concat(d.tasks, d.fails), func(t *task) bool {
		return t.recorded && t.status != argo.ResultCodePruneSkipped && (t.id.Kind != "Namespace" || t.id.Group != "")
	})
}

// dryRunRefused ends an operation whose dry run was refused; its results are marked as a dry run's.
func dryRunRefused(d *decision) (Plan, bool) {
	failed := filter(d.tasks, func(t *task) bool {
		return t.status == argo.ResultCodeSyncFailed && strings.HasSuffix(t.message, dryRunSuffix)
	})
	if len(failed) == 0 {
		return Plan{}, false
	}
	return Plan{Phase: argo.OperationFailed, Message: because(messageDryRun, failed)}, true
}

// fail awaits running hooks, runs those of phase SyncFail, and ends the operation.
func fail(d *decision) (Plan, bool) {
	failed := filter(d.tasks, (*task).failed)
	if len(failed) == 0 {
		return Plan{}, false
	}
	refused := filter(failed, func(t *task) bool { return t.status == argo.ResultCodeSyncFailed && t.op != argo.OperationError })
	if hooks := d.runningHooks(); len(hooks) > 0 {
		return running(waiting("completion of hook", hooks, "hooks")), true
	}
	if hooks := filter(d.fails, (*task).running); len(hooks) > 0 {
		return running(waiting("completion of hook", hooks, "hooks")), true
	}
	for _, t := range d.fails {
		if t.pending() && !slices.ContainsFunc(d.fails, (*task).failed) {
			return d.step(t.key(), d.fails), true
		}
	}
	if p, more := d.cleanHooks(HookFailed); more {
		return p, true
	}
	message, cause := messageUnfinished, failed
	if len(refused) > 0 {
		message, cause = messageApply, refused
	}
	message = because(message, cause)
	if broken := filter(d.fails, (*task).failed); len(broken) > 0 {
		message += "\n" + because("one or more SyncFail hooks failed", broken)
	}
	return Plan{Phase: argo.OperationFailed, Message: message}, true
}

// wait holds the next step back until everything before it is well and gone.
func wait(d *decision) (Plan, bool) {
	next, more := d.nextStep()
	if !more {
		return Plan{}, false
	}
	before := filter(d.tasks, func(t *task) bool { return t.running() && (t.key().compare(next) < 0 || t.isHook()) })
	if len(before) > 0 {
		return d.waitFor(before), true
	}
	if gone := filter(d.tasks, d.vanishing); len(gone) > 0 {
		p := running(waiting("deletion of", gone, "resources"))
		p.Again = d.untilTimeout()
		return p, true
	}
	return Plan{}, false
}

// waitFor waits for tasks. A hook, if there is one, is named, and all are counted.
func (d *decision) waitFor(tasks []*task) Plan {
	hooks := filter(tasks, (*task).isHook)
	if len(hooks) == len(tasks) {
		return running(waiting("completion of hook", hooks, "hooks"))
	}
	if len(hooks) > 0 {
		others := filter(tasks, func(t *task) bool { return !t.isHook() })
		return running(waiting("completion of hook", slices.Concat(hooks, others), "resources"))
	}
	p := running(waiting("healthy state of", tasks, "resources"))
	p.Again = d.untilTimeout()
	return p
}

// moment is how long a namespace and what stands around it are left alone before something is put into it: the API server's own
// controllers need no longer to count its quota.
const moment = 250 * time.Millisecond

// delay keeps two waves apart.
func delay(d *decision) (Plan, bool) {
	next, more := d.nextStep()
	if !more || d.Since.IsZero() {
		return Plan{}, false
	}
	earlier := filter(d.tasks, func(t *task) bool {
		return t.recorded && t.status != argo.ResultCodePruneSkipped && t.key().compare(next) < 0
	})
	apart := d.WaveDelay
	if !slices.ContainsFunc(earlier, func(t *task) bool { return !t.around }) {
		apart = min(apart, moment)
	}
	left := apart - d.Now.Sub(d.Since)
	if len(earlier) == 0 || left <= 0 {
		return Plan{}, false
	}
	p := running(fmt.Sprintf("waiting before wave %d of phase %s", next.wave, next.phase))
	p.Again = left
	return p, true
}

// advance takes the first step with something to do.
func advance(d *decision) (Plan, bool) {
	next, more := d.nextStep()
	if !more || d.Operation.DryRun {
		return Plan{}, false
	}
	return d.step(next, d.tasks), true
}

// awaitLastHooks waits at the end only if the last step has hooks; then its other objects are awaited too.
func awaitLastHooks(d *decision) (Plan, bool) {
	last := filter(d.tasks, func(t *task) bool { return t.running() && d.awaits(t) })
	if len(last) == 0 {
		return Plan{}, false
	}
	return d.waitFor(last), true
}

func cleanUp(d *decision) (Plan, bool) { return d.cleanHooks(HookSucceeded) }

func succeed(d *decision) (Plan, bool) {
	message := messageAllRun
	if len(d.tasks) == 0 || slices.ContainsFunc(d.tasks, func(t *task) bool { return t.key() == d.final && t.isHook() }) {
		message = messageNoMore
	}
	return Plan{Phase: argo.OperationSucceeded, Message: message}, true
}

// waiting is Argo CD's message: what for, the first, and how many more.
func waiting(what string, tasks []*task, others string) string {
	message := fmt.Sprintf("waiting for %s %s", what, tasks[0])
	if more := len(tasks) - 1; more > 0 {
		message += fmt.Sprintf(" and %d more %s", more, others)
	}
	return message
}

func because(message string, tasks []*task) string {
	var reasons []string
	for _, t := range tasks {
		if t.message != "" && !slices.Contains(reasons, t.message) {
			reasons = append(reasons, t.message)
		}
	}
	if len(reasons) == 0 {
		return message
	}
	return message + ", reason: " + strings.Join(some(reasons), ",")
}

// reasonsTold bounds how many reasons a message gives; each object's result has its own.
const reasonsTold = 20

// some are the first of many reasons, and how many more there are.
func some(reasons []string) []string {
	if len(reasons) <= reasonsTold {
		return reasons
	}
	return append(slices.Clone(reasons[:reasonsTold]), fmt.Sprintf("and %d more", len(reasons)-reasonsTold))
}
