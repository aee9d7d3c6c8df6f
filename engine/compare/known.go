package compare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"
)

// KnownField says that a field of a custom resource is of a type that Kubernetes defines, so that two ways to write one value of it
// are the same: "1000m" and "1", "60s" and "1m0s". It is what resource.customizations.knownTypeFields says.
type KnownField struct {
	// Group and Kind are the custom resource's.
	Group, Kind string
	// Field leads to the value by names with dots between them; through a list it leads into each item.
	Field string
	// Type is the value's: "core/v1/PodSpec" and any other of that group, "core/Quantity", "meta/v1/Duration". A list holds values of it.
	Type string
}

// KnownFields are known fields by kind. The zero value knows what comes with the program: an Argo Rollout's pods.
type KnownFields struct {
	kinds map[schema.GroupKind][]knownField
}

type knownField struct {
	KnownField
	path []string
	of   reflect.Type
}

// ReadKnownFields resolves the types. Fields whose type is not known are left out, and named in errs.
func ReadKnownFields(fields []KnownField) (known KnownFields, errs []error) {
	for _, f := range fields {
		of, ok := knownTypes()[f.Type]
		if !ok || f.Field == "" {
			errs = append(errs, fmt.Errorf("knownTypeFields of %s: %q of type %q: a field, and core/Quantity, meta/v1/Duration or a type of core/v1 such as core/v1/PodSpec are wanted",
				schema.GroupKind{Group: f.Group, Kind: f.Kind}, f.Field, f.Type))
			continue
		}
		if known.kinds == nil {
			known.kinds = map[schema.GroupKind][]knownField{}
		}
		gk := schema.GroupKind{Group: f.Group, Kind: f.Kind}
		known.kinds[gk] = append(known.kinds[gk], knownField{f, strings.Split(f.Field, "."), of})
	}
	return known, errs
}

func (k KnownFields) of(kind schema.GroupKind) []knownField {
	if fields, ok := k.kinds[kind]; ok {
		return fields
	}
	if kind == (schema.GroupKind{Group: "argoproj.io", Kind: "Rollout"}) {
		return []knownField{{KnownField{Type: "core/v1/PodSpec"}, []string{"spec", "template", "spec"}, reflect.TypeFor[corev1.PodSpec]()}}
	}
	return nil
}

// knownTypes are the types that a field may have, by the names that Argo CD gives them.
var knownTypes = sync.OnceValue(func() map[string]reflect.Type {
	all := map[string]reflect.Type{"core/Quantity": reflect.TypeFor[resource.Quantity](), "meta/v1/Duration": reflect.TypeFor[metav1.Duration]()}
	for _, kind := range scheme.Scheme.KnownTypes(corev1.SchemeGroupVersion) {
		gather(kind, all)
	}
	// These are in no object of the group itself.
	for _, t := range []reflect.Type{reflect.TypeFor[corev1.AvoidPods](), reflect.TypeFor[corev1.Preconditions](),
		reflect.TypeFor[corev1.TopologySelectorTerm]()} {
		gather(t, all)
	}
	return all
})

// gather adds a type of the core group and those that it is made of.
func gather(t reflect.Type, into map[string]reflect.Type) {
	ours := t.PkgPath() == reflect.TypeFor[corev1.Pod]().PkgPath()
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		gather(t.Elem(), into)
	case reflect.Map:
		if ours {
			into["core/v1/"+t.Name()] = t
		}
		gather(t.Elem(), into)
	case reflect.Struct:
		if !ours || into["core/v1/"+t.Name()] != nil {
			return
		}
		into["core/v1/"+t.Name()] = t
		for i := range t.NumField() {
			gather(t.Field(i).Type, into)
		}
	}
}

// alike writes the known fields of two forms of one object in one way. A value that is not of its type, or has fields that the type has
// not, is left as it is in both.
func (k KnownFields) alike(a, b *unstructured.Unstructured) {
	for _, f := range k.of(a.GroupVersionKind().GroupKind()) {
		inA, okA := f.rewritten(a.Object)
		inB, okB := f.rewritten(b.Object)
		if okA && okB {
			a.Object, b.Object = inA, inB
		}
	}
}

// rewritten is a copy of the object, as far as it is changed, with the field in the way that its type writes it.
func (f knownField) rewritten(object map[string]any) (map[string]any, bool) {
	out, ok := rewrite(object, f.path, f.of)
	m, isMap := out.(map[string]any)
	return m, ok && isMap
}

func rewrite(v any, path []string, t reflect.Type) (any, bool) {
	if v == nil {
		return nil, true
	}
	if list, ok := v.([]any); ok {
		out := make([]any, len(list))
		for i, item := range list {
			if out[i], ok = rewrite(item, path, t); !ok {
				return nil, false
			}
		}
		return out, true
	}
	if len(path) == 0 {
		return written(v, t)
	}
	m, ok := v.(map[string]any)
	if !ok || m[path[0]] == nil {
		return v, true // the field is not there
	}
	child, ok := rewrite(m[path[0]], path[1:], t)
	if !ok {
		return nil, false
	}
	out := maps.Clone(m)
	out[path[0]] = child
	return out, true
}

// written is a value as its type writes it.
func written(v any, t reflect.Type) (any, bool) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	value := reflect.New(t).Interface()
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(value); err != nil {
		return nil, false
	}
	if text, err = json.Marshal(value); err != nil {
		return nil, false
	}
	var out any
	if err := utiljson.Unmarshal(text, &out); err != nil {
		return nil, false
	}
	dropNulls(out)
	dropEmptyLists(out)
	return out, true
}

// names are what a verdict depends on.
func (k KnownFields) names(kind schema.GroupKind) []string {
	var out []string
	for _, f := range k.of(kind) {
		out = append(out, f.Field+" "+f.Type)
	}
	slices.Sort(out)
	return out
}
