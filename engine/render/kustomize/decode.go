package kustomize

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/resource"

	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/render/manifest"
)

// decode takes the objects out of what kustomize built. Kustomize itself writes a resource as YAML, reads that and writes it as JSON, which
// takes as long as a good part of the build; where nothing in a resource could come out otherwise, its values are taken as they are.
func decode(r *resource.Resource, place object.Place) ([]object.Object, error) {
	if n := r.YNode(); n != nil {
		if v, ok := value(n, 0, false); ok {
			return manifest.FromValue(v, place)
		}
	}
	text, err := r.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("reading what kustomize built: %w", err)
	}
	return manifest.FromJSON(text, place)
}

// maxNested is how deep values may lie within each other to be taken as they are.
const maxNested = 100

// value is what a node holds, if what it is written as would be read as the same. Within brackets comments may change what is read.
func value(n *yaml.Node, depth int, brackets bool) (any, bool) {
	brackets = brackets || n.Style&yaml.FlowStyle != 0
	commented := n.HeadComment != "" || n.LineComment != "" || n.FootComment != ""
	if n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 || depth > maxNested || brackets && commented {
		return nil, false
	}
	switch {
	case n.Kind == yaml.MappingNode && (n.Tag == "" || n.Tag == "!!map"):
		return mapping(n, depth, brackets)
	case n.Kind == yaml.SequenceNode && (n.Tag == "" || n.Tag == "!!seq"):
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			var ok bool
			if list[i], ok = value(c, depth+1, brackets); !ok {
				return nil, false
			}
		}
		return list, true
	case n.Kind == yaml.ScalarNode:
		return scalar(n)
	}
	return nil, false
}

func mapping(n *yaml.Node, depth int, brackets bool) (any, bool) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		v, ok := value(n.Content[i], depth+1, brackets)
		key, isText := v.(string)
		if !ok || !isText || len(key) > maxKey || strings.Contains(key, "\n") {
			return nil, false
		}
		if _, twice := m[key]; twice {
			return nil, false
		}
		if m[key], ok = value(n.Content[i+1], depth+1, brackets); !ok {
			return nil, false
		}
	}
	return m, true
}

// maxKey lies below the length from which keys are written in another way.
const maxKey = 100

const inQuotes = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle

func scalar(n *yaml.Node) (any, bool) {
	switch {
	case n.Tag == "!!str", n.Tag == "" && n.Style&inQuotes != 0:
		return n.Value, settled(n)
	case n.Style != 0:
		return nil, false
	case n.Tag == "!!int":
		number, err := strconv.ParseInt(n.Value, 10, 64)
		return number, err == nil && strconv.FormatInt(number, 10) == n.Value
	case n.Tag == "!!bool":
		return n.Value == "true", n.Value == "true" || n.Value == "false"
	case n.Tag == "!!null":
		return nil, n.Value == "null" || n.Value == "~" // nothing at all is written as an empty text within brackets
	}
	return nil, false
}

// settled says whether a text is read as it was, however it is written.
func settled(n *yaml.Node) bool {
	lines := strings.Contains(n.Value, "\n")
	switch {
	case n.Style&yaml.FoldedStyle != 0, lines && n.Style&yaml.SingleQuotedStyle != 0:
		return false
	case lines || n.Style&yaml.LiteralStyle != 0:
		if n.Value == "" || n.Value[0] == ' ' || n.Value[0] == '\n' {
			return false
		}
	}
	for _, r := range n.Value {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == utf8.RuneError || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}
