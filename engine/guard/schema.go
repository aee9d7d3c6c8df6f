package guard

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/slipway-cd/slipway/engine/object"
)

// misshapen holds what the change writes against the schemas: that of a definition which the change brings, else the destination's own.
func misshapen(f Facts) []Finding {
	var found []Finding
	kinds := map[schema.GroupVersionKind]Shape{}
	for _, o := range validated(f) {
		gvk := o.GroupVersionKind()
		s, known := kinds[gvk]
		if !known {
			s = f.shape(gvk)
			kinds[gvk] = s
		}
		for _, p := range s.validate(o.Object) {
			field := dotted(p.path)
			x := about(o, Schema, "%s: %s: %s", o.ID(), field, p.message)
			x.Field, x.path = field, p.path
			found = append(found, x)
		}
	}
	return found
}

// validated are the objects that the change writes, and those whose kind's definition is part of it.
func validated(f Facts) []object.Object {
	all := changed(f)
	if len(f.Brought.Kinds) == 0 {
		return all
	}
	written := map[object.ID]bool{}
	for _, o := range all {
		written[o.ID()] = true
	}
	for _, o := range f.After.All() {
		if _, brought := f.Brought.version(o.GroupVersionKind()); brought && !written[o.ID()] {
			all = append(all, o)
		}
	}
	return slices.Clip(all)
}

func (f Facts) shape(gvk schema.GroupVersionKind) Shape {
	if v, brought := f.Brought.version(gvk); brought && v.Schema != nil {
		return ShapeOf(v.Schema)
	}
	if f.Shapes == nil {
		return Shape{}
	}
	return f.Shapes(gvk)
}
