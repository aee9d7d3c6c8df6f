package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Mirror is what we keep of one remote. It is safe for concurrent use, also by several processes that share the folder.
type Mirror struct {
	store  *Store
	remote remote
	err    error // what is wrong with the URL
	key    string
	dir    string

	usage *usage
	names *names
	first *Repository
	pulls *Repository

	mu      sync.Mutex
	ready   bool
	running *fetching // of the first store
	pulling *fetching // of the second
	suspect Hash      // an object that was missing or damaged
	salvage string    // a damaged mirror's first store, from which what was kept is still to be taken
	took    Auth      // the credential that the remote took last
	// downloads are the files of LFS on their way, by their digests.
	downloads map[string]*download
}

func newMirror(s *Store, r remote, err error, key string) *Mirror {
	m := &Mirror{store: s, remote: r, err: err, key: key, dir: filepath.Join(s.opt.Dir, key), downloads: map[string]*download{}}
	m.usage = &usage{file: filepath.Join(m.dir, readyFile)}
	m.names = &names{store: s, dir: m.firstDir(), head: headRef, keepFor: 5 * time.Second}
	in := objects{store: s, mirror: key, dir: m.firstDir(), usage: m.usage, suspect: m.suspected, partial: m.partial}
	m.first = &Repository{objects: in, names: m.names, commits: newCommits(), mirror: m}
	in.dir = m.pullsDir()
	m.pulls = &Repository{objects: in, names: m.names, named: m.first, writable: true, commits: newCommits(), mirror: m}
	return m
}

func (m *Mirror) firstDir() string { return filepath.Join(m.dir, "first.git") }
func (m *Mirror) pullsDir() string { return filepath.Join(m.dir, "pulls.git") }

// headRef is where the remote's HEAD is kept.
const headRef = "refs/slipway/HEAD"

// Repository is the first store: what branches and tags reach, and what was kept.
func (m *Mirror) Repository() *Repository { return m.first }

// Pulls is the second store, which sees the first too.
func (m *Mirror) Pulls() *Repository { return m.pulls }

// Fetch brings the remote's branches, tags and default branch into the first store, and removes those that are gone. Callers at
// the same time share one conversation, but never one that began before they called.
func (m *Mirror) Fetch(ctx context.Context, auth Auth) error {
	if m.err != nil {
		return m.err
	}
	return m.share(ctx, &m.running, nil, func(f *fetching) error { return m.fetchBranches(ctx, auth, f) })
}

// FetchAlone is Fetch in a conversation of the caller's own: that it succeeds says that the remote took this credential.
func (m *Mirror) FetchAlone(ctx context.Context, auth Auth) error {
	if m.err != nil {
		return m.err
	}
	return m.fetchBranches(ctx, auth, newFetching(nil))
}

func (m *Mirror) fetchBranches(ctx context.Context, auth Auth, f *fetching) error {
	specs := []string{"+HEAD:" + headRef, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"}
	defer m.begin(f)
	err := m.into(ctx, auth, m.firstDir(), func() error {
		m.begin(f) // whoever calls from here on may want what this conversation no longer sees
		defer m.names.forget()
		err := m.talk(ctx, auth, m.firstDir(), true, specs)
		if isMissingRef(err, "HEAD") { // an empty repository, or one whose HEAD points to a branch that is not there
			err = m.talk(ctx, auth, m.firstDir(), true, specs[1:])
		}
		if err == nil {
			m.takeKept(ctx)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("fetching %s: %w", redactURL(m.remote.url()), err)
	}
	m.store.sweep(ctx)
	return nil
}

// into has one of the stores written to, with its lock held. If the mirror turns out to be damaged, it is made anew and written to
// again; when that was for the second store, the first is filled before.
func (m *Mirror) into(ctx context.Context, auth Auth, dir string, write func() error) error {
	once := func() error {
		renewed, err := m.prepare(ctx)
		if err == nil && renewed && dir != m.firstDir() {
			err = m.fetchBranches(ctx, auth, newFetching(nil))
		}
		if err != nil {
			return err
		}
		unlock, err := lock(ctx, dir)
		if err != nil {
			return err
		}
		defer unlock()
		if err := write(); err != nil {
			return err
		}
		m.tidy(ctx, dir)
		return nil
	}
	err := once()
	if err == nil || !isCorrupt(err) || ctx.Err() != nil {
		return err
	}
	m.suspected(unknownObject)
	sound, lookErr := m.sound(ctx, unknownObject)
	if lookErr != nil {
		return err
	}
	if sound {
		m.suspected("")
		return err // it is the other side that is, then
	}
	return once()
}

var (
	fullRef  = regexp.MustCompile(`^refs/[A-Za-z0-9_][A-Za-z0-9_./+@-]*$`)
	keepName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}$`)
)

func validRef(ref string) bool {
	return fullRef.MatchString(ref) && !strings.Contains(ref, "..") && !strings.Contains(ref, "//") && !strings.Contains(ref, "@{") &&
		!strings.HasSuffix(ref, "/") && !strings.HasSuffix(ref, ".") && !strings.Contains(ref, "/.") && !strings.Contains(ref, ".lock")
}

// FetchPulls brings refs ("refs/pull/7/head") or commits (full hashes) into the second store. A ref that is not there is
// ErrUnknownRevision. Callers at the same time share one conversation as those of Fetch do.
func (m *Mirror) FetchPulls(ctx context.Context, auth Auth, refs ...string) error {
	if m.err != nil {
		return m.err
	}
	var specs []string
	for _, ref := range refs {
		switch {
		case Hash(ref).IsFull():
			specs = append(specs, "+"+ref+":refs/slipway/commit/"+ref)
		case validRef(ref):
			specs = append(specs, "+"+ref+":"+ref)
		default:
			return fmt.Errorf("fetching ref %q: %w: not a full ref name", ref, ErrRefused)
		}
	}
	if len(specs) == 0 {
		return nil
	}
	return m.share(ctx, &m.pulling, specs, func(f *fetching) error { return m.fetchPulls(ctx, auth, f) })
}

func (m *Mirror) fetchPulls(ctx context.Context, auth Auth, f *fetching) error {
	err := m.into(ctx, auth, m.pullsDir(), func() error { return m.talk(ctx, auth, m.pullsDir(), false, m.begin(f)) })
	if err == nil {
		m.store.sweep(ctx)
		return nil
	}
	what := strings.Join(sources(m.begin(f)), ", ")
	if isMissingRef(err, "") {
		return fmt.Errorf("fetching %s: %w: %w", what, ErrUnknownRevision, err)
	}
	return fmt.Errorf("fetching %s: %w", what, err)
}

// sources are what refspecs bring, as their callers named it.
func sources(specs []string) []string {
	var refs []string
	for _, spec := range specs {
		ref, _, _ := strings.Cut(strings.TrimPrefix(spec, "+"), ":")
		refs = append(refs, ref)
	}
	return refs
}

// unknownObject stands for one that git did not name.
const unknownObject Hash = "unknown"

// suspected notes that an object which must be there is not, or cannot be read. The next conversation looks closer. Empty takes it back.
func (m *Mirror) suspected(id Hash) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.suspect, m.ready = id, false
}

// Keep copies a commit and all it reaches from the second store into the first, under a name that holds it there until it is
// released. Doing it again is no harm.
func (m *Mirror) Keep(ctx context.Context, name string, h Hash) error {
	if m.err != nil {
		return m.err
	}
	if !keepName.MatchString(name) || !validRef(keepPrefix+name) {
		return fmt.Errorf("keeping %q: %w: not a plain name", name, ErrRefused)
	}
	if !m.pulls.Has(ctx, h) {
		return fmt.Errorf("keeping %s: %w", h, ErrUnknownRevision)
	}
	if m.partial() {
		if err := m.bringForKeep(ctx, h); err != nil {
			return fmt.Errorf("keeping %s: %w", h, err)
		}
	}
	unlock, err := lock(ctx, m.firstDir())
	if err != nil {
		return err
	}
	defer unlock()
	if m.partial() {
		if err := m.keepPartial(ctx, name, h); err != nil {
			return fmt.Errorf("keeping %s: %w", h, err)
		}
		return nil
	}
	// From our own second store, whose folder nobody else names.
	_, err = m.store.output(ctx, command{dir: m.firstDir(), allow: "file", args: []string{"fetch", "--quiet", "--no-tags",
		"--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules", "--", m.pullsDir(), "+" + string(h) + ":" + keepPrefix + name}})
	if err != nil {
		return fmt.Errorf("keeping %s: %w", h, err)
	}
	return nil
}

const keepPrefix = "refs/slipway/keep/"

// Release takes a name away that Keep gave; one that was not given is no error.
func (m *Mirror) Release(ctx context.Context, name string) error {
	if m.err != nil {
		return m.err
	}
	if !keepName.MatchString(name) || !validRef(keepPrefix+name) {
		return fmt.Errorf("releasing %q: %w: not a plain name", name, ErrRefused)
	}
	unlock, err := lock(ctx, m.firstDir())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	_, err = m.store.output(ctx, command{dir: m.firstDir(), args: []string{"update-ref", "-d", keepPrefix + name}})
	if err != nil {
		return fmt.Errorf("releasing %s: %w", name, err)
	}
	return nil
}

func isMissingRef(err error, ref string) bool {
	var f *failure
	if !errors.As(err, &f) {
		return false
	}
	return strings.Contains(f.stderr, "couldn't find remote ref "+ref) || (ref == "" && strings.Contains(f.stderr, "not our ref"))
}

// isCorrupt says whether git complained about our own store, rather than the remote or what it sent.
func isCorrupt(err error) bool {
	var f *failure
	if !errors.As(err, &f) {
		return false
	}
	if f.ours {
		return true
	}
	for _, sign := range []string{"is corrupt", "bad object", "is empty", "unable to read", "missing object", "bad tree object",
		"packfile", "reference broken", "unable to resolve reference", "bad signature", "inflate", "not a git repository", "unresolved delta", "loose object", "Could not read", "did not send all necessary objects"} {
		if strings.Contains(f.stderr, sign) {
			return true
		}
	}
	return false
}
