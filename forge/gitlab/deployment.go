package gitlab

import (
	"cmp"
	"context"
	"fmt"

	"github.com/xanzy/go-gitlab"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

// CreateDeployment implements forge.Deployments. GitLab keeps nothing of ours with a deployment, so one that the bot began for the same
// commit and environment and that has not ended stands for d.Key.
func (f *Forge) CreateDeployment(ctx context.Context, r forge.Repository, d forge.Deployment) (int64, error) {
	doing := fmt.Sprintf("creating a deployment of %s to %s in %s", d.SHA, d.Environment, r.FullName())
	made, err := wire.Deed[*gitlab.Deployment]{
		Look: func(ctx context.Context) (*gitlab.Deployment, bool, error) { return f.begun(ctx, r, d) },
		Create: func(ctx context.Context) (*gitlab.Deployment, bool, error) {
			made, _, err := f.api.Deployments.CreateProjectDeployment(int(r.ID), &gitlab.CreateProjectDeploymentOptions{
				Environment: &d.Environment, SHA: &d.SHA, Ref: gitlab.Ptr(cmp.Or(d.Ref, r.DefaultBranch, d.SHA)), Tag: gitlab.Ptr(false),
				Status: gitlab.Ptr(gitlab.DeploymentStatusCreated),
			}, gitlab.WithContext(ctx))
			return made, lost(err), err
		},
	}.Do(ctx)
	if err != nil {
		return 0, refused(doing, err)
	}
	return int64(made.ID), nil
}

// begun finds our deployment that has not ended.
func (f *Forge) begun(ctx context.Context, r forge.Repository, d forge.Deployment) (found *gitlab.Deployment, ok bool, err error) {
	me, err := f.me(ctx)
	if err != nil {
		return nil, false, err
	}
	options := &gitlab.ListProjectDeploymentsOptions{Environment: &d.Environment, OrderBy: gitlab.Ptr("id"), Sort: gitlab.Ptr("desc")}
	err = pages(&options.ListOptions, func() (*gitlab.Response, error) {
		page, resp, err := f.api.Deployments.ListProjectDeployments(int(r.ID), options, gitlab.WithContext(ctx))
		for _, one := range page {
			ours := one.User != nil && int64(one.User.ID) == me && one.SHA == d.SHA
			if found == nil && ours && (one.Status == "created" || one.Status == "running") {
				found = one
				resp.NextPage = 0
			}
		}
		return resp, err
	})
	return found, found != nil, err
}

// SetDeploymentStatus implements forge.Deployments. The description and the link to a log have no place in GitLab's deployments; the address
// is the environment's, which is stopped when it is gone. A state that is there already, or that has ended, stays.
func (f *Forge) SetDeploymentStatus(ctx context.Context, r forge.Repository, deployment int64, s forge.DeploymentStatus) error {
	doing := fmt.Sprintf("setting deployment %d of %s to %s", deployment, r.FullName(), s.State)
	states := map[forge.DeploymentState]gitlab.DeploymentStatusValue{
		forge.DeploymentQueued: gitlab.DeploymentStatusCreated, forge.DeploymentInProgress: gitlab.DeploymentStatusRunning,
		forge.DeploymentSuccess: gitlab.DeploymentStatusSuccess, forge.DeploymentFailure: gitlab.DeploymentStatusFailed,
		forge.DeploymentInactive: gitlab.DeploymentStatusCanceled,
	}
	want, known := states[s.State]
	if !known {
		return fmt.Errorf("%s: %w: no such state", doing, forge.ErrInvalid)
	}
	now, _, err := f.api.Deployments.GetProjectDeployment(int(r.ID), int(deployment), gitlab.WithContext(ctx))
	if err != nil {
		return refused(doing, err)
	}
	if err := f.setEnvironment(ctx, r, now.Environment, s); err != nil {
		return refused(doing, err)
	}
	if now.Status == string(want) {
		return nil
	}
	_, _, err = f.api.Deployments.UpdateProjectDeployment(int(r.ID), int(deployment), &gitlab.UpdateProjectDeploymentOptions{Status: &want}, gitlab.WithContext(ctx))
	if unmoved(err) {
		return nil
	}
	return refused(doing, err)
}

// setEnvironment has an environment say where it is, or that it is no more.
func (f *Forge) setEnvironment(ctx context.Context, r forge.Repository, e *gitlab.Environment, s forge.DeploymentStatus) error {
	switch {
	case e == nil:
		return nil
	case s.EnvironmentGone && e.State != "stopped":
		_, _, err := f.api.Environments.StopEnvironment(int(r.ID), e.ID, &gitlab.StopEnvironmentOptions{}, gitlab.WithContext(ctx))
		return err
	case s.EnvironmentURL != "" && e.ExternalURL != s.EnvironmentURL:
		_, _, err := f.api.Environments.EditEnvironment(int(r.ID), e.ID, &gitlab.EditEnvironmentOptions{ExternalURL: &s.EnvironmentURL}, gitlab.WithContext(ctx))
		return err
	}
	return nil
}
