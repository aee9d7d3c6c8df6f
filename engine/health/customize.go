package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/glob"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// Customization is what an installation sets for a kind, in argocd-cm.
type Customization struct {
	// Health is a Lua script that returns {status=, message=} for the global obj.
	Health string
	// OpenLibs gives the script the libraries string and math too.
	OpenLibs bool
	// Actions is YAML: discovery.lua, definitions of name and action.lua, mergeBuiltinActions.
	Actions string
}

// Rules are an installation's own, before those that come with the program. A nil *Rules has none. It is safe for concurrent use.
type Rules struct {
	exact map[string]customized
	wide  []customized // the longest pattern first
	now   func() time.Time
	limit time.Duration // of a script
}

type customized struct {
	pattern *glob.Pattern
	name    string
	health  *script
	actions *actionScripts
}

// script is compiled once; err says that it could not be.
type script struct {
	proto *lua.FunctionProto
	open  bool
	err   error
}

// New reads customizations by "group/Kind", or "Kind" of the core group; a name may be a glob for health. now is what scripts take for the
// time. Scripts that cannot be compiled and actions that cannot be read are told in errs, and again by what asks for them.
func New(custom map[string]Customization, now func() time.Time) (rules *Rules, errs []error) {
	r := &Rules{exact: map[string]customized{}, now: now, limit: scriptTime}
	for _, name := range slices.Sorted(maps.Keys(custom)) {
		c := custom[name]
		own := customized{name: name}
		if c.Health != "" {
			own.health = compile(c.Health, c.OpenLibs)
			errs = append(errs, about(name+": health", own.health.err))
		}
		if c.Actions != "" {
			var faults error
			own.actions, faults = readActions(c.Actions, c.OpenLibs)
			errs = append(errs, about(name+": actions", faults))
		}
		if !strings.ContainsAny(name, "*?[{") {
			r.exact[name] = own
			continue
		}
		pattern, err := glob.Compile(name)
		if err != nil {
			errs = append(errs, about(name, err))
			continue
		}
		own.pattern = pattern
		r.wide = append(r.wide, own)
	}
	slices.SortStableFunc(r.wide, func(a, b customized) int { return cmp.Compare(len(b.name), len(a.name)) })
	return r, slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func about(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Of judges one live object: by the installation's script for its kind if there is one, else as the function Of does. A script that
// fails, or does not end in time, makes the object Unknown with the reason; one that returns nothing gives it no health.
func (r *Rules) Of(ctx context.Context, u *unstructured.Unstructured) *Health {
	if u == nil {
		return nil
	}
	own := r.script(u.GroupVersionKind().GroupKind())
	if own == nil || going(u) {
		return Of(u)
	}
	h, err := r.run(ctx, own, u)
	if err != nil {
		return &Health{Unknown, err.Error()}
	}
	return h
}

// Customized says whether a kind is judged by a script: then any change of its status may be one of its health.
func (r *Rules) Customized(kind schema.GroupKind) bool {
	return r.script(kind) != nil
}

func keyOf(kind schema.GroupKind) string {
	if kind.Group == "" {
		return kind.Kind
	}
	return kind.Group + "/" + kind.Kind
}

func (r *Rules) script(kind schema.GroupKind) *script {
	if r == nil {
		return nil
	}
	key := keyOf(kind)
	if own, ok := r.exact[key]; ok && own.health != nil {
		return own.health
	}
	for _, w := range r.wide {
		if w.health != nil && w.pattern.Match(key) {
			return w.health
		}
	}
	return nil
}

const invalidStatus = "Lua returned an invalid health status"

func (r *Rules) run(ctx context.Context, s *script, u *unstructured.Unstructured) (*Health, error) {
	v, err := s.call(ctx, call{object: u.Object, now: r.now, limit: r.limit})
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, nil // an empty table, or a list
	}
	h := &Health{}
	for key, value := range m {
		text, isText := value.(string)
		switch {
		case strings.EqualFold(key, "status") && isText:
			h.Status = Status(text)
		case strings.EqualFold(key, "message") && isText:
			h.Message = text
		case strings.EqualFold(key, "status") || strings.EqualFold(key, "message"):
			return nil, nil // no text
		}
	}
	if !slices.Contains([]Status{Healthy, Suspended, Progressing, Missing, Degraded, Unknown}, h.Status) {
		return &Health{Unknown, invalidStatus}, nil
	}
	return h, nil
}

// actionScripts are an installation's own actions of a kind.
type actionScripts struct {
	discovery *script
	actions   map[string]*script
	merge     bool
	err       error
}

func readActions(text string, open bool) (*actionScripts, error) {
	raw := struct {
		Discovery   string `json:"discovery.lua"`
		Definitions []struct {
			Name   string `json:"name"`
			Action string `json:"action.lua"`
		} `json:"definitions"`
		Merge bool `json:"mergeBuiltinActions"`
	}{}
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return &actionScripts{err: fmt.Errorf("reading actions: %w", err)}, err
	}
	a := &actionScripts{discovery: compile(raw.Discovery, open), actions: map[string]*script{}, merge: raw.Merge}
	errs := []error{about("discovery.lua", a.discovery.err)}
	for _, d := range raw.Definitions {
		a.actions[d.Name] = compile(d.Action, open)
		errs = append(errs, about(d.Name, a.actions[d.Name].err))
	}
	return a, errors.Join(errs...)
}
