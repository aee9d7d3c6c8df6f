package git

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Access is how the trees of a repository come to what its own mirror does not hold. The zero value comes to nothing: submodules are
// empty folders, and files of Git LFS their pointers.
type Access struct {
	// Auth is what the remote is shown for file contents: those of Git LFS, and those that a partial mirror has left out. Nil shows it
	// what it took last.
	Auth Auth
	// LFS has files of Git LFS read instead of their pointers.
	LFS bool
	// Module opens a submodule's commit, of the repository that its URL names. Nil leaves submodules empty folders, and so does a nil
	// tree without an error.
	Module func(ctx context.Context, m Module) (*Tree, error)
}

// reach is what a tree has beside its objects. It is shared by all views of the tree.
type reach struct {
	access func() Access // found out when there is first need, which most trees never have
	source *Repository
	commit Hash
	// within runs what a read without a context has to wait for: bounded in time, and not ended by the caller who opened the tree, for
	// others read it too.
	within func(limit time.Duration, do func(context.Context) error) error

	mu     sync.Mutex
	listed bool
	names  modules
	err    error
	mounts map[string]*mount
	large  int64 // bytes of files of LFS that were downloaded for it
	short  error // why contents could not be fetched; who opens the tree again tries again
}

// mount is a submodule that was looked for: the tree, nothing, or why it cannot be read.
type mount struct {
	once sync.Once
	tree *Tree
	err  error
}

// With is the tree as one who has the access reads it that find yields. It is asked once, when there is first need.
func (t *Tree) With(ctx context.Context, find func(context.Context) Access) *Tree {
	own := *t
	own.reach = nil
	if r := t.source(); r != nil {
		own.reach = newReach(ctx, find, r, t.commit)
	}
	return &own
}

func (t *Tree) source() *Repository {
	if t.reach == nil {
		return nil
	}
	return t.reach.source
}

func newReach(ctx context.Context, find func(context.Context) Access, r *Repository, commit Hash) *reach {
	lasting := context.WithoutCancel(ctx)
	return &reach{access: sync.OnceValue(func() Access { return find(lasting) }), source: r, commit: commit, mounts: map[string]*mount{},
		within: func(limit time.Duration, do func(context.Context) error) error {
			ctx, cancel := context.WithTimeoutCause(lasting, limit, fmt.Errorf("it took longer than %s", limit))
			defer cancel()
			return do(ctx)
		}}
}

// lfs says whether files of Git LFS are read, rather than their pointers.
func (t *Tree) lfs() bool { return t.reach != nil && t.reach.access().LFS }

// errNoModule says that a gitlink leads nowhere: it is an empty folder.
var errNoModule = errors.New("not a submodule that is read")

// mount opens the submodule at a path of this tree; errNoModule when it is to be an empty folder.
func (t *Tree) mount(at string, commit Hash, rec *recorder, top string) (*Tree, error) {
	if t.reach == nil || t.reach.access().Module == nil {
		return nil, errNoModule
	}
	mod, err := t.module(at, rec, top)
	if err != nil {
		return nil, err
	}
	mod.Commit = commit
	m := t.reach.mounted(at)
	m.once.Do(func() { m.tree, m.err = t.reach.open(mod) })
	switch {
	case m.err != nil:
		return nil, fmt.Errorf("submodule %s (%s at %s): %w", mod.Path, redactURL(mod.URL), commit.Short(), m.err)
	case m.tree == nil:
		return nil, errNoModule
	}
	return m.tree, nil
}

// Bounds of what one tree may have fetched.
const (
	maxMounts = 200
	maxLarge  = 1 << 30 // bytes of files of LFS
)

func (r *reach) mounted(at string) *mount {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.mounts[at]
	if !ok {
		m = &mount{}
		if len(r.mounts) >= maxMounts {
			m.once.Do(func() { m.err = fmt.Errorf("%w: more than %d are read of one tree", ErrRefused, maxMounts) })
			return m
		}
		r.mounts[at] = m
	}
	return m
}

// afford says whether a file of LFS may be downloaded too.
func (r *reach) afford(size int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.large+size > maxLarge {
		return fmt.Errorf("%w: more than %d MiB are fetched for one tree", ErrRefused, maxLarge>>20)
	}
	r.large += size
	return nil
}

// open asks whether the submodule may be named here, and then for its tree.
func (r *reach) open(mod Module) (tree *Tree, err error) {
	err = r.within(r.source.objects.store.opt.FetchTimeout, func(ctx context.Context) error {
		if err := r.source.mayName(ctx, r.commit, mod.URL); err != nil {
			return err
		}
		tree, err = r.access().Module(ctx, mod)
		return err
	})
	return tree, err
}
