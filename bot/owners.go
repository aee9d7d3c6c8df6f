package bot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/slipway-cd/slipway/bot/policy"
	"github.com/slipway-cd/slipway/forge"
)

// ownership finds out who owns what the pull request changes, once a look: by the CODEOWNERS of the base branch, never the head's.
func (v *visit) ownership(ctx context.Context, g *ground) (policy.Ownership, error) {
	if v.owned != nil {
		return *v.owned, nil
	}
	found, err := v.findOwners(ctx, g)
	if err == nil {
		v.owned = &found
	}
	return found, err
}

func (v *visit) findOwners(ctx context.Context, g *ground) (policy.Ownership, error) {
	var o policy.Ownership
	for _, name := range policy.OwnersFiles(v.repo.Forge == forge.GitLab) {
		content, err := g.base.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return o, fmt.Errorf("reading %s: %w", name, err)
		}
		o.File = name
		owners, ok := policy.ParseCodeOwners(content)
		if !ok {
			o.Unread = name + " is too large"
			return o, nil
		}
		files, err := v.files(ctx, g)
		if err != nil {
			return o, err
		}
		o.Changed = owners.Owning(files)
		return o, nil
	}
	return o, nil
}

// files are the paths that the pull request changes, or changed when it was merged.
func (v *visit) files(ctx context.Context, g *ground) ([]string, error) {
	if v.pull.State == forge.Merged {
		r := v.res.Status.CurrentReport()
		base, merged, err := v.mergedTrees(ctx, g, r != nil && r.Base != "" && r.Head == v.pull.Head.SHA)
		if err != nil {
			return nil, err
		}
		return g.changed(ctx, base, merged)
	}
	if g.merged == nil {
		return nil, nil // a conflict, or a head that is not to be touched: other gates are closed
	}
	return g.changed(ctx, g.base, g.merged)
}

// reviewerTeams are the teams of those who approved, as far as the rules of an environment ask: by the ID of the account.
func (v *visit) reviewerTeams(ctx context.Context, seen verdicts, wanted []string) (map[int64][]string, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	in := map[int64][]string{}
	for _, r := range seen.reviews {
		if _, known := in[r.User.ID]; known || r.State != forge.Approved || r.User.ID == 0 {
			continue
		}
		teams, err := v.teams(ctx, r.User, wanted)
		if err != nil {
			return nil, err
		}
		in[r.User.ID] = teams
	}
	return in, nil
}
