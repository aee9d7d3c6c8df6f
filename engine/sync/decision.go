package sync

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// decision is the state that the rules look at: tasks with what is recorded and what is seen.
type decision struct {
	Input
	tasks []*task         // of the phases before a failure, in order
	fails []*task         // of phase SyncFail
	final key             // the last step before a failure
	last  bool            // whether there are hooks in it
	born  map[string]bool // namespaces that this sync is yet to make
	defs  definedBy       // kinds that this sync's CustomResourceDefinitions bring
}

type definedBy map[schema.GroupKind]bool // whether namespaced

func decide(in Input) *decision {
	d := &decision{Input: in, defs: definedBy{}, born: map[string]bool{}}
	done := in.recorded()
	for _, t := range in.tasks() {
		t.recall(done[t.id])
		if gk, namespaced, ok := definition(t.object()); ok && !t.isPrune() {
			d.defs[gk] = namespaced
		}
		if t.phase == argo.SyncPhaseSyncFail {
			d.fails = append(d.fails, t)
		} else {
			d.tasks = append(d.tasks, t)
		}
	}
	d.leaveInSync()
	if n := len(d.tasks); n > 0 {
		d.final = d.tasks[n-1].key()
	}
	for _, t := range d.tasks {
		d.last = d.last || t.key() == d.final && t.isHook()
		if t.target != nil && t.id.Kind == "Namespace" && t.id.Group == "" && t.live == nil && !t.recorded {
			d.born[t.id.Name] = true
		}
	}
	for _, t := range slices.Concat(d.tasks, d.fails) {
		d.observe(t)
	}
	d.expire()
	return d
}

// leaveInSync drops what needs no apply, when only what differs is asked for.
func (d *decision) leaveInSync() {
	if d.OutOfSync == nil || !d.Options.Has("ApplyOutOfSyncOnly=true") {
		return
	}
	d.tasks = slices.DeleteFunc(d.tasks, func(t *task) bool {
		return !t.isHook() && !t.isPrune() && !t.recorded && t.live != nil && !d.OutOfSync[t.id]
	})
}

// observe brings a task up to date with the cluster.
func (d *decision) observe(t *task) {
	switch {
	case t.isPrune():
		d.observePrune(t)
	case t.isHook():
		d.observeHook(t)
	case t.running() && d.awaits(t) && t.live == nil:
		t.status, t.op, t.message = argo.ResultCodeSyncFailed, argo.OperationError, missing(t)
	case t.running() && d.awaits(t):
		if h := d.health(t.live); h == nil || h.Status == argo.HealthStatusHealthy {
			t.op = argo.OperationSucceeded
		} else if h.Status == argo.HealthStatusDegraded {
			t.op, t.message = argo.OperationFailed, orElse(h.Message, t.message)
		}
	}
}

func missing(t *task) string {
	return fmt.Sprintf("Resource %s is missing, it might have been deleted", t)
}

// Awaited are the objects of results whose end an operation waits for. What is not seen of one must not be taken to be gone before the
// API server has said so.
func Awaited(done []argo.ResourceResult) []object.ID {
	var ids []object.ID
	for _, r := range done {
		if r.HookPhase == argo.OperationRunning && r.Status == argo.ResultCodeSynced {
			ids = append(ids, resultID(r))
		}
	}
	return ids
}

// awaits says whether a task's health matters to the operation: that of the last step does not unless a hook is among it.
func (d *decision) awaits(t *task) bool {
	return t.key() != d.final || d.last
}

// observePrune settles prunes that are not to be done.
func (d *decision) observePrune(t *task) {
	switch {
	case !t.pending():
		return
	case !d.Operation.Prune:
		t.status, t.op, t.message = argo.ResultCodePruneSkipped, argo.OperationSucceeded, "ignored (requires pruning)"
	case Setting(t.live, d.Options, "Prune") == "false":
		t.status, t.op, t.message = argo.ResultCodePruneSkipped, argo.OperationSucceeded, "ignored (no prune)"
	}
}

// observeHook follows a hook from its object. A pending one whose object carries this run's mark was created by a process that did
// not live to record it.
func (d *decision) observeHook(t *task) {
	ours := t.live != nil && markOf(t.live) == d.mark(t.phase)
	if t.pending() && ours {
		t.status, t.op, t.message = argo.ResultCodeSynced, argo.OperationRunning, "created"
	}
	if !t.running() {
		return
	}
	if !ours && d.Terminate {
		return // it is known to be gone by our own hands
	}
	if !ours {
		t.status, t.op, t.message = argo.ResultCodeSyncFailed, argo.OperationError, missing(t)
		return
	}
	h := d.health(t.live)
	if h == nil {
		t.op, t.message = argo.OperationSucceeded, t.id.Name+" created"
		return
	}
	t.message = orElse(h.Message, t.message)
	switch h.Status {
	case argo.HealthStatusHealthy:
		t.op = argo.OperationSucceeded
	case argo.HealthStatusUnknown, argo.HealthStatusDegraded:
		t.op = argo.OperationFailed
	}
}

// expire ends waits between waves that have lasted too long. Where hooks run it waits on: they have deadlines of their own.
func (d *decision) expire() {
	if d.WaveTimeout <= 0 || d.Since.IsZero() || d.Now.Sub(d.Since) < d.WaveTimeout || d.runningHooks() != nil {
		return
	}
	next, more := d.nextStep()
	if !more {
		next = key{phase: argo.SyncPhaseSyncFail} // everything is awaited that is awaited at all
	}
	for _, t := range d.tasks {
		switch {
		case t.running() && t.key().compare(next) < 0 && d.awaits(t):
			t.op = argo.OperationFailed
			t.message = fmt.Sprintf("timed out after %s waiting for healthy state of %s%s", d.WaveTimeout, t, d.describe(t.live))
		case more && d.vanishing(t):
			t.op = argo.OperationFailed
			t.message = fmt.Sprintf("timed out after %s waiting for deletion of %s", d.WaveTimeout, t)
		}
	}
}

func (d *decision) describe(live *unstructured.Unstructured) string {
	if live == nil {
		return ": it is missing"
	}
	h := d.health(live)
	if h == nil {
		return ""
	}
	if h.Message == "" {
		return ": " + string(h.Status)
	}
	return ": " + string(h.Status) + ": " + h.Message
}

func (d *decision) health(u *unstructured.Unstructured) *argo.HealthStatus {
	if d.Health == nil || u == nil {
		return nil
	}
	return d.Health(u)
}

// vanishing reports whether a pruned object is still there.
func (d *decision) vanishing(t *task) bool {
	return t.isPrune() && t.status == argo.ResultCodePruned && t.op == argo.OperationSucceeded && t.live != nil && !d.Operation.DryRun
}

// nextStep is the step of the first pending task.
func (d *decision) nextStep() (key, bool) {
	for _, t := range d.tasks {
		if t.pending() {
			return t.key(), true
		}
	}
	return key{}, false
}

func (d *decision) runningHooks() []*task {
	return filter(d.tasks, func(t *task) bool { return t.isHook() && t.running() })
}

// results is what was recorded, brought up to date, in the order in which things were first recorded.
func (d *decision) results() []argo.ResourceResult {
	l := listed(d.Done)
	for i, r := range l.lines {
		// What was to be pruned and is gone was pruned, by a process that did not live to record it or by other hands.
		if r.Status == "" && strings.HasPrefix(r.Message, plannedPrefix) && d.Live[resultID(r)] == nil {
			l.lines[i].Status, l.lines[i].HookPhase, l.lines[i].Message = argo.ResultCodePruned, argo.OperationSucceeded, messagePruned
		}
	}
	for _, t := range slices.Concat(d.tasks, d.fails) {
		if t.pending() && !t.isPrune() {
			continue
		}
		l.set(t.result())
	}
	return l.lines
}

// scope is whether objects of a kind live in namespaces, from the cluster or from a definition in this sync.
func (d *decision) scope(id object.ID) (namespaced, known bool) {
	if d.Served == nil {
		return id.Namespace != "", true
	}
	if namespaced, known = d.Served(id.GroupKind()); known {
		return namespaced, true
	}
	namespaced, known = d.defs[id.GroupKind()]
	return namespaced, known
}

func filter(tasks []*task, keep func(*task) bool) []*task {
	var out []*task
	for _, t := range tasks {
		if keep(t) {
			out = append(out, t)
		}
	}
	return out
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
