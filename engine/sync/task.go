package sync

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// task is one object in one phase, with how far it has come.
type task struct {
	phase        argo.SyncPhase
	hook         argo.HookType // "" for objects that are no hooks
	wave         int64
	id           object.ID
	target, live *unstructured.Unstructured // a nil target is to be pruned

	problem  string // why it must not be applied
	ours     bool   // no manifest asks for it, and no project forbids it
	around   bool   // it is made around what manifests ask for: the namespace, what fences it in
	recorded bool   // a result of this attempt exists, with more than a plan
	status   argo.ResultCode
	op       argo.OperationPhase
	message  string
}

func (t *task) key() key      { return key{t.phase, t.wave} }
func (t *task) isPrune() bool { return t.target == nil }
func (t *task) isHook() bool  { return t.hook != "" }
func (t *task) pending() bool { return t.status == "" && t.op == "" }
func (t *task) running() bool {
	return t.op == argo.OperationRunning && t.status != argo.ResultCodeSyncFailed
}
func (t *task) complete() bool { return t.op.Completed() }
func (t *task) failed() bool {
	return t.status == argo.ResultCodeSyncFailed || t.op == argo.OperationFailed || t.op == argo.OperationError
}

// object is the target, or for a prune the live object.
func (t *task) object() *unstructured.Unstructured {
	if t.target != nil {
		return t.target
	}
	return t.live
}

// String names a task as Argo CD's messages do: group/kind/name.
func (t *task) String() string { return t.id.Group + "/" + t.id.Kind + "/" + t.id.Name }

// tasks are all tasks of the operation in their order, without what was recorded.
func (in *Input) tasks() []*task {
	var all []*task
	names := in.namer()
	for _, o := range in.Desired.All() {
		if len(in.Fences) > 0 && IsFence(o.ID()) {
			continue // ours stands in its place
		}
		all = append(all, in.wanted(names, o.Unstructured)...)
	}
	all = append(all, in.fenceTasks(all)...)
	if ns := in.namespaceTask(all); ns != nil {
		all = append(all, ns)
	}
	all = append(all, in.prunes(all)...)
	arrange(all)
	return all
}

// wanted are the tasks of one object of the desired set: one for each phase of a hook, else at most one.
func (in *Input) wanted(names namer, u *unstructured.Unstructured) []*task {
	types, hook := Hooks(u)
	if !hook {
		if u = names.named(u, argo.SyncPhaseSync); !in.selects(object.IDOf(u)) {
			return nil
		}
		return []*task{in.newTask(u, argo.SyncPhaseSync, "")}
	}
	if !in.runsHooks() {
		return nil
	}
	var all []*task
	for _, h := range types {
		phase := argo.SyncPhase(h)
		if _, inSync := phaseOrder[phase]; !inSync {
			continue // hooks of a deletion
		}
		all = append(all, in.newTask(names.named(u, phase), phase, h))
	}
	return all
}

func (in *Input) newTask(target *unstructured.Unstructured, phase argo.SyncPhase, hook argo.HookType) *task {
	id := object.IDOf(target)
	t := &task{phase: phase, hook: hook, wave: Wave(target), id: id, live: in.Live[id]}
	if t.target = target; hook == "" {
		t.target, t.problem = in.respect(target, t.live)
	}
	return t
}

// runsHooks reports whether the operation runs hooks: not with the apply strategy, and where it is limited to some resources only if
// that is asked for.
func (in *Input) runsHooks() bool {
	s := in.Operation.SyncStrategy
	return (len(in.Operation.Resources) == 0 || in.HooksInSelection) && (s == nil || s.Apply == nil)
}

// forces reports whether the whole operation deletes and creates what cannot be changed in place.
func (in *Input) forces() bool {
	s := in.Operation.SyncStrategy
	return s != nil && (s.Apply != nil && s.Apply.Force || s.Hook != nil && s.Hook.Force)
}

// selects reports whether a resource is among those that the operation is limited to. A selection without a namespace takes all.
func (in *Input) selects(id object.ID) bool {
	chosen := in.Operation.Resources
	match := func(pattern, text string) bool { return pattern == "*" || pattern == text }
	return len(chosen) == 0 || slices.ContainsFunc(chosen, func(r argo.SyncOperationResource) bool {
		return match(r.Group, id.Group) && match(r.Kind, id.Kind) && match(r.Name, id.Name) &&
			(r.Namespace == "" || match(r.Namespace, id.Namespace))
	})
}

// namespaceTask creates the destination namespace before everything else, when the option asks for it, no manifest does it and
// there is something to put there. A namespace that is there is touched only to bring managed metadata.
func (in *Input) namespaceTask(others []*task) *task {
	wanted := Wanted(in.Options, in.Namespace)
	if len(wanted) == 0 || len(others) == 0 {
		return nil
	}
	id := wanted[0]
	live := in.Live[id]
	if _, written := in.Desired.Find(id); written || live != nil && in.Managed == nil && !in.isRecorded(id) {
		return nil
	}
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("v1")
	u.SetKind("Namespace")
	u.SetName(in.Namespace)
	annotations := map[string]string{}
	if in.Managed != nil {
		u.SetLabels(maps.Clone(in.Managed.Labels))
		maps.Copy(annotations, in.Managed.Annotations)
	}
	if mark := in.createdFor(live); mark != "" {
		annotations[slipway.CreatedForAnnotation] = mark
	} else {
		delete(annotations, slipway.CreatedForAnnotation)
	}
	if len(annotations) > 0 {
		u.SetAnnotations(annotations)
	}
	return &task{phase: argo.SyncPhasePreSync, id: id, target: u, live: live, around: true}
}

// createdFor is the mark of a namespace: that of its making, whatever has come since.
func (in *Input) createdFor(live *unstructured.Unstructured) string {
	if live == nil {
		return in.CreatedFor
	}
	return live.GetAnnotations()[slipway.CreatedForAnnotation]
}

func (in *Input) isRecorded(id object.ID) bool {
	return slices.ContainsFunc(in.Done, func(r argo.ResourceResult) bool { return resultID(r) == id && r.Status != "" })
}

// prunes are the tasks that delete. Their waves are those of the objects, mirrored; with PruneLast they follow all other waves, and so
// do Applications that are adopted.
func (in *Input) prunes(others []*task) []*task {
	last := int64(0)
	for _, t := range others {
		if t.phase == argo.SyncPhaseSync {
			last = max(last, t.wave)
		}
	}
	var all, unplanned, late []*task
	adopted := in.adopted()
	for _, id := range in.Prunable {
		live := in.Live[id]
		if _, wanted := in.Desired.Find(id); wanted || live == nil || IsHook(live) || !in.selects(id) {
			continue
		}
		t := &task{phase: argo.SyncPhaseSync, wave: Wave(live), id: id, live: live}
		all = append(all, t)
		last = max(last, t.wave)
		if wave, planned := in.plannedWave(id); planned {
			t.wave = wave
			continue
		}
		unplanned = append(unplanned, t)
		if Setting(live, in.Options, "PruneLast") == "true" || adopted[id] {
			late = append(late, t)
		}
	}
	mirror(unplanned)
	for _, t := range late {
		t.wave = last + 1
	}
	return all
}

const plannedPrefix = "will be pruned in wave "

// plannedWave is the wave that was recorded for a prune when it was first planned. Which objects are left says no longer how
// their waves were mirrored at first.
func (in *Input) plannedWave(id object.ID) (int64, bool) {
	for _, r := range in.Done {
		if resultID(r) != id || r.Status != "" {
			continue
		}
		if text, ok := strings.CutPrefix(r.Message, plannedPrefix); ok {
			n, err := strconv.ParseInt(text, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// recorded is what was recorded, by object.
func (in *Input) recorded() map[object.ID][]argo.ResourceResult {
	out := make(map[object.ID][]argo.ResourceResult, len(in.Done))
	for _, r := range in.Done {
		id := resultID(r)
		out[id] = append(out[id], r)
	}
	return out
}

// recall gives a task what was recorded of it, out of what was of its object. An object that is no hook keeps its record if it has moved to
// another phase.
func (t *task) recall(done []argo.ResourceResult) {
	for _, r := range done {
		if r.HookType != t.hook || t.isHook() && r.SyncPhase != t.phase {
			continue
		}
		t.status, t.op, t.message = r.Status, r.HookPhase, r.Message
		t.recorded = r.Status != ""
	}
}

func resultID(r argo.ResourceResult) object.ID {
	return object.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name}
}

// result is what is recorded of a task.
func (t *task) result() argo.ResourceResult {
	message := t.message
	if t.isPrune() && t.pending() {
		message = fmt.Sprintf("%s%d", plannedPrefix, t.wave)
	}
	return argo.ResourceResult{
		Group: t.id.Group, Version: t.object().GroupVersionKind().Version, Kind: t.id.Kind, Namespace: t.id.Namespace, Name: t.id.Name,
		Status: t.status, Message: message, HookType: t.hook, HookPhase: t.op, SyncPhase: t.phase, Images: Images(t.target),
	}
}

// Images are the container images of an object that runs pods, in order, without repeats.
func Images(u *unstructured.Unstructured) []string {
	if u == nil {
		return nil
	}
	var images []string
	for _, spec := range [][]string{{"spec"}, {"spec", "template", "spec"}, {"spec", "jobTemplate", "spec", "template", "spec"}} {
		for _, field := range []string{"initContainers", "containers"} {
			containers, _, _ := unstructured.NestedSlice(u.Object, append(slices.Clone(spec), field)...)
			for _, c := range containers {
				m, _ := c.(map[string]any)
				if image, _ := m["image"].(string); image != "" && !slices.Contains(images, image) {
					images = append(images, image)
				}
			}
		}
	}
	return images
}
