package sync

import (
	"slices"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// Listing are the applies of a sync of in, which would find nothing in the cluster, in their order: phase, wave, kind, name. A hook of
// several phases is there several times, one of a deletion is not; objects whose names are generated are left as they are. Of in it
// needs Desired, and Options, Namespace and Managed for the namespace that a sync creates.
func Listing(in Input) []Action {
	var tasks []*task
	for _, o := range in.Desired.All() {
		u, id := o.Unstructured, o.ID()
		types, hook := Hooks(u)
		if !hook {
			tasks = append(tasks, &task{phase: argo.SyncPhaseSync, wave: Wave(u), id: id, target: u})
		}
		for _, h := range types {
			if phase := argo.SyncPhase(h); isPhase(phase) {
				tasks = append(tasks, &task{phase: phase, hook: h, wave: Wave(u), id: id, target: u})
			}
		}
	}
	if ns := in.namespaceTask(slices.Clone(tasks)); ns != nil {
		tasks = append(tasks, ns)
	}
	arrange(tasks)
	actions := make([]Action, len(tasks))
	for i, t := range tasks {
		actions[i] = Action{Verb: Apply, ID: object.IDOf(t.target), Version: t.target.GroupVersionKind().Version, Object: t.target, Phase: t.phase, Hook: t.hook, Wave: t.wave}
	}
	return actions
}

func isPhase(phase argo.SyncPhase) bool {
	_, ok := phaseOrder[phase]
	return ok
}
