package git

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Reversion says what is to be undone, and where.
type Reversion struct {
	// Tip is the commit on which it is undone. What came from Before to After is taken out of it; it must contain After.
	Tip, Before, After Hash
	// Message of the commit, and when it is said to have been made: the same request makes the same commit.
	Message string
	At      time.Time
}

// Revert undoes what came between two commits, and writes that as a commit on top of a third. Conflicts are a value. Where nothing is left to
// undo, the commit is the tip. Only the second store of a mirror, or a checkout's scratch store, can be written to.
func (r *Repository) Revert(ctx context.Context, v Reversion) (Merge, error) {
	if !r.writable {
		return Merge{}, fmt.Errorf("reverting %s: %w: this store is only read", v.After, ErrRefused)
	}
	tip, err := r.Commit(ctx, v.Tip)
	if err != nil {
		return Merge{}, err
	}
	before, err := r.Commit(ctx, v.Before)
	if err != nil {
		return Merge{}, err
	}
	// As if somebody had restored, on top of After, what was there before: merging that undoes it, whatever came since.
	restored, err := r.write(ctx, before.Tree, v.After, "Restore "+string(v.Before)+"\n", mergeIdentity)
	if err != nil {
		return Merge{}, fmt.Errorf("reverting %s: %w", v.After, err)
	}
	merged, err := r.Merge(ctx, v.Tip, restored)
	if err != nil || len(merged.Conflicts) > 0 {
		return merged, err
	}
	if merged.Tree == tip.Tree {
		return Merge{Commit: v.Tip, Tree: tip.Tree}, nil
	}
	if merged.Commit, err = r.write(ctx, merged.Tree, v.Tip, v.Message, identity(v.At)); err != nil {
		return Merge{}, fmt.Errorf("reverting %s: %w", v.After, err)
	}
	return merged, nil
}

// write makes a commit of a tree on top of another.
func (r *Repository) write(ctx context.Context, tree, parent Hash, message string, env []string) (Hash, error) {
	line, err := r.objects.store.line(ctx, command{dir: r.objects.dir, env: env, stdin: []byte(message),
		args: []string{"commit-tree", string(tree), "-p", string(parent), "-F", "-"}})
	if err != nil {
		return "", fmt.Errorf("committing: %w", err)
	}
	if !Hash(line).IsFull() {
		return "", fmt.Errorf("committing: git commit-tree answered %.80q", line)
	}
	return Hash(line), nil
}

// identity is who commits for people to see, at a time.
func identity(at time.Time) []string {
	date := "@" + strconv.FormatInt(max(at.Unix(), 0), 10) + " +0000"
	var env []string
	for _, v := range mergeIdentity {
		key, _, _ := strings.Cut(v, "=")
		if strings.HasSuffix(key, "_DATE") {
			v = key + "=" + date
		}
		env = append(env, v)
	}
	return env
}

// Push makes a branch of the remote point to a commit of the second store. It is for branches of our own: what the branch pointed to before is
// not looked at.
func (m *Mirror) Push(ctx context.Context, auth Auth, h Hash, branch string) error {
	if m.err != nil {
		return m.err
	}
	if !validRef("refs/heads/" + branch) {
		return fmt.Errorf("pushing %q: %w: not the name of a branch", branch, ErrRefused)
	}
	if !m.pulls.Has(ctx, h) {
		return fmt.Errorf("pushing %s: %w", h, ErrUnknownRevision)
	}
	c := command{dir: m.pullsDir()}
	to := m.address(&c)
	c.args = []string{"push", "--quiet", "--no-verify", "--no-recurse-submodules", "--", to, "+" + string(h) + ":refs/heads/" + branch}
	if err := m.connect(ctx, auth, c); err != nil {
		return fmt.Errorf("pushing to %s: %w", branch, err)
	}
	return nil
}
