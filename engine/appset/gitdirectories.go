package appset

import (
	"io/fs"
	"path"
	"strings"
)

// gitDirectories yields the folders that match, at any depth. The root is never among them.
func (r *run) gitDirectories(g generator, tree fs.FS) ([]params, error) {
	field := g.field + ".git"
	depth := 0
	for _, item := range g.Git.Directories {
		if _, err := path.Match(item.Path, ""); err != nil {
			return nil, fault(field+".directories", "%q is no pattern: %v", short(item.Path), err)
		}
		depth = max(depth, strings.Count(item.Path, "/")+1)
	}
	// A pattern matches as many segments as it has, so that nothing deeper needs to be listed.
	names, err := r.entries(listing{g.Git.RepoURL, g.Git.Revision, ".", depth}, tree)
	if err != nil {
		return nil, within(field+".directories", err)
	}
	var sets []params
	for _, name := range names {
		if !r.wanted(g, name) {
			continue
		}
		set := params{}
		place{dir: name}.into(set, g.Git.PathParamPrefix, r.set.Spec.GoTemplate)
		if err := r.addValues(set, g.Git.Values, field); err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return sets, nil
}

// wanted says whether a folder matches a pattern, and none that excludes.
func (r *run) wanted(g generator, name string) bool {
	included := false
	for _, item := range g.Git.Directories {
		if ok, _ := path.Match(item.Path, name); ok { // the pattern is known to be sound
			if item.Exclude {
				return false
			}
			included = true
		}
	}
	return included
}
