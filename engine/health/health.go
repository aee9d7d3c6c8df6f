// Package health says how well a live object is, what that makes of its application, and what can be asked of it beside a sync. It is
// pure: live objects come in from engine/cluster, verdicts go to engine/sync, engine/controller and the report; the clock that scripts may
// ask is given.
//
// An object is judged by the first of these that knows its kind:
//
//   - the installation's own Lua (customize.go, lua.go), from argocd-cm;
//   - the rules for Kubernetes' kinds, one file a kind, with Argo CD's words; where those are empty, a reason is added;
//   - what is reckoned from parts (computed.go and the files it names), for custom resources that say more than their conditions do;
//   - the table in folder rules, by kind and by group, whose language table.go describes;
//   - the standard conditions (conditions.go), for any other custom resource. Argo CD gives these no health; here they have one only where
//     they say it themselves, so that nothing holds up a sync that Argo CD would have let through without cause.
//
// A kind is added by a few lines in a file of folder rules and an object of it in testdata/custom.yaml. Only if the table's language cannot
// say it does it become a function, in a file of its own, that computed.go names. Actions are added the same way: a deed in deed_*.go.
//
// Where it differs from Argo CD: a Job that was suspended and goes on is Progressing, not Healthy; conditions that tell which generation
// they are of do not count for a later one; the end of a container's log is not shown as its message.
// Where an object has several conditions that speak of its health, the worst counts, not the first in the list: an ACK resource that is
// Terminal is at fault even if Ready is written before. A HelmRelease whose tests have passed is healthy, and a ClusterExternalSecret that
// says Ready=False is at fault.
package health

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Status is one of Argo CD's health codes.
type Status = argo.HealthStatusCode

// The codes, from best to worst. Suspended is better than Progressing: what waits for a person is not a fault.
const (
	Healthy     = argo.HealthStatusHealthy
	Suspended   = argo.HealthStatusSuspended
	Progressing = argo.HealthStatusProgressing
	Missing     = argo.HealthStatusMissing
	Degraded    = argo.HealthStatusDegraded
	Unknown     = argo.HealthStatusUnknown
)

// Health is how well something is, and why.
type Health struct {
	Status  Status
	Message string
}

const hookFinalizer = "argocd.argoproj.io/hook-finalizer"

// Of judges one live object by the rules that come with the program. It is nil for an object that has no health, such as a
// ConfigMap, or nil itself: such an object neither helps nor hurts.
func Of(u *unstructured.Unstructured) *Health {
	if u == nil {
		return nil
	}
	if going(u) {
		return &Health{Progressing, "Pending deletion"}
	}
	return ofKind(u)
}

// going says that an object is being deleted. A hook's own finalizer does not count: it is kept to be looked at.
func going(u *unstructured.Unstructured) bool {
	return u.GetDeletionTimestamp() != nil && !slices.Contains(u.GetFinalizers(), hookFinalizer)
}

func ofKind(u *unstructured.Unstructured) *Health {
	gvk := u.GroupVersionKind()
	if r, ok := ruleFor(gvk.GroupKind()); ok {
		return r.judge(u)
	}
	if of, ok := computed(gvk.GroupKind()); ok {
		return of(subjectOf(u.Object))
	}
	if c := shipped().find(gvk.GroupKind()); c != nil {
		return c.judge(u.Object)
	}
	if builtIn(gvk.Group) {
		return nil
	}
	return conditions(subjectOf(u.Object))
}

type rule struct {
	versions []string // all if empty
	of       func(*unstructured.Unstructured) (*Health, error)
}

func (r rule) judge(u *unstructured.Unstructured) *Health {
	gvk := u.GroupVersionKind()
	if len(r.versions) > 0 && !slices.Contains(r.versions, gvk.Version) {
		return &Health{Unknown, fmt.Sprintf("unsupported %s GVK: %s", spoken(gvk.Kind), gvk)}
	}
	h, err := r.of(u)
	if err != nil {
		return &Health{Unknown, fmt.Sprintf("failed to convert unstructured %s to typed: %v", spoken(gvk.Kind), err)}
	}
	return h
}

// spoken is what messages call a kind.
func spoken(kind string) string {
	if kind == "HorizontalPodAutoscaler" {
		return "HPA"
	}
	return kind
}

func ruleFor(kind schema.GroupKind) (rule, bool) {
	switch kind {
	case schema.GroupKind{Group: "apps", Kind: "Deployment"}, schema.GroupKind{Group: "extensions", Kind: "Deployment"}:
		return rule{[]string{"v1"}, typed(deployment)}, true
	case schema.GroupKind{Group: "apps", Kind: "StatefulSet"}:
		return rule{[]string{"v1"}, typed(statefulSet)}, true
	case schema.GroupKind{Group: "apps", Kind: "DaemonSet"}, schema.GroupKind{Group: "extensions", Kind: "DaemonSet"}:
		return rule{[]string{"v1"}, typed(daemonSet)}, true
	case schema.GroupKind{Group: "apps", Kind: "ReplicaSet"}, schema.GroupKind{Group: "extensions", Kind: "ReplicaSet"}:
		return rule{[]string{"v1"}, typed(replicaSet)}, true
	case schema.GroupKind{Kind: "Pod"}:
		return rule{[]string{"v1"}, typed(pod)}, true
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		return rule{[]string{"v1"}, typed(job)}, true
	case schema.GroupKind{Group: "batch", Kind: "CronJob"}:
		return rule{[]string{"v1"}, typed(cronJob)}, true
	case schema.GroupKind{Kind: "PersistentVolumeClaim"}:
		return rule{[]string{"v1"}, typed(claim)}, true
	case schema.GroupKind{Kind: "Service"}:
		return rule{[]string{"v1"}, typed(service)}, true
	case schema.GroupKind{Group: "networking.k8s.io", Kind: "Ingress"}, schema.GroupKind{Group: "extensions", Kind: "Ingress"}:
		return rule{nil, typed(ingress)}, true
	case schema.GroupKind{Group: "autoscaling", Kind: "HorizontalPodAutoscaler"}:
		return rule{[]string{"v1", "v2"}, autoscaler}, true
	case schema.GroupKind{Group: "apiregistration.k8s.io", Kind: "APIService"}:
		return rule{[]string{"v1", "v1beta1"}, apiService}, true
	case schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}:
		return rule{[]string{"v1"}, definition}, true
	case schema.GroupKind{Group: "argoproj.io", Kind: "Workflow"}:
		return rule{nil, workflow}, true
	}
	return rule{}, false
}

// typed makes a rule of a function over fields whose types the kind says.
func typed(of func(*fields) *Health) func(*unstructured.Unstructured) (*Health, error) {
	return func(u *unstructured.Unstructured) (*Health, error) {
		f := &fields{object: u.Object}
		h := of(f)
		return h, f.wrong
	}
}

func healthy(format string, args ...any) *Health {
	return &Health{Healthy, fmt.Sprintf(format, args...)}
}

func progressing(format string, args ...any) *Health {
	return &Health{Progressing, fmt.Sprintf(format, args...)}
}

func degraded(format string, args ...any) *Health {
	return &Health{Degraded, fmt.Sprintf(format, args...)}
}
