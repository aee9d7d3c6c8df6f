package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Repository is one object store as its readers see it. It is safe for concurrent use.
type Repository struct {
	objects  objects
	names    *names
	named    *Repository // where names and abbreviations are looked up, if not here
	writable bool        // merges may be written
	shell    bool        // revisions are resolved as in a shell: HEAD~1, @{u}
	commits  *commits
	mirror   *Mirror // nil for what is not a mirror's
	origin   string  // a checkout's remote, to which URLs of submodules are relative
	lfs      string  // where git-lfs keeps a checkout's files; empty for nowhere
	modules  string  // where git keeps the repositories of a checkout's submodules; empty for nowhere
}

// commits remembers parsed commits of one store.
type commits struct {
	mu    sync.Mutex
	known map[Hash]Commit
}

const maxCommits = 4096

func newCommits() *commits { return &commits{known: map[Hash]Commit{}} }

func (c *commits) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.known)
}

func (c *commits) find(h Hash) (Commit, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.known[h]
	return known, ok
}

func (c *commits) keep(commit Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxCommits {
		clear(c.known)
	}
	c.known[commit.ID] = commit
}

// maxCommit bounds a commit or tag object.
const maxCommit = 4 << 20

// Commit yields a commit of this store, or ErrUnknownRevision.
func (r *Repository) Commit(ctx context.Context, h Hash) (Commit, error) {
	if err := ctx.Err(); err != nil {
		return Commit{}, err
	}
	r.objects.usage.note()
	if c, ok := r.commits.find(h); ok {
		return c, nil
	}
	if !h.IsFull() {
		return Commit{}, fmt.Errorf("commit %.80q: %w", h, ErrUnknownRevision)
	}
	f, err := r.objects.describe(h)
	if err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w", h, err)
	}
	if f.kind != "commit" {
		return Commit{}, fmt.Errorf("commit %s: %w", h, ErrUnknownRevision)
	}
	raw, err := r.objects.read(h, "commit", maxCommit)
	if err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w", h, err)
	}
	c, err := parseCommit(h, raw)
	if err != nil {
		return Commit{}, err
	}
	r.commits.keep(c)
	return c, nil
}

// Sound says that nothing was found missing or damaged since the last fetch. If something was, the next Fetch mends it.
func (r *Repository) Sound() bool {
	if r.mirror == nil {
		return true
	}
	r.mirror.mu.Lock()
	defer r.mirror.mu.Unlock()
	return r.mirror.suspect == ""
}

// Has says whether a commit is in this store, whether or not anything reaches it.
func (r *Repository) Has(ctx context.Context, h Hash) bool {
	_, err := r.Commit(ctx, h)
	return err == nil
}

// Parents are a commit's parents, in order.
func (r *Repository) Parents(ctx context.Context, h Hash) ([]Hash, error) {
	c, err := r.Commit(ctx, h)
	return c.Parents, err
}

// Tree is the commit as a file system.
func (r *Repository) Tree(ctx context.Context, h Hash) (*Tree, error) {
	c, err := r.Commit(ctx, h)
	if err != nil {
		return nil, err
	}
	if _, err := r.objects.tree(c.Tree); err != nil {
		r.commits.forget() // another process may have evicted all of them
		return nil, fmt.Errorf("commit %s: %w", h, err)
	}
	return &Tree{objects: r.objects, commit: h, root: c.Tree, reach: newReach(ctx, r.access, r, h)}, nil
}

// access is what trees have to whom nobody has given anything else.
func (r *Repository) access(ctx context.Context) Access {
	switch {
	case r.mirror != nil && r.objects.store.opt.Access != nil:
		return r.objects.store.opt.Access(ctx, r.mirror.remote.url())
	case r.modules != "":
		return Access{Module: r.localModule}
	}
	return Access{}
}

// Resolve finds the commit that a revision means, without network: a full hash that is here; "" or HEAD, the default branch; a
// semver constraint over tags, the highest that fits; a branch, tag or full ref; an abbreviated hash of at least 7 digits among
// the commits that branches and tags reach. Else it is ErrUnknownRevision.
func (r *Repository) Resolve(ctx context.Context, revision string) (Hash, error) {
	return r.ResolveTagged(ctx, "", revision)
}

// ResolveTagged is Resolve where a constraint looks only at tags that begin with prefix, which is cut off before versions are
// compared.
func (r *Repository) ResolveTagged(ctx context.Context, prefix, revision string) (Hash, error) {
	if Hash(revision).IsFull() {
		if !r.Has(ctx, Hash(revision)) {
			return "", unknown(revision)
		}
		return Hash(revision), nil
	}
	if r.named != nil {
		return r.named.ResolveTagged(ctx, prefix, revision)
	}
	refs, err := r.names.list(ctx)
	if err != nil {
		return "", fmt.Errorf("resolving %q: %w", revision, err)
	}
	id, ok := lookUp(refs, r.names.head, prefix, revision)
	if !ok && prefix != "" {
		return "", unknown(revision)
	}
	if !ok && r.shell {
		return r.parse(ctx, orDefault(revision, "HEAD"))
	}
	if !ok {
		return r.abbreviated(ctx, revision)
	}
	return r.peel(id, revision)
}

// Under lists the branches below a folder of branches, such as "gh-readonly-queue/", by their full names.
func (r *Repository) Under(ctx context.Context, folder string) (map[string]Hash, error) {
	refs, err := r.names.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing branches: %w", err)
	}
	found := map[string]Hash{}
	for _, one := range refs {
		if strings.HasPrefix(one.name, "refs/heads/"+folder) {
			found[one.name] = one.id
		}
	}
	return found, nil
}

func lookUp(refs []ref, head, prefix, revision string) (Hash, bool) {
	if revision == "" || revision == "HEAD" {
		return find(refs, head)
	}
	if id, ok := newest(refs, prefix, revision); ok || prefix != "" {
		return id, ok
	}
	if strings.HasPrefix(revision, "refs/slipway/") {
		return "", false
	}
	return find(refs, revision)
}

func unknown(revision string) error {
	return fmt.Errorf("unable to resolve %.100q to a commit: %w", revision, ErrUnknownRevision)
}

// peel follows annotated tags to their commit.
func (r *Repository) peel(id Hash, revision string) (Hash, error) {
	for range 10 {
		f, err := r.objects.describe(id)
		if err != nil {
			return "", fmt.Errorf("resolving %q: %w", revision, err)
		}
		switch f.kind {
		case "commit":
			return id, nil
		case "tag":
			raw, err := r.objects.read(id, "tag", maxCommit)
			if err != nil {
				return "", fmt.Errorf("resolving %q: %w", revision, err)
			}
			next, ok := parseTag(raw)
			if !ok {
				return "", unknown(revision)
			}
			id = next
		case "":
			return "", fmt.Errorf("resolving %q: %w", revision, r.objects.damaged(id, fmt.Errorf("object %s: %w", id, ErrCorrupt)))
		default:
			return "", unknown(revision)
		}
	}
	return "", unknown(revision)
}

// abbreviated finds the one commit that begins with some digits and that a branch or tag reaches.
func (r *Repository) abbreviated(ctx context.Context, short string) (Hash, error) {
	if len(short) < 7 || len(short) > 64 || !isHex(short) {
		return "", unknown(short)
	}
	out, err := r.objects.store.output(ctx, command{dir: r.objects.dir, args: []string{"rev-parse", "--disambiguate=" + short}})
	if err != nil {
		return "", fmt.Errorf("resolving %q: %w", short, err)
	}
	var match []Hash
	for line := range strings.Lines(string(out)) {
		h := Hash(strings.TrimSpace(line))
		if !r.Has(ctx, h) {
			continue
		}
		reached, err := r.reached(ctx, h)
		if err != nil {
			return "", fmt.Errorf("resolving %q: %w", short, err)
		}
		if reached {
			match = append(match, h)
		}
	}
	if len(match) != 1 {
		return "", unknown(short)
	}
	return match[0], nil
}

// parse resolves as git does at a command line, for checkouts, whose owner is the one who asks.
func (r *Repository) parse(ctx context.Context, revision string) (Hash, error) {
	out, err := r.objects.store.line(ctx, command{dir: r.names.dir, args: []string{"rev-parse", "--verify", "--quiet", "--end-of-options",
		revision + "^{commit}"}})
	var f *failure
	if errors.As(err, &f) || (err == nil && !Hash(out).IsFull()) {
		return "", unknown(revision)
	}
	return Hash(out), err
}

// Contains says whether descendant reaches ancestor; a commit contains itself.
func (r *Repository) Contains(ctx context.Context, ancestor, descendant Hash) (bool, error) {
	for _, h := range []Hash{ancestor, descendant} {
		if _, err := r.Commit(ctx, h); err != nil {
			return false, err
		}
	}
	_, err := r.objects.store.output(ctx, command{dir: r.objects.dir,
		args: []string{"merge-base", "--is-ancestor", string(ancestor), string(descendant)}})
	var f *failure
	if errors.As(err, &f) && f.code == 1 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for %s in %s: %w", ancestor, descendant, err)
	}
	return true, nil
}

// MergeBase is a best common ancestor of two commits, or ErrUnrelated.
func (r *Repository) MergeBase(ctx context.Context, a, b Hash) (Hash, error) {
	for _, h := range []Hash{a, b} {
		if _, err := r.Commit(ctx, h); err != nil {
			return "", err
		}
	}
	out, err := r.objects.store.line(ctx, command{dir: r.objects.dir, args: []string{"merge-base", string(a), string(b)}})
	var f *failure
	if errors.As(err, &f) && f.code == 1 {
		return "", fmt.Errorf("%s and %s: %w", a, b, ErrUnrelated)
	}
	if err != nil {
		return "", fmt.Errorf("common ancestor of %s and %s: %w", a, b, err)
	}
	return Hash(out), nil
}
