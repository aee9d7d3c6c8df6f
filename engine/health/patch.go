package health

import (
	"maps"
	"reflect"
)

// Patches are the JSON merge patches that make an impact's object of the live one: of all but the status, and of the status, which
// has an address of its own where the kind serves it as a subresource. Each is nil if nothing of it changes. What the server keeps for
// itself, such as the resource version, is in neither.
func (i Impact) Patches(live map[string]any) (object, status map[string]any) {
	object = difference(live, i.Object.Object)
	if changed, ok := object["status"]; ok {
		status = map[string]any{"status": changed}
		delete(object, "status")
	}
	if metadata, ok := object["metadata"].(map[string]any); ok {
		for _, field := range []string{"resourceVersion", "managedFields", "generation", "uid", "creationTimestamp", "selfLink", "name", "namespace"} {
			delete(metadata, field)
		}
		if len(metadata) == 0 {
			delete(object, "metadata")
		}
	}
	if len(object) == 0 {
		object = nil
	}
	return object, status
}

// difference is the merge patch from one object to another: null takes a field away, and a list is replaced as a whole. A null in the
// wanted object is a field that is not there.
func difference(before, after map[string]any) map[string]any {
	patch := map[string]any{}
	for key := range before {
		if before[key] != nil && after[key] == nil {
			patch[key] = nil
		}
	}
	for key, now := range after {
		was := before[key]
		m, object := now.(map[string]any)
		old, wasObject := was.(map[string]any)
		switch {
		case now == nil || reflect.DeepEqual(was, now):
		case object && wasObject:
			if inner := difference(old, m); len(inner) > 0 {
				patch[key] = inner
			}
		case object:
			patch[key] = maps.Clone(m)
		default:
			patch[key] = now
		}
	}
	return patch
}
