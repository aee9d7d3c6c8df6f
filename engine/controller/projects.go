package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
)

// projects sees to it that the default project exists, and that no project goes while applications are in it.
type projects struct {
	Deps
	client client.Client
}

func setupProjects(mgr ctrl.Manager, d Deps) error {
	r := &projects{Deps: d, client: patientClient{mgr.GetClient(), d.Options.Patience}}
	if err := mgr.Add(manager.RunnableFunc(r.begin)); err != nil {
		return fmt.Errorf("setting up the project controller: %w", err)
	}
	err := ctrl.NewControllerManagedBy(mgr).Named("appproject").
		For(&argo.AppProject{}).
		Watches(&argo.Application{}, handler.EnqueueRequestsFromMapFunc(r.ofApplication)).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the project controller: %w", err)
	}
	return nil
}

// begin sees to it that there is a default project: at the start there may be none at all, of which no event would tell. An API server in
// trouble ends nothing.
func (r *projects) begin(ctx context.Context) error {
	return wait.PollUntilContextCancel(ctx, retryAfter, true, func(ctx context.Context) (bool, error) {
		err := createDefault(ctx, r.client, r.ControlNamespace)
		if err != nil && ctx.Err() == nil {
			r.Log.Warn("cannot create the default project yet", "error", err)
		}
		return err == nil, nil
	})
}

// ofApplication is the project of an application that goes: it may be the last.
func (r *projects) ofApplication(_ context.Context, o client.Object) []reconcile.Request {
	app, ok := o.(*argo.Application)
	if !ok || app.DeletionTimestamp.IsZero() {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: r.ControlNamespace, Name: app.Spec.ProjectName()}}}
}

// Reconcile looks after one project.
func (r *projects) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	if req.Namespace != r.ControlNamespace {
		return reconcile.Result{}, nil
	}
	proj := &argo.AppProject{}
	err := r.client.Get(ctx, req.NamespacedName, proj)
	switch {
	case apierrors.IsNotFound(err) && req.Name == argo.DefaultProject:
		return reconcile.Result{}, createDefault(ctx, r.client, r.ControlNamespace)
	case apierrors.IsNotFound(err):
		return reconcile.Result{}, nil
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("reading project %s: %w", req.Name, err)
	case proj.DeletionTimestamp.IsZero():
		return reconcile.Result{}, nil
	}
	return r.finalize(ctx, proj)
}

// createDefault creates the default project if there is none.
func createDefault(ctx context.Context, c client.Client, namespace string) error {
	err := c.Create(ctx, project.Default(namespace), client.FieldOwner(Manager))
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating the default project: %w", err)
	}
	return nil
}

// finalize lets a project go when no application is in it any more.
func (r *projects) finalize(ctx context.Context, proj *argo.AppProject) (reconcile.Result, error) {
	ours := func(f string) bool { return f == resourcesFinalizer || strings.HasPrefix(f, resourcesFinalizer+"/") }
	if !slices.ContainsFunc(proj.Finalizers, ours) {
		return reconcile.Result{}, nil
	}
	apps := &argo.ApplicationList{}
	if err := r.client.List(ctx, apps); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing applications of project %s: %w", proj.Name, err)
	}
	for i := range apps.Items {
		if apps.Items[i].Spec.ProjectName() == proj.Name {
			return reconcile.Result{RequeueAfter: 10 * time.Second}, nil
		}
	}
	old := proj.DeepCopy()
	proj.Finalizers = slices.DeleteFunc(proj.Finalizers, ours)
	patch := client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, proj, patch, client.FieldOwner(Manager)); err != nil {
		return reconcile.Result{}, fmt.Errorf("letting project %s go: %w", proj.Name, err)
	}
	return reconcile.Result{}, nil
}

// inherit is a project with what it inherits from global ones.
func (d Deps) inherit(ctx context.Context, c client.Reader, proj *argo.AppProject) (*argo.AppProject, error) {
	if d.Globals == nil {
		return proj, nil
	}
	return project.Inherit(proj, d.Globals(), func(name string) (*argo.AppProject, error) {
		global := &argo.AppProject{}
		err := c.Get(ctx, types.NamespacedName{Namespace: d.ControlNamespace, Name: name}, global)
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return global, err
	})
}

// heirs says of which projects a change of one is a change: itself, and those that inherit from it.
func (d Deps) heirs(ctx context.Context, c client.Reader, name string) func(project string) bool {
	var globals []project.Global
	if d.Globals != nil {
		globals = d.Globals()
	}
	if !slices.ContainsFunc(globals, func(g project.Global) bool { return g.Project == name }) {
		return func(other string) bool { return other == name }
	}
	known := map[string]bool{name: true}
	return func(other string) bool {
		is, seen := known[other]
		if !seen {
			proj := &argo.AppProject{}
			err := c.Get(ctx, types.NamespacedName{Namespace: d.ControlNamespace, Name: other}, proj)
			is = err == nil && slices.Contains(project.Inherits(proj, globals), name)
			known[other] = is
		}
		return is
	}
}
