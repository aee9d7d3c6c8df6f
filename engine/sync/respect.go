package sync

import (
	"path"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// respect gives target as it is applied under RespectIgnoreDifferences=true: what is ignored in comparisons keeps the value that it has
// in the live object. New objects are applied in full. problem names a rule that cannot be kept to; then nothing may be applied, for
// it would overwrite what was to be left alone.
func (in *Input) respect(target, live *unstructured.Unstructured) (respecting *unstructured.Unstructured, problem string) {
	if live == nil || !in.Options.Has("RespectIgnoreDifferences=true") {
		return target, ""
	}
	respecting = target
	for _, r := range in.Ignore {
		if !speaksOf(r, object.IDOf(target)) {
			continue
		}
		if len(r.JQPathExpressions) > 0 || len(r.ManagedFieldsManagers) > 0 {
			return target, "RespectIgnoreDifferences=true: only jsonPointers can be respected in this version, not jqPathExpressions and managedFieldsManagers"
		}
		for _, pointer := range r.JSONPointers {
			tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
			if tokens[0] == "status" {
				continue
			}
			if respecting == target {
				respecting = target.DeepCopy()
			}
			keep(respecting.Object, live.Object, tokens)
		}
	}
	return respecting, ""
}

func speaksOf(r argo.ResourceIgnoreDifferences, id object.ID) bool {
	match := func(pattern, text string) bool {
		ok, err := path.Match(pattern, text)
		return pattern == "*" || err == nil && ok
	}
	return match(r.Group, id.Group) && match(r.Kind, id.Kind) && (r.Name == "" || r.Name == id.Name) && (r.Namespace == "" || r.Namespace == id.Namespace)
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// keep puts what live has at a pointer into target, or removes it there where live has nothing. Where target does not reach, there is
// nothing to keep.
func keep(target, live any, tokens []string) {
	token, last := unescape.Replace(tokens[0]), len(tokens) == 1
	switch t := target.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok {
			return
		}
		value, has := l[token]
		switch {
		case last && has:
			t[token] = runtime.DeepCopyJSONValue(value)
		case last:
			delete(t, token)
		case has && t[token] != nil:
			keep(t[token], value, tokens[1:])
		}
	case []any:
		l, ok := live.([]any)
		i, err := strconv.Atoi(token)
		if !ok || err != nil || i < 0 || i >= len(t) || i >= len(l) {
			return
		}
		if last {
			t[i] = runtime.DeepCopyJSONValue(l[i])
			return
		}
		keep(t[i], l[i], tokens[1:])
	}
}
