package bot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// ground is what a decision stands on: the tip of the base branch with its policy, and what merging the head into it gives.
type ground struct {
	mirror *git.Mirror
	base   *git.Tree
	// merged is nil when there are conflicts, or when the head is not to be touched. After the merge it is base.
	merged    *git.Tree
	conflicts []string
	whole     bool // the merge has been looked at as well
	policy    policy.Policy
	fault     *object.Fault // what is wrong with the policy file
	proposed  *object.Fault // what is wrong with it as the head would have it
}

// stand fetches the ground whole, once a look.
func (v *visit) stand(ctx context.Context) (*ground, error) {
	g, err := v.footing(ctx)
	if err != nil || g.whole {
		return g, err
	}
	if v.pull.State == forge.Open && v.res.Status.Trusted {
		if err := v.merge(ctx, g, g.base.Commit()); err != nil {
			return nil, err
		}
	}
	g.whole = true
	return g, nil
}

// footing fetches the base branch alone, which pull requests that are looked at together share.
func (v *visit) footing(ctx context.Context) (*ground, error) {
	if v.ground != nil {
		return v.ground, nil
	}
	g := &ground{mirror: v.Mirrors.Mirror(v.repo.CloneURL)}
	found := v.memory.findTip(branchKey(v.repo, v.pull.Base.Name))
	if err := g.mirror.Fetch(ctx, v.auth); err != nil {
		return nil, fmt.Errorf("fetching the base branch: %w", err)
	}
	tip, err := g.mirror.Repository().Resolve(ctx, "refs/heads/"+v.pull.Base.Name)
	if err != nil {
		return nil, fmt.Errorf("finding the base branch: %w", err)
	}
	found(string(tip))
	if g.base, err = g.mirror.Repository().Tree(ctx, tip); err != nil {
		return nil, fmt.Errorf("opening the base: %w", err)
	}
	if g.policy, g.fault, err = readPolicy(g.base); err != nil {
		return nil, err
	}
	if v.pull.State == forge.Merged {
		g.merged = g.base
	}
	v.ground = g
	return g, nil
}

// auth are the credentials of the pull request's repository.
func (v *visit) auth(ctx context.Context) (git.Credential, error) {
	return credentials(v.forge, v.repo)(ctx)
}

// credentials for a repository are narrow and short-lived, asked for when git asks.
func credentials(f forge.Contents, r forge.Repository) func(context.Context) (git.Credential, error) {
	return func(ctx context.Context) (git.Credential, error) {
		c, err := f.Credentials(ctx, r)
		if err != nil {
			return git.Credential{}, fmt.Errorf("credentials for %s: %w", r.FullName(), err)
		}
		return git.Credential{Username: c.Username, Password: c.Password}, nil
	}
}

// readPolicy reads .slipway.yaml. Only ever from the base: a head grants itself nothing.
func readPolicy(base *git.Tree) (policy.Policy, *object.Fault, error) {
	content, err := base.ReadFile(policy.File)
	if errors.Is(err, fs.ErrNotExist) {
		return policy.Policy{}, nil, nil
	}
	if err != nil {
		return policy.Policy{}, nil, fmt.Errorf("reading the policy: %w", err)
	}
	p, fault := policy.Decode(content)
	return p, fault, nil
}

// merge fills in the merged tree: the forge's own test merge where it is of this base and head, else one of ours.
func (v *visit) merge(ctx context.Context, g *ground, tip git.Hash) error {
	head := git.Hash(v.pull.Head.SHA)
	pulls := g.mirror.Pulls()
	if err := v.fetchHead(ctx, g.mirror, head); err != nil {
		return err
	}
	merged := git.Hash(v.pull.TestMerge)
	if !v.tested(ctx, g.mirror, tip, head) {
		outcome, err := pulls.Merge(ctx, tip, head)
		if err != nil {
			return fmt.Errorf("merging the head: %w", err)
		}
		if g.conflicts = outcome.Conflicts; len(g.conflicts) > 0 {
			g.merged = nil
			return nil
		}
		merged = outcome.Commit
	}
	tree, err := pulls.Tree(ctx, merged)
	if err != nil {
		return fmt.Errorf("opening the merged tree: %w", err)
	}
	g.merged = tree
	// Only to say what is wrong with it: it decides nothing before it is in the base.
	if _, g.proposed, err = readPolicy(tree); err != nil {
		return err
	}
	if g.proposed != nil && g.fault != nil && *g.proposed == *g.fault {
		g.proposed = nil // it is the base's, and told of as that
	}
	return nil
}

// fetchHead brings the head, and the forge's test merge with it where there is one. Of what is there, the remote is not asked again: a head in
// this repository came with its branch.
func (v *visit) fetchHead(ctx context.Context, m *git.Mirror, head git.Hash) error {
	if m.Pulls().Has(ctx, head) && (v.pull.TestMerge == "" || m.Pulls().Has(ctx, git.Hash(v.pull.TestMerge))) {
		return nil
	}
	refs := []string{v.forge.HeadRef(v.pull.Number)}
	if v.pull.TestMerge != "" {
		refs = append(refs, v.forge.MergeRef(v.pull.Number))
	}
	err := m.FetchPulls(ctx, v.auth, refs...)
	if errors.Is(err, git.ErrUnknownRevision) && len(refs) > 1 {
		err = m.FetchPulls(ctx, v.auth, refs[0]) // the test merge went away meanwhile
	}
	if err != nil {
		return fmt.Errorf("fetching the head: %w", err)
	}
	if !m.Pulls().Has(ctx, head) {
		// The ref is behind, or ahead, of what the forge's API says.
		if err := m.FetchPulls(ctx, v.auth, string(head)); err != nil {
			return fmt.Errorf("fetching the head: %w", err)
		}
	}
	return nil
}

// tested says whether the forge's test merge is one of this base and head.
func (v *visit) tested(ctx context.Context, m *git.Mirror, tip, head git.Hash) bool {
	if v.pull.TestMerge == "" {
		return false
	}
	parents, err := m.Pulls().Parents(ctx, git.Hash(v.pull.TestMerge))
	return err == nil && slices.Equal(parents, []git.Hash{tip, head})
}

// changed lists the paths that differ between two trees, a renamed file's both.
func (g *ground) changed(ctx context.Context, base, merged *git.Tree) ([]string, error) {
	changes, err := g.mirror.Pulls().Changed(ctx, base.Commit(), merged.Commit())
	if err != nil {
		return nil, fmt.Errorf("listing the changed files: %w", err)
	}
	var files []string
	for _, c := range changes {
		files = append(files, c.Path)
		if c.Old != "" {
			files = append(files, c.Old)
		}
	}
	sort.Strings(files)
	return slices.Compact(files), nil
}
