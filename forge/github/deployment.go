package github

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/go-github/v60/github"

	"github.com/slipway-cd/slipway/forge"
	"github.com/slipway-cd/slipway/forge/wire"
)

const (
	task             = "deploy"
	descriptionLimit = 140
)

// payload is what we keep with a deployment.
type payload struct {
	Key string `json:"slipway"`
}

// CreateDeployment implements forge.Deployments. It never merges the base branch into the commit nor waits for statuses, as GitHub
// otherwise would: the bot has decided already.
func (f *Forge) CreateDeployment(ctx context.Context, r forge.Repository, d forge.Deployment) (int64, error) {
	doing := fmt.Sprintf("creating a deployment of %s to %s in %s", d.SHA, d.Environment, r.FullName())
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return 0, refused(doing, err)
	}
	made, err := wire.Deed[*github.Deployment]{
		Look: func(ctx context.Context) (*github.Deployment, bool, error) { return findDeployment(ctx, c, r, d) },
		Create: func(ctx context.Context) (*github.Deployment, bool, error) {
			made, _, err := c.Repositories.CreateDeployment(ctx, r.Owner, r.Name, deploymentRequest(d))
			return made, lost(err), err
		},
	}.Do(ctx)
	return made.GetID(), refused(doing, err)
}

func deploymentRequest(d forge.Deployment) *github.DeploymentRequest {
	return &github.DeploymentRequest{
		Ref: &d.SHA, Task: github.String(task), Environment: &d.Environment,
		AutoMerge: github.Bool(false), RequiredContexts: &[]string{},
		Payload: payload{Key: d.Key}, Description: github.String(short(d.Description, descriptionLimit)),
		TransientEnvironment: &d.Transient, ProductionEnvironment: &d.Production,
	}
}

// findDeployment looks for the one with d's key among those of its commit and environment.
func findDeployment(ctx context.Context, c *github.Client, r forge.Repository, d forge.Deployment) (found *github.Deployment, ok bool, err error) {
	if d.Key == "" {
		return nil, false, nil
	}
	options := &github.DeploymentsListOptions{SHA: d.SHA, Environment: d.Environment, Task: task}
	err = pages(&options.ListOptions, func() (*github.Response, error) {
		page, resp, err := c.Repositories.ListDeployments(ctx, r.Owner, r.Name, options)
		for _, one := range page {
			if keyOf(one.Payload) == d.Key && one.GetSHA() == d.SHA {
				found = one
			}
		}
		return resp, err
	})
	return found, found != nil, err
}

// keyOf reads a payload, which GitHub gives as an object or, from some clients, as a string that holds one.
func keyOf(raw json.RawMessage) string {
	var inner string
	if json.Unmarshal(raw, &inner) == nil {
		raw = json.RawMessage(inner)
	}
	var p payload
	if json.Unmarshal(raw, &p) != nil {
		return "" // someone else's
	}
	return p.Key
}

// SetDeploymentStatus implements forge.Deployments. A status equal to the newest one is not added again.
func (f *Forge) SetDeploymentStatus(ctx context.Context, r forge.Repository, deployment int64, s forge.DeploymentStatus) error {
	doing := fmt.Sprintf("setting deployment %d of %s to %s", deployment, r.FullName(), s.State)
	c, err := f.reach(ctx, r, report)
	if err != nil {
		return refused(doing, err)
	}
	request := &github.DeploymentStatusRequest{
		State: github.String(string(s.State)), Description: github.String(short(s.Description, descriptionLimit)),
		LogURL: text(s.LogURL), EnvironmentURL: text(s.EnvironmentURL),
	}
	_, err = wire.Deed[*github.DeploymentStatus]{
		Look: func(ctx context.Context) (*github.DeploymentStatus, bool, error) {
			return currentStatus(ctx, c, r, deployment, request)
		},
		Create: func(ctx context.Context) (*github.DeploymentStatus, bool, error) {
			made, _, err := c.Repositories.CreateDeploymentStatus(ctx, r.Owner, r.Name, deployment, request)
			return made, lost(err), err
		},
	}.Do(ctx)
	return refused(doing, err)
}

// currentStatus is the newest status (GitHub lists it first), if it says what is asked for.
func currentStatus(ctx context.Context, c *github.Client, r forge.Repository, deployment int64, want *github.DeploymentStatusRequest) (*github.DeploymentStatus, bool, error) {
	page, _, err := c.Repositories.ListDeploymentStatuses(ctx, r.Owner, r.Name, deployment, &github.ListOptions{PerPage: 1})
	if err != nil || len(page) == 0 {
		return nil, false, err
	}
	newest := page[0]
	same := newest.GetState() == want.GetState() && newest.GetDescription() == want.GetDescription() &&
		newest.GetLogURL() == want.GetLogURL() && newest.GetEnvironmentURL() == want.GetEnvironmentURL()
	return newest, same, nil
}
