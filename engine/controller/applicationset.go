package controller

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

// Trees opens repositories. *source.Sources is one.
type Trees interface {
	// At is the tree of the commit that a query's revision names.
	At(ctx context.Context, q source.Query) (*git.Tree, error)
}

// Forges lists what generators ask forges for. cmd makes one of package forge.
type Forges interface {
	// PullRequests are those of the repository that a generator names, as appset.World says.
	PullRequests(ctx context.Context, a Asking, g *argo.PullRequestGenerator) ([]appset.PullRequest, error)
	// Host lists the repositories of an organisation or group.
	Host(ctx context.Context, a Asking, g *argo.SCMProviderGenerator) (appset.Host, error)
	// Closed says whether a pull request is known to be closed or merged, or its environment to be ended by somebody's word: verified with
	// the forge, and not merely missing in a list.
	Closed(ctx context.Context, p appset.Pull) (bool, error)
}

// Asking is for whom a forge is asked, and with which credentials.
type Asking struct {
	// Token is shown to the forge; empty shows none, or Own.
	Token settings.Hidden
	// App are the credentials of a GitHub App; nil is none.
	App *settings.GitHubApp
	// Own lets the installation show its own credentials where neither is given: to sets of the control namespace alone.
	Own bool
	// CA are trusted certificates in PEM beside the usual ones; Insecure verifies none.
	CA       []byte
	Insecure bool
	// Strangers lets pull requests through whose head nobody who may write has vouched for.
	Strangers bool
}

// Sets is what ApplicationSets need beside Deps.
type Sets struct {
	Trees    Trees
	Forges   Forges
	Settings func(ctx context.Context) settings.Settings
	// Plugins is the client by which plugins are asked. It checks the addresses that it dials.
	Plugins *http.Client
	// Answers keeps what generators were told last; nil keeps nothing.
	Answers *Answers
	Options SetOptions
}

// SetOptions have usable defaults.
type SetOptions struct {
	// Concurrency is how many sets are reconciled at once; 0 means 4.
	Concurrency int
	// DeleteLimit is how many applications of a set are deleted at once without a person's word; 0 means 10, negative no limit.
	DeleteLimit int
	// Confirm is how far two listings without an application must be apart before it is deleted; 0 means 30 s.
	Confirm time.Duration
	// Retry is the time to the next try after a failure; 0 means 3 minutes.
	Retry time.Duration
	// Timeout of one listing of all that a set asks for; 0 means 5 minutes.
	Timeout time.Duration
}

func (o SetOptions) withDefaults() SetOptions {
	for _, d := range []struct {
		value     *time.Duration
		otherwise time.Duration
	}{{&o.Confirm, 30 * time.Second}, {&o.Retry, 3 * time.Minute}, {&o.Timeout, 5 * time.Minute}} {
		if *d.value == 0 {
			*d.value = d.otherwise
		}
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 4
	}
	if o.DeleteLimit == 0 {
		o.DeleteLimit = 10
	}
	return o
}

// sets reconciles ApplicationSets.
type sets struct {
	Deps
	Sets
	client client.Client // reads from the cache
	reader client.Reader // reads from the API server
	events events.EventRecorder
	now    func() time.Time
	memos  *memos[setMemo]
	beside *beside
	meters *meters
}

func setupSets(mgr ctrl.Manager, d Deps, ms *meters) error {
	reader := patientReader{mgr.GetAPIReader(), d.Options.Patience}
	r := &sets{
		Deps: d, Sets: *d.Sets, client: patientClient{mgr.GetClient(), d.Options.Patience}, reader: reader, events: mgr.GetEventRecorder(Manager), now: time.Now,
		memos:  newMemos(newSetMemo),
		meters: ms,
		beside: newBeside(mgr, reader, d.ControlNamespace, argoSets),
	}
	r.Sets.Options = r.Sets.Options.withDefaults()
	err := ctrl.NewControllerManagedBy(mgr).Named("applicationset").
		Watches(&argo.ApplicationSet{}, handler.EnqueueRequestsFromMapFunc(r.ofSet), builder.WithPredicates(setChanged())).
		Watches(&argo.Application{}, r.ofOwned()).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.ofSecret), builder.WithPredicates(secretChanged(d.ControlNamespace))).
		Watches(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.ofConfigMap), builder.WithPredicates(configChanged(d.ControlNamespace))).
		Watches(&argo.AppProject{}, handler.EnqueueRequestsFromMapFunc(r.ofProject), builder.WithPredicates(comesOrGoes())).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Sets.Options.Concurrency}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the application set controller: %w", err)
	}
	return nil
}

// setPass is one reconcile of one set.
type setPass struct {
	*sets
	set      *argo.ApplicationSet // of the cache; never changed
	settings settings.ApplicationSets
	memo     *setMemo
	log      *slog.Logger
	// asked is whether the set asked for its generators to be asked anew when the pass began. What is asked while it runs, and comes with
	// the answer to a write, is for the next one.
	asked bool
}

// Reconcile brings the applications of one set to what its generators yield.
func (r *sets) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	set := &argo.ApplicationSet{}
	if err := r.client.Get(ctx, req.NamespacedName, set); err != nil {
		if apierrors.IsNotFound(err) {
			r.memos.forget(req.NamespacedName)
			r.meters.forgetSet(req.NamespacedName)
			if r.Answers != nil {
				r.Answers.forget(req.NamespacedName)
			}
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("reading application set %s: %w", req.NamespacedName, err)
	}
	p := &setPass{sets: r, set: set, settings: r.Settings(ctx).Sets, memo: r.memos.of(req.NamespacedName), log: r.Log.With("applicationset", req.String())}
	if w := p.memo.written; w != "" && !asNew(set.ResourceVersion, w) {
		p.set = &argo.ApplicationSet{}
		if err := r.reader.Get(ctx, req.NamespacedName, p.set); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
	}
	_, p.asked = p.set.Annotations[setRefreshAnnotation]
	began := r.now()
	again, err := p.run(ctx)
	r.meters.set(req.NamespacedName, r.now().Sub(began))
	switch {
	case apierrors.IsConflict(err):
		p.log.Debug("an application or the set changed meanwhile", "error", err)
		return reconcile.Result{RequeueAfter: 50 * time.Millisecond}, nil
	case err != nil:
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: again}, nil
}

// run says after how long to come again; 0 is when something changes.
func (p *setPass) run(ctx context.Context) (time.Duration, error) {
	if reason, again, err := p.skip(ctx); reason != "" || err != nil {
		p.log.Debug("left alone", "reason", reason)
		return again, err
	}
	if !p.set.DeletionTimestamp.IsZero() {
		return p.finalize(ctx)
	}
	if err := p.claim(ctx); err != nil {
		return 0, err
	}
	made, listed := p.generation(ctx)
	var frozen *setReport
	switch {
	case listed.err != nil:
		p.log.Warn("nothing is generated, and nothing changed or deleted", "error", listed.err)
		frozen = failed(listed.err)
	case appset.IsRolling(p.set) && !p.settings.RollingOff && len(p.set.Spec.Strategy.RollingSync.Steps) == 0:
		frozen = &setReport{generated: true, reason: argo.ApplicationSetReasonApplicationSetRolloutError, message: "No steps defined for rollout"}
	}
	if frozen != nil {
		if err := p.report(ctx, *frozen); err != nil {
			return 0, err
		}
		return p.memo.due(p.now()), p.refreshed(ctx)
	}
	seen, err := p.gather(ctx, made)
	if err != nil {
		return 0, err
	}
	todo := p.decide(seen, listed)
	done := p.carryOut(ctx, todo)
	if apierrors.IsConflict(done) {
		return 0, done // what was read is old, and no error of the set's
	}
	if err := p.report(ctx, p.outcome(seen, todo, done)); err != nil {
		return 0, err
	}
	if done != nil {
		return 0, done
	}
	if err := p.refreshed(ctx); err != nil {
		return 0, err
	}
	again := p.memo.due(p.now())
	if len(todo.errs) > 0 {
		again = soonest(again, p.Sets.Options.Retry)
	}
	return again, nil
}

// skip says why a set is left alone, or "", and after how long to look whether that still holds.
func (p *setPass) skip(ctx context.Context) (reason string, again time.Duration, err error) {
	if p.set.Annotations[skipAnnotation] == "true" {
		return skipAnnotation, 0, nil
	}
	if !p.allowed(p.set.Namespace) {
		return "its namespace is not among those whose sets count", 0, nil
	}
	running, err := p.beside.argo(ctx, p.now())
	if err != nil || !running {
		return "", 0, err
	}
	return "Argo CD's application set controller runs in this namespace", besidePeriod, nil
}

func (p *setPass) allowed(namespace string) bool {
	return setsCount(p.settings, p.ControlNamespace, namespace)
}

// setsCount says whether the sets of a namespace are looked after.
func setsCount(known settings.ApplicationSets, control, namespace string) bool {
	return namespace == control || project.MatchesNamespace(known.Namespaces, namespace)
}
