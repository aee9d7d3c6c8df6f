package controller

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/run"
)

// applications reconciles Applications.
type applications struct {
	Deps
	client client.Client // reads from the cache
	reader client.Reader // reads from the API server
	events events.EventRecorder
	runner *run.Runner
	now    func() time.Time
	memos  *memos[memo]
	beside *beside
	meters *meters
}

func setupApplications(ctx context.Context, mgr ctrl.Manager, d Deps, ms *meters) error {
	runOptions := d.Options.Run
	runOptions.Log = d.Log
	reader := patientReader{mgr.GetAPIReader(), d.Options.Patience}
	r := &applications{
		Deps: d, client: patientClient{mgr.GetClient(), d.Options.Patience}, reader: reader, events: mgr.GetEventRecorder(Manager),
		runner: run.New(runOptions), now: time.Now, memos: newMemos(newMemo), meters: ms,
		beside: newBeside(mgr, reader, d.ControlNamespace, argoApplications),
	}
	if err := indexAdoptions(ctx, mgr); err != nil {
		return err
	}
	err := ctrl.NewControllerManagedBy(mgr).Named("application").
		For(&argo.Application{}).
		Watches(&argo.AppProject{}, handler.EnqueueRequestsFromMapFunc(r.ofProject)).
		Watches(&argo.Application{}, handler.EnqueueRequestsFromMapFunc(r.ofAdopter)).
		Watches(&slipway.Lock{}, handler.EnqueueRequestsFromMapFunc(r.ofLock)).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.ofSettings), builder.WithPredicates(settingsChanged(d.ControlNamespace))).
		WatchesRawSource(liveSource{r}).
		WithOptions(controller.Options{MaxConcurrentReconciles: d.Options.Concurrency, RateLimiter: retries()}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the application controller: %w", err)
	}
	return nil
}

// retries are the waits between attempts while the API server that has the Applications is in trouble: never so long that it is noticed
// when the trouble is over.
func retries() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](50*time.Millisecond, 10*time.Second)
}

// Reconcile brings one application forward: its end, its operation, its comparison, whichever is due.
func (r *applications) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	app := &argo.Application{}
	if err := r.client.Get(ctx, req.NamespacedName, app); err != nil {
		if apierrors.IsNotFound(err) {
			r.memos.forget(req.NamespacedName)
			r.meters.forget(req.NamespacedName)
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("reading application %s: %w", req.NamespacedName, err)
	}
	log := r.Log.With("application", req.String())
	p := &pass{applications: r, Options: r.tuned(), app: app, memo: r.memos.of(req.NamespacedName), log: log}
	if w := p.memo.written; w != "" && !asNew(app.ResourceVersion, w) {
		// The cache is behind our own last write; by what it shows, deeds would be done twice.
		if err := p.reread(ctx); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
	}
	again, err := p.run(ctx)
	switch {
	case apierrors.IsConflict(err):
		// Somebody wrote in between. What we know by the cache is old; its news will be here in a moment.
		log.Debug("application changed meanwhile", "error", err)
		return reconcile.Result{RequeueAfter: 50 * time.Millisecond}, nil
	case err != nil:
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: again}, nil
}

// tuned are the options with the times that the installation sets now.
func (r *applications) tuned() Options {
	o := r.Options
	if r.Tune != nil {
		o = r.Tune(o).withDefaults()
	}
	return o
}

// pass is one reconcile of one application. The application is replaced by the server's answer at each write.
type pass struct {
	*applications
	Options Options // as they are now
	app     *argo.Application
	proj    *argo.AppProject // nil if it does not exist
	memo    *memo
	log     *slog.Logger
	locked  *slipway.Lock     // the lock that holds the application at a revision
	taken   *argo.Application // who adopts the application's objects
}

// run says after how long to come again; 0 is when something changes.
func (p *pass) run(ctx context.Context) (time.Duration, error) {
	var err error
	if p.proj, err = p.project(ctx, p.app.Spec.ProjectName()); err != nil {
		return 0, err
	}
	if reason, again, err := p.skip(ctx); reason != "" || err != nil {
		p.log.Debug("left alone", "reason", reason)
		return again, err
	}
	if p.taken, err = p.adopter(ctx); err != nil {
		return 0, err
	}
	if !p.app.DeletionTimestamp.IsZero() {
		return p.finalize(ctx)
	}
	if p.locked, err = p.lock(ctx); err != nil {
		return 0, err
	}
	operation, err := p.operate(ctx)
	if err != nil {
		return 0, err
	}
	refresh, err := p.refresh(ctx)
	return soonest(operation, refresh), err
}

// soonest of two waits, of which 0 is none.
func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// project reads a project, with what it inherits from global ones; nil if there is none. One that the cache does not have is looked for past it, because applications and
// their project are often created together. The default project is made when it is missing.
func (r *applications) project(ctx context.Context, name string) (*argo.AppProject, error) {
	proj := &argo.AppProject{}
	key := types.NamespacedName{Namespace: r.ControlNamespace, Name: name}
	err := r.client.Get(ctx, key, proj)
	if apierrors.IsNotFound(err) {
		err = r.reader.Get(ctx, key, proj)
	}
	switch {
	case apierrors.IsNotFound(err) && name == argo.DefaultProject:
		return project.Default(r.ControlNamespace), createDefault(ctx, r.client, r.ControlNamespace)
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading project %s: %w", name, err)
	}
	return r.inherit(ctx, r.client, proj)
}

// permits is what the project permits, with what is registered for it.
func (p *pass) permits() project.Permits {
	var scope project.Scope
	if p.Scope != nil {
		scope = p.Scope(p.proj.Name)
	}
	return project.New(p.proj, scope)
}

// ofProject are the applications of a project that changed: what it permits may have changed.
func (r *applications) ofProject(ctx context.Context, o client.Object) []reconcile.Request {
	apps := &argo.ApplicationList{}
	if err := r.client.List(ctx, apps); err != nil {
		r.Log.Error("listing applications of a project", "project", o.GetName(), "error", err)
		return nil
	}
	var requests []reconcile.Request
	heir := r.heirs(ctx, r.client, o.GetName())
	for i := range apps.Items {
		if app := &apps.Items[i]; heir(app.Spec.ProjectName()) {
			key := client.ObjectKeyFromObject(app)
			r.memos.of(key).ask(levelCached)
			requests = append(requests, reconcile.Request{NamespacedName: key})
		}
	}
	return requests
}

// ofLock is the application of a lock that came, went or changed.
func (r *applications) ofLock(_ context.Context, o client.Object) []reconcile.Request {
	l, ok := o.(*slipway.Lock)
	if !ok || l.Spec.Application == nil {
		return nil
	}
	key := types.NamespacedName{Namespace: l.Spec.Application.Namespace, Name: l.Spec.Application.Name}
	r.memos.of(key).ask(levelLatest)
	return []reconcile.Request{{NamespacedName: key}}
}

// stillOurs fails with a conflict unless the application is as it was read last: then another process carries it on, or somebody has
// written to it, and what was decided by the old state is not to be done. It goes before every deed that no write goes before.
func (p *pass) stillOurs(ctx context.Context) error {
	guard := fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q,"uid":%q}}`, p.app.ResourceVersion, p.app.UID)
	if err := p.client.Patch(ctx, p.app.DeepCopy(), client.RawPatch(types.MergePatchType, guard), client.FieldOwner(Manager)); err != nil {
		return fmt.Errorf("making sure of application %s: %w", p.app.Name, err)
	}
	return nil
}

// patch writes what differs between old and p.app, if anything, for the version that was read.
func (p *pass) patch(ctx context.Context, old *argo.Application) error {
	if equality.Semantic.DeepEqual(old, p.app) {
		return nil // which costs less than to write both down
	}
	patch := client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{})
	data, err := patch.Data(p.app)
	if err != nil {
		return fmt.Errorf("comparing application %s: %w", p.app.Name, err)
	}
	if isEmpty(data) {
		return nil
	}
	if err := p.client.Patch(ctx, p.app, client.RawPatch(patch.Type(), data), client.FieldOwner(Manager)); err != nil {
		return fmt.Errorf("writing application %s: %w", p.app.Name, err)
	}
	p.memo.written = p.app.ResourceVersion
	p.meters.end(old, p.app)
	return nil
}
