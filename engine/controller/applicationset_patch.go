package controller

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/settings"
)

// writing makes of a generated application what is written. It is pure.
type writing struct {
	set      *argo.ApplicationSet
	settings settings.ApplicationSets
}

// ownPrefix begins the annotations and labels that are Slipway's own.
const ownPrefix = "slipway.dev/"

// kept are the annotations that others write on applications whatever their set says.
var kept = []string{"notified.notifications.argoproj.io", refreshAnnotation, "argocd.argoproj.io/hydrate", refreshTimestampAnnotation}

func keptAlways(key string) bool {
	return strings.HasPrefix(key, ownPrefix) || slices.Contains(kept, key)
}

// create is an application that is not there yet.
func (w writing) create(app *argo.Application) *argo.Application {
	app = app.DeepCopy()
	app.Spec = normalised(app.Spec)
	app.OwnerReferences = w.owned(nil)
	return app
}

func (w writing) owned(others []metav1.OwnerReference) []metav1.OwnerReference {
	ours := *metav1.NewControllerRef(w.set, argo.SchemeGroupVersion.WithKind("ApplicationSet"))
	if i := slices.IndexFunc(others, func(r metav1.OwnerReference) bool { return r.UID == ours.UID }); i >= 0 {
		return others
	}
	return append(slices.Clone(others), ours)
}

// patch is what makes a live application what the set wants, bound to the version that was read; nil if nothing is to be written.
func (w writing) patch(live, generated *argo.Application) ([]byte, error) {
	before, after, err := w.sides(live, generated)
	if err != nil {
		return nil, err
	}
	if reflect.DeepEqual(before.Object, after.Object) {
		return nil, nil
	}
	data, err := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}).Data(after)
	if err != nil {
		return nil, fmt.Errorf("comparing application %s: %w", live.Name, err)
	}
	return data, nil
}

// changesSpec says whether patch would change the specification.
func (w writing) changesSpec(live, generated *argo.Application) bool {
	before, after, err := w.sides(live, generated)
	return err == nil && !reflect.DeepEqual(before.Object["spec"], after.Object["spec"])
}

// sides are the application as it is and as it shall be, both without what is the same in other words.
func (w writing) sides(live, generated *argo.Application) (before, after *unstructured.Unstructured, err error) {
	is := &argo.Application{ObjectMeta: live.ObjectMeta, Spec: normalised(live.Spec), Operation: live.Operation}
	is.ManagedFields = nil
	shall := &argo.Application{ObjectMeta: is.ObjectMeta, Spec: normalised(generated.Spec), Operation: live.Operation}
	if generated.Operation != nil {
		shall.Operation = generated.Operation
	}
	annotations, labels := w.keeps()
	shall.Annotations = keep(generated.Annotations, live.Annotations, annotations)
	shall.Labels = keep(generated.Labels, live.Labels, labels)
	shall.Finalizers = slices.Clone(generated.Finalizers)
	for _, f := range live.Finalizers {
		if runsHooks(f) && !slices.Contains(shall.Finalizers, f) {
			shall.Finalizers = append(shall.Finalizers, f)
		}
	}
	if sameInAnyOrder(shall.Finalizers, live.Finalizers) {
		shall.Finalizers = live.Finalizers
	}
	shall.OwnerReferences = w.owned(live.OwnerReferences)
	if before, err = untyped(is); err != nil {
		return nil, nil, err
	}
	if after, err = untyped(shall); err != nil {
		return nil, nil, err
	}
	after, err = w.ignoring(before, after)
	return before, after, err
}

// ignoring is after with the fields that the set leaves to others as they are in before.
func (w writing) ignoring(before, after *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	var rules []argo.ResourceIgnoreDifferences
	for _, i := range w.set.Spec.IgnoreApplicationDifferences {
		rules = append(rules, argo.ResourceIgnoreDifferences{Group: argo.Group, Kind: "Application", Name: i.Name,
			JSONPointers: i.JSONPointers, JQPathExpressions: i.JQPathExpressions})
	}
	if len(rules) == 0 {
		return after, nil
	}
	out, err := compare.Respect(after, before, rules, nil)
	if err != nil {
		return nil, fmt.Errorf("spec.ignoreApplicationDifferences: %w", err)
	}
	// Whatever a rule names, an application stays the one it is.
	out.SetName(before.GetName())
	out.SetNamespace(before.GetNamespace())
	return out, nil
}

func untyped(app *argo.Application) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(app)
	if err != nil {
		return nil, fmt.Errorf("encoding application %s: %w", app.Name, err)
	}
	delete(content, "status")
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(argo.SchemeGroupVersion.WithKind("Application"))
	return u, nil
}

// keeps are the names of annotations and labels that others may write.
func (w writing) keeps() (annotations, labels []string) {
	annotations, labels = w.settings.KeepAnnotations, w.settings.KeepLabels
	if f := w.set.Spec.PreservedFields; f != nil {
		annotations, labels = append(slices.Clone(annotations), f.Annotations...), append(slices.Clone(labels), f.Labels...)
	}
	return annotations, labels
}

// keep is what is wanted with what is there and is others' to write, which goes before it. What is always kept gives way to what the set
// itself writes: it is its own to change.
func keep(wanted, there map[string]string, names []string) map[string]string {
	out := maps.Clone(wanted)
	for k, v := range there {
		_, own := wanted[k]
		if keptAlways(k) && !own || slices.Contains(names, k) {
			if out == nil {
				out = map[string]string{}
			}
			out[k] = v
		}
	}
	return out
}

// runsHooks says whether a finalizer waits for hooks of the deletion; Argo CD adds a stage's name to some.
func runsHooks(finalizer string) bool {
	name, _, _ := strings.Cut(finalizer, "/")
	return isHookFinalizer(finalizer) || isHookFinalizer(name)
}

func sameInAnyOrder(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// normalised is a specification without what says nothing, as Argo CD normalises it.
func normalised(spec argo.ApplicationSpec) argo.ApplicationSpec {
	spec = *spec.DeepCopy()
	if spec.Project == "" {
		spec.Project = argo.DefaultProject
	}
	if isZero(spec.SyncPolicy) {
		spec.SyncPolicy = nil
	}
	tidy := func(s *argo.ApplicationSource) {
		if isZero(s.Kustomize) {
			s.Kustomize = nil
		}
		if isZero(s.Helm) {
			s.Helm = nil
		}
		if isZero(s.Directory) {
			s.Directory = nil
		}
	}
	for i := range spec.Sources {
		tidy(&spec.Sources[i])
	}
	if spec.Source != nil {
		tidy(spec.Source)
	}
	return spec
}

// isZero says whether a pointer leads to a value that says nothing: empty lists and objects are nothing, too.
func isZero[T any](p *T) bool {
	if p == nil {
		return false
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(p)
	return err == nil && len(content) == 0
}

// withoutAutomation is an application that its set syncs step by step, so that nobody else may.
func withoutAutomation(app *argo.Application) *argo.Application {
	if app.Spec.SyncPolicy == nil || app.Spec.SyncPolicy.Automated == nil {
		return app
	}
	app = app.DeepCopy()
	app.Spec.SyncPolicy.Automated.Enabled = new(false)
	return app
}

// setInitiator is whom operations of rolling syncs are begun by, in Argo CD's word.
const setInitiator = "applicationset-controller"

// rolled is an application of a rolling sync, with the operation that is begun for it where its turn has come.
func rolled(app, live *argo.Application, r appset.Rollout) *argo.Application {
	prune := false
	if s := app.Spec.SyncPolicy; s != nil && s.Automated != nil && (s.Automated.Enabled == nil || *s.Automated.Enabled) {
		prune = s.Automated.Prune
	}
	app = withoutAutomation(app).DeepCopy()
	since, turn := r.Sync[app.Name]
	if !turn || live == nil || live.Operation != nil || appset.Begun(live, since) || running(live) {
		return app
	}
	op := &argo.Operation{
		InitiatedBy: argo.OperationInitiator{Username: setInitiator, Automated: true},
		Info: []argo.Info{{Name: "Reason", Value: "ApplicationSet RollingSync triggered a sync of this Application resource"},
			{Name: appset.RolloutKey, Value: appset.Turn(since)}},
		Sync:  &argo.SyncOperation{Prune: prune},
		Retry: argo.RetryStrategy{Limit: 5},
	}
	if s := app.Spec.SyncPolicy; s != nil {
		op.Sync.SyncOptions = s.SyncOptions
		if s.Retry != nil {
			op.Retry = *s.Retry
		}
	}
	app.Operation = op
	return app
}

func running(app *argo.Application) bool {
	state := app.Status.OperationState
	return state != nil && !state.Phase.Completed()
}
