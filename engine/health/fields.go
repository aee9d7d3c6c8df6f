package health

import (
	"fmt"
	"strings"
)

// fields reads an object of a kind whose types are known. The first thing of a wrong type is kept: such an object cannot be judged.
// It reads only what a rule asks for, which takes a hundredth of the time of making the kind's Go type.
type fields struct {
	object map[string]any
	wrong  error
}

func (f *fields) at(path ...string) any {
	var v any = f.object
	for i, key := range path {
		m, ok := v.(map[string]any)
		if !ok && v != nil {
			f.mistyped(path[:i], v)
			return nil
		}
		v = m[key]
	}
	return v
}

func (f *fields) mistyped(path []string, v any) {
	if f.wrong == nil {
		f.wrong = fmt.Errorf(".%s has the wrong type %T", strings.Join(path, "."), v)
	}
}

// integer is a whole number; ok says that there is one.
func (f *fields) integer(path ...string) (n int64, ok bool) {
	switch v := f.at(path...).(type) {
	case nil:
	case int64:
		return v, true
	case int:
		return int64(v), true
	case float64:
		if v == float64(int64(v)) {
			return int64(v), true
		}
		f.mistyped(path, v)
	default:
		f.mistyped(path, v)
	}
	return 0, false
}

// count is a whole number, or 0.
func (f *fields) count(path ...string) int64 {
	n, _ := f.integer(path...)
	return n
}

func (f *fields) text(path ...string) string {
	v := f.at(path...)
	s, ok := v.(string)
	if !ok && v != nil {
		f.mistyped(path, v)
	}
	return s
}

func (f *fields) flag(path ...string) bool {
	v := f.at(path...)
	b, ok := v.(bool)
	if !ok && v != nil {
		f.mistyped(path, v)
	}
	return b
}

// list is a list's objects.
func (f *fields) list(path ...string) []*fields {
	v := f.at(path...)
	list, ok := v.([]any)
	if !ok && v != nil {
		f.mistyped(path, v)
	}
	if len(list) == 0 {
		return nil
	}
	out := make([]*fields, 0, len(list))
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			f.mistyped(path, item)
			continue
		}
		out = append(out, &fields{object: m})
	}
	return out
}

func (f *fields) has(path ...string) bool { return f.at(path...) != nil }

// lags says that the controller has not seen this form of the object.
func (f *fields) lags() bool {
	return f.count("metadata", "generation") > f.count("status", "observedGeneration")
}

// condition is one of status.conditions; nil if there is none of the type.
func (f *fields) condition(conditionType string) *fields {
	for _, c := range f.list("status", "conditions") {
		if c.text("type") == conditionType {
			return c
		}
	}
	return nil
}
