package guard

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Shape is what a schema says of a kind. The zero Shape says nothing.
type Shape struct {
	root *shape
	of   *Document
}

// Document is one OpenAPI document of an API server, reduced to what validation needs. It does not change and may be shared.
type Document struct {
	shapes map[string]*shape
	kinds  map[schema.GroupVersionKind]*shape
}

// shape is one node of a schema: OpenAPI as Kubernetes publishes it, and the structural schemas of definitions.
type shape struct {
	Ref         string                                  `json:"$ref,omitempty"`
	Type        string                                  `json:"type,omitempty"`
	Format      string                                  `json:"format,omitempty"`
	Properties  map[string]*shape                       `json:"properties,omitempty"`
	Additional  *additional                             `json:"additionalProperties,omitempty"`
	Items       *shape                                  `json:"items,omitempty"`
	Required    []string                                `json:"required,omitempty"`
	Enum        []any                                   `json:"enum,omitempty"`
	AllOf       []*shape                                `json:"allOf,omitempty"`
	AnyOf       []*shape                                `json:"anyOf,omitempty"`
	OneOf       []*shape                                `json:"oneOf,omitempty"`
	Default     presence                                `json:"default,omitempty"`
	Pattern     string                                  `json:"pattern,omitempty"`
	Minimum     *float64                                `json:"minimum,omitempty"`
	Maximum     *float64                                `json:"maximum,omitempty"`
	MinLength   *int                                    `json:"minLength,omitempty"`
	MaxLength   *int                                    `json:"maxLength,omitempty"`
	MinItems    *int                                    `json:"minItems,omitempty"`
	MaxItems    *int                                    `json:"maxItems,omitempty"`
	Preserve    bool                                    `json:"x-kubernetes-preserve-unknown-fields,omitempty"`
	IntOrString bool                                    `json:"x-kubernetes-int-or-string,omitempty"`
	Embedded    bool                                    `json:"x-kubernetes-embedded-resource,omitempty"`
	Kinds       []struct{ Group, Version, Kind string } `json:"x-kubernetes-group-version-kind,omitempty"`
}

// additional is a schema for fields of any name, or whether there may be such.
type additional struct {
	allowed bool
	of      *shape
}

func (a *additional) UnmarshalJSON(b []byte) error {
	if string(b) == "true" || string(b) == "false" {
		a.allowed = string(b) == "true"
		return nil
	}
	a.allowed, a.of = true, &shape{}
	return json.Unmarshal(b, a.of)
}

// presence is whether a default stands there, and whether it says more than that there is nothing.
type presence int

const (
	absent presence = iota
	empty
	there
)

func (p *presence) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `""`, "0", "false", "{}", "[]", "null":
		*p = empty
	default:
		*p = there
	}
	return nil
}

// ofGo are the names of types that are made from Go: the generator writes a default for all that is no pointer, which is not the API
// server's.
var ofGo = []string{"io.k8s.api.", "io.k8s.apimachinery.", "io.k8s.apiextensions-apiserver.", "io.k8s.kube-aggregator."}

// undefault takes the defaults away that say nothing.
func undefault(s *shape) {
	if s == nil {
		return
	}
	if s.Default == empty {
		s.Default = absent
	}
	for _, field := range s.Properties {
		undefault(field)
	}
	undefault(s.Items)
	if s.Additional != nil {
		undefault(s.Additional.of)
	}
}

// ParseDocument reads an OpenAPI v3 document as an API server gives it.
func ParseDocument(text []byte) (*Document, error) {
	var document struct {
		Components struct {
			Schemas map[string]*shape `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("reading an OpenAPI document: %w", err)
	}
	if len(document.Components.Schemas) == 0 {
		return nil, errors.New("the OpenAPI document describes no kinds")
	}
	d := &Document{shapes: document.Components.Schemas, kinds: map[schema.GroupVersionKind]*shape{}}
	for name, s := range d.shapes {
		if s == nil {
			delete(d.shapes, name)
			continue
		}
		if slices.ContainsFunc(ofGo, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			undefault(s)
		}
		for _, k := range s.Kinds {
			d.kinds[schema.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind}] = s
		}
	}
	return d, nil
}

// Kind is the shape of a kind that the document describes.
func (d *Document) Kind(gvk schema.GroupVersionKind) (Shape, bool) {
	s, ok := d.kinds[gvk]
	return Shape{s, d}, ok
}

// ShapeOf reads the openAPIV3Schema of a CustomResourceDefinition. What cannot be read says nothing.
func ShapeOf(openAPIV3Schema map[string]any) Shape {
	text, err := json.Marshal(openAPIV3Schema)
	if err != nil {
		return Shape{}
	}
	s := &shape{}
	if err := json.Unmarshal(text, s); err != nil {
		return Shape{}
	}
	return Shape{root: s}
}

// follow is the shape that references lead to.
func (d *Document) follow(s *shape) *shape {
	for range 16 {
		if s == nil || s.Ref == "" {
			return s
		}
		if d == nil {
			return nil
		}
		s = d.shapes[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return nil
}
