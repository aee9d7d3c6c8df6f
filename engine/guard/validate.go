package guard

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// problem is what is wrong at a place in an object. No message quotes a value: it may be a secret.
type problem struct {
	path    []any // names of fields and numbers of items
	message string
}

// mostProblems of one object are told.
const mostProblems = 8

// validate holds an object against a shape as an API server does that is asked to validate strictly: fields that there are not, values of
// another type, and fields that are missing.
func (s Shape) validate(object map[string]any) []problem {
	if s.root == nil {
		return nil
	}
	v := validation{of: s.of}
	root := s.of.follow(s.root)
	content := maps.Clone(object)
	delete(content, "status") // it is not the author's
	for _, name := range []string{"apiVersion", "kind", "metadata"} {
		if s.of == nil || root != nil && root.Properties[name] == nil {
			delete(content, name) // every object has them, whatever a definition says of them
		}
	}
	v.value(content, s.root, nil, false)
	return v.found
}

type validation struct {
	of    *Document
	found []problem
	depth int
}

func (v *validation) problem(path []any, format string, args ...any) {
	if len(v.found) < mostProblems {
		v.found = append(v.found, problem{slices.Clone(path), fmt.Sprintf(format, args...)})
	}
}

// value validates one value. Within alternatives, partial is set: there a schema speaks of some fields only.
func (v *validation) value(x any, s *shape, path []any, partial bool) {
	s = v.of.follow(s)
	if x == nil || s == nil || len(v.found) >= mostProblems || v.depth > 200 {
		return // what is null is as if it were not there
	}
	v.depth++
	defer func() { v.depth-- }()
	if !v.typed(x, s, path) {
		return
	}
	for _, part := range s.AllOf {
		v.value(x, part, path, partial || len(s.Properties) > 0)
	}
	v.alternatives(x, s, path)
	v.bounds(x, s, path)
	switch x := x.(type) {
	case map[string]any:
		v.fields(x, s, path, partial)
	case []any:
		for i, item := range x {
			if s.Items != nil {
				v.value(item, s.Items, append(path, i), partial)
			}
		}
	}
}

// typed says whether a value has the type that the shape wants, and tells where it has not.
func (v *validation) typed(x any, s *shape, path []any) bool {
	have := typeOf(x)
	if s.IntOrString || s.Format == "int-or-string" {
		if have != "integer" && have != "string" {
			v.problem(path, "must be an integer or a string, and is %s", article(have))
			return false
		}
		return true
	}
	if s.Type == "" || s.Type == have || s.Type == "number" && have == "integer" {
		return true
	}
	v.problem(path, "must be %s, and is %s", article(s.Type), article(have))
	return false
}

func typeOf(x any) string {
	switch x := x.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case int, int32, int64:
		return "integer"
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return "integer"
		}
		return "number"
	}
	return "value of an unknown type"
}

func article(name string) string {
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

// alternatives asks that one of several schemas holds. Which of them is meant cannot be told, so what is wrong with each is not.
func (v *validation) alternatives(x any, s *shape, path []any) {
	for _, choices := range [][]*shape{s.OneOf, s.AnyOf} {
		if len(choices) > 0 && !slices.ContainsFunc(choices, func(c *shape) bool { return v.fits(x, c) }) {
			v.problem(path, "is none of what it may be")
		}
	}
}

func (v *validation) fits(x any, s *shape) bool {
	trial := validation{of: v.of, depth: v.depth}
	trial.value(x, s, nil, true)
	return len(trial.found) == 0
}

// bounds holds a value against what a schema says beside the type.
func (v *validation) bounds(x any, s *shape, path []any) {
	if len(s.Enum) > 0 && x != "" && !slices.ContainsFunc(s.Enum, func(one any) bool { return fmt.Sprint(one) == fmt.Sprint(x) }) {
		v.problem(path, "must be one of %s", listed(s.Enum))
	}
	switch x := x.(type) {
	case string:
		v.word(x, s, path)
	case []any:
		v.count(len(x), "item", s.MinItems, s.MaxItems, path)
	case int64:
		v.number(float64(x), s, path)
	case float64:
		v.number(x, s, path)
	}
}

func (v *validation) word(x string, s *shape, path []any) {
	v.count(utf8.RuneCountInString(x), "character", s.MinLength, s.MaxLength, path)
	switch s.Format {
	case "byte":
		if _, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "").Replace(x)); err != nil {
			v.problem(path, "must be written in base64")
		}
	case "date-time":
		if _, err := time.Parse(time.RFC3339, x); err != nil {
			v.problem(path, "must be a time such as 2026-01-02T15:04:05Z")
		}
	}
	if s.Pattern == "" {
		return
	}
	if p, err := regexp.Compile(s.Pattern); err == nil && !p.MatchString(x) {
		v.problem(path, "must match %s", s.Pattern)
	}
}

func (v *validation) count(n int, what string, least, most *int, path []any) {
	switch {
	case least != nil && n < *least:
		v.problem(path, "must have at least %d %ss", *least, what)
	case most != nil && n > *most:
		v.problem(path, "must have at most %d %ss", *most, what)
	}
}

func (v *validation) number(x float64, s *shape, path []any) {
	switch {
	case s.Minimum != nil && x < *s.Minimum:
		v.problem(path, "must be at least %s", plainNumber(*s.Minimum))
	case s.Maximum != nil && x > *s.Maximum:
		v.problem(path, "must be at most %s", plainNumber(*s.Maximum))
	}
}

func plainNumber(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// fields validates the fields of an object.
func (v *validation) fields(x map[string]any, s *shape, path []any, partial bool) {
	for _, name := range s.Required {
		if x[name] == nil && (s.Properties[name] == nil || s.Properties[name].Default == absent) {
			v.problem(append(path, name), "is missing")
		}
	}
	open := partial || s.Preserve || len(s.Properties) == 0 || s.Additional != nil && s.Additional.allowed
	for _, name := range slices.Sorted(maps.Keys(x)) {
		field, known := s.Properties[name]
		switch {
		case known:
			v.value(x[name], field, append(path, name), partial)
		case s.Additional != nil && s.Additional.of != nil:
			v.value(x[name], s.Additional.of, append(path, name), partial)
		case open || s.Embedded && slices.Contains([]string{"apiVersion", "kind", "metadata"}, name):
		default:
			v.problem(append(path, name), "there is no such field%s", meant(name, s.Properties))
		}
	}
}

// meant is a guess at the field that was meant.
func meant(name string, fields map[string]*shape) string {
	best, least := "", 3
	for _, have := range slices.Sorted(maps.Keys(fields)) {
		far := distance(strings.ToLower(name), strings.ToLower(have), least)
		if far < least {
			best, least = have, far
		}
	}
	if best == "" || least >= len(name) {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is how many letters must be changed, added or left out to make b of a, or most if that is more.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most || len(a) > 64 {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := diagonal
			if a[i] != b[j] {
				next = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return min(row[len(b)], most)
}

func listed(values []any) string {
	const most = 12
	var all []string
	for _, x := range values[:min(len(values), most)] {
		all = append(all, fmt.Sprint(x))
	}
	if rest := len(values) - len(all); rest > 0 {
		all = append(all, fmt.Sprintf("%d more", rest))
	}
	return strings.Join(all, ", ")
}

// dotted is a path as people write it: spec.containers[0].name. A name with dots stands in brackets.
func dotted(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			switch {
			case strings.ContainsAny(step, ".[]/ "):
				fmt.Fprintf(&b, "[%s]", step)
			case b.Len() > 0:
				b.WriteString("." + step)
			default:
				b.WriteString(step)
			}
		}
	}
	return b.String()
}
