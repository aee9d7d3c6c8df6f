package appset

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// git yields the folders or files of a repository.
func (r *run) git(g generator) ([]params, error) {
	if len(g.Git.Directories) == 0 && len(g.Git.Files) == 0 {
		return nil, fault(g.field+".git", "neither directories nor files are given")
	}
	tree, err := r.world.Tree(g.Git.RepoURL, g.Git.Revision)
	if err != nil {
		return nil, fmt.Errorf("reading %q at %q for %s: %w", g.Git.RepoURL, g.Git.Revision, g.field, err)
	}
	if len(g.Git.Directories) > 0 {
		return r.gitDirectories(g, tree)
	}
	return r.gitFiles(g, tree)
}

// place describes a path as parameters. File is empty for a folder.
type place struct{ dir, file string }

func (p place) into(set params, prefix string, goTemplate bool) {
	if goTemplate {
		p.nested(set, prefix)
		return
	}
	key := "path"
	if prefix != "" {
		key = prefix + ".path"
	}
	set[key] = p.dir
	set[key+".basename"] = path.Base(p.dir)
	set[key+".basenameNormalized"] = normalize(path.Base(p.dir))
	if p.file != "" {
		set[key+".filename"] = p.file
		set[key+".filenameNormalized"] = normalize(p.file)
	}
	for i, segment := range strings.Split(p.dir, "/") {
		if segment != "" {
			set[key+"["+strconv.Itoa(i)+"]"] = segment
		}
	}
}

func (p place) nested(set params, prefix string) {
	about := map[string]any{
		"path":               p.dir,
		"basename":           path.Base(p.dir),
		"basenameNormalized": normalize(path.Base(p.dir)),
		"segments":           strings.Split(p.dir, "/"),
	}
	if p.file != "" {
		about["filename"] = p.file
		about["filenameNormalized"] = normalize(p.file)
	}
	if prefix == "" {
		set["path"] = about
		return
	}
	set[prefix] = map[string]any{"path": about}
}

// addValues adds a generator's values, which may name its parameters, but not each other.
func (r *run) addValues(set params, values map[string]string, field string) error {
	made := make(map[string]string, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		s, err := r.text.fill(values[key], set)
		if err != nil {
			return within(field+".values."+key, err)
		}
		made[key] = s
	}
	if len(made) == 0 {
		return nil
	}
	if r.set.Spec.GoTemplate {
		set["values"] = made
		return nil
	}
	for key, s := range made {
		set["values."+key] = s
	}
	return nil
}

// under walks the files and folders at and below root; a root that does not exist has none.
func (r *run) under(tree fs.FS, root string, visit func(name string, d fs.DirEntry) error) error {
	return fs.WalkDir(tree, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if name == root && isMissing(err) {
				return nil
			}
			return fmt.Errorf("listing %q: %w", name, err)
		}
		if err := r.limit.spend(1); err != nil {
			return err
		}
		return visit(name, d)
	})
}
