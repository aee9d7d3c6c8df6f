package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// recreate deletes the live object, waits until it is gone, and creates the wanted one. Nothing is deleted for what the server says that it
// would not take; and what was deleted is put back, as kubectl does, should the server take nothing in its place all the same.
func (a *application) recreate(ctx context.Context) error {
	live, err := a.live(ctx)
	if err != nil {
		return err
	}
	if live == nil {
		return a.create(ctx)
	}
	if err := a.refusedAnew(ctx); err != nil {
		return fmt.Errorf("the live object stays, because what is to replace it would be refused: %w", err)
	}
	return a.supplant(ctx, live)
}

// supplant is recreate for those who have asked the server already.
func (a *application) supplant(ctx context.Context, live *unstructured.Unstructured) error {
	if err := a.Delete(ctx, a.id(), DeleteOptions{Propagation: metav1.DeletePropagationBackground, UID: live.GetUID()}); err != nil {
		return err
	}
	if err := a.waitGone(ctx, live.GetUID()); err != nil {
		return err
	}
	err := a.create(ctx)
	if err == nil || apierrors.IsAlreadyExists(err) {
		return err
	}
	switch back := a.putBack(context.WithoutCancel(ctx), live); {
	case back == nil:
		return fmt.Errorf("%w; the object that it was to replace was put back", err)
	case apierrors.IsAlreadyExists(back): // it was made after all, or somebody else was quicker
		return err
	default:
		return fmt.Errorf("%w; the object that it was to replace is deleted, and could not be put back: %w", err, back)
	}
}

func (a *application) waitGone(ctx context.Context, uid types.UID) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		live, err := a.live(ctx)
		if err != nil {
			return err
		}
		if live == nil || live.GetUID() != uid {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("replacing %s: the old one is not gone after %s (finalizers %v)", a.id(), changeTimeout, live.GetFinalizers())
		}
	}
}

// claimsWhatIsUnique are kinds of which no second one can be tried beside the first: ports and addresses are still the live one's, and a
// name says what the object is for.
var claimsWhatIsUnique = map[schema.GroupKind]bool{
	{Kind: "Service"}: true,
	{Group: "apiregistration.k8s.io", Kind: "APIService"}:             true,
	{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}: true,
}

// refusedAnew says why the server would not take the wanted object if none of its name were there; nil where it would, or where that cannot
// be told. A quota that the live object uses up is no reason: it will be free.
func (a *application) refusedAnew(ctx context.Context) error {
	if claimsWhatIsUnique[a.id().GroupKind()] {
		return nil
	}
	_, err := a.tryNext(ctx)
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "exceeded quota") {
		return err
	}
	return nil
}

// nextName is what is added to a name to try what takes an object's place.
const nextName = "-next"

// shortestLimit is that of the names of CronJobs, of all kinds' the shortest.
const shortestLimit = 52

// tryNext has the server say what would come of making the wanted object anew.
func (a *application) tryNext(ctx context.Context) (*unstructured.Unstructured, error) {
	trial, name := a.wanted.DeepCopy(), a.wanted.GetName()
	trial.SetName(strings.TrimRight(name[:min(len(name), shortestLimit-len(nextName))], "-.") + nextName)
	next, err := retried(ctx, changeTimeout, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return a.objects(a.resource, trial.GetNamespace()).Create(ctx, trial,
			metav1.CreateOptions{FieldManager: a.manager(), DryRun: []string{metav1.DryRunAll}, FieldValidation: a.validation()})
	})
	if apierrors.IsAlreadyExists(err) { // there is one of that name; it was admitted before that was found out
		next, err = trial, nil
	}
	if err != nil {
		return nil, err
	}
	next.SetName(name)
	return next, nil
}

// putBack makes an object anew that was deleted.
func (a *application) putBack(ctx context.Context, old *unstructured.Unstructured) error {
	old = old.DeepCopy()
	for _, field := range []string{"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds"} {
		unstructured.RemoveNestedField(old.Object, "metadata", field)
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	_, err := a.objects(a.resource, old.GetNamespace()).Create(ctx, old,
		metav1.CreateOptions{FieldManager: a.manager(), FieldValidation: metav1.FieldValidationIgnore})
	return err
}
