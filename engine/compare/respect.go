package compare

import (
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// Respect is desired as it is applied under RespectIgnoreDifferences=true: a copy in which each field that the rules leave out of the
// comparison is as it is in live, or missing where live has none. A nil live is a new object, which is applied in full. Items of
// lists are paired by what names them (name, key and the like) and only otherwise by position, so that an item that somebody adds
// to live moves nothing. Nothing under status is kept. The error names a rule that cannot be followed; then nothing may be applied.
func Respect(desired, live *unstructured.Unstructured, rules []argo.ResourceIgnoreDifferences, schema Schema) (*unstructured.Unstructured, error) {
	applicable := rulesFor(object.IDOf(desired), rules)
	if live == nil || len(applicable) == 0 {
		return desired, nil
	}
	out := desired.DeepCopy()
	for _, r := range applicable {
		if err := respectFields(out.Object, live.Object, r); err != nil {
			return nil, err
		}
		if err := respectManagers(out, live, r.ManagedFieldsManagers, schema); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func respectFields(target, live map[string]any, r argo.ResourceIgnoreDifferences) error {
	for _, pointer := range r.JSONPointers {
		tokens, err := parsePointer(pointer)
		if err != nil {
			return err
		}
		p := make(jqPath, len(tokens))
		for i, t := range tokens {
			p[i] = t
		}
		keepPath(target, live, p)
	}
	for _, expression := range r.JQPathExpressions {
		there, err := jqSelects(expression, live)
		if err != nil {
			return err
		}
		here, err := jqSelects(expression, target)
		if err != nil {
			return err
		}
		for _, p := range there {
			keepPath(target, live, throughNames(p, live, target))
		}
		var gone []jqPath
		for _, p := range here {
			if _, has := follow(live, throughNames(p, target, live)); !has && !ofStatus(p) {
				gone = append(gone, p)
			}
		}
		removePaths(target, gone)
	}
	return nil
}

func ofStatus(p jqPath) bool { return len(p) == 0 || p[0] == "status" }

// keepPath puts what live has at a path into target, or takes it away there where live has nothing. Where target does not reach there
// is nothing to keep. The indices of the path are target's.
func keepPath(target, live map[string]any, p jqPath) {
	if ofStatus(p) {
		return
	}
	parent, ok := follow(target, p[:len(p)-1])
	if !ok {
		return
	}
	value, has := follow(live, throughNames(p, target, live))
	switch t := parent.(type) {
	case map[string]any:
		key, isKey := p[len(p)-1].(string)
		switch {
		case !isKey:
		case has:
			t[key] = runtime.DeepCopyJSONValue(value)
		default:
			delete(t, key)
		}
	case []any:
		if i, isIndex := indexOf(p[len(p)-1]); isIndex && has && i < len(t) {
			t[i] = runtime.DeepCopyJSONValue(value)
		}
	}
}

// follow is what a path leads to.
func follow(node any, p jqPath) (any, bool) {
	for _, element := range p {
		switch x := node.(type) {
		case map[string]any:
			key, ok := element.(string)
			if !ok {
				return nil, false
			}
			if node, ok = x[key]; !ok {
				return nil, false
			}
		case []any:
			i, ok := indexOf(element)
			if !ok || i >= len(x) {
				return nil, false
			}
			node = x[i]
		default:
			return nil, false
		}
	}
	return node, true
}

// indexOf reads a position as jq and as pointers write it.
func indexOf(element any) (int, bool) {
	switch e := element.(type) {
	case int:
		return e, e >= 0
	case string:
		i, err := strconv.Atoi(e)
		return i, err == nil && i >= 0
	}
	return 0, false
}

// throughNames is a path into from as a path into to: where it goes through a list whose items have names, it goes to the item of the
// same name, or past the end where there is none.
func throughNames(p jqPath, from, to any) jqPath {
	out := make(jqPath, len(p))
	for n, element := range p {
		out[n] = element
		f, _ := from.([]any)
		t, _ := to.([]any)
		if i, ok := indexOf(element); ok && i < len(f) && t != nil {
			out[n] = counterpart(f, t, i)
		}
		from, _ = follow(from, jqPath{element})
		to, _ = follow(to, jqPath{out[n]})
	}
	return out
}

// namedBy are the fields that name an item of a list, in the order in which they are tried.
var namedBy = []string{"name", "key", "id", "mountPath", "devicePath", "containerPort", "port", "ip", "host", "topologyKey", "type", "uid"}

// counterpart is the position in other of the item that is at i in list. Lists whose items have no names of their own are paired by
// position.
func counterpart(list, other []any, i int) int {
	for _, field := range namedBy {
		ours, ok := names(list, field)
		theirs, okOther := names(other, field)
		if !ok || !okOther {
			continue
		}
		for j, name := range theirs {
			if name == ours[i] {
				return j
			}
		}
		return len(other)
	}
	return i
}

// names are what a field says in each item of a list; false if it is missing somewhere or says the same twice.
func names(list []any, field string) ([]string, bool) {
	out := make([]string, len(list))
	seen := map[string]bool{}
	for i, item := range list {
		m, _ := item.(map[string]any)
		v, ok := m[field]
		name := fmt.Sprint(v)
		if !ok || seen[name] {
			return nil, false
		}
		seen[name] = true
		out[i] = name
	}
	return out, true
}

// respectManagers puts the fields of managers, as live has them, into target.
func respectManagers(target, live *unstructured.Unstructured, managers []string, schema Schema) error {
	owned, err := fieldsOwnedBy(managers, live, schema)
	if err != nil || owned == nil {
		return err
	}
	fail := func(err error) error { return fmt.Errorf("ignoreDifferences: managedFieldsManagers: %w", err) }
	theirs, err := schema.ObjectToTyped(Prepare(live))
	if err != nil {
		return fail(err)
	}
	ours, err := schema.ObjectToTyped(target)
	if err != nil {
		return fail(err)
	}
	merged, err := ours.RemoveItems(owned.Leaves()).Merge(theirs.ExtractItems(owned.Leaves()))
	if err != nil {
		return fail(err)
	}
	back, err := schema.TypedToObject(merged)
	if err != nil {
		return fail(err)
	}
	if u, ok := back.(*unstructured.Unstructured); ok {
		target.Object = u.Object
	}
	return nil
}
