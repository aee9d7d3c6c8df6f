package bot

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// elsewhere are the applications of an environment, among those of a command, that Argo CD syncs by itself.
func (v *visit) elsewhere(ctx context.Context, in *intent, environment string) ([]string, error) {
	var names []string
	for _, a := range in.apps {
		if a.environment != environment || !a.app.Spec.SyncPolicy.IsAutomated() {
			continue
		}
		beside, err := v.isBeside(ctx, a)
		if err != nil {
			return nil, err
		}
		if beside {
			names = append(names, a.app.Name)
		}
	}
	return names, nil
}

func (v *visit) isBeside(ctx context.Context, a aim) (bool, error) {
	if v.Beside == nil {
		return false, nil
	}
	beside, err := v.Beside(ctx, a.app)
	if err != nil {
		return false, fmt.Errorf("finding out which engine syncs %s: %w", a.name(), err)
	}
	return beside, nil
}

// reached is the commit of an open pull request's merge that Argo CD can deploy: it fetches from the forge, which knows its own test merge
// and the head, and nothing of a merge that we made. Empty when the forge has none with what is to be deployed.
func (v *visit) reached(ctx context.Context, g *ground) (git.Hash, error) {
	base, head := g.base.Commit(), git.Hash(v.pull.Head.SHA)
	if v.tested(ctx, g.mirror, base, head) {
		return git.Hash(v.pull.TestMerge), nil
	}
	current, err := g.mirror.Pulls().Contains(ctx, base, head)
	if err != nil {
		return "", fmt.Errorf("comparing the head with its base: %w", err)
	}
	if current {
		return head, nil
	}
	return "", nil
}

// untried is why a sync that Argo CD would carry out before the merge has nothing that it could fetch.
const untried = "The forge has no merge of this head with its base yet that Argo CD could fetch. Comment again in a moment, or bring the head up to date with its base."

// fetched makes sure that what a command would deploy before the merge can be had where it is carried out.
func (v *visit) fetched(ctx context.Context, in *intent) error {
	if v.pull.State != forge.Open || in.ground.merged == nil {
		return nil
	}
	for _, a := range in.apps {
		beside, err := v.isBeside(ctx, a)
		if err != nil {
			return err
		}
		if !beside {
			continue
		}
		reached, err := v.reached(ctx, in.ground)
		if err != nil {
			return err
		}
		if reached == "" {
			in.refusal, in.apps = untried, nil
			return nil
		}
		in.revision = reached
	}
	for i, a := range in.apps {
		in.apps[i].revisions = slices.Clone(a.revisions)
		for j, r := range a.revisions {
			if r == string(in.ground.merged.Commit()) {
				in.apps[i].revisions[j] = string(in.revision)
			}
		}
	}
	return nil
}
