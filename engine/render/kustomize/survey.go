package kustomize

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/engine/object"
)

// survey reads every kustomization that a build would, before it: it finds what is missing, what is to be fetched and what would be
// run, each with its line, which kustomize itself does not tell. What was fetched is put into the build, and the entries that name it
// are made to name where it lies.
type survey struct {
	*trees
	request   Request
	options   options
	fetch     func(Wanted) (Files, bool)
	restrict  bool              // kustomize keeps files to their kustomization's folder
	over      map[string][]byte // edited kustomizations, which are built in place of what the repository holds
	seen      map[string]string // folders, and the namespace that they had from above
	within    []string          // the folders that led here
	order     []string          // kustomizations, in the order they were met
	fetched   map[Wanted]string // repositories, by where they were put
	addresses map[string]string // of files that were fetched
	resources map[string]bool
	written   []origin // in the order in which a build meets them
	openapi   bool
	lacking   bool
	random    bool
	warnings  []string
}

// maxKustomizations bounds one build.
const maxKustomizations = 2000

func (s *survey) folder(ctx context.Context, dir, namespace string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if before, ok := s.seen[dir]; ok {
		return s.again(dir, before, namespace)
	}
	s.seen[dir] = namespace
	s.within = append(s.within, dir)
	defer func() { s.within = s.within[:len(s.within)-1] }()
	if len(s.seen) > maxKustomizations {
		return &object.Fault{Place: object.Place{File: dir}, Message: fmt.Sprintf("more than %d kustomizations take part in one build", maxKustomizations)}
	}
	file, text, err := find(s.trees, dir)
	if err != nil {
		return err
	}
	s.order = append(s.order, file)
	edited, isEdited := s.over[file]
	if !isEdited {
		edited = text
	}
	var original yaml.Node
	if err := yaml.Unmarshal(text, &original); err != nil {
		return yamlFault(err, file)
	}
	k := &kustomization{survey: s, dir: dir, file: file, original: content(&original), namespace: namespace}
	if k.doc, err = unfolded(edited); err != nil {
		return yamlFault(err, file)
	}
	if err := k.all(ctx); err != nil || !k.changed {
		return err
	}
	s.over[file], err = yaml.Marshal(k.doc)
	if err != nil {
		return fmt.Errorf("writing the kustomization %s: %w", file, err)
	}
	return nil
}

// again looks at a folder that two others lead to. What its charts render depends on the namespace that they have from above.
func (s *survey) again(dir, before, namespace string) error {
	if _, ok := s.made[path.Join(dir, chartsDir, chartsFile)]; ok && before != namespace {
		return &object.Fault{Place: object.Place{File: dir}, Field: "helmCharts", Message: fmt.Sprintf("these charts would be rendered for two namespaces, %q and %q", before, namespace),
			Hint: "give each chart a namespace of its own"}
	}
	return nil
}

// unfolded reads a kustomization with what its aliases stand for in their place.
func unfolded(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if !aliased(&doc) {
		return content(&doc), nil
	}
	var value any
	if err := doc.Decode(&value); err != nil { // which bounds how much aliases may grow
		return nil, err
	}
	var plain yaml.Node
	if err := plain.Encode(value); err != nil {
		return nil, err
	}
	if plain.Kind != yaml.MappingNode {
		return nil, nil
	}
	return &plain, nil
}

func aliased(n *yaml.Node) bool {
	return n.Kind == yaml.AliasNode || slices.ContainsFunc(n.Content, aliased)
}

// content is the mapping that a document holds, or nil.
func content(doc *yaml.Node) *yaml.Node {
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 && doc.Content[0].Kind == yaml.MappingNode {
		return doc.Content[0]
	}
	return nil
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

func yamlFault(err error, file string) error {
	f := &object.Fault{Place: object.Place{File: file}, Message: strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(f.Message); m != nil {
		_, _ = fmt.Sscan(m[1], &f.Line)
		f.Message = strings.Replace(f.Message, m[0], "", 1)
		if strings.Contains(f.Message, "did not find expected") {
			f.Line++
		}
	}
	f.Message = "the YAML cannot be read: " + f.Message
	return f
}
