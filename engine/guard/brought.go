package guard

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/object"
)

var definitionKind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

// Brought is what a change brings to one destination for other objects to build on: kinds and namespaces. What is brought is applied
// with the rest, so nobody can ask the destination about it yet.
type Brought struct {
	// Kinds are by group and kind the versions that definitions of the change have.
	Kinds map[schema.GroupKind][]DefinedVersion
	// Namespaces by name.
	Namespaces map[string]bool
}

// DefinedVersion is one version of a CustomResourceDefinition.
type DefinedVersion struct {
	Name       string
	Served     bool
	Deprecated bool
	// Warning is the author's word on the deprecation, or empty.
	Warning string
	// Schema is its openAPIV3Schema, or nil.
	Schema map[string]any
}

// Add takes in what a set of objects brings.
func (b *Brought) Add(s *object.Set) {
	for _, o := range s.All() {
		switch id := o.ID(); id.GroupKind() {
		case definitionKind:
			gk, versions := Definition(o.Unstructured)
			if b.Kinds == nil {
				b.Kinds = map[schema.GroupKind][]DefinedVersion{}
			}
			b.Kinds[gk] = versions
		case schema.GroupKind{Kind: "Namespace"}:
			b.namespace(id.Name)
		}
	}
}

// AddNamespace notes a namespace that a sync makes.
func (b *Brought) AddNamespace(name string) { b.namespace(name) }

func (b *Brought) namespace(name string) {
	if b.Namespaces == nil {
		b.Namespaces = map[string]bool{}
	}
	b.Namespaces[name] = true
}

// version finds a version of a kind that the change brings.
func (b Brought) version(gvk schema.GroupVersionKind) (DefinedVersion, bool) {
	versions := b.Kinds[gvk.GroupKind()]
	if i := slices.IndexFunc(versions, func(v DefinedVersion) bool { return v.Name == gvk.Version }); i >= 0 {
		return versions[i], true
	}
	return DefinedVersion{}, false
}

// Definition reads a CustomResourceDefinition: the kind, and its versions. What is not written as it should be is left out.
func Definition(u *unstructured.Unstructured) (schema.GroupKind, []DefinedVersion) {
	group, _, _ := unstructured.NestedString(u.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(u.Object, "spec", "names", "kind")
	listed, _, _ := unstructured.NestedFieldNoCopy(u.Object, "spec", "versions")
	items, _ := listed.([]any)
	var versions []DefinedVersion
	for _, item := range items {
		m, ok := item.(map[string]any)
		if !ok {
			continue
		}
		v := DefinedVersion{Served: m["served"] == true, Deprecated: m["deprecated"] == true}
		v.Name, _ = m["name"].(string)
		v.Warning, _ = m["deprecationWarning"].(string)
		if of, ok := m["schema"].(map[string]any); ok {
			v.Schema, _ = of["openAPIV3Schema"].(map[string]any)
		}
		versions = append(versions, v)
	}
	return schema.GroupKind{Group: group, Kind: kind}, versions
}
