package change

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
)

// Actor changes single objects of a destination. *cluster.Cluster is one.
type Actor interface {
	Patch(ctx context.Context, p cluster.PatchRequest) (*unstructured.Unstructured, error)
	Create(ctx context.Context, u *unstructured.Unstructured, manager string, dryRun bool) (*unstructured.Unstructured, error)
}

// Action is something that may be asked of an object.
type Action = health.Action

// actionManager owns the fields that actions change, so that syncs know them from their own.
const actionManager = "slipway-action"

// ErrRefused says that an action may not or cannot be carried out, for a reason that is for people; nothing was changed by it.
var ErrRefused = errors.New("refused")

// ActRequest asks for an action on an object of an application.
type ActRequest struct {
	App    *argo.Application
	Object object.ID
	Name   string
	Params map[string]string
	// DryRun has the API server try only.
	DryRun bool
}

// Actions are what can be asked of an object that an application tracks, as it is now. An error that is ErrRefused is for people.
func (p *Pipeline) Actions(ctx context.Context, app *argo.Application, id object.ID) ([]Action, error) {
	u, _, err := p.actable(ctx, app, id)
	if err != nil {
		return nil, err
	}
	actions, err := p.deps.Health().Actions(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return actions, nil
}

// Act carries an action out, and says what it did, a line each. What it changes or creates must be permitted by the application's project.
// An error that is ErrRefused is for people, and so is what the API server says no to; what was done before it is told as well.
func (p *Pipeline) Act(ctx context.Context, r ActRequest) (done []string, err error) {
	u, dest, err := p.actable(ctx, r.App, r.Object)
	if err != nil {
		return nil, err
	}
	actor, ok := dest.(Actor)
	if !ok {
		return nil, fmt.Errorf("%w: objects of %s cannot be changed from here", ErrRefused, dest.Name())
	}
	impacts, err := p.deps.Health().Act(ctx, u, r.Name, r.Params)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for _, i := range impacts {
		if err := p.permitsImpact(ctx, r.App, dest, i.Object); err != nil {
			return nil, err
		}
	}
	for _, i := range impacts {
		line, err := affect(ctx, actor, u, i, r.DryRun)
		if err != nil {
			if apierrors.IsConflict(err) || apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsAlreadyExists(err) {
				err = fmt.Errorf("%w: %w", ErrRefused, err)
			}
			return done, err
		}
		done = append(done, line)
	}
	return done, nil
}

// actable reads an object and its cluster, if the application tracks it and its project permits it.
func (p *Pipeline) actable(ctx context.Context, app *argo.Application, id object.ID) (*unstructured.Unstructured, Cluster, error) {
	dest, err := p.cluster(ctx, app.Spec.Destination)
	if err != nil {
		return nil, nil, fmt.Errorf("destination of %s: %w", app.Name, err)
	}
	if dest == nil || p.deps.Health == nil {
		return nil, nil, fmt.Errorf("%w: there is no cluster to act on", ErrRefused)
	}
	u, err := dest.ReadAs(ctx, id, "")
	if apierrors.IsNotFound(err) {
		return nil, nil, fmt.Errorf("%w: %s is no longer there", ErrRefused, id)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", id, err)
	}
	if !p.tracks(app, dest, u) {
		return nil, nil, fmt.Errorf("%w: %s does not belong to %s", ErrRefused, id, app.Name)
	}
	return u, dest, p.permitsImpact(ctx, app, dest, u)
}

// permitsImpact asks the application's project whether an object may be changed or made.
func (p *Pipeline) permitsImpact(ctx context.Context, app *argo.Application, dest Cluster, u *unstructured.Unstructured) error {
	if p.deps.Project == nil {
		return nil
	}
	proj, err := p.deps.Project(ctx, app.Spec.ProjectName())
	if err != nil {
		return fmt.Errorf("reading project %s: %w", app.Spec.ProjectName(), err)
	}
	if proj == nil {
		return fmt.Errorf("%w: there is no project %s", ErrRefused, app.Spec.ProjectName())
	}
	id := object.IDOf(u)
	namespaced, served := dest.Namespaced(id.GroupKind())
	if !served {
		return fmt.Errorf("%w: %s does not serve %s", ErrRefused, dest.Name(), id.GroupKind())
	}
	where := known(app.Spec.Destination, dest)
	where.Namespace = id.Namespace
	if why := p.rules(proj).Object(id, namespaced, where); why != "" {
		return fmt.Errorf("%w: %s", ErrRefused, why)
	}
	return nil
}

// affect does one thing that an action wants, and says what.
func affect(ctx context.Context, actor Actor, live *unstructured.Unstructured, i health.Impact, dryRun bool) (string, error) {
	id := object.IDOf(i.Object)
	if i.Operation == health.Create {
		made, err := actor.Create(ctx, i.Object, actionManager, dryRun)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s created", object.IDOf(made)), nil
	}
	if id != object.IDOf(live) {
		return "", fmt.Errorf("%w: the action would change %s, which is another object", ErrRefused, id)
	}
	fields, status := i.Patches(live.Object)
	if fields == nil && status == nil {
		return fmt.Sprintf("%s is so already", id), nil
	}
	_, err := actor.Patch(ctx, cluster.PatchRequest{Object: live, Fields: fields, Status: status, Manager: actionManager, DryRun: dryRun})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s patched%s", id, shown(id, fields, status)), nil
}

// shown is a patch in words; of a Secret nothing is.
func shown(id object.ID, fields, status map[string]any) string {
	if id.Group == "" && id.Kind == "Secret" {
		return ""
	}
	both := map[string]any{}
	for k, v := range fields {
		both[k] = v
	}
	for k, v := range status {
		both[k] = v
	}
	text, err := yaml.Marshal(both)
	if err != nil {
		return ""
	}
	return ":\n" + string(text)
}
