package compare

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"time"

	"github.com/itchyny/gojq"
)

// jq expressions come with applications, some from strangers' branches. They are held to what choosing fields takes: expressions
// that build large values or run on are refused, and the steps of the others are counted. A count gives the same verdict on every
// machine, which a clock would not.
const (
	jqLength  = 2048
	jqSteps   = 1_000_000
	jqPaths   = 10_000
	jqGrowing = 2 // how many operations may make values larger than those they are given
	// jqWork bounds, for expressions with operations that look at whole values, their steps times the size of what they may look at.
	jqWork = 200_000_000
)

// jqFunctions are those that choose, test or take apart.
var jqFunctions = []string{
	"all", "any", "arrays", "ascii_downcase", "ascii_upcase", "booleans", "capture", "contains", "empty", "endswith", "error", "false",
	"first", "from_entries", "fromjson", "getpath", "group_by", "has", "in", "index", "indices", "inside", "isempty",
	"iterables", "IN", "keys", "keys_unsorted", "last", "leaf_paths", "length", "limit", "ltrimstr", "map", "map_values", "match", "max",
	"max_by", "min", "min_by", "not", "nth", "null", "nulls", "numbers", "objects", "path", "paths", "range", "recurse", "reverse",
	"rindex", "rtrimstr", "scalars", "select", "sort", "sort_by", "split", "splits", "startswith", "strings", "test", "to_entries",
	"tonumber", "true", "type", "unique", "unique_by", "utf8bytelength", "values", "with_entries", "ltrim", "rtrim", "trim", "trimstr",
	"abs", "floor", "ceil", "round", "toarray", "pick", "tojson", "tostring", "join", "add", "flatten",
}

// jqGrow are the functions among them whose result may be larger than what they are given.
var jqGrow = []string{"tojson", "tostring", "join", "add", "flatten"}

// jqHeavy are the functions among them that look at whole values, in one step.
var jqHeavy = []string{
	"capture", "contains", "from_entries", "fromjson", "group_by", "index", "indices", "inside", "IN", "keys", "keys_unsorted", "ltrim",
	"ltrimstr", "match", "max", "max_by", "min", "min_by", "reverse", "rindex", "rtrim", "rtrimstr", "sort", "sort_by", "split", "splits",
	"test", "to_entries", "trim", "trimstr", "unique", "unique_by", "utf8bytelength", "with_entries", "ascii_downcase", "ascii_upcase",
	"length", "pick",
}

// jqPath is a path as jq gives it: keys, indices, and slices ({"start", "end"}).
type jqPath []any

// jqSelects are the paths in an object that an expression selects. An expression that meets a shape that it does not expect selects
// nothing more, as a path that is not there. The error is for the expression's author.
func jqSelects(expression string, in map[string]any) ([]jqPath, error) {
	code, heavy, err := jqCompile(expression)
	if err != nil {
		return nil, fmt.Errorf("ignoreDifferences: jqPathExpressions: %q: %w", expression, err)
	}
	steps := &budget{left: jqSteps, spent: make(chan struct{})}
	if heavy {
		steps.left = min(jqWork/weight(in), heavySteps)
	}
	close(steps.spent)
	var out []jqPath
	results := code.RunWithContext(steps, forJQ(in))
	for {
		v, ok := results.Next()
		if !ok {
			return out, nil
		}
		if err, failed := v.(error); failed {
			if errors.Is(err, errBudget) {
				return nil, fmt.Errorf("ignoreDifferences: jqPathExpressions: %q: %w", expression, err)
			}
			return nil, nil // del() fails as a whole, and the object stays as it is
		}
		if p, isPath := v.([]any); isPath {
			out = append(out, p)
		}
		if len(out) > jqPaths {
			return nil, fmt.Errorf("ignoreDifferences: jqPathExpressions: %q selects more than %d fields", expression, jqPaths)
		}
	}
}

// heavySteps is the root of jqWork: what an expression builds step by step may be looked at whole in as many.
const heavySteps = 14_000

// weight is how large a value is: its parts, and the length of its texts.
func weight(v any) int {
	switch x := v.(type) {
	case map[string]any:
		sum := 1
		for k, v := range x {
			sum += len(k)/8 + weight(v)
		}
		return sum
	case []any:
		sum := 1
		for _, v := range x {
			sum += weight(v)
		}
		return sum
	case string:
		return 1 + len(x)/8
	}
	return 1
}

// jqCompile makes an expression give the paths that it selects. heavy says that it looks at whole values.
func jqCompile(expression string) (code *gojq.Code, heavy bool, err error) {
	if len(expression) > jqLength {
		return nil, false, fmt.Errorf("it is longer than %d bytes", jqLength)
	}
	query, err := gojq.Parse(expression)
	if err != nil {
		return nil, false, err
	}
	var seen jqSeen
	if err := jqChecked(reflect.ValueOf(query), &seen); err != nil {
		return nil, false, err
	}
	if seen.growing > jqGrowing {
		return nil, false, fmt.Errorf("it builds values in more than %d places", jqGrowing)
	}
	code, err = gojq.Compile(&gojq.Query{Term: &gojq.Term{Type: gojq.TermTypeFunc, Func: &gojq.Func{Name: "path", Args: []*gojq.Query{query}}}})
	return code, seen.heavy || seen.growing > 0, err
}

// jqSeen is what an expression has.
type jqSeen struct {
	growing int
	heavy   bool
}

// jqChecked walks a parsed expression, whatever nodes it has, and judges each.
func jqChecked(v reflect.Value, seen *jqSeen) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if err := jqAllowed(v.Interface(), seen); err != nil {
			return err
		}
		return jqChecked(v.Elem(), seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if err := jqChecked(v.Field(i), seen); err != nil {
				return err
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := jqChecked(v.Index(i), seen); err != nil {
				return err
			}
		}
	}
	return nil
}

// jqAllowed judges one node of an expression.
func jqAllowed(node any, seen *jqSeen) error {
	refuse := func(what string) error { return fmt.Errorf("%s cannot be used to choose fields", what) }
	switch n := node.(type) {
	case *gojq.Reduce, *gojq.Foreach, *gojq.Label, *gojq.FuncDef, *gojq.Import:
		return refuse("reduce, foreach, label, def and import")
	case *gojq.Query:
		switch {
		case n.Op == gojq.OpAdd:
			seen.growing++
		case n.Op >= gojq.OpEq && n.Op <= gojq.OpLe || n.Op == gojq.OpSub:
			seen.heavy = seen.heavy || !literal(n.Left) && !literal(n.Right)
		case n.Op == gojq.OpMul || n.Op == gojq.OpDiv || n.Op >= gojq.OpAssign && n.Op <= gojq.OpUpdateAlt:
			return refuse("the operator " + n.Op.String())
		}
	case *gojq.String:
		if len(n.Queries) > 0 {
			seen.growing++
		}
	case *gojq.Term:
		if n.Format != "" {
			return refuse(n.Format)
		}
	case *gojq.Func:
		switch {
		case n.Name[0] == '$':
		case !slices.Contains(jqFunctions, n.Name):
			return refuse("the function " + n.Name)
		case n.Name == "recurse" && len(n.Args) > 0:
			return refuse("recurse with an argument")
		case slices.Contains(jqGrow, n.Name):
			seen.growing++
		case slices.Contains(jqHeavy, n.Name):
			seen.heavy = true
		}
	}
	return nil
}

// literal says that one side of a comparison is written down: to compare with it takes no longer than it is.
func literal(q *gojq.Query) bool {
	if q == nil || q.Term == nil || len(q.Term.SuffixList) > 0 {
		return false
	}
	switch q.Term.Type {
	case gojq.TermTypeNull, gojq.TermTypeTrue, gojq.TermTypeFalse, gojq.TermTypeNumber:
		return true
	case gojq.TermTypeString:
		return q.Term.Str != nil && len(q.Term.Str.Queries) == 0
	}
	return false
}

// forJQ is a copy of a decoded value in the types that jq works with.
func forJQ(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, v := range x {
			out[k] = forJQ(v)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, v := range x {
			out[i] = forJQ(v)
		}
		return out
	case int64:
		if x < math.MinInt || x > math.MaxInt {
			return big.NewInt(x)
		}
		return int(x)
	case nil, bool, string, float64, int:
		return x
	}
	return nil // nothing else is decoded from JSON
}

// errBudget ends an expression that takes too many steps.
var errBudget = errors.New("it takes too many steps")

// budget counts the steps of one run: jq's interpreter asks at each whether its context is done.
type budget struct {
	left  int
	spent chan struct{} // closed from the beginning; handed out when nothing is left
}

var _ context.Context = (*budget)(nil)

func (b *budget) Done() <-chan struct{} {
	b.left--
	if b.left <= 0 {
		return b.spent
	}
	return nil
}

func (b *budget) Err() error {
	if b.left <= 0 {
		return errBudget
	}
	return nil
}

func (*budget) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*budget) Value(any) any               { return nil }
