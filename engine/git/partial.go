package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A partial mirror has every commit and folder, and of the files' contents only what somebody has read. It is git's partial clone, but
// for one thing: nothing on the disk tells git where the rest is to be had, so that no command of git's fetches anything on its own.
// What a read is short of is fetched here, for whole folders at once, by the rules and with the credentials that hold for any fetch.

// ErrLeftOut says that a partial mirror does not have a file's content and could not get it. What is there can still be read.
var ErrLeftOut = errors.New("the file's content was not fetched yet")

const (
	// partialFile marks a partial mirror.
	partialFile = "slipway-partial"
	// promisor is the name that a partial mirror's remote has in the commands that speak to it.
	promisor = "slipway"
	// maxBring is how many contents are fetched at once for a folder, and maxMergeBring for a merge or a comparison.
	maxBring      = 2000
	maxMergeBring = 20_000
)

func (m *Mirror) partial() bool {
	_, err := os.Stat(filepath.Join(m.dir, partialFile))
	return err == nil
}

// promised is the configuration by which git takes it well that contents are missing. It names no address.
func promised() []setting {
	return []setting{{"remote." + promisor + ".promisor", "true"}, {"remote." + promisor + ".partialCloneFilter", "blob:none"}}
}

// from is the remote as git fetch is to be told of it.
func (m *Mirror) from(c *command) (name string) {
	if m.partial() {
		c.args = append(c.args, "--filter=blob:none")
	}
	return m.address(c)
}

// address is how a command names the remote.
func (m *Mirror) address(c *command) (name string) {
	if !m.partial() {
		return m.remote.url()
	}
	c.config = append(append(c.config, setting{"remote." + promisor + ".url", m.remote.url()}), promised()...)
	return promisor
}

// bring fetches contents that one of the stores does not have yet.
func (m *Mirror) bring(ctx context.Context, auth Auth, dir string, ids []Hash) error {
	return m.into(ctx, m.authOr(auth), dir, func() error {
		missing, err := m.missing(dir, ids)
		if err != nil || len(missing) == 0 {
			return err
		}
		var wanted strings.Builder
		for _, id := range missing {
			wanted.WriteString(string(id) + "\n")
		}
		return m.converse(ctx, m.authOr(auth), command{dir: dir, stdin: []byte(wanted.String()), args: []string{"--stdin"},
			config: []setting{{"fetch.negotiationAlgorithm", "noop"}}}, nil)
	})
}

// missing are those of some objects that a store does not have.
func (m *Mirror) missing(dir string, ids []Hash) ([]Hash, error) {
	var out []Hash
	err := m.store.readers.with(dir, func(r *reader) error {
		out = nil
		return r.ask("info", ids, 0, func(f found) error {
			if f.kind == "" {
				out = append(out, f.id)
			}
			return nil
		})
	})
	return out, err
}

// blob yields the content of a file or link. In a partial mirror, what is missing is fetched, with all else that the folder is short of.
func (n node) blob() ([]byte, error) {
	b, err := n.in.objects.blob(n.id)
	if !errors.Is(err, ErrLeftOut) {
		return b, err
	}
	if err := n.in.bringAround(n); err != nil {
		return nil, err
	}
	return n.in.objects.blob(n.id)
}

// bringAround fetches what a file's folder, and those in it, are short of.
func (t *Tree) bringAround(n node) error {
	folder := path.Dir(n.local())
	ids := []Hash{n.id}
	if above, err := t.walk("open", folder, nil); err == nil && above.in == t && above.mode.IsDir() {
		around, err := t.below(above.id, maxBring)
		if err != nil {
			return err
		}
		ids = append(ids, around...)
	}
	return t.bring(ids[:min(len(ids), maxBring)])
}

// local is the node's path in the tree that it is an entry of.
func (n node) local() string {
	if n.top == "." {
		return n.path
	}
	return strings.TrimPrefix(n.path, n.top+"/")
}

// below are the contents of a folder's files and links, and then of those in the folders below, up to about a limit.
func (t *Tree) below(dir Hash, limit int) ([]Hash, error) {
	var ids []Hash
	queue := []Hash{dir}
	for len(queue) > 0 && len(ids) < limit {
		l, err := t.objects.tree(queue[0])
		if err != nil {
			return nil, err
		}
		queue = queue[1:]
		for _, e := range l.entries {
			switch {
			case e.sub:
			case e.mode.IsDir():
				queue = append(queue, e.id)
			default:
				ids = append(ids, e.id)
			}
		}
	}
	return ids, nil
}

// bring fetches contents into the store that the tree is read from.
func (t *Tree) bring(ids []Hash) error {
	r := t.source()
	if r == nil || r.mirror == nil {
		return ErrLeftOut
	}
	t.reach.mu.Lock()
	err := t.reach.short
	t.reach.mu.Unlock()
	if err != nil {
		return err
	}
	slices.Sort(ids)
	err = t.reach.within(r.objects.store.opt.FetchTimeout, func(ctx context.Context) error {
		return r.mirror.bring(ctx, t.reach.access().Auth, t.objects.dir, slices.Compact(ids))
	})
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w, and cannot be fetched now: %w", ErrLeftOut, err)
	t.reach.mu.Lock()
	defer t.reach.mu.Unlock()
	t.reach.short = err
	return err
}

// whole has do work over the contents that commits differ in, which a partial mirror may be short of: when it fails for want of some,
// they are fetched, and it is tried again.
func (r *Repository) whole(ctx context.Context, pairs [][2]Hash, do func() error) error {
	err := do()
	if err == nil || r.mirror == nil || !r.mirror.partial() {
		return err
	}
	var ids []Hash
	for _, pair := range pairs {
		more, listErr := r.differing(ctx, pair[0], pair[1])
		if listErr != nil {
			return errors.Join(err, listErr)
		}
		ids = append(ids, more...)
	}
	if len(ids) == 0 || len(ids) > maxMergeBring {
		return err
	}
	slices.Sort(ids)
	if bringErr := r.mirror.bring(ctx, r.access(ctx).Auth, r.objects.dir, slices.Compact(ids)); bringErr != nil {
		return fmt.Errorf("%w, and cannot be fetched now: %w", ErrLeftOut, bringErr)
	}
	return do()
}

// differing are the contents, old and new, of the files that two commits do not have in common.
func (r *Repository) differing(ctx context.Context, a, b Hash) ([]Hash, error) {
	out, err := r.objects.store.output(ctx, command{dir: r.objects.dir, args: []string{"diff-tree", "-r", "-z", "--raw", "--no-renames",
		"--no-abbrev", "--no-commit-id", string(a), string(b)}})
	if err != nil {
		return nil, fmt.Errorf("comparing %s and %s: %w", a, b, err)
	}
	return parseRaw(string(out)), nil
}

// parseRaw reads the ids of files and links in ":100644 100755 <id> <id> M\0path\0".
func parseRaw(out string) []Hash {
	var ids []Hash
	for field := range strings.SplitSeq(out, "\x00") {
		parts := strings.Split(strings.TrimPrefix(field, ":"), " ")
		if !strings.HasPrefix(field, ":") || len(parts) != 5 {
			continue
		}
		for i, mode := range parts[:2] {
			if id := Hash(parts[i+2]); mode != "160000" && mode != "000000" && id.IsFull() {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// keepPartial copies what a commit reaches, and the first store does not have, out of the second. Git's own way would want every
// content that the second store is short of; here those come that make the difference to what branches and tags reach.
func (m *Mirror) keepPartial(ctx context.Context, name string, h Hash) error {
	tips, err := m.store.output(ctx, command{dir: m.firstDir(), args: []string{"for-each-ref", "--format=^%(objectname)"}})
	if err != nil {
		return err
	}
	listed := []string{"rev-list", "--objects", "--no-object-names", "--missing=allow-any", "--stdin"}
	stdin := append(tips, []byte(string(h)+"\n")...)
	ids, err := m.store.output(ctx, command{dir: m.pullsDir(), args: listed, stdin: stdin})
	if err != nil {
		return err
	}
	pack, err := m.store.output(ctx, command{dir: m.pullsDir(), args: []string{"pack-objects", "-q", "--stdout"}, stdin: ids})
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(ids)) > 0 {
		_, err = m.store.output(ctx, command{dir: m.firstDir(), args: []string{"index-pack", "--stdin", "--promisor=kept"}, stdin: pack})
		if err != nil {
			return err
		}
	}
	_, err = m.store.output(ctx, command{dir: m.firstDir(), args: []string{"update-ref", keepPrefix + name, string(h)}})
	return err
}

// bringForKeep fetches what a commit has that the one below it does not: perhaps nobody will have it later.
func (m *Mirror) bringForKeep(ctx context.Context, h Hash) error {
	below, err := m.first.below(ctx, m.pulls, h)
	if err != nil || below == "" || below == h {
		return err
	}
	ids, err := m.pulls.differing(ctx, below, h)
	if err != nil || len(ids) == 0 || len(ids) > maxMergeBring {
		return err
	}
	slices.Sort(ids)
	return m.bring(ctx, m.pulls.access(ctx).Auth, m.pullsDir(), slices.Compact(ids))
}
