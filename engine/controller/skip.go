package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
)

// Annotations that decide whether an application is ours.
const (
	skipAnnotation     = "slipway.dev/skip-reconcile"
	argoSkipAnnotation = "argocd.argoproj.io/skip-reconcile"
	engineAnnotation   = "slipway.dev/engine" // on an AppProject: "slipway" takes its applications over
)

// skip says why an application is left alone, or "", and after how long to look whether that still holds where nothing tells.
//
// Beside a running Argo CD only the applications of projects that were taken over are ours. There, Argo CD is kept off by its own
// annotation, which therefore does not keep us off.
func (p *pass) skip(ctx context.Context) (reason string, again time.Duration, err error) {
	if p.app.Annotations[skipAnnotation] == "true" {
		return skipAnnotation, 0, nil
	}
	if !p.ours(p.app.Namespace) {
		return "its namespace is not among those reconciled", 0, nil
	}
	if p.Registered != nil {
		if c, err := p.Registered(p.app.Spec.Destination); err == nil && c.SkipReconcile {
			return fmt.Sprintf("the Secret of its cluster %s carries %s", c.Name, argoSkipAnnotation), besidePeriod, nil
		}
	}
	if takenOver(p.proj) {
		reason, err = p.keepOff(ctx)
		return reason, 0, err
	}
	if p.app.Annotations[argoSkipAnnotation] == "true" {
		return argoSkipAnnotation, 0, nil
	}
	running, err := p.beside.argo(ctx, p.now())
	if err != nil || !running {
		return "", 0, err
	}
	return "Argo CD's application controller runs in this namespace and the project was not taken over", besidePeriod, nil
}

func takenOver(proj *argo.AppProject) bool {
	return proj != nil && proj.Annotations[engineAnnotation] == Manager
}

// keepOff has Argo CD leave an application of a project that was taken over, before we touch it: by Argo CD's own annotation, which on a
// generated application stands in the template of its set. What Argo CD has begun it may end.
func (p *pass) keepOff(ctx context.Context) (reason string, err error) {
	if p.app.Annotations[argoSkipAnnotation] == "true" {
		return "", nil
	}
	running, err := p.beside.argo(ctx, p.now())
	if err != nil || !running {
		return "", err
	}
	if p.app.Operation != nil || p.app.Status.OperationState != nil && p.app.Status.OperationState.Phase.Running() {
		return "it was taken over, and Argo CD's operation is to end first", nil
	}
	if owner := metav1.GetControllerOf(p.app); owner != nil && owner.Kind == "ApplicationSet" {
		return "it was taken over, and is to get the annotation from its set's template", p.keepOffSet(ctx, owner.Name)
	}
	before := p.app.DeepCopy()
	metav1.SetMetaDataAnnotation(&p.app.ObjectMeta, argoSkipAnnotation, "true")
	err = p.client.Patch(ctx, p.app, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(Manager))
	if err != nil {
		return "", fmt.Errorf("keeping Argo CD off %s: %w", p.app.Name, err)
	}
	p.log.Info("taken over from Argo CD", "project", p.app.Spec.ProjectName())
	return "", nil
}

// keepOffSet writes the annotation into the template of a set. All of the set's applications are of one engine then.
func (p *pass) keepOffSet(ctx context.Context, name string) error {
	set := &argo.ApplicationSet{}
	if err := p.reader.Get(ctx, client.ObjectKey{Namespace: p.app.Namespace, Name: name}, set); err != nil {
		return client.IgnoreNotFound(err)
	}
	if set.Spec.Template.Annotations[argoSkipAnnotation] == "true" {
		return nil
	}
	patch := fmt.Appendf(nil, `{"metadata":{"resourceVersion":%q},"spec":{"template":{"metadata":{"annotations":{%q:"true"}}}}}`, set.ResourceVersion, argoSkipAnnotation)
	if err := p.client.Patch(ctx, set, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(Manager)); err != nil {
		return fmt.Errorf("keeping Argo CD off the applications of %s: %w", name, err)
	}
	p.log.Info("a set's applications are taken over from Argo CD", "applicationset", name)
	return nil
}

// Beside says of an application whether Argo CD carries its operations out: its controller runs in the control namespace, and the
// application's project was not taken over.
func Beside(mgr ctrl.Manager, controlNamespace string) func(context.Context, *argo.Application) (bool, error) {
	reader := patientReader{mgr.GetAPIReader(), Options{}.withDefaults().Patience}
	b := newBeside(mgr, reader, controlNamespace, argoApplications)
	return func(ctx context.Context, app *argo.Application) (bool, error) {
		running, err := b.argo(ctx, time.Now())
		if err != nil || !running {
			return false, err
		}
		proj := &argo.AppProject{}
		err = mgr.GetClient().Get(ctx, client.ObjectKey{Namespace: controlNamespace, Name: app.Spec.ProjectName()}, proj)
		if client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("reading project %s: %w", app.Spec.ProjectName(), err)
		}
		return !takenOver(proj), nil
	}
}

func (r *applications) ours(namespace string) bool {
	return r.counts(namespace)
}

// counts says whether the Applications of a namespace are looked after.
func (d Deps) counts(namespace string) bool {
	return namespace == d.ControlNamespace || project.MatchesNamespace(d.Options.Namespaces, namespace)
}

// beside looks, now and then, whether one of Argo CD's own controllers runs in the control namespace.
type beside struct {
	watched   cache.Cache
	reader    client.Reader // past the watches, while they are not there yet
	namespace string
	name      string // of the controller, as its label app.kubernetes.io/name says

	mu      sync.Mutex
	until   time.Time
	running bool
}

// Argo CD's own controllers, by their label app.kubernetes.io/name.
const (
	argoApplications = "argocd-application-controller"
	argoSets         = "argocd-applicationset-controller"
)

func newBeside(mgr ctrl.Manager, reader client.Reader, namespace, name string) *beside {
	return &beside{watched: mgr.GetCache(), reader: reader, namespace: namespace, name: name}
}

const besidePeriod = 30 * time.Second

// argo reports whether the controller has replicas. A cluster that does not let us look has none as far as we are
// concerned: then it is not installed beside us by the same hands.
func (b *beside) argo(ctx context.Context, now time.Time) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.until) {
		return b.running, nil
	}
	labels := client.MatchingLabels{"app.kubernetes.io/name": b.name}
	sets, deployments := &appsv1.StatefulSetList{}, &appsv1.DeploymentList{}
	for _, list := range []client.ObjectList{sets, deployments} {
		if err := b.from(ctx, list).List(ctx, list, client.InNamespace(b.namespace), labels); err != nil && !apierrors.IsForbidden(err) {
			return false, fmt.Errorf("looking for Argo CD beside us: %w", err)
		}
	}
	b.running = false
	for i := range sets.Items {
		b.running = b.running || wantsReplicas(sets.Items[i].Spec.Replicas)
	}
	for i := range deployments.Items {
		b.running = b.running || wantsReplicas(deployments.Items[i].Spec.Replicas)
	}
	b.until = now.Add(besidePeriod)
	return b.running, nil
}

// from is where a list is read: from what watches keep, as soon as they do. Where nothing may be watched they never will.
func (b *beside) from(ctx context.Context, list client.ObjectList) client.Reader {
	var kind client.Object = &appsv1.StatefulSet{}
	if _, ok := list.(*appsv1.DeploymentList); ok {
		kind = &appsv1.Deployment{}
	}
	informer, err := b.watched.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil || !informer.HasSynced() {
		return b.reader
	}
	return b.watched
}

func wantsReplicas(n *int32) bool { return n == nil || *n > 0 }
