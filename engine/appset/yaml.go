package appset

import (
	"bytes"
	"fmt"

	goyaml "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// decode reads the first document of YAML or JSON. Numbers become float64. What is larger than a file of parameters may be, or becomes
// so by aliases, is refused.
func (r *run) decode(data []byte, into any) error { return decode(r.limit, data, into) }

func decode(limit *budget, data []byte, into any) error {
	if len(data) > maxFile {
		return fault("", "parameters may have %d KiB", maxFile>>10)
	}
	if bytes.ContainsRune(data, '*') && bytes.ContainsRune(data, '&') {
		if err := boundAliases(data); err != nil {
			return err
		}
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		return fault("", "this is not what is expected of YAML or JSON: %s", short300(err.Error()))
	}
	size, err := measure(into, 0)
	if err != nil {
		return err
	}
	return limit.spend(size)
}

// boundAliases refuses a document that would be too large if its aliases were written out.
func boundAliases(data []byte) error {
	var root goyaml.Node
	if err := goyaml.Unmarshal(data, &root); err != nil {
		return fault("", "this is no YAML: %s", short300(err.Error()))
	}
	size, err := (&expansion{known: map[*goyaml.Node]int{}}).of(&root, 0)
	if err != nil {
		return err
	}
	if size > maxFile {
		return fault("", "the aliases make more than %d KiB", maxFile>>10)
	}
	return nil
}

type expansion struct{ known map[*goyaml.Node]int }

// underway marks a node whose size is being found: an alias to it would have no end.
const underway = -1

func (x *expansion) of(n *goyaml.Node, depth int) (int, error) {
	if depth > 2*maxNesting {
		return 0, copyOf(errTooDeep)
	}
	if n.Kind == goyaml.AliasNode {
		n = n.Alias
	}
	if size, ok := x.known[n]; ok {
		if size == underway {
			return 0, fault("", "the anchor %q contains itself", n.Anchor)
		}
		return size, nil
	}
	x.known[n] = underway
	size := len(n.Value) + 1
	for _, child := range n.Content {
		more, err := x.of(child, depth+1)
		if err != nil {
			return 0, err
		}
		size = min(size+more, maxFile+1)
	}
	x.known[n] = size
	return size, nil
}

// toYAML, fromYAML and fromYAMLArray are functions for templates.
func toYAML(v any) (string, error) {
	data, err := yaml.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("toYaml: %w", err)
	}
	return string(bytes.TrimSuffix(data, []byte("\n"))), nil
}

func (b *budget) fromYAML(s string) (map[string]any, error) {
	m := map[string]any{}
	return m, decode(b, []byte(s), &m)
}

func (b *budget) fromYAMLArray(s string) ([]any, error) {
	a := []any{}
	return a, decode(b, []byte(s), &a)
}
