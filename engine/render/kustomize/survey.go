package kustomize

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-cd/slipway/engine/object"
)

// survey reads every kustomization that a build would, before it: it finds what is missing, what would be fetched and what
// would be run, each with its line, which kustomize itself does not tell.
type survey struct {
	files     Files
	over      map[string][]byte // edited kustomizations, which are built in place of what the repository holds
	seen      map[string]bool
	within    []string // the folders that led here
	order     []string // kustomizations, in the order they were met
	resources map[string]bool
	written   []origin // in the order in which a build meets them
	openapi   bool
}

// maxKustomizations bounds one build.
const maxKustomizations = 2000

var remoteForm = regexp.MustCompile(`(?i)^(git::|gh:|github\.com[/:]|[a-z0-9_.-]+@[a-z0-9.-]+[:/])`)

// remote says whether kustomize would take an entry for something to fetch.
func remote(entry string) bool {
	return strings.Contains(entry, "://") || remoteForm.MatchString(entry)
}

func (s *survey) folder(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.seen[dir] {
		return nil
	}
	s.seen[dir] = true
	s.within = append(s.within, dir)
	defer func() { s.within = s.within[:len(s.within)-1] }()
	if len(s.seen) > maxKustomizations {
		return &object.Fault{Place: object.Place{File: dir}, Message: fmt.Sprintf("more than %d kustomizations take part in one build", maxKustomizations)}
	}
	file, text, err := find(s.files, dir)
	if err != nil {
		return err
	}
	s.order = append(s.order, file)
	edited := text
	if t, ok := s.over[file]; ok {
		edited = t
	}
	var doc, original yaml.Node
	if err := yaml.Unmarshal(text, &original); err != nil {
		return yamlFault(err, file)
	}
	if err := yaml.Unmarshal(edited, &doc); err != nil {
		return yamlFault(err, file)
	}
	k := &kustomization{survey: s, dir: dir, file: file, original: content(&original)}
	return k.all(ctx, content(&doc))
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
