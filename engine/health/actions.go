package health

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Action is something that people may ask of one object, beside syncing it.
type Action struct {
	Name string
	// Disabled says that it makes no sense now. Act does not look at it.
	Disabled bool
	// Icon is a style of Font Awesome, DisplayName what people read; both may be empty.
	Icon, DisplayName string
	Params            []Param
}

// Param is what an action asks for.
type Param struct {
	Name, Default string
}

// Operation is what is to be done with an object.
type Operation string

// Operations of an action.
const (
	Create Operation = "create"
	Patch  Operation = "patch"
)

// Impact is what an action wants: a new object, or another form of one that is there. Of a patch the caller sends only what differs from
// the live object, its status apart; see Patches. Whether the object may be created or changed at all is for the caller to judge.
type Impact struct {
	Operation Operation
	Object    *unstructured.Unstructured
}

// ErrNoAction says that an object has no action of a name.
var ErrNoAction = errors.New("no such action")

// Actions are what can be asked of an object, by name: the installation's own, and those that come with the program unless its own take
// their place (mergeBuiltinActions is not set).
func (r *Rules) Actions(ctx context.Context, u *unstructured.Unstructured) ([]Action, error) {
	found := map[string]Action{}
	own := r.actionsOf(u)
	if own != nil {
		if own.err != nil {
			return nil, own.err
		}
		v, err := own.discovery.call(ctx, call{object: u.Object, now: r.now, limit: r.limit})
		if err != nil {
			return nil, fmt.Errorf("discovering actions of %s %s: %w", u.GetKind(), u.GetName(), err)
		}
		if found, err = discovered(v); err != nil {
			return nil, err
		}
	}
	if own == nil || own.merge {
		s := subjectOf(u.Object)
		for _, d := range deedsOf(u.GroupVersionKind().GroupKind()) {
			if _, replaced := found[d.Name]; !replaced && d.offered(s) {
				found[d.Name] = d.action(s)
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Action) int { return strings.Compare(a.Name, b.Name) }), nil
}

func (r *Rules) actionsOf(u *unstructured.Unstructured) *actionScripts {
	if r == nil {
		return nil
	}
	return r.exact[keyOf(u.GroupVersionKind().GroupKind())].actions
}

// discovered reads what a discovery script returns: actions by name, each an empty table or one of fields.
func discovered(v any) (map[string]Action, error) {
	found := map[string]Action{}
	switch v := v.(type) {
	case nil:
		return nil, fmt.Errorf("expect %s output from Lua script, not %s", "table", "nil")
	case []any:
		if len(v) > 0 {
			return nil, errors.New("the discovery script returns a list, not actions by name")
		}
	case map[string]any:
		for name, fields := range v {
			m, _ := fields.(map[string]any)
			a := Action{Name: name, Disabled: m["disabled"] == true, Icon: plain(m["iconClass"]), DisplayName: plain(m["displayName"])}
			list, _ := m["params"].([]any)
			for _, item := range list {
				p := within(item)
				a.Params = append(a.Params, Param{Name: p.text("name"), Default: p.text("default")})
			}
			found[name] = a
		}
	}
	return found, nil
}

// Act says what an action wants done with an object, which stays as it is: an action of the installation, or else one that comes with
// the program. The error is ErrNoAction if there is none of that name, and the script's or the parameter's fault if it says no.
func (r *Rules) Act(ctx context.Context, u *unstructured.Unstructured, name string, params map[string]string) ([]Impact, error) {
	own := r.actionsOf(u)
	if own != nil {
		if own.err != nil {
			return nil, own.err
		}
		if s, ok := own.actions[name]; ok {
			return r.actBy(ctx, s, u, params)
		}
	}
	if own == nil || own.merge {
		if d, ok := deedOf(u, name); ok {
			return d.act(u, params, r.clock())
		}
	}
	return nil, fmt.Errorf("%s of %s %s: %w", name, u.GetKind(), u.GetName(), ErrNoAction)
}

// deedOf prefers what the object is offered: two deeds that take turns may share a name.
func deedOf(u *unstructured.Unstructured, name string) (found deed, ok bool) {
	s := subjectOf(u.Object)
	for _, d := range deedsOf(u.GroupVersionKind().GroupKind()) {
		switch {
		case d.Name != name:
		case d.offered(s):
			return d, true
		case !ok:
			found, ok = d, true
		}
	}
	return found, ok
}

func (r *Rules) clock() time.Time {
	if r == nil || r.now == nil {
		return time.Time{}
	}
	return r.now()
}

func (r *Rules) actBy(ctx context.Context, s *script, u *unstructured.Unstructured, params map[string]string) ([]Impact, error) {
	v, err := s.call(ctx, call{object: u.Object, params: params, now: r.now, limit: r.limit})
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case map[string]any:
		i, err := impact(Patch, v, u)
		return []Impact{i}, err
	case []any:
		return impacts(v, u)
	}
	return nil, fmt.Errorf("expect %s output from Lua script, not %s", "table", "nil")
}

func impacts(list []any, u *unstructured.Unstructured) ([]Impact, error) {
	var out []Impact
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok {
			return nil, errors.New("the action returns a list of something else than operations")
		}
		operation := Operation(plain(m["operation"]))
		if operation != Create && operation != Patch {
			return nil, fmt.Errorf("unsupported operation: %q", string(operation))
		}
		resource, _ := m["resource"].(map[string]any)
		i, err := impact(operation, resource, u)
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

func impact(operation Operation, object map[string]any, u *unstructured.Unstructured) (Impact, error) {
	made := &unstructured.Unstructured{Object: object}
	if made.GetKind() == "" || made.GetAPIVersion() == "" {
		return Impact{}, errors.New("the action returns an object without apiVersion or kind")
	}
	if operation == Patch {
		mended(object, u.Object)
		return Impact{operation, made}, nil
	}
	for _, field := range []string{"labels", "annotations"} { // an empty table became a list, which the API server would refuse
		if list, ok := within(object).at([]string{"metadata", field}).([]any); ok && len(list) == 0 {
			unstructured.RemoveNestedField(object, "metadata", field)
		}
	}
	return Impact{operation, made}, nil
}
