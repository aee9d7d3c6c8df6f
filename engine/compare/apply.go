package compare

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// Options say how desired is held against live.
type Options struct {
	// Schema is the cluster's; nil merges without one, every list as a whole.
	Schema Schema
	// Ignore are the differences that do not count.
	Ignore []argo.ResourceIgnoreDifferences
	// Known are the fields of custom resources whose types are known.
	Known KnownFields
	// TakeOver are further managers whose client-side applies ours continues.
	TakeOver []string
	// ClientSide predicts a client-side apply, for objects with ServerSideApply=false.
	ClientSide bool
	// Strategy is how the difference is found.
	Strategy Strategy
	// IncludeMutationWebhook counts, under ServerSideDiff, what webhooks would change on their own.
	IncludeMutationWebhook bool
	// Status says of which kinds the status field is left out: "all" (or empty), "crd" (CustomResourceDefinitions only) or "none".
	Status string
	// IgnoreAggregatedRoles leaves out the rules of ClusterRoles that are put together from others.
	IgnoreAggregatedRoles bool
	// Hide are annotations of Secrets whose values are masked as their data is.
	Hide []string
}

// Apply predicts what live would be after desired was applied, as the API server would answer but for its defaults and
// webhooks: server-side apply by our manager with force, after client-side managers were taken over. A nil live gives
// desired as it would be sent. The error says what the server would refuse; neither object is modified.
//
// An object that server-side apply cannot hold (a list with a key twice) is merged as client-side apply would, which is what
// applying it does.
func Apply(desired, live *unstructured.Unstructured, o Options) (*unstructured.Unstructured, error) {
	wanted := Prepare(desired)
	if live == nil {
		return wanted, nil
	}
	if wanted.GetAPIVersion() != live.GetAPIVersion() {
		return nil, fmt.Errorf("desired is %s and live was read as %s", wanted.GetAPIVersion(), live.GetAPIVersion())
	}
	if o.ClientSide || o.Strategy == Legacy {
		return clientSide(wanted, live)
	}
	predicted, err := serverSide(wanted, live, o)
	if err != nil && RefusesServerSide(err) && o.Strategy != StructuredMerge {
		return clientSide(wanted, live)
	}
	return predicted, err
}

// RefusesServerSide says that the object cannot be applied server-side at all, while client-side apply would take it.
func RefusesServerSide(err error) bool {
	return err != nil && strings.Contains(err.Error(), "duplicate entries for key")
}

func serverSide(desired, live *unstructured.Unstructured, o Options) (*unstructured.Unstructured, error) {
	types := o.Schema
	if types == nil {
		types = managedfields.NewDeducedTypeConverter()
	}
	current := live.DeepCopy()
	if _, err := TakeOver(current, o.Schema, o.TakeOver...); err != nil {
		return nil, err
	}
	gvk := desired.GroupVersionKind()
	fields, err := managedfields.NewDefaultCRDFieldManager(types, oneVersion{}, oneVersion{}, oneVersion{}, gvk, gvk.GroupVersion(), "", nil)
	if err != nil {
		return nil, fmt.Errorf("reading the schema of %s: %w", gvk, err)
	}
	merged, err := fields.Apply(current, desired, Manager, true)
	if err != nil {
		return nil, err
	}
	u, ok := merged.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("merging %s gave a %T", gvk, merged)
	}
	return u, nil
}

// oneVersion stands for the machinery of a server that knows other versions: here all is in one. Fields that a manager owns
// under another version are looked up under this one.
type oneVersion struct{}

var (
	_ runtime.ObjectConvertor = oneVersion{}
	_ runtime.ObjectDefaulter = oneVersion{}
	_ runtime.ObjectCreater   = oneVersion{}
)

func (oneVersion) Convert(_, _, _ any) error { return fmt.Errorf("objects are not converted here") }

func (oneVersion) ConvertToVersion(in runtime.Object, _ runtime.GroupVersioner) (runtime.Object, error) {
	return in, nil
}

func (oneVersion) ConvertFieldLabel(_ schema.GroupVersionKind, _, _ string) (string, string, error) {
	return "", "", fmt.Errorf("field labels are not converted here")
}

func (oneVersion) Default(runtime.Object) {}

func (oneVersion) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	return u, nil
}

// nothingToApply says, at a third of the cost of a prediction, that a server-side apply would leave live as it is: all that is desired
// is there, and nothing that our last apply set is no longer desired. Where it says no, the prediction decides.
func nothingToApply(desired, live *unstructured.Unstructured, o Options) bool {
	if o.Schema == nil || o.ClientSide || o.Strategy == Legacy || o.status(object.IDOf(live)) || desired.GetAPIVersion() != live.GetAPIVersion() || YetToBeTakenOver(live, o.TakeOver...) {
		return false
	}
	full := Prepare(desired)
	fillDefaults(full)
	wanted, err := o.Schema.ObjectToTyped(full)
	if err != nil {
		return false
	}
	there, err := o.Schema.ObjectToTyped(live)
	if err != nil {
		return false
	}
	fields, err := wanted.ToFieldSet()
	if err != nil || !fieldsOfOurs(live).Difference(unowned()).Difference(fields).Leaves().Empty() {
		return false
	}
	merged, err := there.Merge(wanted)
	if err != nil {
		return false
	}
	changes, err := there.Compare(merged)
	return err == nil && changes.IsSame()
}

// YetToBeTakenOver says that fields may belong to client-side managers whose applies ours continues (also names further ones), or to an
// apply of ours in another version. Where it says no, TakeOver would change nothing, and finds so at twenty times the cost.
func YetToBeTakenOver(live *unstructured.Unstructured, also ...string) bool {
	if live.GetAnnotations()[lastApplied] != "" {
		return true
	}
	return slices.ContainsFunc(live.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		applied := e.Operation == metav1.ManagedFieldsOperationApply
		ours := e.Manager == Manager && applied
		return ours && e.APIVersion != live.GetAPIVersion() || !ours && e.Subresource == "" &&
			(slices.Contains(appliers, e.Manager) || slices.Contains(also, e.Manager))
	})
}
