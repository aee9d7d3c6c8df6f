package git

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// A store is tidied when it has more packs, or in one of its 256 folders more loose objects, than this. Each fetch adds one or
// the other, and each makes reading slower.
const (
	manyPacks = 30
	manyLoose = 16
)

// tidy packs a store whose lock is held. It rolls small packs and loose objects together and never drops an object: those that
// nothing in the first store reaches any more may still be borrowed by the second.
func (m *Mirror) tidy(ctx context.Context, dir string) {
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil {
		return
	}
	loose, err := os.ReadDir(filepath.Join(dir, "objects", "17"))
	if len(packs) <= manyPacks && (err != nil || len(loose) <= manyLoose) {
		return
	}
	c := command{dir: dir, args: []string{"repack", "-d", "-l", "-q", "--geometric=2"}, timeout: m.store.opt.FetchTimeout}
	if m.partial() { // whose packs are of two kinds, which must not be rolled together
		c.config, c.args = promised(), []string{"repack", "-a", "-d", "-l", "-q", "--keep-unreachable"}
	}
	_, err = m.store.output(ctx, c)
	if err != nil {
		// What was fetched is there all the same; the next fetch tries again.
		m.store.opt.Log.Warn("tidying a mirror", "remote", redactURL(m.remote.url()), "error", strings.TrimSpace(err.Error()))
	}
}
