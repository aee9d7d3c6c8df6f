package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// lfsDir is where a mirror keeps files of Git LFS, each named by what it holds. No other mirror reads them: that a file's digest is known
// says nothing about who may see it.
const lfsDir = "lfs"

// download is a file of LFS on its way, for which others may wait.
type download struct {
	done chan struct{}
	err  error
}

// large yields a file of Git LFS: from memory, from the disk, or from the repository's server. It is never other than its pointer says.
func (t *Tree) large(p pointer) ([]byte, error) {
	r := t.source()
	if p.size > r.objects.store.opt.MaxBlob {
		return nil, fmt.Errorf("file of Git LFS of %d bytes: %w", p.size, ErrTooLarge)
	}
	key := cacheKey{r.objects.mirror, Hash("lfs " + p.oid)}
	if v, ok := r.objects.store.cache.find(key); ok {
		if b, ok := v.([]byte); ok {
			return b, nil
		}
	}
	b, err := r.stored(p)
	if errors.Is(err, os.ErrNotExist) && r.mirror != nil {
		if err = t.reach.afford(p.size); err != nil {
			return nil, fmt.Errorf("file of Git LFS %s: %w", p.oid[:12], err)
		}
		err = t.reach.within(r.objects.store.opt.FetchTimeout, func(ctx context.Context) error {
			return r.mirror.bringLarge(ctx, t.reach.access().Auth, p)
		})
		if err == nil {
			b, err = r.stored(p)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("file of Git LFS %s: %w", p.oid[:12], err)
	}
	r.objects.store.cache.keep(key, b, p.size)
	return b, nil
}

// stored reads a file of LFS from the disk. One that is not what its name says is removed, as if it had never been there.
func (r *Repository) stored(p pointer) ([]byte, error) {
	if p.size == 0 && p.oid == emptyOID {
		return []byte{}, nil
	}
	path := r.largeFile(p)
	if path == "" {
		return nil, os.ErrNotExist
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, p.size+1))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b); int64(len(b)) != p.size || hex.EncodeToString(sum[:]) != p.oid {
		if r.mirror != nil {
			_ = os.Remove(path)
		}
		return nil, os.ErrNotExist
	}
	if r.mirror != nil {
		now := time.Now()
		_ = os.Chtimes(path, now, now) // what is used stays
	}
	return b, nil
}

// emptyOID is the digest of nothing, which is never asked for.
const emptyOID = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// largeFile is where a file of LFS is: in the mirror, or where git-lfs keeps those of a checkout. Empty for nowhere.
func (r *Repository) largeFile(p pointer) string {
	switch {
	case r.mirror != nil:
		return filepath.Join(r.mirror.dir, lfsDir, p.oid[:2], p.oid)
	case r.lfs != "":
		return filepath.Join(r.lfs, p.oid[:2], p.oid[2:4], p.oid)
	}
	return ""
}

// bringLarge downloads a file of LFS, once for all who want it at the same time.
func (m *Mirror) bringLarge(ctx context.Context, auth Auth, p pointer) error {
	m.mu.Lock()
	d, theirs := m.downloads[p.oid]
	if !theirs {
		d = &download{done: make(chan struct{})}
		m.downloads[p.oid] = d
	}
	m.mu.Unlock()
	if theirs {
		select {
		case <-d.done:
			return d.err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	d.err = m.downloadLarge(ctx, auth, p)
	m.mu.Lock()
	delete(m.downloads, p.oid)
	m.mu.Unlock()
	close(d.done)
	return d.err
}

func (m *Mirror) downloadLarge(ctx context.Context, auth Auth, p pointer) error {
	if _, err := m.prepare(ctx); err != nil {
		return err
	}
	s, err := m.lfsServer(ctx, auth)
	if err != nil {
		return err
	}
	defer s.close()
	body, err := s.object(ctx, p)
	if err != nil {
		return err
	}
	defer body.Close()
	return m.keepLarge(body, p)
}

// keepLarge writes a download beside its place while it is verified, and then moves it there.
func (m *Mirror) keepLarge(body io.Reader, p pointer) error {
	dir := filepath.Join(m.dir, lfsDir, p.oid[:2])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, "new-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(tmp, sum), io.LimitReader(body, p.size+1))
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if n != p.size || !bytes.Equal(sum.Sum(nil), unhex(p.oid)) {
		return fmt.Errorf("%w: what the server sent is not what the pointer says", ErrRefused)
	}
	return os.Rename(tmp.Name(), filepath.Join(dir, p.oid))
}

// unhex is the bytes of digits that are known to be hex.
func unhex(digits string) []byte {
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil
	}
	return b
}
