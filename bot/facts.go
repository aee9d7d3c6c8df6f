package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/slipway-cd/slipway/bot/command"
	"github.com/slipway-cd/slipway/bot/policy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

// facts gathers what the rules of an environment ask about, and no more: each costs calls. Reviews and locks are the same for all
// environments, and left to the caller.
func (v *visit) facts(ctx context.Context, o order, in *intent, environment string) (policy.Input, error) {
	rules := in.ground.policy.Named(environment)
	f := policy.Input{
		Command: o.cmd, User: o.user, Permission: o.permission, PullRequest: v.pull, Trusted: v.res.Status.Trusted, Environment: rules,
		Fault: in.ground.fault, Report: in.reviewed(o, environment), Freezes: in.ground.policy.Freezes, Overrules: in.ground.policy.Overrules, Now: v.Now(),
	}
	f.Report.Blocked = v.blocked(in, environment)
	var err error
	if f.Teams, err = v.teams(ctx, o.user, in.ground.policy.Teams(environment)); err != nil {
		return f, err
	}
	if f.Grants, err = v.grants(ctx, o.user, right(o.cmd), in.of(environment)); err != nil {
		return f, err
	}
	if f.Elsewhere, err = v.elsewhere(ctx, in, environment); err != nil {
		return f, err
	}
	if o.cmd.Verb != command.Sync { // the rest is about what a head brings
		return f, nil
	}
	if len(rules.Requires.Checks) > 0 || rules.Requires.AllChecks {
		f.Checks, err = v.forge.OtherChecks(ctx, v.repo, v.pull.Head.SHA)
		if errors.Is(err, forge.ErrForbidden) {
			f.ChecksUnread, err = "the App is given the permissions checks: read and statuses: read", nil
		}
		if err != nil {
			return f, fmt.Errorf("reading the checks of the head: %w", err)
		}
	}
	if rules.Requires.UpToDate && v.pull.State == forge.Open {
		if f.UpToDate, err = in.ground.mirror.Pulls().Contains(ctx, in.ground.base.Commit(), git.Hash(v.pull.Head.SHA)); err != nil {
			return f, fmt.Errorf("comparing the head with its base: %w", err)
		}
	}
	if rules.Requires.CodeOwners {
		if f.Owners, err = v.ownership(ctx, in.ground); err != nil {
			return f, err
		}
	}
	f.Earlier, err = v.earlier(ctx, o, in, rules.Requires.After)
	return f, err
}

// of are the applications of an environment.
func (in *intent) of(environment string) []*argo.Application {
	var apps []*argo.Application
	for _, a := range in.apps {
		if a.environment == environment {
			apps = append(apps, a.app)
		}
	}
	return apps
}

// blocked are the guards that stand in the way of an intent by the report, as far as nobody has overridden them since.
func (v *visit) blocked(in *intent, environment string) []policy.Blocked {
	var all []policy.Blocked
	for _, a := range in.apps {
		if a.environment != environment {
			continue
		}
		for _, name := range a.reported.Blocked {
			if v.res.Status.Overridden(name, environment, v.pull.Head.SHA) == nil {
				all = append(all, policy.Blocked{Guard: name, Application: a.app.Name})
			}
		}
	}
	return all
}

// earlier looks at what the pull request changes in the environments that must come first. The same is deployed there if the commit that
// was synced last renders to what a sync would apply now, whatever else moved since.
func (v *visit) earlier(ctx context.Context, o order, in *intent, first []string) ([]policy.Earlier, error) {
	if len(first) == 0 || in.ground.merged == nil {
		return nil, nil
	}
	all, err := v.reachable(ctx, o.bound, in.ground.policy)
	if err != nil {
		return nil, err
	}
	var found []policy.Earlier
	for _, r := range all {
		if !slices.Contains(first, r.environment) {
			continue
		}
		want, err := v.target(ctx, in.ground, r.app)
		if err != nil {
			return nil, err
		}
		e := policy.Earlier{Environment: r.environment, Application: r.app.Name, Health: string(r.app.Status.Health.Status)}
		if e.Same, err = v.runs(ctx, in.ground, r.app, want); err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, nil
}

// target renders an application as it would be applied.
func (v *visit) target(ctx context.Context, g *ground, app *argo.Application) (change.Target, error) {
	t, err := v.Pipeline.Target(ctx, change.TargetRequest{
		App: app, Trusted: v.own(), Seed: v.Seed,
		Own: func(repoURL, revision string) *git.Tree {
			if v.follows(argo.ApplicationSource{RepoURL: repoURL, TargetRevision: revision}) {
				return g.merged
			}
			return nil
		},
		Tree: func(_ int, s argo.ApplicationSource) *git.Tree {
			if v.follows(s) {
				return g.merged
			}
			return nil
		},
	})
	if err != nil {
		return change.Target{}, fmt.Errorf("rendering %s/%s: %w", app.Namespace, app.Name, err)
	}
	return t, nil
}

// runs says whether the last whole sync of an application applied what is wanted. One that failed since may have changed anything.
func (v *visit) runs(ctx context.Context, g *ground, app *argo.Application, want change.Target) (bool, error) {
	if want.Fault != nil || len(app.Status.History) == 0 || unsettled(app.Status.OperationState) {
		return false, nil
	}
	last := app.Status.History[len(app.Status.History)-1]
	revisions := nonEmpty(last.Revision, last.Revisions)
	if slices.Equal(revisions, want.Revisions) {
		return true, nil
	}
	have, err := v.Pipeline.Target(ctx, change.TargetRequest{
		App: app, Revisions: revisions, Trusted: true, Seed: v.Seed,
		Tree: func(i int, s argo.ApplicationSource) *git.Tree { return v.synced(ctx, g, s, revisions, i) },
	})
	if errors.Is(err, git.ErrUnknownRevision) {
		return false, nil // it is gone from the repository
	}
	if err != nil {
		return false, fmt.Errorf("rendering %s/%s as it was synced: %w", app.Namespace, app.Name, err)
	}
	return have.Fault == nil && have.Digest == want.Digest, nil
}

// synced is the tree of a source that was synced before a merge: its commit is one of ours, and no branch has it.
func (v *visit) synced(ctx context.Context, g *ground, s argo.ApplicationSource, revisions []string, i int) *git.Tree {
	if i >= len(revisions) || !v.follows(s) {
		return nil
	}
	tree, err := g.mirror.Pulls().Tree(ctx, git.Hash(revisions[i]))
	if err != nil {
		return nil // then it is looked for where others' commits are
	}
	return tree
}

// unsettled says whether an operation runs, or has ended badly. A dry run changed nothing.
func unsettled(o *argo.OperationState) bool {
	dry := o != nil && o.Operation.Sync != nil && o.Operation.Sync.DryRun
	return o != nil && !dry && o.Phase != argo.OperationSucceeded
}

// teams are those of the wanted teams that a user is in; nil where the forge does not tell.
func (v *visit) teams(ctx context.Context, user forge.User, wanted []string) ([]string, error) {
	members, ok := v.forge.(Members)
	if !ok || len(wanted) == 0 {
		return nil, nil
	}
	teams, err := members.Teams(ctx, v.repo, user, wanted)
	if errors.Is(err, forge.ErrForbidden) {
		v.log.Warn("teams cannot be read: the App needs the permission members: read", "error", err)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the teams of %s: %w", user.Login, err)
	}
	return append([]string{}, teams...), nil
}
