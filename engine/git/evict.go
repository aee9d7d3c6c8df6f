package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Times of eviction.
const (
	sweepEvery = time.Minute // how often fetches look at what the disk holds
	stampEvery = time.Minute // how often a use is told to other processes
)

// usage says when a mirror was last used, also to other processes: by the time of the file that marks it.
type usage struct {
	file    string
	last    atomic.Int64 // nanoseconds
	stamped atomic.Int64
}

// note remembers a use. A nil usage remembers nothing.
func (u *usage) note() {
	if u == nil {
		return
	}
	now := time.Now()
	u.last.Store(now.UnixNano())
	if stamped := u.stamped.Load(); now.UnixNano()-stamped > int64(stampEvery) && u.stamped.CompareAndSwap(stamped, now.UnixNano()) {
		_ = os.Chtimes(u.file, now, now) // the mirror may not be there yet
	}
}

// housed is a part of the store that can go alone.
type housed struct {
	path string
	kind kind
	key  string // of a mirror
	used time.Time
	size int64
}

type kind int

const (
	leftover kind = iota // of a mirror that was damaged or evicted, or of what a killed process was making
	mirrored             // a mirror
	imported             // an import
	large                // a mirror's file of Git LFS
)

// gonePrefix begins the name of what is being removed, and makingPrefix of what is being made.
const (
	gonePrefix   = "gone-"
	makingPrefix = "new-"
)

var mirrorForm = regexp.MustCompile(`^[0-9a-f]{24}$`)

// sweep evicts now and then, after a fetch. A failure harms no fetch.
func (s *Store) sweep(ctx context.Context) {
	now, last := time.Now().UnixNano(), s.swept.Load()
	if s.opt.MaxBytes == 0 || now-last < int64(sweepEvery) || !s.swept.CompareAndSwap(last, now) {
		return
	}
	if err := s.Evict(ctx); err != nil {
		s.opt.Log.Warn("evicting mirrors", "error", err.Error())
	}
}

// Evict removes mirrors, imports and files of Git LFS, the one that was not used for longest first, until all take no more than
// Options.MaxBytes. One that is in use, or that holds what was kept, stays; so the disk may hold more. A mirror that is gone is made
// anew by its next Fetch.
func (s *Store) Evict(ctx context.Context) error {
	if s.opt.MaxBytes == 0 {
		return nil
	}
	unlock, err := lock(ctx, s.opt.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	all, err := s.housed()
	if err != nil {
		return fmt.Errorf("evicting mirrors: %w", err)
	}
	var total int64
	for _, h := range all {
		total += h.size
	}
	for _, h := range all {
		if total <= s.opt.MaxBytes {
			break
		}
		gone, err := s.evict(h)
		if err != nil {
			return fmt.Errorf("evicting a mirror: %w", err)
		}
		if gone {
			total -= h.size
		}
	}
	return nil
}

// housed lists the store's parts in the order in which they may go: leftovers, then the others by their last use.
func (s *Store) housed() ([]housed, error) {
	entries, err := os.ReadDir(s.opt.Dir)
	if err != nil {
		return nil, err
	}
	all := s.importsHoused()
	for _, e := range entries {
		h := housed{path: filepath.Join(s.opt.Dir, e.Name())}
		key, _, broken := strings.Cut(e.Name(), ".broken-")
		switch {
		case !e.IsDir():
			continue
		case strings.HasPrefix(e.Name(), makingPrefix):
			if info, err := e.Info(); err != nil || time.Since(info.ModTime()) < forgotten {
				continue // somebody makes it
			}
		case !mirrorForm.MatchString(key) && !strings.HasPrefix(e.Name(), gonePrefix) && e.Name() != formerImports:
			continue
		case !broken && mirrorForm.MatchString(key):
			h.kind, h.key = mirrored, key
			info, err := os.Stat(filepath.Join(h.path, readyFile))
			if err != nil {
				continue // half made; its next use puts it aside
			}
			h.used = s.used(key, info.ModTime())
			files := largeHoused(filepath.Join(h.path, lfsDir))
			for _, f := range files {
				h.size -= f.size
			}
			all = append(all, files...)
		}
		h.size += diskSize(h.path)
		all = append(all, h)
	}
	slices.SortStableFunc(all, func(a, b housed) int { return a.used.Compare(b.used) })
	return all, nil
}

// formerImports is where imports were before each had a store of its own.
const formerImports = "imports.git"

// importsHoused are the imports.
func (s *Store) importsHoused() []housed {
	entries, err := os.ReadDir(filepath.Join(s.opt.Dir, importsDir))
	if err != nil {
		return nil // there are none
	}
	var all []housed
	for _, e := range entries {
		h := housed{path: filepath.Join(s.opt.Dir, importsDir, e.Name()), kind: imported}
		if info, err := os.Stat(filepath.Join(h.path, importFile)); err == nil {
			h.used = info.ModTime()
		}
		if here := time.Unix(0, s.importUsage(h.path).last.Load()); here.After(h.used) {
			h.used = here
		}
		h.size = diskSize(h.path)
		all = append(all, h)
	}
	return all
}

// largeHoused are a mirror's files of Git LFS.
func largeHoused(dir string) []housed {
	var all []housed
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			all = append(all, housed{path: path, kind: large, used: info.ModTime(), size: info.Size()})
		}
		return nil
	})
	return all
}

// diskSize is what the files of a folder take. What goes away meanwhile counts nothing.
func diskSize(dir string) int64 {
	var size int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size
}

// evict removes a part unless it is in use. The store's lock is held, so no mirror is made meanwhile.
func (s *Store) evict(h housed) (gone bool, err error) {
	switch {
	case h.kind == leftover:
		return true, os.RemoveAll(h.path)
	case h.kind != mirrored && time.Since(h.used) < s.opt.EvictAfter:
		return false, nil
	case h.kind == large:
		err := os.Remove(h.path)
		return err == nil, ignoreGone(err)
	case h.kind == imported:
		s.removeImport(h.path)
		s.opt.Log.Info("import evicted", "import", filepath.Base(h.path), "bytes", h.size, "unused", time.Since(h.used).Round(time.Second))
		return true, nil
	}
	return s.evictMirror(h)
}

// ignoreGone takes it as well that somebody else was faster.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Store) evictMirror(h housed) (gone bool, err error) {
	if time.Since(s.used(h.key, h.used)) < s.opt.EvictAfter || keeps(filepath.Join(h.path, "first.git")) {
		return false, nil
	}
	for _, name := range []string{"first.git", "pulls.git"} {
		unlock, ok := tryLock(filepath.Join(h.path, name))
		if !ok {
			return false, nil // somebody writes
		}
		defer unlock()
	}
	away := filepath.Join(s.opt.Dir, gonePrefix+filepath.Base(h.path))
	if err := errors.Join(os.RemoveAll(away), os.Rename(h.path, away)); err != nil {
		return false, err
	}
	if m := s.known(h.key); m != nil {
		m.left()
	}
	s.opt.Log.Info("mirror evicted", "mirror", h.key, "bytes", h.size, "unused", time.Since(h.used).Round(time.Second))
	return true, os.RemoveAll(away)
}

func (s *Store) known(key string) *Mirror {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mirrors[key]
}

// used is when a mirror was last used: as its mark says to all processes, or later by this one.
func (s *Store) used(key string, marked time.Time) time.Time {
	if m := s.known(key); m != nil {
		if here := time.Unix(0, m.usage.last.Load()); here.After(marked) {
			return here
		}
	}
	return marked
}

// keeps says whether a first store holds what Keep was asked to: perhaps the only copy. When in doubt it does.
func keeps(dir string) bool {
	loose, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(keepPrefix)))
	if len(loose) > 0 || (err != nil && !errors.Is(err, fs.ErrNotExist)) {
		return true
	}
	packed, err := os.ReadFile(filepath.Join(dir, "packed-refs"))
	return (err != nil && !errors.Is(err, fs.ErrNotExist)) || bytes.Contains(packed, []byte(" "+keepPrefix))
}

// left forgets what is known of a mirror whose folders are gone.
func (m *Mirror) left() {
	m.mu.Lock()
	m.ready = false
	m.mu.Unlock()
	m.forget()
}

// forget lets go of what was read of the mirror's folders and names.
func (m *Mirror) forget() {
	m.store.readers.drop(m.firstDir())
	m.store.readers.drop(m.pullsDir())
	m.names.forget()
	m.first.commits.forget()
	m.pulls.commits.forget()
}

// tryLock is lock for those who do not wait.
func tryLock(dir string) (unlock func(), ok bool) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, false
	}
	return func() { _ = f.Close() }, true
}
