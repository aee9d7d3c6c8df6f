package appset

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"

	"github.com/slipway-cd/slipway/engine/object"
)

// maxFile is the size of a file of parameters in bytes.
const maxFile = 1 << 20

// gitFiles yields the contents of the files that match: one set for an object, one an element for an array.
func (r *run) gitFiles(g generator, tree fs.FS) ([]params, error) {
	names, err := r.matching(g, tree)
	if err != nil {
		return nil, err
	}
	var sets []params
	for _, name := range names {
		data, err := readFile(tree, name)
		if err != nil {
			return nil, err
		}
		contents, err := r.contents(name, data)
		if err != nil {
			return nil, err
		}
		for _, content := range contents {
			set, err := r.fileSet(g, name, content)
			if err != nil {
				return nil, err
			}
			if sets = append(sets, set); len(sets) > maxSets {
				return nil, fault(g.field+".git.files", "the files hold more than %d sets of parameters", maxSets)
			}
		}
	}
	return sets, nil
}

// matching are the names of the files, sorted.
func (r *run) matching(g generator, tree fs.FS) ([]string, error) {
	found := map[string]bool{}
	for _, exclude := range []bool{false, true} { // what is excluded is so wherever it stands in the list
		for i, item := range g.Git.Files {
			if item.Exclude != exclude {
				continue
			}
			field := fmt.Sprintf("%s.git.files[%d].path", g.field, i)
			pattern, err := newPattern(item.Path, r.world.Doublestar)
			if err != nil {
				return nil, within(field, err)
			}
			names, err := r.entries(listing{g.Git.RepoURL, g.Git.Revision, pattern.root, 0}, tree)
			if err == nil {
				err = r.limit.spend(len(names) * pattern.cost)
			}
			if err != nil {
				return nil, within(field, err)
			}
			for _, name := range names {
				switch {
				case !pattern.match(name):
				case exclude:
					delete(found, name)
				default:
					found[name] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// contents are the objects that a file of YAML or JSON holds. An empty file is an empty object.
func (r *run) contents(name string, data []byte) ([]params, error) {
	one := params{}
	err := r.decode(data, &one)
	if err == nil {
		return []params{one}, nil
	}
	var many []params
	if r.decode(data, &many) == nil {
		return many, nil
	}
	f := &object.Fault{Message: err.Error()}
	if told, ok := object.AsFault(err); ok {
		f = told
	}
	f.File = name
	if at := yamlLine.FindStringSubmatch(f.Message); at != nil {
		f.Line, _ = strconv.Atoi(at[1])
	}
	return nil, f
}

var yamlLine = regexp.MustCompile(`yaml: line (\d+):`)

func (r *run) fileSet(g generator, name string, content params) (params, error) {
	set := make(params, len(content)+8)
	if r.set.Spec.GoTemplate {
		maps.Copy(set, content)
	} else {
		flat := map[string]string{}
		flatten(flat, "", map[string]any(content))
		for k, v := range flat {
			set[k] = v
		}
		delete(set, "") // an empty object has no parameters
	}
	place{dir: path.Dir(name), file: path.Base(name)}.into(set, g.Git.PathParamPrefix, r.set.Spec.GoTemplate)
	return set, r.addValues(set, g.Git.Values, g.field+".git")
}

func readFile(tree fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(tree, name)
	if err != nil {
		if isMissing(err) {
			return nil, fileFault(name, "the link leads nowhere")
		}
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	switch {
	case info.IsDir():
		return nil, fileFault(name, "the link leads to a folder")
	case info.Size() > maxFile:
		return nil, fileFault(name, fmt.Sprintf("a file of parameters may have %d KiB", maxFile>>10))
	}
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return data, nil
}

func fileFault(name, message string) error {
	return &object.Fault{Place: object.Place{File: name}, Message: message}
}

func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid)
}
