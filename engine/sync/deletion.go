package sync

import (
	"fmt"
	"slices"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// DeletionHooks are the identities of the hooks of a type, PreDelete or PostDelete, that in.Desired has. in.StartedAt is when the
// application's deletion was asked for.
func DeletionHooks(in Input, hook argo.HookType) []object.ID {
	var ids []object.ID
	for _, t := range in.deletionTasks(hook) {
		ids = append(ids, t.id)
	}
	return ids
}

// AtDeletion decides the next step of the hooks of a type, PreDelete or PostDelete, of an application that is being deleted; of in it
// needs Desired, Live, StartedAt, Options, Namespace, Revision, Served, Permits and Health. Nothing is recorded: a hook's object has
// our finalizer until all are done, and tells what became of it. A plan that has Failed may have a step: hooks that failed are
// deleted, to be run again.
func AtDeletion(in Input, hook argo.HookType) Plan {
	d := &decision{Input: in, tasks: in.deletionTasks(hook), defs: definedBy{}}
	for _, t := range d.tasks {
		d.observeAtDeletion(t)
	}
	if p, bad := invalid(d); bad {
		return p
	}
	if failed := filter(d.tasks, (*task).failed); len(failed) > 0 {
		p := Plan{Phase: argo.OperationFailed, Message: because(fmt.Sprintf("%s hook %s failed", hook, failed[0]), failed), Step: &Step{Cleanup: true}}
		var group []Action
		for _, t := range failed {
			group = append(group, d.action(t, Remove))
		}
		p.Step.Groups = [][]Action{group}
		return p
	}
	next, more := d.nextStep()
	before := filter(d.tasks, func(t *task) bool { return t.running() && (!more || t.key().compare(next) < 0) })
	switch {
	case len(before) > 0:
		return running(waiting("completion of hook", before, "hooks"))
	case more:
		return d.step(next, d.tasks)
	}
	return Plan{Phase: argo.OperationSucceeded}
}

// AfterDeletion is what is to be done about hooks that have run: their policies, and our finalizer. nil is nothing.
func AfterDeletion(in Input, hook argo.HookType) *Step {
	d := &decision{Input: in}
	var group []Action
	for _, t := range in.deletionTasks(hook) {
		switch {
		case t.live == nil || markOf(t.live) != d.mark(t.phase):
		case slices.Contains(Policies(t.target), HookSucceeded):
			group = append(group, d.action(t, Remove))
		case slices.Contains(t.live.GetFinalizers(), HookFinalizer):
			group = append(group, d.action(t, Release))
		}
	}
	if len(group) == 0 {
		return nil
	}
	return &Step{Phase: argo.SyncPhase(hook), Groups: [][]Action{group}}
}

func (in *Input) deletionTasks(hook argo.HookType) []*task {
	var tasks []*task
	names, phase := in.namer(), argo.SyncPhase(hook)
	for _, o := range in.Desired.All() {
		if types, _ := Hooks(o.Unstructured); slices.Contains(types, hook) {
			tasks = append(tasks, in.newTask(names.named(o.Unstructured, phase), phase, hook))
		}
	}
	sortTasks(tasks)
	return tasks
}

// observeAtDeletion reads from a hook's object how far it has come. What cannot be judged holds no deletion up.
func (d *decision) observeAtDeletion(t *task) {
	if t.live == nil || markOf(t.live) != d.mark(t.phase) {
		return
	}
	t.status, t.op = argo.ResultCodeSynced, argo.OperationSucceeded
	h := d.health(t.live)
	if h == nil {
		return
	}
	t.message = h.Message
	switch h.Status {
	case argo.HealthStatusProgressing:
		t.op = argo.OperationRunning
	case argo.HealthStatusDegraded:
		t.op = argo.OperationFailed
	}
}
