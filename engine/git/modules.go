package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Module is a submodule, as the tree that has it names it.
type Module struct {
	Name   string // which is most often the path that it had first
	Path   string // in the tree
	URL    string // resolved against the URL of the tree's repository where it is relative
	Commit Hash
}

// modulesFile is where git keeps what it knows of submodules.
const modulesFile = ".gitmodules"

// Bounds of a .gitmodules file.
const (
	maxModulesFile = 1 << 20
	maxModules     = 1000
)

// modules are submodules by path, with their URLs as they are written.
type modules map[string]Module

// module is what the tree's .gitmodules says of a path. It is told to rec, whose names begin at top.
func (t *Tree) module(at string, rec *recorder, top string) (Module, error) {
	name := path.Join(top, modulesFile)
	l, err := t.objects.tree(t.root)
	if err != nil {
		return Module{}, err
	}
	e, ok := l.find(modulesFile)
	if !ok || !e.mode.IsRegular() {
		rec.miss(name, nil)
		return Module{}, errNoModule
	}
	rec.read(name, e.id)
	all, err := t.modules(node{entry: e, path: name, in: t, top: top})
	if err != nil {
		return Module{}, fmt.Errorf("%s: %w", name, err)
	}
	m, ok := all[at]
	if !ok {
		return Module{}, errNoModule
	}
	if m.URL, err = resolveModule(t.reach.source.url(), m.URL); err != nil {
		return Module{}, fmt.Errorf("submodule %s: %w", at, err)
	}
	return m, nil
}

// modules reads the tree's .gitmodules once.
func (t *Tree) modules(file node) (modules, error) {
	r := t.reach
	r.mu.Lock()
	listed, names, err := r.listed, r.names, r.err
	r.mu.Unlock()
	if listed {
		return names, err
	}
	b, err := file.blob()
	if err != nil {
		return nil, err
	}
	names, err = parseModules(b)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed, r.names, r.err = true, names, err
	return names, err
}

// mayName says whether a commit may lead to a repository: one that branches and tags reach may name any, and one that only a pull
// request brought those that the newest commit below it names which they do reach. Else anyone who can open a pull request could have
// whatever the repository's own credentials open shown to them.
func (r *Repository) mayName(ctx context.Context, commit Hash, url string) error {
	first := r
	if r.named != nil {
		first = r.named
	}
	if first.mirror == nil {
		return nil // a checkout: whose owner asks
	}
	known, err := first.below(ctx, r, commit)
	if err != nil || known == commit {
		return err
	}
	if known == "" {
		return fmt.Errorf("%w: no commit of a branch names it", ErrRefused)
	}
	tree, err := first.Tree(ctx, known)
	if err != nil {
		return err
	}
	b, err := tree.ReadFile(modulesFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	all, err := parseModules(b)
	if err != nil {
		all = nil // it names nothing
	}
	for _, m := range all {
		if resolved, err := resolveModule(r.url(), m.URL); err == nil && resolved == url {
			return nil
		}
	}
	return fmt.Errorf("%w: only the pull request names this repository", ErrRefused)
}

// maxBelow is how many commits of a pull request are passed by on the way to one of a branch.
const maxBelow = 1000

// below is the first commit, going down first parents from one of pulls, that a branch or tag reaches; empty when there is none.
func (r *Repository) below(ctx context.Context, pulls *Repository, commit Hash) (Hash, error) {
	for range maxBelow {
		if r.Has(ctx, commit) {
			if ok, err := r.reached(ctx, commit); ok || err != nil {
				return commit, err
			}
		}
		parents, err := pulls.Parents(ctx, commit)
		if err != nil || len(parents) == 0 {
			return "", err
		}
		commit = parents[0]
	}
	return "", nil
}

// reached says whether a branch or tag reaches a commit.
func (r *Repository) reached(ctx context.Context, commit Hash) (bool, error) {
	refs, err := r.names.list(ctx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(refs, func(f ref) bool { return f.id == commit && f.name != r.names.head }) {
		return true, nil
	}
	found, err := r.objects.store.line(ctx, command{dir: r.objects.dir, args: []string{"for-each-ref", "--count=1",
		"--contains=" + string(commit), "--format=%(refname)", "refs/heads", "refs/tags"}})
	return found != "", err
}

// url is where the repository is fetched from; empty for a checkout.
func (r *Repository) url() string {
	if r.mirror == nil {
		return r.origin
	}
	return r.mirror.remote.url()
}

// resolveModule is a submodule's URL in full, as git resolves it: one that begins with "./" or "../" is relative to that of the
// repository.
func resolveModule(base, raw string) (string, error) {
	if raw != "." && raw != ".." && !strings.HasPrefix(raw, "./") && !strings.HasPrefix(raw, "../") {
		if _, err := parseRemote(raw); err != nil {
			return "", err
		}
		return raw, nil
	}
	from, err := parseRemote(base)
	if err != nil {
		return "", fmt.Errorf("relative URL %q: %w: the repository has no URL that it could be relative to", raw, ErrRefused)
	}
	parts := strings.Split(strings.TrimRight(from.path, "/"), "/")
	for part := range strings.SplitSeq(strings.TrimRight(raw, "/"), "/") {
		switch {
		case part == "" || part == ".":
		case part != "..":
			parts = append(parts, part)
		case len(parts) == 0:
			return "", fmt.Errorf("relative URL %q: %w: it leads above the repository's host", raw, ErrRefused)
		default:
			parts = parts[:len(parts)-1]
		}
	}
	from.path = strings.Join(parts, "/")
	if _, err := parseRemote(from.url()); err != nil {
		return "", err
	}
	return from.url(), nil
}

// parseModules reads a .gitmodules file, which is written as git's configuration is. What says nothing of a submodule's path or URL is
// passed over, and so is a path that leads out of the tree; of two that say different things, the last one counts.
func parseModules(b []byte) (modules, error) {
	if len(b) > maxModulesFile {
		return nil, fmt.Errorf("%d bytes of submodules: %w", len(b), ErrTooLarge)
	}
	var order []string
	named := map[string]*Module{}
	err := parseConfig(string(b), func(section, name, key, value string) {
		if section != "submodule" || (key != "path" && key != "url") {
			return
		}
		m, ok := named[name]
		if !ok {
			m = &Module{Name: name}
			named[name], order = m, append(order, name)
		}
		if key == "path" {
			m.Path = strings.TrimRight(value, "/")
		} else {
			m.URL = value
		}
	})
	if err != nil {
		return nil, err
	}
	out := modules{}
	for _, name := range order {
		if m := named[name]; m.URL != "" && m.Path != "." && fs.ValidPath(m.Path) {
			out[m.Path] = *m
		}
	}
	if len(out) > maxModules {
		return nil, fmt.Errorf("more than %d submodules: %w", maxModules, ErrTooLarge)
	}
	return out, nil
}
