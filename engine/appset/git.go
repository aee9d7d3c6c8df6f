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
	at := [2]string{g.Git.RepoURL, g.Git.Revision}
	tree, ok := r.trees[at]
	if !ok {
		var err error
		if tree, err = r.world.Tree(g.Git.RepoURL, g.Git.Revision); err != nil {
			return nil, fmt.Errorf("reading %q at %q for %s: %w", g.Git.RepoURL, g.Git.Revision, g.field, err)
		}
		r.trees[at] = tree
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

// listing says what was listed: a matrix asks for the same again and again.
type listing struct {
	repoURL, revision, root string
	folders                 int // how deep folders alone are listed; 0 lists files, at any depth
}

// What an entry costs when it is read, and when it is looked at again.
const (
	perEntry = perStep
	perLook  = 4
)

// entries are the names of the files or folders that l says. A root that does not exist has none.
func (r *run) entries(l listing, tree fs.FS) ([]string, error) {
	if names, ok := r.listed[l]; ok {
		return names, r.limit.spend(perLook * len(names))
	}
	var names []string
	err := fs.WalkDir(tree, l.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if name == l.root && isMissing(err) {
				return nil
			}
			return fmt.Errorf("listing %q: %w", name, err)
		}
		if err := r.limit.spend(perEntry); err != nil {
			return err
		}
		switch {
		case l.folders == 0:
			if !d.IsDir() {
				names = append(names, name)
			}
			return nil
		case !d.IsDir() || name == ".":
			return nil
		case strings.HasPrefix(d.Name(), ".") && !r.world.HiddenFolders:
			return fs.SkipDir
		}
		names = append(names, name)
		if strings.Count(name, "/")+1 >= l.folders {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.listed[l] = names
	return names, nil
}
