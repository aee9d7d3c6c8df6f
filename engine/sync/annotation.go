package sync

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// Annotations and finalizers that a sync reads and writes.
const (
	HookAnnotation         = "argocd.argoproj.io/hook"
	HookPolicyAnnotation   = "argocd.argoproj.io/hook-delete-policy"
	WaveAnnotation         = "argocd.argoproj.io/sync-wave"
	OptionsAnnotation      = "argocd.argoproj.io/sync-options"
	HookFinalizer          = "argocd.argoproj.io/hook-finalizer"
	StartedAnnotation      = "slipway.dev/operation-started-at"
	RunAnnotation          = "slipway.dev/hook-run"
	helmHookAnnotation     = "helm.sh/hook"
	helmWeightAnnotation   = "helm.sh/hook-weight"
	helmPolicyAnnotation   = "helm.sh/hook-delete-policy"
	helmResourceAnnotation = "helm.sh/resource-policy"
)

// Policy is when a hook's object is deleted.
type Policy string

const (
	BeforeHookCreation Policy = "BeforeHookCreation"
	HookSucceeded      Policy = "HookSucceeded"
	HookFailed         Policy = "HookFailed"
)

var argoHooks = map[string]argo.HookType{
	"PreSync": argo.HookTypePreSync, "Sync": argo.HookTypeSync, "PostSync": argo.HookTypePostSync, "SyncFail": argo.HookTypeSyncFail,
	"PreDelete": argo.HookTypePreDelete, "PostDelete": argo.HookTypePostDelete, "Skip": argo.HookTypeSkip,
}

var helmHooks = map[string]argo.HookType{
	"pre-install": argo.HookTypePreSync, "pre-upgrade": argo.HookTypePreSync,
	"post-install": argo.HookTypePostSync, "post-upgrade": argo.HookTypePostSync,
	"pre-delete": argo.HookTypePreDelete, "post-delete": argo.HookTypePostDelete,
}

var helmPolicies = map[string]Policy{
	"before-hook-creation": BeforeHookCreation, "hook-succeeded": HookSucceeded, "hook-failed": HookFailed,
}

// Hooks reads what kind of hook an object is. hook is true for anything that is not kept in the cluster as part of the
// application: with no types it is not run either (it is to be skipped, or all its types are unknown or not for a sync engine,
// like Helm's tests). An Argo CD annotation makes Helm's on the same object void.
func Hooks(u *unstructured.Unstructured) (types []argo.HookType, hook bool) {
	annotations := u.GetAnnotations()
	if value, ok := annotations[HookAnnotation]; ok {
		names := list(value)
		for _, name := range names {
			t, known := argoHooks[name]
			if !known || t == argo.HookTypeSkip || slices.Contains(types, t) {
				continue // Skip beside other types has no meaning
			}
			types = append(types, t)
		}
		return types, len(names) > 0
	}
	names := list(annotations[helmHookAnnotation])
	for _, name := range names {
		if name == "crd-install" {
			return nil, false
		}
		if t, known := helmHooks[name]; known && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	return types, len(names) > 0
}

// IsHook reports whether an object is a hook in the sense of Hooks.
func IsHook(u *unstructured.Unstructured) bool {
	_, hook := Hooks(u)
	return hook
}

// Policies are the delete policies of a hook; BeforeHookCreation if it names none.
func Policies(u *unstructured.Unstructured) []Policy {
	annotations := u.GetAnnotations()
	var policies []Policy
	for _, p := range list(annotations[HookPolicyAnnotation]) {
		if p := Policy(p); p == BeforeHookCreation || p == HookSucceeded || p == HookFailed {
			policies = append(policies, p)
		}
	}
	for _, p := range list(annotations[helmPolicyAnnotation]) {
		if p, ok := helmPolicies[p]; ok {
			policies = append(policies, p)
		}
	}
	if len(policies) == 0 {
		return []Policy{BeforeHookCreation}
	}
	return policies
}

// Wave is the wave of an object: Argo CD's annotation, else Helm's hook weight, else 0. What is no number is 0.
func Wave(u *unstructured.Unstructured) int64 {
	annotations := u.GetAnnotations()
	value, ok := annotations[WaveAnnotation]
	if !ok {
		value = annotations[helmWeightAnnotation]
	}
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Setting is the value of an option such as "Prune" on an object: the object's own, else the application's, else "".
func Setting(u *unstructured.Unstructured, options argo.SyncOptions, key string) string {
	if u != nil {
		if v, ok := lookup(list(u.GetAnnotations()[OptionsAnnotation]), key); ok {
			return v
		}
	}
	v, _ := lookup(options, key)
	return v
}

// Kept reports whether an application's deletion leaves an object alone: Delete=false, or Helm's resource policy.
func Kept(u *unstructured.Unstructured, options argo.SyncOptions) bool {
	return Setting(u, options, "Delete") == "false" || u.GetAnnotations()[helmResourceAnnotation] == "keep"
}

func lookup(options []string, key string) (string, bool) {
	for _, o := range options {
		if k, v, ok := strings.Cut(o, "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

func list(value string) []string {
	var out []string
	for part := range strings.SplitSeq(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// mark is what tells one run of a hook from another: the operation, its attempt and the phase.
type mark struct{ started, run string }

func (in *Input) mark(phase argo.SyncPhase) mark {
	return mark{in.StartedAt.UTC().Format(time.RFC3339), string(phase) + "/" + strconv.FormatInt(in.Attempt, 10)}
}

func markOf(u *unstructured.Unstructured) mark {
	a := u.GetAnnotations()
	return mark{a[StartedAnnotation], a[RunAnnotation]}
}

// marked is a copy of a hook as it is created: with its mark and our finalizer, so that it is seen to complete even when
// something else deletes it at once.
func marked(u *unstructured.Unstructured, m mark) *unstructured.Unstructured {
	u = u.DeepCopy()
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[StartedAnnotation], annotations[RunAnnotation] = m.started, m.run
	u.SetAnnotations(annotations)
	if !slices.Contains(u.GetFinalizers(), HookFinalizer) {
		u.SetFinalizers(append(u.GetFinalizers(), HookFinalizer))
	}
	return u
}

// namer names objects that have only generateName, the same however often this operation is computed, and no two alike.
type namer struct {
	in    *Input
	given map[object.ID]bool
}

func (in *Input) namer() namer { return namer{in, map[object.ID]bool{}} }

// named is u with a name.
func (n namer) named(u *unstructured.Unstructured, phase argo.SyncPhase) *unstructured.Unstructured {
	if u.GetName() != "" || u.GetGenerateName() == "" {
		return u
	}
	revision := n.in.Revision
	if len(revision) > 7 {
		revision = revision[:7]
	}
	name := u.GetGenerateName() + strings.ToLower(revision+"-"+string(phase)) + "-" + strconv.FormatInt(n.in.StartedAt.Unix(), 10)
	u = u.DeepCopy()
	u.SetGenerateName("")
	u.SetName(name)
	for i := 2; n.given[object.IDOf(u)]; i++ {
		u.SetName(name + "-" + strconv.Itoa(i))
	}
	n.given[object.IDOf(u)] = true
	annotations := u.GetAnnotations()
	if id, ok := annotations[compare.TrackingAnnotation]; ok && strings.HasSuffix(id, "/") {
		annotations[compare.TrackingAnnotation] = id + u.GetName() // the mark ends with the name, which was empty
		u.SetAnnotations(annotations)
	}
	return u
}
