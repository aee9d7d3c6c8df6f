package kustomize

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	syaml "sigs.k8s.io/yaml"
)

// values are the files that kustomize gives to Helm: one that the chart or the kustomization has, with what is written inline put over
// or under it, then the others.
func (k *kustomization) values(c chart, dir string) ([]Values, error) {
	name := path.Join(dir, "values.yaml")
	if c.ValuesFile != "" {
		name = ""
	}
	inline := len(c.ValuesInline) > 0
	var all []Values
	if !inline || c.ValuesMerge != "replace" {
		v, err := k.valuesFile(c, name, c.ValuesFile)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if inline {
		var under []byte
		if len(all) > 0 {
			under = all[0].Text
		}
		text, err := merged(under, c)
		if err != nil {
			return nil, k.at(field(c.entry, "valuesInline"), c.field, err.Error(), "")
		}
		all = []Values{{Name: k.file, Text: text}}
	}
	for _, entry := range c.AdditionalValuesFiles {
		v, err := k.valuesFile(c, "", entry)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// valuesFile reads one, which must lie in the kustomization's folder unless load restrictions are off.
func (k *kustomization) valuesFile(c chart, name, entry string) (Values, error) {
	s := k.survey
	if web(entry) {
		file, _, err := k.download(&yaml.Node{Kind: yaml.ScalarNode, Value: entry}, c.field, entry, false)
		if err != nil {
			return Values{}, err
		}
		if file == "" {
			return Values{}, ErrLacking
		}
		entry = file
	}
	shown := entry
	if entry != "" {
		name = path.Join(k.dir, entry)
	} else {
		shown = name
	}
	fault := func(message string) error {
		return k.at(&yaml.Node{Kind: yaml.ScalarNode, Value: entry, Line: c.entry.Line}, c.field, shown+message, "")
	}
	if path.IsAbs(entry) || name == ".." || strings.HasPrefix(name, "../") || !s.confined(k.dir, name) {
		return Values{}, fault(" is outside of the repository")
	}
	real, err := s.Real(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Values{}, fault(" is not there")
	}
	if err != nil {
		return Values{}, fileFault(err, k.file)
	}
	if _, ok := below(k.dir, real); !ok && (s.restrict || s.repositoryOf(k.dir) != nil) {
		return Values{}, fault(" is not in or below the folder of its kustomization")
	}
	text, err := s.ReadFile(real)
	if err != nil {
		return Values{}, fileFault(err, real)
	}
	return Values{Name: real, Text: text}, nil
}

// merged puts values that are written inline together with those of a file, by kustomize's own means.
func merged(under []byte, c chart) ([]byte, error) {
	values := c.ValuesInline
	if c.ValuesMerge != "replace" {
		file, err := kyaml.Parse(string(under))
		if err != nil {
			return nil, fmt.Errorf("the values below those that are written inline cannot be read: %w", err)
		}
		inline, err := kyaml.FromMap(c.ValuesInline)
		if err != nil {
			return nil, fmt.Errorf("the inline values cannot be read: %w", err)
		}
		from, into := inline, file
		if c.ValuesMerge == "merge" {
			from, into = file, inline
		}
		both, err := merge2.Merge(from, into, kyaml.MergeOptions{})
		if err != nil {
			return nil, fmt.Errorf("the inline values do not fit those below them: %w", err)
		}
		if values, err = both.Map(); err != nil {
			return nil, fmt.Errorf("the merged values cannot be read: %w", err)
		}
	}
	text, err := syaml.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("the merged values cannot be written: %w", err)
	}
	return text, nil
}
