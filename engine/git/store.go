package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Hash is a full object id in lower-case hex: 40 digits, or 64 in a SHA-256 repository.
type Hash string

// Short is the abbreviation that people read.
func (h Hash) Short() string { return string(h[:min(7, len(h))]) }

// IsFull says whether h has the form of a full object id. It says nothing about whether the object exists.
func (h Hash) IsFull() bool { return (len(h) == 40 || len(h) == 64) && isHex(string(h)) }

var (
	// ErrUnknownRevision says that no commit goes by a revision, or none that may be named by it.
	ErrUnknownRevision = errors.New("unknown revision")
	// ErrRefused says that a URL, name or address is one that is never used, whatever the remote would answer.
	ErrRefused = errors.New("refused")
	// ErrOutside says that a symbolic link leads out of the repository.
	ErrOutside = errors.New("symbolic link leads out of the repository")
	// ErrCircle says that symbolic links lead in a circle, or through more links than anyone needs.
	ErrCircle = errors.New("symbolic links lead in a circle")
	// ErrTooLarge says that a file is larger than a render may read.
	ErrTooLarge = errors.New("file is too large")
	// ErrCorrupt says that an object that must be there is not, or cannot be read. The next Fetch rebuilds the mirror.
	ErrCorrupt = errors.New("object store is damaged")
	// ErrUnrelated says that two commits have no common ancestor, so that they cannot be merged.
	ErrUnrelated = errors.New("no common history")
)

// Options of a store. Dir is required; the zero value of the others is the default that is named.
type Options struct {
	// Dir is where mirrors live. Several processes may share it.
	Dir string
	Log *slog.Logger // discards
	// CAFile holds PEM certificates that are trusted beside the system's.
	CAFile string
	// AllowedHosts is asked about every address that a remote's name resolves to, before it is dialled; the dial is pinned to the
	// addresses that passed. Nil allows all.
	AllowedHosts func(address string) error
	// Trust says what is known of a host. Nil knows no SSH host, and verifies TLS by the system's certificates.
	Trust func(ctx context.Context, host string) (Trust, error)
	// Access is what the trees of a repository come to beyond its mirror, where Tree.With does not say otherwise. Nil is nothing.
	Access func(ctx context.Context, url string) Access
	// Partial says of a URL that its mirror, when it is made, is to be partial: contents of files are fetched when they are read, for a
	// folder at once. That spares most of a large repository's first fetch, and costs a round trip for each folder that is new. Where
	// the server does not filter, all is fetched. Nil is never.
	Partial      func(url string) bool
	FetchTimeout time.Duration // 10 minutes: the longest that one fetch may take
	LocalTimeout time.Duration // 1 minute: the longest that one command without network may take
	CacheBytes   int64         // 128 MiB of parsed trees and file contents, over all mirrors
	MaxBlob      int64         // 32 MiB: the largest file that is read
	MaxMemory    int64         // 4 GiB: for each process of git's that takes in what a remote sends
	MaxPack      int64         // 32 GiB: what one fetch may write
	Program      string        // "git"
	// MaxBytes is what mirrors and imports together may take on disk before those that were not used for longest are evicted; 0 is no
	// limit.
	MaxBytes   int64
	EvictAfter time.Duration // 1 hour: what was used more recently is in use
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FetchTimeout == 0 {
		o.FetchTimeout = 10 * time.Minute
	}
	if o.LocalTimeout == 0 {
		o.LocalTimeout = time.Minute
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 128 << 20
	}
	if o.MaxBlob == 0 {
		o.MaxBlob = 32 << 20
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = 4 << 30
	}
	if o.MaxPack == 0 {
		o.MaxPack = 32 << 30
	}
	if o.EvictAfter == 0 {
		o.EvictAfter = time.Hour
	}
	if o.Program == "" {
		o.Program = "git"
	}
	return o
}

// Store holds the mirrors of one folder, and what they share: caches and reading processes. It is safe for concurrent use.
type Store struct {
	opt     Options
	readers *readers
	cache   *cache
	swept   atomic.Int64 // when mirrors were last evicted, in nanoseconds

	mu      sync.Mutex
	mirrors map[string]*Mirror
	imports map[string]*usage // by folder
}

// NewStore opens the folder, which is created if need be.
func NewStore(opt Options) (*Store, error) {
	if opt.Dir == "" {
		return nil, errors.New("git store: no folder given")
	}
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil, fmt.Errorf("git store: %w", err)
	}
	opt.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("git store: %w", err)
	}
	forget(dir)
	s := newStore(opt)
	s.mirrors = map[string]*Mirror{}
	return s, nil
}

func newStore(opt Options) *Store {
	opt = opt.withDefaults()
	return &Store{opt: opt, readers: newReaders(opt), cache: newCache(opt.CacheBytes)}
}

// Close ends the reading processes. Trees of this store can be read again afterwards; that starts new ones.
func (s *Store) Close() { s.readers.closeIdle() }

// Mirror is the mirror of a remote. It does no I/O: what is wrong with the URL is said by Fetch. URLs that differ only in how
// they are written (user, ".git", a slash at the end, scp form) have one mirror.
func (s *Store) Mirror(url string) *Mirror {
	r, err := parseRemote(url)
	sum := sha256.Sum256([]byte(r.key))
	if err != nil {
		sum = sha256.Sum256([]byte("refused " + url))
	}
	key := hex.EncodeToString(sum[:12])
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.mirrors[key]; ok {
		return m
	}
	m := newMirror(s, r, err, key)
	s.mirrors[key] = m
	return m
}

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
