package guard

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// Locate moves a finding to the line of its field, where the file that its object comes from is plain YAML with that object in it. Else
// the finding stays as it is: where an object is made by a template or a patch, nobody can say which line is at fault.
func (f Finding) Locate(file []byte) Finding {
	if len(f.path) == 0 || f.Line == 0 || len(file) > 1<<20 {
		return f
	}
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	for range 1000 {
		var doc yaml.Node
		if decoder.Decode(&doc) != nil {
			return f
		}
		if len(doc.Content) == 0 || !f.in(doc.Content[0]) {
			continue
		}
		f.Line = line(doc.Content[0], f.path)
		return f
	}
	return f
}

// in says whether a document is the object of the finding.
func (f Finding) in(n *yaml.Node) bool {
	kind, _ := child(n, "kind")
	metadata, _ := child(n, "metadata")
	name, _ := child(metadata, "name")
	return kind != nil && name != nil && kind.Value == f.ID.Kind && name.Value == f.ID.Name
}

// line is where a path leads, or the last part of it that is there.
func line(n *yaml.Node, path []any) int {
	at := n.Line
	for _, step := range path {
		switch step := step.(type) {
		case string:
			value, key := child(n, step)
			if value == nil {
				return at
			}
			n, at = value, key.Line
		case int:
			if n.Kind != yaml.SequenceNode || step >= len(n.Content) {
				return at
			}
			n = n.Content[step]
			at = n.Line
		}
	}
	return at
}

// child is the value of a key in a mapping, and the key.
func child(n *yaml.Node, name string) (value, key *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1], n.Content[i]
		}
	}
	return nil, nil
}
