package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/forge"
)

const (
	// fieldOwner is who we are to the API server.
	fieldOwner = "slipway"
	// infoCommand and infoPullRequest are entries of an operation by which it is known again.
	infoCommand     = "slipway.dev/command"
	infoPullRequest = "slipway.dev/pull-request"
	// annotationCommands keeps the keys of the newest commands that wrote an operation, newest first, in the same write as the operation:
	// the operation itself may have been done and replaced by the next before anybody looks.
	annotationCommands = "slipway.dev/commands"
	keptCommands       = 10

	annotationRefresh = "argocd.argoproj.io/refresh"
)

// launch takes what a decided sync needs, and asks each application that can be asked now.
func (v *visit) launch(ctx context.Context, o order, in intent) error {
	if v.pull.State != forge.Merged && o.cmd.DryRun && in.revision != "" { // no lock keeps it where the controller reads
		if err := in.ground.mirror.Keep(ctx, o.OperationID, in.revision); err != nil {
			return fmt.Errorf("keeping %s: %w", in.revision, err)
		}
	}
	if v.pull.State != forge.Merged && !o.cmd.DryRun {
		taken, err := v.hold(ctx, o, in, claims(in, func(aim) git.Hash { return in.revision }))
		if err != nil {
			return err
		}
		if !taken { // somebody was faster; the gates say who
			return v.reconsider(ctx, o)
		}
	}
	if err := v.deployments(ctx, o, in); err != nil {
		return err
	}
	for _, a := range in.apps {
		if err := v.ask(ctx, o, in, a); err != nil {
			return err
		}
	}
	return v.advance(ctx, o)
}

// reconsider puts a command that lost a race back to where everything is decided anew.
func (v *visit) reconsider(ctx context.Context, o order) error {
	o.Phase, o.StartedAt = slipway.CommandPending, nil
	if err := v.save(ctx); err != nil {
		return err
	}
	return v.sync(ctx, o)
}

// ask writes the operation of one application, unless it carries this command's already or is busy with another. The resource version
// makes sure that it is what we looked at.
func (v *visit) ask(ctx context.Context, o order, in intent, a aim) error {
	app := &argo.Application{}
	if err := v.Reader.Get(ctx, client.ObjectKeyFromObject(a.app), app); err != nil {
		return client.IgnoreNotFound(err) // it went away; the answer says so
	}
	if carries(app, o.OperationID) || busy(app) {
		return nil
	}
	if n, err := v.ahead(ctx, app, o); err != nil || n > 0 {
		v.again(soon / 5)
		return err
	}
	if !equality.Semantic.DeepEqual(app.Spec, a.app.Spec) {
		v.again(soon / 10) // it is not what was decided about: decide again
		return nil
	}
	keys := append([]string{o.OperationID}, commandKeys(app)...)
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{
			"resourceVersion": app.ResourceVersion,
			"annotations":     map[string]any{annotationCommands: strings.Join(keys[:min(len(keys), keptCommands)], ",")},
		},
		"operation": v.operation(o, in, a),
	})
	if err != nil {
		return fmt.Errorf("writing the operation of %s: %w", a.name(), err)
	}
	err = v.Client.Patch(ctx, app, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(fieldOwner))
	if apierrors.IsConflict(err) {
		v.again(soon / 10) // it changed meanwhile: look at it again first
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing the operation of %s: %w", a.name(), err)
	}
	v.log.Info("operation written", "application", a.name(), "revision", in.revision, "by", o.user.Login, "key", o.OperationID)
	v.Record(app, "SyncAsked", fmt.Sprintf("%s by %s on %s", clip(o.Text, 200), o.user.Login, v.url()))
	return nil
}

// operation is the request to the controller. Before the merge the sources are given with the merged commit in place of the branch; the
// specification is not touched.
func (v *visit) operation(o order, in intent, a aim) argo.Operation {
	sync := &argo.SyncOperation{Prune: o.cmd.Prune, DryRun: o.cmd.DryRun, SyncOptions: a.app.Spec.SyncPolicy.Options()}
	for _, r := range o.cmd.Resources {
		sync.Resources = append(sync.Resources, argo.SyncOperationResource{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
	}
	if o.cmd.Force { // hooks run all the same
		sync.SyncStrategy = &argo.SyncStrategy{Hook: &argo.SyncStrategyHook{Force: true}}
	}
	if o.cmd.Replace {
		sync.SyncOptions = append(slices.Clone(sync.SyncOptions), "Replace=true")
	}
	plural := a.app.Spec.HasMultipleSources()
	if plural {
		sync.Revisions = a.revisions
	} else if len(a.revisions) > 0 {
		sync.Revision = a.revisions[0]
	}
	if v.pull.State != forge.Merged {
		sources := v.pinned(a.app, string(in.revision))
		if plural {
			sync.Sources = sources
		} else if len(sources) > 0 {
			sync.Source = &sources[0]
		}
	}
	op := argo.Operation{
		Sync:        sync,
		InitiatedBy: argo.OperationInitiator{Username: v.res.Spec.Forge + ":" + o.user.Login},
		Info:        v.information(o),
	}
	if p := a.app.Spec.SyncPolicy; p != nil && p.Retry != nil {
		op.Retry = *p.Retry
	}
	return op
}

// information is what an operation says of the command that asked for it.
func (v *visit) information(o order) []argo.Info {
	info := []argo.Info{{Name: infoCommand, Value: o.OperationID}, {Name: infoPullRequest, Value: v.url()}}
	if o.cmd.Reason != "" {
		info = append(info, argo.Info{Name: "slipway.dev/reason", Value: clip(o.cmd.Reason, 500)})
	}
	return info
}

// pinned are an application's sources, those that follow the base branch at a commit instead.
func (v *visit) pinned(app *argo.Application, revision string) argo.ApplicationSources {
	sources := slices.Clone(app.Spec.SourceList())
	for i := range sources {
		if v.follows(sources[i]) {
			sources[i].TargetRevision = revision
		}
	}
	return sources
}

// busy says whether an application has an operation that is not over.
func busy(app *argo.Application) bool {
	return app.Operation != nil || app.Status.OperationState != nil && app.Status.OperationState.Phase.Running()
}

// carries says whether a command has been written into an application before, whatever became of it.
func carries(app *argo.Application, key string) bool {
	return slices.Contains(commandKeys(app), key) || current(app, key)
}

// current says whether the operation that an application has, or had last, is a command's.
func current(app *argo.Application, key string) bool {
	return app.Operation != nil && keyOf(app.Operation.Info) == key ||
		app.Operation == nil && app.Status.OperationState != nil && keyOf(app.Status.OperationState.Operation.Info) == key
}

func commandKeys(app *argo.Application) []string {
	kept := app.Annotations[annotationCommands]
	if kept == "" {
		return nil
	}
	return strings.Split(kept, ",")
}

func keyOf(info []argo.Info) string {
	for _, i := range info {
		if i.Name == infoCommand {
			return i.Value
		}
	}
	return ""
}

// deployments shows the sync on the forge, one deployment for each environment. It is a courtesy: that a forge refuses it stops
// nothing.
func (v *visit) deployments(ctx context.Context, o order, in intent) error {
	sha := v.pull.Head.SHA // a merge of our own is no commit that the forge knows
	if v.pull.State == forge.Merged {
		sha = string(in.revision)
	}
	for _, a := range in.apps {
		name := deploymentName(a.reach)
		if _, ok := o.DeploymentIDs[name]; ok || o.cmd.DryRun {
			continue
		}
		id, err := v.forge.CreateDeployment(ctx, v.repo, forge.Deployment{
			Environment: name, SHA: sha, Key: o.OperationID, Production: in.ground.policy.Named(a.environment).Production,
			Description: clip(o.Text+" by "+o.user.Login, 140),
		})
		if err != nil {
			if courtesy(err) {
				v.log.Warn("the forge takes no deployment", "environment", name, "error", err)
				continue
			}
			return fmt.Errorf("creating a deployment: %w", err)
		}
		if o.DeploymentIDs == nil {
			o.DeploymentIDs = map[string]int64{}
		}
		o.DeploymentIDs[name] = id
		v.deployed(ctx, id, forge.DeploymentInProgress, "")
	}
	return v.save(ctx)
}

func deploymentName(r reach) string {
	if r.environment != "" {
		return r.environment
	}
	return r.app.Name
}

// deployed sets the state of a deployment, as far as the forge takes it.
func (v *visit) deployed(ctx context.Context, id int64, state forge.DeploymentState, description string) {
	err := v.forge.SetDeploymentStatus(ctx, v.repo, id, forge.DeploymentStatus{State: state, Description: clip(description, 140)})
	if err != nil {
		v.log.Warn("the state of a deployment could not be set", "deployment", id, "state", state, "error", err)
	}
}

// courtesy says whether an error is a refusal that trying again will not change.
func courtesy(err error) bool {
	return errors.Is(err, forge.ErrForbidden) || errors.Is(err, forge.ErrInvalid) || errors.Is(err, forge.ErrNotFound)
}
