package health

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// subject is an object that is judged, and its conditions.
type subject struct {
	object     map[string]any
	conditions []any
}

// at is what stands at a path; nil if there is nothing, or the way there is not of objects.
func (s subject) at(path []string) any {
	var v any = s.object
	for _, key := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// condition is the condition of a type. There should be one; where a controller appends, the last is what it says now.
func (s subject) condition(conditionType string) map[string]any {
	for _, item := range slices.Backward(s.conditions) {
		if m, ok := item.(map[string]any); ok && m["type"] == conditionType {
			return m
		}
	}
	return nil
}

// operand is a path, a field of a condition, or a word.
type operand struct {
	path             []string
	condition, field string
	whole            bool // no field was named
	length           bool
	each             []string // path in each item of the list that path leads to
	otherwise        any      // of a path that leads nowhere
	word             string
	speaks           func(kind string) string // says the object's kind
}

func (o operand) of(s subject) any {
	switch {
	case o.condition != "":
		c := s.condition(o.condition)
		if c == nil {
			return nil
		}
		return c[o.field]
	case o.speaks != nil:
		return o.speaks(s.text("kind"))
	case o.path == nil:
		return o.word
	}
	v := s.at(o.path)
	if o.length {
		return float64(size(v))
	}
	if v == nil {
		return o.otherwise
	}
	return v
}

func size(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return 0
}

// parseOperand reads the left side of a term: a path or a condition.
func parseOperand(s string) (operand, error) {
	if s == "" {
		return operand{}, fmt.Errorf("an operand is missing")
	}
	if !strings.HasPrefix(s, ".") {
		name, field, ok := strings.Cut(s, ":")
		if !ok {
			field = "status"
		}
		return operand{condition: name, field: field, whole: !ok}, nil
	}
	var o operand
	s, otherwise, ok := strings.Cut(s, "?")
	if ok {
		o.otherwise = otherwise
	}
	s, o.length = strings.CutSuffix(s, "#")
	if s, each, ok := strings.Cut(s, "[]"); ok {
		list, err := parseOperand(s)
		if err != nil {
			return operand{}, err
		}
		item, err := parseOperand(each)
		return operand{path: list.path, each: item.path}, err
	}
	for s != "" {
		rest, ok := strings.CutPrefix(s, ".")
		if !ok {
			return operand{}, fmt.Errorf("%q is not a path", s)
		}
		key := ""
		if strings.HasPrefix(rest, `"`) {
			key, s, ok = strings.Cut(rest[1:], `"`)
			if !ok {
				return operand{}, fmt.Errorf("%q has no end", rest)
			}
		} else {
			end := strings.IndexByte(rest, '.')
			if end < 0 {
				end = len(rest)
			}
			key, s = rest[:end], rest[end:]
		}
		o.path = append(o.path, key)
	}
	return o, nil
}

// term is one thing that a line asks.
type term struct {
	not     bool
	left    operand
	compare string // empty asks whether there is something
	right   []operand
}

// comparisons in the order in which they are looked for: the longer first.
func comparisons() []string { return []string{"!=", "<=", ">=", "=", "<", ">", "~"} }

func parseTerm(s string) (term, error) {
	t := term{}
	s, t.not = strings.CutPrefix(s, "!")
	at := len(s)
	for _, c := range comparisons() {
		if i := strings.Index(s, c); i >= 0 && i < at {
			at, t.compare = i, c
		}
	}
	var err error
	if t.left, err = parseOperand(s[:at]); err != nil || t.compare == "" {
		return t, err
	}
	for _, word := range strings.Split(s[at+len(t.compare):], "|") {
		o := operand{word: strings.Trim(word, `"`)}
		if strings.HasPrefix(word, ".") {
			if o, err = parseOperand(word); err != nil {
				return t, err
			}
		}
		t.right = append(t.right, o)
	}
	return t, nil
}

func (t term) holds(s subject) bool {
	return t.asks(s) != t.not
}

func (t term) asks(s subject) bool {
	if t.compare == "" && t.left.whole {
		return s.condition(t.left.condition) != nil
	}
	left := t.left.of(s)
	switch {
	case left == nil:
		return false
	case t.compare == "":
		return true
	case t.compare == "!=":
		return !slices.ContainsFunc(t.right, func(o operand) bool {
			right := o.of(s)
			return right == nil || plain(left) == plain(right)
		})
	}
	return slices.ContainsFunc(t.right, func(o operand) bool {
		right := o.of(s)
		return right != nil && t.left.any(left, func(v any) bool { return compares(t.compare, v, right) })
	})
}

// any asks about a value, or about each of those that the items of a list have.
func (o operand) any(v any, is func(any) bool) bool {
	if o.each == nil {
		return is(v)
	}
	list, _ := v.([]any)
	return slices.ContainsFunc(list, func(item any) bool {
		v := within(item).at(o.each)
		return v != nil && is(v)
	})
}

func compares(how string, left, right any) bool {
	switch how {
	case "=":
		return plain(left) == plain(right)
	case "~":
		return like(plain(right), plain(left))
	}
	a, aok := number(left)
	b, bok := number(right)
	if !aok || !bok {
		return false
	}
	switch how {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	}
	return a >= b
}

// like matches a pattern that may have a star at either end.
func like(pattern, s string) bool {
	after, ends := strings.CutPrefix(pattern, "*")
	middle, begins := strings.CutSuffix(after, "*")
	switch {
	case ends && begins:
		return strings.Contains(s, middle)
	case ends:
		return strings.HasSuffix(s, middle)
	case begins:
		return strings.HasPrefix(s, middle)
	}
	return s == pattern
}

// plain is a value as text; a list is joined, an object is empty.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		return strconv.Itoa(v)
	case int32:
		return strconv.Itoa(int(v))
	case []any:
		var texts []string
		for _, item := range v {
			texts = append(texts, plain(item))
		}
		return strings.Join(texts, ", ")
	}
	return ""
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}
