package compare

import (
	"reflect"
	"testing"
)

func TestSameIsEquality(t *testing.T) {
	values := []any{nil, true, false, "", "a", int64(0), int64(1), 0.0, 1.0, []any{}, []any{nil}, []any{"a"}, []any{"a", "b"}, map[string]any{},
		map[string]any{"a": nil}, map[string]any{"b": nil}, map[string]any{"a": []any{int64(1)}}, map[string]any{"a": []any{1.0}},
		map[string]any{"a": map[string]any{"b": "c"}}, map[string]any{"a": map[string]any{"b": "d"}}}
	for _, a := range values {
		for _, b := range values {
			if got, want := same(a, b), reflect.DeepEqual(a, b); got != want {
				t.Errorf("%#v and %#v: %v", a, b, got)
			}
		}
	}
	if same(1, 1) {
		t.Error("a value that no decoder yields is said to be known")
	}
}
