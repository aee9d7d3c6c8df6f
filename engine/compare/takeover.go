package compare

import (
	"encoding/json"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Manager is the field manager under which we apply, as Argo CD does.
const Manager = "argocd-controller"

// appliers are the managers whose client-side applies ours continues.
var appliers = []string{Manager, "argocd-application-controller", "kubectl-client-side-apply"}

// Schema types objects by the cluster's OpenAPI documents. A nil Schema is a cluster of which nothing is known.
type Schema = managedfields.TypeConverter

// TakeOver changes who owns live's fields, in place, so that what earlier client-side applies set is ours from now on, and goes
// when it is no longer desired: the fields of kubectl's and Argo CD's Update entries, those of the managers in also, and
// those in the annotation that client-side apply leaves. It says whether anything changed.
func TakeOver(live *unstructured.Unstructured, schema Schema, also ...string) (changed bool, err error) {
	before := live.GetManagedFields()
	for _, m := range slices.Concat(appliers, also) {
		if err := csaupgrade.UpgradeManagedFields(live, sets.New(m), Manager); err != nil {
			return false, fmt.Errorf("taking over the fields of %s: %w", m, err)
		}
	}
	if err := adoptLastApplied(live, schema); err != nil {
		return false, err
	}
	return !sameEntries(before, live.GetManagedFields()), nil
}

// adoptLastApplied adds the fields that the last client-side apply wrote to ours. An annotation that cannot be read, or is of
// another version, is of no help and is left.
func adoptLastApplied(live *unstructured.Unstructured, schema Schema) error {
	text := live.GetAnnotations()[lastApplied]
	if text == "" || schema == nil {
		return nil
	}
	applied := &unstructured.Unstructured{}
	if json.Unmarshal([]byte(text), &applied.Object) != nil || applied.GroupVersionKind() != live.GroupVersionKind() {
		return nil
	}
	typed, err := schema.ObjectToTyped(Prepare(applied))
	if err != nil {
		return nil
	}
	fields, err := typed.ToFieldSet()
	if err != nil {
		return nil
	}
	return own(live, fields.Difference(unowned()))
}

// unowned are the fields that no manager owns.
func unowned() *fieldpath.Set {
	return fieldpath.NewSet(fieldpath.MakePathOrDie("apiVersion"), fieldpath.MakePathOrDie("kind"), fieldpath.MakePathOrDie("metadata"),
		fieldpath.MakePathOrDie("metadata", "name"), fieldpath.MakePathOrDie("metadata", "namespace"))
}

// own adds fields to our Apply entry, making one if there is none.
func own(live *unstructured.Unstructured, fields *fieldpath.Set) error {
	entries := live.GetManagedFields()
	i := slices.IndexFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == Manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
	})
	if i < 0 {
		entries = append(entries, metav1.ManagedFieldsEntry{Manager: Manager, Operation: metav1.ManagedFieldsOperationApply,
			APIVersion: live.GetAPIVersion(), FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1("{}")})
		i = len(entries) - 1
	}
	if entries[i].APIVersion != live.GetAPIVersion() {
		return nil
	}
	ours, err := fieldsOf(entries[i])
	if err != nil {
		return err
	}
	raw, err := ours.Union(fields).ToJSON()
	if err != nil {
		return fmt.Errorf("writing the fields of %s: %w", Manager, err)
	}
	entries[i].FieldsV1 = metav1.NewFieldsV1(string(raw))
	live.SetManagedFields(entries)
	return nil
}

func fieldsOf(e metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := &fieldpath.Set{}
	if e.FieldsV1 == nil {
		return set, nil
	}
	if err := set.FromJSON(e.FieldsV1.GetRawReader()); err != nil {
		return nil, fmt.Errorf("reading the fields of %s: %w", e.Manager, err)
	}
	return set, nil
}

func sameEntries(a, b []metav1.ManagedFieldsEntry) bool {
	return slices.EqualFunc(a, b, func(x, y metav1.ManagedFieldsEntry) bool {
		xs, xerr := fieldsOf(x)
		ys, yerr := fieldsOf(y)
		return x.Manager == y.Manager && x.Operation == y.Operation && x.Subresource == y.Subresource && x.APIVersion == y.APIVersion &&
			xerr == nil && yerr == nil && xs.Equals(ys)
	})
}
