package appset

import "reflect"

// measure is the size of a value in bytes, roughly, as it is when written out. What is shared counts each time it is reached, so
// that a value which contains itself is found before anything follows it for ever.
func measure(v any, depth int) (int, error) {
	m := meter{left: maxValue}
	err := m.value(v, depth)
	return maxValue - m.left, err
}

type meter struct{ left int }

func (m *meter) take(n int) error {
	if m.left -= n; m.left < 0 {
		return copyOf(errTooLarge)
	}
	return nil
}

func (m *meter) value(v any, depth int) error {
	if depth > maxNesting {
		return copyOf(errTooDeep)
	}
	switch v := v.(type) {
	case nil, bool, int, int64, float64:
		return m.take(8)
	case string:
		return m.take(len(v) + 8)
	case map[string]any:
		for k, item := range v {
			if err := m.pair(k, item, depth); err != nil {
				return err
			}
		}
		return m.take(8)
	case []any:
		for _, item := range v {
			if err := m.value(item, depth+1); err != nil {
				return err
			}
		}
		return m.take(8)
	}
	return m.reflected(reflect.ValueOf(v), depth)
}

func (m *meter) pair(key string, item any, depth int) error {
	if err := m.take(len(key) + 8); err != nil {
		return err
	}
	return m.value(item, depth+1)
}

// reflected measures what functions yield beside the shapes of JSON, such as []string.
func (m *meter) reflected(v reflect.Value, depth int) error {
	switch v.Kind() {
	case reflect.String:
		return m.take(v.Len() + 8)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return m.take(v.Len() + 8)
		}
		for i := range v.Len() {
			if err := m.value(v.Index(i).Interface(), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if err := m.value(it.Key().Interface(), depth+1); err != nil {
				return err
			}
			if err := m.value(it.Value().Interface(), depth+1); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if !v.IsNil() && v.Elem().CanInterface() {
			return m.value(v.Elem().Interface(), depth+1)
		}
	}
	return m.take(32)
}
