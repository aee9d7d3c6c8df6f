package sync

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// kindOrder is the order in which kinds are applied; all other kinds follow.
var kindOrder = ranks("Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodSecurityPolicy", "PodDisruptionBudget",
	"ServiceAccount", "Secret", "SecretList", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim",
	"CustomResourceDefinition", "ClusterRole", "ClusterRoleList", "ClusterRoleBinding", "ClusterRoleBindingList", "Role", "RoleList",
	"RoleBinding", "RoleBindingList", "Service", "DaemonSet", "Pod", "ReplicationController", "ReplicaSet", "Deployment",
	"HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "IngressClass", "Ingress", "APIService")

func ranks(kinds ...string) map[string]int {
	m := make(map[string]int, len(kinds))
	for i, k := range kinds {
		m[k] = i
	}
	return m
}

func kindRank(kind string) int {
	if r, ok := kindOrder[kind]; ok {
		return r
	}
	return len(kindOrder)
}

var phaseOrder = map[argo.SyncPhase]int{
	argo.SyncPhasePreSync: 0, argo.SyncPhaseSync: 1, argo.SyncPhasePostSync: 2, argo.SyncPhaseSyncFail: 3,
}

// key names a step: tasks of one phase and wave are done together.
type key struct {
	phase argo.SyncPhase
	wave  int64
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(phaseOrder[k.phase], phaseOrder[o.phase]), cmp.Compare(k.wave, o.wave))
}

// arrange puts tasks in order: phase, wave, kind, name. A Namespace, or a CustomResourceDefinition, that comes after the first task
// that needs it is moved into that task's phase and wave, where its kind puts it in front.
func arrange(tasks []*task) {
	sortTasks(tasks)
	for i, t := range tasks {
		needs := dependents(t)
		if needs == nil {
			continue
		}
		for _, earlier := range tasks[:i] {
			if earlier != t && earlier.target != nil && needs(earlier) {
				t.phase, t.wave = earlier.phase, earlier.wave
				break
			}
		}
	}
	sortTasks(tasks)
}

func sortTasks(tasks []*task) {
	slices.SortStableFunc(tasks, func(a, b *task) int {
		return cmp.Or(a.key().compare(b.key()),
			cmp.Compare(boolRank(a.isPrune()), boolRank(b.isPrune())),
			cmp.Compare(kindRank(a.id.Kind), kindRank(b.id.Kind)),
			cmp.Compare(a.id.Kind, b.id.Kind), cmp.Compare(a.id.Group, b.id.Group),
			cmp.Compare(a.id.Name, b.id.Name), cmp.Compare(a.id.Namespace, b.id.Namespace))
	})
}

// boolRank puts prunes in front of applies.
func boolRank(prune bool) int {
	if prune {
		return 0
	}
	return 1
}

// dependents says which tasks need t first; nil when none can.
func dependents(t *task) func(*task) bool {
	switch {
	case t.target == nil || t.hook != "":
		return nil
	case t.id.Group == "" && t.id.Kind == "Namespace":
		return func(o *task) bool { return o.id.Namespace == t.id.Name }
	}
	if defined, _, ok := definition(t.target); ok {
		return func(o *task) bool { return o.id.GroupKind() == defined }
	}
	return nil
}

// definition is the kind that a CustomResourceDefinition defines, and whether its objects live in namespaces.
func definition(u *unstructured.Unstructured) (gk schema.GroupKind, namespaced, ok bool) {
	if k := u.GroupVersionKind(); k.Group != "apiextensions.k8s.io" || k.Kind != "CustomResourceDefinition" {
		return schema.GroupKind{}, false, false
	}
	gk.Group, _, _ = unstructured.NestedString(u.Object, "spec", "group")
	gk.Kind, _, _ = unstructured.NestedString(u.Object, "spec", "names", "kind")
	scope, _, _ := unstructured.NestedString(u.Object, "spec", "scope")
	return gk, scope != "Cluster", gk.Kind != ""
}

// mirror swaps the waves of tasks to be pruned, first with last, so that what was made last goes first.
func mirror(prunes []*task) {
	var waves []int64
	for _, t := range prunes {
		if !slices.Contains(waves, t.wave) {
			waves = append(waves, t.wave)
		}
	}
	slices.Sort(waves)
	for _, t := range prunes {
		i, _ := slices.BinarySearch(waves, t.wave)
		t.wave = waves[len(waves)-1-i]
	}
}
