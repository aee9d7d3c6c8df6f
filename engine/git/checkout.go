package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// OpenCheckout shows a local checkout, or a bare repository, of the one who runs us. It is only read: what is written (merges)
// goes to the folder scratch, which borrows the checkout's objects and may be thrown away.
func OpenCheckout(ctx context.Context, dir, scratch string) (*Repository, error) {
	abs, err := filepath.Abs(scratch)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", dir, err)
	}
	s := newStore(Options{Dir: abs})
	gitDir, objectDir, err := s.locate(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", dir, err)
	}
	write := filepath.Join(abs, "scratch.git")
	if err := s.borrow(ctx, write, gitDir, objectDir); err != nil {
		return nil, fmt.Errorf("opening %s: %w", dir, err)
	}
	common := filepath.Dir(objectDir) // which worktrees share
	return &Repository{
		objects: objects{store: s, mirror: write, dir: write}, writable: true, shell: true, commits: newCommits(),
		names:  &names{store: s, dir: gitDir, head: "HEAD", keepFor: time.Second},
		origin: s.origin(ctx, gitDir), lfs: filepath.Join(common, "lfs", "objects"), modules: filepath.Join(common, "modules"),
	}, nil
}

// origin is the URL of a checkout's first remote that is one of ours; empty for none.
func (s *Store) origin(ctx context.Context, gitDir string) string {
	out, err := s.line(ctx, command{dir: gitDir, args: []string{"config", "--local", "--get", "remote.origin.url"}})
	if err != nil {
		return "" // a checkout without any
	}
	return out
}

// localModule reads a submodule from the checkout, where git has put it there. One that it has not is an empty folder, as in the
// checkout.
func (r *Repository) localModule(ctx context.Context, m Module) (*Tree, error) {
	dir := filepath.Join(r.modules, filepath.FromSlash(m.Name))
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); !fs.ValidPath(m.Name) || err != nil {
		return nil, nil
	}
	o := r.objects
	sub := &Repository{objects: objects{store: o.store, mirror: dir, dir: dir}, commits: newCommits(), origin: m.URL,
		modules: filepath.Join(dir, "modules"), lfs: filepath.Join(dir, "lfs", "objects")}
	tree, err := sub.Tree(ctx, m.Commit)
	if errors.Is(err, ErrUnknownRevision) {
		return nil, fmt.Errorf("%w: run git submodule update", err)
	}
	return tree, err
}

// locate asks git where a checkout keeps its refs and objects: worktrees and submodules keep them elsewhere.
func (s *Store) locate(ctx context.Context, dir string) (gitDir, objectDir string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	// A checkout made by another user is fine to read: no hook and no filter of it is run.
	out, err := s.output(ctx, command{config: []setting{{"safe.directory", "*"}},
		args: []string{"-C", abs, "rev-parse", "--path-format=absolute", "--absolute-git-dir", "--git-path", "objects"}})
	if err != nil {
		return "", "", err
	}
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	if len(lines) != 2 {
		return "", "", fmt.Errorf("git rev-parse answered %.200q", out)
	}
	return lines[0], lines[1], nil
}

// borrow makes the scratch store.
func (s *Store) borrow(ctx context.Context, write, gitDir, objectDir string) error {
	if strings.ContainsAny(objectDir, "\n\"") {
		return errors.New("the folder's name cannot be borrowed from")
	}
	if _, err := s.output(ctx, command{args: []string{"init", "--quiet", "--bare", "--template=", "--", write}}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(write, "objects", "info"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(write, "objects", "info", "alternates"), []byte(objectDir+"\n"), 0o600); err != nil {
		return err
	}
	// A shallow checkout says so beside its refs, not beside its objects.
	for _, base := range []string{gitDir, filepath.Dir(objectDir)} {
		if b, err := os.ReadFile(filepath.Join(base, "shallow")); err == nil {
			return os.WriteFile(filepath.Join(write, "shallow"), b, 0o600)
		}
	}
	return nil
}
