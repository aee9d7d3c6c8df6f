package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/project"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

// conditionAdopted says that another application takes over what this one has.
const conditionAdopted = "AdoptedWarning"

// adoptIndex finds the applications that adopt from another, by its NAMESPACE/NAME.
const adoptIndex = slipway.AdoptFromAnnotation

func indexAdoptions(ctx context.Context, mgr ctrl.Manager) error {
	err := mgr.GetFieldIndexer().IndexField(ctx, &argo.Application{}, adoptIndex, func(o client.Object) []string {
		old := slipway.ApplicationNamed(o.GetAnnotations(), slipway.AdoptFromAnnotation, o.GetNamespace())
		if old == nil {
			return nil
		}
		return []string{old.Namespace + "/" + old.Name}
	})
	if err != nil {
		return fmt.Errorf("indexing adoptions: %w", err)
	}
	return nil
}

// ofAdopter is the application from which one adopts that came, went or changed.
func (r *applications) ofAdopter(_ context.Context, o client.Object) []reconcile.Request {
	old := slipway.ApplicationNamed(o.GetAnnotations(), slipway.AdoptFromAnnotation, o.GetNamespace())
	if old == nil {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: old.Namespace, Name: old.Name}}}
}

// adoption says what is wrong with the application's taking over of another's objects; nil is nothing. One that is gone cannot be asked,
// and takes nothing back either.
func (p *pass) adoption(ctx context.Context, app *argo.Application) ([]project.Violation, error) {
	ref := slipway.ApplicationNamed(app.Annotations, slipway.AdoptFromAnnotation, app.Namespace)
	if ref == nil {
		return nil, nil
	}
	refused := func(message string) ([]project.Violation, error) {
		return []project.Violation{{Field: "metadata.annotations", Message: message}}, nil
	}
	if !p.ours(ref.Namespace) {
		return refused(fmt.Sprintf("%s: namespace %s is not among those reconciled", slipway.AdoptFromAnnotation, ref.Namespace))
	}
	old := &argo.Application{}
	key := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
	err := p.client.Get(ctx, key, old)
	if apierrors.IsNotFound(err) {
		err = p.reader.Get(ctx, key, old)
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading application %s: %w", key, err)
	}
	if reason := engine.MayAdopt(app, old); reason != "" {
		return refused(reason)
	}
	return nil, nil
}

// takeOver takes out of what a comparison found to be another's the objects that the application adopts, and reports whether there are any.
// It is for applications whose adoption is in order.
func (p *pass) takeOver(c *change.Comparison) bool {
	ref := slipway.ApplicationNamed(p.app.Annotations, slipway.AdoptFromAnnotation, p.app.Namespace)
	if ref == nil {
		return false
	}
	old := &argo.Application{}
	old.Namespace, old.Name = ref.Namespace, ref.Name
	instance, before := p.Pipeline.Instance(old), len(c.Shared)
	c.Shared = maps.Clone(c.Shared)
	for id, owner := range c.Shared {
		if owner == instance {
			delete(c.Shared, id)
		}
	}
	return len(c.Shared) < before
}

// adopter is the application that takes this one's objects over; nil for none, or none that may.
func (p *pass) adopter(ctx context.Context) (*argo.Application, error) {
	apps := &argo.ApplicationList{}
	key := p.app.Namespace + "/" + p.app.Name
	if err := p.client.List(ctx, apps, client.MatchingFields{adoptIndex: key}); err != nil {
		return nil, fmt.Errorf("looking for who adopts from %s: %w", key, err)
	}
	for i := range apps.Items {
		a := &apps.Items[i]
		if a.UID == p.app.UID || !a.DeletionTimestamp.IsZero() || !p.ours(a.Namespace) || engine.MayAdopt(a, p.app) != "" {
			continue
		}
		// To name our project is not to be in it.
		if a.Spec.ProjectName() == p.app.Spec.ProjectName() && (p.proj == nil || !p.permits().SourceNamespace(a.Namespace, p.ControlNamespace)) {
			continue
		}
		same, err := p.sameCluster(ctx, a)
		if err != nil && !p.app.DeletionTimestamp.IsZero() {
			return nil, fmt.Errorf("looking whether %s/%s adopts from %s: %w", a.Namespace, a.Name, key, err) // else what it adopts would be deleted
		}
		if err == nil && same {
			return a, nil
		}
	}
	return nil, nil
}

// sameCluster reports whether another application goes to the same cluster. The error is of a cluster that cannot be reached now.
func (p *pass) sameCluster(ctx context.Context, other *argo.Application) (bool, error) {
	var servers [2]string
	for i, app := range []*argo.Application{p.app, other} {
		dest, err := p.Clusters(ctx, app.Spec.Destination)
		var unknown *cluster.DestinationError
		switch {
		case errors.As(err, &unknown):
			return false, nil
		case err != nil:
			return false, err
		}
		servers[i] = dest.Server()
	}
	return servers[0] == servers[1], nil
}

// taker is the UID of who takes the application's objects over; "" for nobody.
func (p *pass) taker() types.UID {
	if p.taken == nil {
		return ""
	}
	return p.taken.UID
}

func adoptedText(by *argo.Application) string {
	return fmt.Sprintf("application %s/%s takes over the objects of this one (%s); this one does not sync by itself, and its deletion deletes nothing",
		by.Namespace, by.Name, slipway.AdoptFromAnnotation)
}
