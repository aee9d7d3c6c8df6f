// Package source finds the tree that an application's source names: which repository, at which commit.
//
// It stands between engine/git, which keeps the repositories, and engine/render. It fetches when what is at hand is too old to
// answer, and then at most as often as Argo CD would. Only branches and tags are ever looked at here; what pull requests bring is
// handed to renders by those who know that it is one. Charts of Helm repositories and the artifacts of OCI registries are unpacked
// into a store of engine/git, so that they are trees like any other; so are single files that renders name by URL.
package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
)

// Times of fetching.
const (
	maxAge     = 3 * time.Minute  // how old branches and tags may be
	missAge    = 10 * time.Second // how old they may be when a revision is not among them
	failureAge = 10 * time.Second // how long a failure is not tried again, except by those who ask for fresh
	admitAge   = time.Hour        // how long a project that has fetched a repository with its own credential may read what others fetch
	outageAge  = 24 * time.Hour   // and how long it may when the remote cannot be asked
)

// Deps are what sources need.
type Deps struct {
	Store *git.Store
	// Credentials finds what a repository is shown for a project; nil, or a nil Auth, is anonymous.
	Credentials func(ctx context.Context, repoURL, project string) (git.Auth, error)
	// Submodules says whether submodules are read; nil reads none.
	Submodules func(ctx context.Context) bool
	// LFS says whether files of Git LFS are fetched for a repository and project; nil fetches none.
	LFS func(ctx context.Context, repoURL, project string) bool
	// Signers are the keys that signatures are verified by, as they are now; nil is none, by which nothing is signed.
	Signers func(ctx context.Context) *Signers
	// Registered finds what is registered of a chart repository or registry for a project; nil is nothing, for all of them.
	Registered func(ctx context.Context, repoURL, project string) Registration
	// Network is how chart repositories and registries are reached.
	Network Network
	Log     *slog.Logger // discards
	Now     func() time.Time
}

// Sources finds trees. It is safe for concurrent use.
type Sources struct {
	deps     Deps
	charts   *answers[chartKey, *git.Tree]
	indexes  *answers[indexKey, *index]
	archives *answers[string, *git.Tree]
	verified verified
	parsing  chan struct{} // holds one while an index is parsed: that takes much memory
	images   images

	mu    sync.Mutex
	repos map[*git.Mirror]*state
}

// state is what is known of a repository's freshness.
type state struct {
	mu      sync.Mutex
	fetched time.Time
	failed  time.Time
	err     error
	doors   map[string]*door // by project
}

// door is how a project comes to a repository: a mirror is shared, a credential is not. What one project may read is no other's before
// the remote has let that one in too.
type door struct {
	turn     chan struct{} // holds one while somebody knocks
	admitted time.Time
	failed   time.Time
	err      error
}

// New makes sources.
func New(deps Deps) (*Sources, error) {
	if deps.Store == nil {
		return nil, errors.New("source: no store given")
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Registered == nil {
		deps.Registered = func(context.Context, string, string) Registration { return Registration{} }
	}
	return &Sources{deps: deps, repos: map[*git.Mirror]*state{}, charts: newAnswers[chartKey, *git.Tree](4096),
		indexes: newAnswers[indexKey, *index](64), archives: newAnswers[string, *git.Tree](4096), parsing: make(chan struct{}, 1)}, nil
}

// Query is a source's repository and revision.
type Query struct {
	RepoURL   string
	Project   string // whose credentials are used
	Revision  string // as in targetRevision
	TagPrefix string
	Fresh     bool // fetch first, however young what is at hand is

	// Integrity is what a Git repository's commit must be signed with; nil asks nothing.
	Integrity *Integrity

	// Chart names a chart of a Helm repository, or of an OCI registry where RepoURL has no scheme. Revision is then a version or a
	// constraint on versions.
	Chart string
	// Lent says that a render needs it, rather than that an application names it as a source.
	Lent bool
	// File says that RepoURL is the URL of one file, which is fetched without credentials; its tree has it under the name Content.
	File bool
	// Plain lets a file be fetched without TLS.
	Plain bool
	// PassCredentials shows the repository's credentials to whichever host its index has the chart's archive on.
	PassCredentials bool

	within []string // the repositories as whose submodule it is read, the outermost first
}

// Tree is At for a source without a project or tag prefix.
func (s *Sources) Tree(ctx context.Context, repoURL, revision string, fresh bool) (*git.Tree, error) {
	return s.At(ctx, Query{RepoURL: repoURL, Revision: revision, Fresh: fresh})
}

// At finds the tree of a source. An error with an *object.Fault in its chain says that the source is wrong: it names no such
// revision, or something that is not rendered. Others are the world's.
func (s *Sources) At(ctx context.Context, q Query) (*git.Tree, error) {
	if q.File {
		return s.file(ctx, q)
	}
	if q.packed() {
		return s.packed(ctx, q)
	}
	commit, err := s.Resolve(ctx, q)
	if err != nil {
		return nil, err
	}
	if q.Integrity != nil {
		if err := s.trust(ctx, q, commit); err != nil {
			return nil, err
		}
	}
	tree, err := s.deps.Store.Mirror(q.RepoURL).Repository().Tree(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf("reading %s at %s: %w", NormalizeURL(q.RepoURL), commit, err)
	}
	return tree.With(ctx, func(ctx context.Context) git.Access { return s.access(ctx, q) }), nil
}

// Resolve finds the commit of a source in a Git repository.
func (s *Sources) Resolve(ctx context.Context, q Query) (git.Hash, error) {
	if err := check(q); err != nil {
		return "", err
	}
	if err := s.admit(ctx, q); err != nil {
		return "", err
	}
	repo := s.deps.Store.Mirror(q.RepoURL).Repository()
	if h := git.Hash(q.Revision); h.IsFull() && !q.Fresh && repo.Has(ctx, h) && repo.Sound() {
		return h, nil // a commit never changes
	}
	age := maxAge
	if q.Fresh {
		age = 0
	}
	if err := s.fetch(ctx, q, age); err != nil {
		return "", err
	}
	commit, err := repo.ResolveTagged(ctx, q.TagPrefix, q.Revision)
	if errors.Is(err, git.ErrUnknownRevision) && !q.Fresh {
		if err := s.fetch(ctx, q, missAge); err != nil {
			return "", err
		}
		commit, err = repo.ResolveTagged(ctx, q.TagPrefix, q.Revision)
	}
	if errors.Is(err, git.ErrUnknownRevision) {
		return "", &object.Fault{Field: "spec.source.targetRevision",
			Message: fmt.Sprintf("unable to resolve %q to a commit of %s", q.Revision, NormalizeURL(q.RepoURL)), Hint: "is it pushed?"}
	}
	if err != nil {
		return "", fmt.Errorf("resolving %q of %s: %w", q.Revision, NormalizeURL(q.RepoURL), err)
	}
	return commit, nil
}

// check refuses by name what is no Git repository.
func check(q Query) error {
	switch {
	case q.RepoURL == "":
		return &object.Fault{Field: "spec.source.repoURL", Message: "is missing"}
	case q.packed():
		return &object.Fault{Field: "spec.source.repoURL", Message: "is not the URL of a Git repository"}
	}
	return nil
}

// admit has the remote let the project in by its own credential, once in a while.
func (s *Sources) admit(ctx context.Context, q Query) error {
	mirror := s.deps.Store.Mirror(q.RepoURL)
	st := s.state(mirror)
	d := st.door(q.Project)
	select {
	case d.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-d.turn }()
	now := s.deps.Now()
	if !d.admitted.IsZero() && now.Sub(d.admitted) < admitAge {
		return nil
	}
	if d.err != nil && !q.Fresh && now.Sub(d.failed) < failureAge {
		return d.err
	}
	if d.err == nil && !d.failed.IsZero() && now.Sub(d.failed) < maxAge {
		return nil // let in for an outage
	}
	err := s.converse(ctx, q, mirror.FetchAlone)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return err
	case !d.admitted.IsZero() && now.Sub(d.admitted) < outageAge && !Denied(err):
		d.err, d.failed = nil, s.deps.Now() // an outage takes nothing away from those who were let in
		return nil
	default:
		d.err, d.failed = err, s.deps.Now()
		return err
	}
	d.err, d.failed, d.admitted = nil, time.Time{}, now
	st.note(now, s.deps.Now(), nil)
	return nil
}

// Denied says whether a remote turned a credential away, by the words of git, which has no others for it.
func Denied(err error) bool {
	text := err.Error()
	return slices.ContainsFunc([]string{"Authentication failed", "could not read Username", "could not read Password", "error: 401", "error: 403",
		"error: 404", "not found", "Permission denied", "access rights"}, func(words string) bool { return strings.Contains(text, words) })
}

// fetch fetches unless what is at hand is younger than age.
func (s *Sources) fetch(ctx context.Context, q Query, age time.Duration) error {
	mirror := s.deps.Store.Mirror(q.RepoURL)
	st := s.state(mirror)
	now := s.deps.Now()
	if !mirror.Repository().Sound() {
		age = -1 // none is young enough: the next one mends it
	}
	if done, err := st.recent(now, age); done {
		return err
	}
	err := s.converse(ctx, q, mirror.Fetch)
	if _, isFault := object.AsFault(err); isFault || err != nil && ctx.Err() != nil {
		return err // the caller's patience says nothing about the repository
	}
	st.note(now, s.deps.Now(), err)
	return err
}

// converse fetches with the project's credential.
func (s *Sources) converse(ctx context.Context, q Query, fetch func(context.Context, git.Auth) error) error {
	auth, err := s.credential(ctx, q)
	if err != nil {
		return fmt.Errorf("credentials of %s: %w", NormalizeURL(q.RepoURL), err)
	}
	err = fetch(ctx, auth)
	if errors.Is(err, git.ErrRefused) {
		return &object.Fault{Field: "spec.source.repoURL", Message: err.Error()}
	}
	if err != nil && ctx.Err() == nil {
		s.deps.Log.Warn("fetching a repository", "repo", NormalizeURL(q.RepoURL), "error", err.Error())
	}
	return err
}

func (s *Sources) state(m *git.Mirror) *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	st, ok := s.repos[m]
	if !ok {
		st = &state{}
		s.repos[m] = st
	}
	return st
}

func (st *state) door(project string) *door {
	st.mu.Lock()
	defer st.mu.Unlock()
	d := st.doors[project]
	if d == nil {
		d = &door{turn: make(chan struct{}, 1)}
		if st.doors == nil {
			st.doors = map[string]*door{}
		}
		st.doors[project] = d
	}
	return d
}

// recent says whether there is an answer already: a fetch young enough, or a failure too young to try again.
func (st *state) recent(now time.Time, age time.Duration) (bool, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if age == 0 {
		return false, nil
	}
	if st.err != nil && now.Sub(st.failed) < failureAge {
		return true, st.err
	}
	return !st.fetched.IsZero() && now.Sub(st.fetched) < age, nil
}

// note remembers a fetch; what it brought is as old as its beginning.
func (st *state) note(began, ended time.Time, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.err = err
	if err != nil {
		st.failed = ended
		return
	}
	if began.After(st.fetched) {
		st.fetched = began
	}
}
