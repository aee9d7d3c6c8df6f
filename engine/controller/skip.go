package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gobwas/glob"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Annotations that decide whether an application is ours.
const (
	skipAnnotation     = "slipway.dev/skip-reconcile"
	argoSkipAnnotation = "argocd.argoproj.io/skip-reconcile"
	engineAnnotation   = "slipway.dev/engine" // on an AppProject: "slipway" takes its applications over
)

// skip says why an application is left alone, or "".
//
// Beside a running Argo CD only the applications of projects that were taken over are ours. There, Argo CD is kept off by its own
// annotation, which therefore does not keep us off.
func (p *pass) skip(ctx context.Context) (string, error) {
	if p.app.Annotations[skipAnnotation] == "true" {
		return skipAnnotation, nil
	}
	if !p.ours(p.app.Namespace) {
		return "its namespace is not among those reconciled", nil
	}
	if p.proj != nil && p.proj.Annotations[engineAnnotation] == Manager {
		return "", nil
	}
	if p.app.Annotations[argoSkipAnnotation] == "true" {
		return argoSkipAnnotation, nil
	}
	running, err := p.beside.argo(ctx, p.now())
	if err != nil || !running {
		return "", err
	}
	return "Argo CD's application controller runs in this namespace and the project was not taken over", nil
}

func (r *applications) ours(namespace string) bool {
	if namespace == r.ControlNamespace {
		return true
	}
	for _, pattern := range r.Options.Namespaces {
		if g, err := glob.Compile(pattern); err == nil && g.Match(namespace) {
			return true
		}
	}
	return false
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
