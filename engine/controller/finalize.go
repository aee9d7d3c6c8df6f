package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

const resourcesFinalizer = "resources-finalizer.argocd.argoproj.io"

// cascades reads from an application's finalizers whether its objects go with it, and how.
func cascades(finalizers []string) (propagation string, ok bool) {
	for _, f := range finalizers {
		switch f {
		case resourcesFinalizer, resourcesFinalizer + "/foreground":
			return "foreground", true
		case resourcesFinalizer + "/background":
			return "background", true
		}
	}
	return "", false
}

// finalize runs the hooks before the deletion, deletes the application's objects, wave by wave from the last, runs the hooks after it,
// and then lets the application go. Each of these has a finalizer, which is taken off when it is done; without any, only the
// application goes. Whatever cannot be read stops it: nothing is taken to be gone because it was not seen.
func (p *pass) finalize(ctx context.Context) (time.Duration, error) {
	propagation, cascade := cascades(p.app.Finalizers)
	if !cascade && !slices.ContainsFunc(p.app.Finalizers, isHookFinalizer) {
		return 0, nil
	}
	if p.taken != nil {
		return 0, p.letGo(ctx, isOurs, fmt.Sprintf("left the application's resources to %s/%s, which adopts them", p.taken.Namespace, p.taken.Name))
	}
	if p.proj == nil {
		return retryAfter, p.deletionProblem(ctx, p.noProject())
	}
	dest, err := p.Clusters(ctx, p.app.Spec.Destination)
	var unknown *cluster.DestinationError
	if errors.As(err, &unknown) {
		p.log.Warn("the cluster of a deleted application is not registered; its objects stay", "error", err)
		return 0, p.letGo(ctx, isOurs, "left the application's resources where they are: "+unknown.Message)
	}
	if err != nil {
		return retryAfter, p.deletionProblem(ctx, err.Error())
	}
	if stage, found := p.hookStage(preDeleteFinalizer); found {
		return p.runStage(ctx, dest, stage)
	}
	if cascade {
		return p.cascade(ctx, dest, propagation)
	}
	if stage, found := p.hookStage(postDeleteFinalizer); found {
		return p.runStage(ctx, dest, stage)
	}
	return 0, nil
}

// cascade deletes the wave that is next.
func (p *pass) cascade(ctx context.Context, dest Destination, propagation string) (time.Duration, error) {
	live, err := dest.Live(ctx, p.Pipeline.Instance(p.app), nil, p.everSeen())
	if err != nil {
		return retryAfter, p.deletionProblem(ctx, err.Error())
	}
	wave, unconfirmed := p.lastWave(dest, live)
	switch {
	case len(wave) == 0 && len(unconfirmed) == 0:
		return 0, p.depart(ctx, dest, isCascade)
	case len(wave) == 0:
		return retryAfter, p.deletionProblem(ctx, fmt.Sprintf("waiting for the approval of deleting %s", unconfirmed[0]))
	}
	err = p.delete(ctx, dest, wave, propagation)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return 0, client.IgnoreNotFound(err)
	}
	if err != nil {
		return retryAfter, p.deletionProblem(ctx, err.Error())
	}
	return time.Second, nil
}

// everSeen are identities of the kinds that the application has had objects of.
func (p *pass) everSeen() []object.ID {
	var ids []object.ID
	for _, r := range p.app.Status.Resources {
		ids = append(ids, object.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
	}
	if s := p.app.Status.OperationState; s != nil && s.SyncResult != nil {
		for _, r := range s.SyncResult.Resources {
			ids = append(ids, object.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
		}
	}
	return ids
}

// lastWave are the objects to be deleted now: those of the highest wave that is left. Objects whose deletion a person has to approve,
// and has not, hold their wave up.
func (p *pass) lastWave(dest Destination, live map[object.ID]*unstructured.Unstructured) (wave []*unstructured.Unstructured, unconfirmed []object.ID) {
	permits, options := p.permits(), p.app.Spec.SyncPolicy.Options()
	approved := !approval(p.app).Before(p.app.DeletionTimestamp.Time)
	last, found := int64(0), false
	for id, u := range live {
		namespaced := id.Namespace != "" // what is live says it itself, whatever is known of its kind at this moment
		if stays(p.app, id, u, options) || runsAfter(u) || permits.Object(id, namespaced, place(dest, id.Namespace)) != "" {
			continue
		}
		n := engine.Wave(u)
		if !found || n > last {
			last, found, wave, unconfirmed = n, true, nil, nil
		}
		switch {
		case n < last:
		case !approved && (engine.Setting(u, options, "Delete") == "confirm" || engine.Setting(u, options, "Prune") == "confirm"):
			unconfirmed = append(unconfirmed, id)
		default:
			wave = append(wave, u)
		}
	}
	slices.SortFunc(wave, func(a, b *unstructured.Unstructured) int {
		return strings.Compare(object.IDOf(a).String(), object.IDOf(b).String())
	})
	slices.SortFunc(unconfirmed, func(a, b object.ID) int { return strings.Compare(a.String(), b.String()) })
	return wave, unconfirmed
}

// stays reports whether an object outlives its application: definitions of kinds, with which all their objects would go; what asks
// to be kept; and the application itself.
func stays(app *argo.Application, id object.ID, u *unstructured.Unstructured, options argo.SyncOptions) bool {
	itself := id.Group == "argoproj.io" && id.Kind == "Application" && id.Name == app.Name && id.Namespace == app.Namespace
	definition := id.Group == "apiextensions.k8s.io" && id.Kind == "CustomResourceDefinition"
	return itself || definition || engine.Kept(u, options)
}

// delete asks for the end of all objects of a wave that are not ending yet.
func (p *pass) delete(ctx context.Context, dest Destination, wave []*unstructured.Unstructured, propagation string) error {
	var group []engine.Action
	for _, u := range wave {
		held := slices.Contains(u.GetFinalizers(), engine.HookFinalizer)
		asked := p.memo.recent[object.IDOf(u)]
		deleted := asked.gone(u, p.now())
		if !held && (deleted || u.GetDeletionTimestamp() != nil) || deleted && asked.released {
			continue
		}
		a := engine.Action{Verb: engine.Prune, ID: object.IDOf(u), UID: u.GetUID(), Propagation: propagation}
		if held {
			a.Verb = engine.Remove
		}
		group = append(group, a)
	}
	if len(group) == 0 {
		return nil
	}
	actor, err := p.actor(dest)
	if err != nil {
		return err
	}
	if err := p.stillOurs(ctx); err != nil {
		return err
	}
	outcomes, err := p.runner.Do(ctx, actor, &engine.Step{Groups: [][]engine.Action{group}})
	for _, o := range outcomes {
		if !o.Failed {
			p.memo.recent[o.Action.ID] = trace{at: p.now(), uid: o.Action.UID, deleted: true, released: o.Action.Verb == engine.Remove}
		}
		if o.Failed {
			err = errors.Join(err, fmt.Errorf("deleting %s: %s", o.Action.ID, o.Message))
		}
	}
	return err
}

func isCascade(f string) bool {
	return f == resourcesFinalizer || strings.HasPrefix(f, resourcesFinalizer+"/")
}

func isOurs(f string) bool { return isCascade(f) || isHookFinalizer(f) }

// letGo takes finalizers off: their part is done. It says what became of the application's resources by it, if anything.
func (p *pass) letGo(ctx context.Context, done func(finalizer string) bool, became string) error {
	old := p.app.DeepCopy()
	p.app.Finalizers = slices.DeleteFunc(p.app.Finalizers, done)
	if err := p.patch(ctx, old); err != nil {
		return err
	}
	if became != "" {
		p.event(eventDeleted, "Delete", became)
	}
	return nil
}

// deletionProblem says in a condition what holds the deletion up.
func (p *pass) deletionProblem(ctx context.Context, message string) error {
	old := p.app.DeepCopy()
	kept := slices.DeleteFunc(slices.Clone(p.app.Status.Conditions), func(c argo.ApplicationCondition) bool {
		return c.Type == argo.ApplicationConditionDeletionError && c.Message != message
	})
	if !slices.ContainsFunc(kept, func(c argo.ApplicationCondition) bool { return c.Type == argo.ApplicationConditionDeletionError }) {
		now := metav1.NewTime(p.now().Truncate(time.Second))
		kept = append(kept, argo.ApplicationCondition{Type: argo.ApplicationConditionDeletionError, Message: message, LastTransitionTime: &now})
	}
	p.app.Status.Conditions = kept
	return p.patch(ctx, old)
}
