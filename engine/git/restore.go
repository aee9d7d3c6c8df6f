package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Restoration says which files are to be brought back to what they were.
type Restoration struct {
	// Tip is the commit on which they are brought back to what they are in From.
	Tip, From Hash
	// Paths of files; what is in neither commit, or the same in both, is passed over.
	Paths []string
	// Message of the commit, and when it is said to have been made: the same request makes the same commit.
	Message string
	At      time.Time
}

// Restore makes files what they are in another commit, those that are not there included, and writes that as a commit on top of Tip. Where
// nothing differs, the commit is the tip. Only the second store of a mirror, or a checkout's scratch store, can be written to.
func (r *Repository) Restore(ctx context.Context, v Restoration) (Merge, error) {
	if !r.writable {
		return Merge{}, fmt.Errorf("restoring from %s: %w: this store is only read", v.From, ErrRefused)
	}
	tip, err := r.Commit(ctx, v.Tip)
	if err != nil {
		return Merge{}, err
	}
	if _, err := r.Commit(ctx, v.From); err != nil {
		return Merge{}, err
	}
	entries, err := r.differences(ctx, v)
	if err != nil {
		return Merge{}, fmt.Errorf("restoring from %s: %w", v.From, err)
	}
	if len(entries) == 0 {
		return Merge{Commit: v.Tip, Tree: tip.Tree}, nil
	}
	made := Merge{}
	if made.Tree, err = r.replaced(ctx, v.Tip, entries); err != nil {
		return Merge{}, fmt.Errorf("restoring from %s: %w", v.From, err)
	}
	if made.Commit, err = r.write(ctx, made.Tree, v.Tip, v.Message, identity(v.At)); err != nil {
		return Merge{}, fmt.Errorf("restoring from %s: %w", v.From, err)
	}
	return made, nil
}

// differences are the lines for git update-index that make the wanted files what they are in From: removals first, as a folder may have come
// where a file was.
func (r *Repository) differences(ctx context.Context, v Restoration) ([]byte, error) {
	out, err := r.objects.store.output(ctx, command{dir: r.objects.dir, args: []string{"diff-tree", "-r", "-z", "--raw", "--no-renames",
		"--no-abbrev", "--no-commit-id", string(v.Tip), string(v.From)}})
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, p := range v.Paths {
		wanted[p] = true
	}
	var removed, added bytes.Buffer
	parts := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	for i := 0; i+1 < len(parts); i += 2 {
		fields, path := strings.Fields(strings.TrimPrefix(parts[i], ":")), parts[i+1]
		if len(fields) != 5 {
			return nil, fmt.Errorf("git diff-tree answered %.80q", parts[i])
		}
		if !wanted[path] {
			continue
		}
		to := &added
		if fields[4] == "D" {
			to = &removed
		}
		fmt.Fprintf(to, "%s %s\t%s\x00", strings.Replace(fields[1], "000000", "0", 1), fields[3], path)
	}
	return slices.Concat(removed.Bytes(), added.Bytes()), nil
}

// replaced is the tree of a commit with some entries replaced, by way of an index that is thrown away.
func (r *Repository) replaced(ctx context.Context, tip Hash, entries []byte) (Hash, error) {
	private, err := os.MkdirTemp(r.objects.store.opt.Dir, privatePrefix)
	if err != nil {
		return "", fmt.Errorf("making room for an index: %w", err)
	}
	defer os.RemoveAll(private)
	env := []string{"GIT_INDEX_FILE=" + filepath.Join(private, "index")}
	for _, c := range []command{
		{args: []string{"read-tree", string(tip)}},
		{args: []string{"update-index", "-z", "--replace", "--index-info"}, stdin: entries},
	} {
		c.dir, c.env = r.objects.dir, env
		if _, err := r.objects.store.output(ctx, c); err != nil {
			return "", err
		}
	}
	tree, err := r.objects.store.line(ctx, command{dir: r.objects.dir, env: env, args: []string{"write-tree", "--missing-ok"}})
	if err != nil {
		return "", err
	}
	if !Hash(tree).IsFull() {
		return "", fmt.Errorf("git write-tree answered %.80q", tree)
	}
	return Hash(tree), nil
}
