// Package object holds what every stage of the engine passes on: Kubernetes objects with the place they came from, their
// identity, ordered sets of them, and faults, which are mistakes in the user's repository.
//
// It stands at the head of the river and imports nothing of ours.
package object

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// ID names an object within one cluster. The version is left out: the same object is served in several.
type ID struct {
	Group, Kind, Namespace, Name string
}

// IDOf is the identity of u as it is written; a namespace that the destination would add is not added here.
func IDOf(u *unstructured.Unstructured) ID {
	gvk := u.GroupVersionKind()
	return ID{Group: gvk.Group, Kind: gvk.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// GroupKind is the kind without a version.
func (id ID) GroupKind() schema.GroupKind { return schema.GroupKind{Group: id.Group, Kind: id.Kind} }

// String is the form people read: "apps/Deployment shop/web", "Namespace shop".
func (id ID) String() string {
	var b strings.Builder
	if id.Group != "" {
		b.WriteString(id.Group + "/")
	}
	b.WriteString(id.Kind + " ")
	if id.Namespace != "" {
		b.WriteString(id.Namespace + "/")
	}
	b.WriteString(id.Name)
	return b.String()
}

// Compare orders by namespace, group, kind and name, which is the order of reports: negative where id comes before o, 0 where they are one.
func (id ID) Compare(o ID) int {
	return cmp.Or(cmp.Compare(id.Namespace, o.Namespace), cmp.Compare(id.Group, o.Group), cmp.Compare(id.Kind, o.Kind), cmp.Compare(id.Name, o.Name))
}

// Place is where in the repository something stands. Line counts from 1; 0 is "the file as a whole".
type Place struct {
	File string `json:"file,omitempty"` // relative to the repository's root, with slashes
	Line int    `json:"line,omitempty"`
}

// Object is a Kubernetes object and where it was written. The place of a rendered object is the template, patch or
// manifest it came from as far as the renderer knows it.
type Object struct {
	*unstructured.Unstructured
	Place Place
}

// ID is the identity of the object.
func (o Object) ID() ID { return IDOf(o.Unstructured) }
