package git

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Merge is the outcome of merging one commit into another.
type Merge struct {
	Commit    Hash     // empty when there are conflicts
	Tree      Hash     // empty when there are conflicts
	Conflicts []string // the paths in conflict, in order
}

// Authorship of computed merges is fixed, so that every replica makes the same commit of the same parents.
var mergeIdentity = []string{
	"GIT_AUTHOR_NAME=Slipway", "GIT_AUTHOR_EMAIL=slipway@localhost", "GIT_AUTHOR_DATE=946684800 +0000",
	"GIT_COMMITTER_NAME=Slipway", "GIT_COMMITTER_EMAIL=slipway@localhost", "GIT_COMMITTER_DATE=946684800 +0000",
}

// Merge computes what merging head into base would give, and writes it as a commit with the parents base and head. Conflicts
// are a value. Only the second store of a mirror, or a checkout's scratch store, can be written to.
func (r *Repository) Merge(ctx context.Context, base, head Hash) (Merge, error) {
	if !r.writable {
		return Merge{}, fmt.Errorf("merging %s into %s: %w: this store is only read", head, base, ErrRefused)
	}
	for _, h := range []Hash{base, head} {
		if _, err := r.Commit(ctx, h); err != nil {
			return Merge{}, err
		}
	}
	out, err := r.mergeTree(ctx, base, head)
	var f *failure
	if errors.As(err, &f) && strings.Contains(f.stderr, "unrelated histories") {
		return Merge{}, fmt.Errorf("merging %s into %s: %w", head, base, ErrUnrelated)
	}
	if err != nil && (!errors.As(err, &f) || f.code != 1) {
		return Merge{}, fmt.Errorf("merging %s into %s: %w", head, base, err)
	}
	parts := strings.Split(strings.TrimRight(string(out), "\x00\n"), "\x00")
	tree := Hash(strings.TrimSpace(parts[0]))
	if !tree.IsFull() {
		return Merge{}, fmt.Errorf("merging %s into %s: git merge-tree answered %.80q", head, base, out)
	}
	if f != nil {
		return Merge{Conflicts: parts[1:]}, nil
	}
	commit, err := r.objects.store.line(ctx, command{dir: r.objects.dir, env: mergeIdentity,
		stdin: []byte("Merge " + string(head) + " into " + string(base) + "\n"),
		args:  []string{"commit-tree", string(tree), "-p", string(base), "-p", string(head), "-F", "-"}})
	if err != nil {
		return Merge{}, fmt.Errorf("merging %s into %s: committing: %w", head, base, err)
	}
	if !Hash(commit).IsFull() {
		return Merge{}, fmt.Errorf("merging %s into %s: git commit-tree answered %.80q", head, base, commit)
	}
	return Merge{Commit: Hash(commit), Tree: tree}, nil
}

// mergeTree has git merge two commits.
func (r *Repository) mergeTree(ctx context.Context, base, head Hash) (out []byte, err error) {
	merge := func() error {
		out, err = r.objects.store.output(ctx, command{dir: r.objects.dir, args: []string{"merge-tree", "--write-tree", "-z", "--name-only",
			"--no-messages", string(base), string(head)}})
		var f *failure
		if errors.As(err, &f) && f.code == 1 && len(out) > 0 {
			return nil // a conflict
		}
		return err
	}
	if r.mirror == nil || !r.mirror.partial() {
		_ = merge()
		return out, err
	}
	common, baseErr := r.MergeBase(ctx, base, head)
	if baseErr != nil {
		_ = merge()
		return out, err
	}
	if failed := r.whole(ctx, [][2]Hash{{common, base}, {common, head}}, merge); failed != nil {
		return out, failed
	}
	return out, err
}

// ChangeKind says what became of a file.
type ChangeKind string

// The kinds of change.
const (
	Added    ChangeKind = "added"
	Modified ChangeKind = "modified"
	Removed  ChangeKind = "removed"
	Renamed  ChangeKind = "renamed"
)

// FileChange is one file that two commits do not have in common.
type FileChange struct {
	Path string
	Old  string // the path before, of a renamed file
	Kind ChangeKind
}

// Changed lists the files in which b differs from a, by path, with renames found by likeness.
func (r *Repository) Changed(ctx context.Context, a, b Hash) ([]FileChange, error) {
	for _, h := range []Hash{a, b} {
		if _, err := r.Commit(ctx, h); err != nil {
			return nil, err
		}
	}
	var out []byte
	err := r.whole(ctx, [][2]Hash{{a, b}}, func() (err error) {
		out, err = r.objects.store.output(ctx, command{dir: r.objects.dir, args: []string{"diff-tree", "-r", "-z", "-M", "--name-status",
			"--no-commit-id", "--no-ext-diff", "--no-textconv", string(a), string(b)}})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("comparing %s and %s: %w", a, b, err)
	}
	return parseStatus(string(out))
}

// parseStatus reads "M\0path\0", "R087\0old\0new\0".
func parseStatus(out string) ([]FileChange, error) {
	var changes []FileChange
	fields := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	if out == "" {
		return nil, nil
	}
	for i := 0; i < len(fields); i++ {
		status := fields[i]
		need := 1
		if strings.HasPrefix(status, "R") || strings.HasPrefix(status, "C") {
			need = 2
		}
		if status == "" || i+need >= len(fields) {
			return nil, fmt.Errorf("git diff-tree answered %.80q", out)
		}
		c := FileChange{Path: fields[i+need]}
		switch status[0] {
		case 'A', 'C':
			c.Kind = Added
		case 'D':
			c.Kind = Removed
		case 'R':
			c.Kind, c.Old = Renamed, fields[i+1]
		case 'M', 'T':
			c.Kind = Modified
		default:
			return nil, fmt.Errorf("git diff-tree answered status %.10q", status)
		}
		changes = append(changes, c)
		i += need
	}
	return changes, nil
}
