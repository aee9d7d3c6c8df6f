package git

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// readyFile marks a mirror whose folders were made as a whole.
const readyFile = "slipway-mirror-1"

// lockFile is what whoever writes to a folder holds.
const lockFile = "slipway.lock"

// prepare sees to it that both stores are there and sound: a mirror that is half made or damaged is put aside and made anew.
func (m *Mirror) prepare(ctx context.Context) (renewed bool, err error) {
	m.usage.note()
	m.mu.Lock()
	ready, suspect := m.ready, m.suspect
	m.mu.Unlock()
	if ready && m.whole() {
		return false, nil
	}
	unlock, err := lock(ctx, m.store.opt.Dir)
	if err != nil {
		return false, err
	}
	defer unlock()
	broken := false
	if _, err := os.Stat(m.dir); err == nil {
		if broken = !m.whole(); !broken && suspect != "" {
			sound, err := m.sound(ctx, suspect)
			if err != nil {
				return false, err
			}
			broken = !sound
		}
	}
	if broken {
		if err := m.putAside(); err != nil {
			return false, err
		}
		renewed = true
	}
	if !m.whole() {
		if err := m.create(ctx); err != nil {
			return renewed, fmt.Errorf("making a mirror: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ready, m.suspect = true, ""
	return renewed, nil
}

// whole is a cheap look at the parts without which git takes a folder for no repository.
func (m *Mirror) whole() bool {
	for _, name := range []string{readyFile, "first.git/HEAD", "first.git/config", "first.git/objects", "first.git/refs",
		"pulls.git/HEAD", "pulls.git/config", "pulls.git/objects/info/alternates", "pulls.git/refs"} {
		info, err := os.Stat(filepath.Join(m.dir, name))
		if err != nil || (!info.IsDir() && info.Size() == 0) {
			return false
		}
	}
	return true
}

// sound is the thorough look: every object that a ref reaches is there, and the suspect one can be read. An error is that nobody could
// look, which says nothing.
func (m *Mirror) sound(ctx context.Context, suspect Hash) (bool, error) {
	m.forget() // what is open reads what was there when it was opened
	if suspect.IsFull() && !m.readable(suspect) {
		return false, nil
	}
	for _, dir := range []string{m.firstDir(), m.pullsDir()} {
		c := command{dir: dir, args: []string{"fsck", "--connectivity-only", "--no-dangling", "--no-progress"}, timeout: m.store.opt.FetchTimeout}
		if m.partial() {
			c.config = promised()
		}
		_, err := m.store.output(ctx, c)
		var f *failure
		switch {
		case errors.As(err, &f) && f.code > 0:
			return false, nil
		case err != nil:
			return false, fmt.Errorf("looking whether a mirror is whole: %w", err)
		}
	}
	return true, nil
}

// readable says whether the second store, which sees the first's objects too, has one whole.
func (m *Mirror) readable(id Hash) bool {
	var f found
	err := m.store.readers.with(m.pullsDir(), func(r *reader) error {
		return r.ask("contents", []Hash{id}, maxTree, func(a found) error { f = a; return nil })
	})
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return true // as far as anybody could tell
	}
	return err == nil && f.kind != "" && f.genuine()
}

// putAside moves a damaged mirror out of the way. The one put aside before goes: one is enough to look into.
func (m *Mirror) putAside() error {
	old, err := filepath.Glob(m.dir + ".broken-*")
	if err != nil {
		return fmt.Errorf("putting a damaged mirror aside: %w", err)
	}
	for _, dir := range old {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("putting a damaged mirror aside: %w", err)
		}
	}
	to := m.dir + ".broken-" + strconv.FormatInt(time.Now().UnixNano(), 10)
	if err := os.Rename(m.dir, to); err != nil {
		return fmt.Errorf("putting a damaged mirror aside: %w", err)
	}
	m.mu.Lock()
	m.salvage = filepath.Join(to, "first.git")
	m.mu.Unlock()
	m.store.opt.Log.Warn("mirror is damaged, made anew", "remote", redactURL(m.remote.url()), "aside", filepath.Base(to))
	m.forget()
	return nil
}

// takeKept takes what Keep was asked for over from a mirror that was put aside: it may be the only copy. The first store's lock is held.
func (m *Mirror) takeKept(ctx context.Context) {
	m.mu.Lock()
	from := m.salvage
	m.salvage = ""
	m.mu.Unlock()
	if from == "" || !keeps(from) {
		return
	}
	_, err := m.store.output(ctx, command{dir: m.firstDir(), allow: "file", args: []string{"fetch", "--quiet", "--no-tags",
		"--no-write-fetch-head", "--no-auto-maintenance", "--no-recurse-submodules", "--", from, "+" + keepPrefix + "*:" + keepPrefix + "*"}})
	if err != nil {
		m.store.opt.Log.Warn("what was kept of a damaged mirror is lost", "remote", redactURL(m.remote.url()), "error", err.Error())
	}
}

// create makes both stores beside their place and moves them there as a whole.
func (m *Mirror) create(ctx context.Context) error {
	tmp, err := os.MkdirTemp(m.store.opt.Dir, makingPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	for _, name := range []string{"first.git", "pulls.git"} {
		if err := m.store.initBare(ctx, filepath.Join(tmp, name)); err != nil {
			return err
		}
	}
	borrow := filepath.Join(tmp, "pulls.git", "objects", "info", "alternates")
	if err := os.WriteFile(borrow, []byte("../../first.git/objects\n"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tmp, readyFile), []byte(redactURL(m.remote.url())+"\n"), 0o600); err != nil {
		return err
	}
	if m.store.opt.Partial != nil && m.store.opt.Partial(m.remote.url()) {
		if err := os.WriteFile(filepath.Join(tmp, partialFile), nil, 0o600); err != nil {
			return err
		}
	}
	return os.Rename(tmp, m.dir)
}

func (s *Store) initBare(ctx context.Context, dir string) error {
	_, err := s.output(ctx, command{args: []string{"init", "--quiet", "--bare", "--template=", "--initial-branch=slipway-none", "--", dir}})
	if err != nil {
		return err
	}
	return os.MkdirAll(filepath.Join(dir, "objects", "info"), 0o700)
}

// lock takes the folder for one writer among all processes, and clears away what a killed one left of git's own locks.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking a mirror: %w", err)
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("locking a mirror: %w", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			_ = f.Close()
			return nil, context.Cause(ctx)
		}
	}
	clearStale(dir)
	clearUnfinished(dir)
	return func() { _ = f.Close() }, nil // closing lets go
}

// clearStale removes lock files within a store: whoever holds ours is the only one who could hold theirs.
func clearStale(dir string) {
	for _, top := range []string{"packed-refs.lock", "HEAD.lock", "config.lock", "shallow.lock"} {
		_ = os.Remove(filepath.Join(dir, top))
	}
	_ = filepath.WalkDir(filepath.Join(dir, "refs"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(p, ".lock") {
			_ = os.Remove(p)
		}
		return nil
	})
}

// unfinished is when what is being written must have been left by a process that was killed.
const unfinished = time.Hour

// clearUnfinished removes packs and objects that killed processes began to write.
func clearUnfinished(dir string) {
	for _, pattern := range []string{"pack/tmp_*", "pack/.tmp-*", "??/tmp_obj_*", "tmp_objdir-*"} {
		found, err := filepath.Glob(filepath.Join(dir, "objects", filepath.FromSlash(pattern)))
		if err != nil {
			return
		}
		for _, p := range found {
			if info, err := os.Lstat(p); err == nil && time.Since(info.ModTime()) > unfinished {
				_ = os.RemoveAll(p)
			}
		}
	}
}

// caBundle is a file with the system's certificates and the extra ones: git takes one file, and it replaces the system's.
func caBundle(opt Options) (string, error) {
	extra, err := os.ReadFile(opt.CAFile)
	if err != nil {
		return "", fmt.Errorf("extra certificates: %w", err)
	}
	var all []byte
	for _, system := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"} {
		if b, err := os.ReadFile(system); err == nil {
			all = append(b, '\n')
			break
		}
	}
	all = append(all, extra...)
	path := filepath.Join(opt.Dir, "ca-bundle.pem")
	if old, err := os.ReadFile(path); err == nil && string(old) == string(all) {
		return path, nil
	}
	tmp, err := os.CreateTemp(opt.Dir, "ca-")
	if err != nil {
		return "", fmt.Errorf("extra certificates: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(all)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return "", fmt.Errorf("extra certificates: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return "", fmt.Errorf("extra certificates: %w", err)
	}
	return path, nil
}
