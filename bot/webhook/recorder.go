package webhook

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/forge"
)

// manager is the field manager of all that Slipway writes.
const manager = client.FieldOwner("slipway")

// Resources records into PullRequest and Repository resources.
type Resources struct {
	// Client reads from the API server itself: one that reads from a cache would see its own writes too late.
	Client client.Client
	// Namespace in which the resources are.
	Namespace string
	// Now is our clock. Nil: time.Now.
	Now func() time.Time
}

var _ Recorder = Resources{}

// Record writes spec.asked of the resource, which is created when there is none. spec.asked.at only moves forward.
func (rs Resources) Record(ctx context.Context, a Ask) error {
	const attempts = 50 // with those who write at the same time
	for attempt := 1; ; attempt++ {
		err := rs.once(ctx, a)
		again := apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
		if err == nil || !again || attempt == attempts {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(rand.N(10 * time.Millisecond)):
		}
	}
}

// once fails with a conflict, AlreadyExists or NotFound when somebody else wrote, created or deleted the resource meanwhile.
func (rs Resources) once(ctx context.Context, a Ask) error {
	object := rs.resource(a)
	name := object.name()
	err := rs.Client.Get(ctx, client.ObjectKeyFromObject(object.Object), object.Object)
	if apierrors.IsNotFound(err) {
		object = rs.resource(a)
		object.ask(rs.asked(a, metav1.MicroTime{}))
		object.click(a)
		if err := rs.Client.Create(ctx, object.Object, manager); err != nil {
			return fmt.Errorf("creating %s: %w", name, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	before, _ := object.DeepCopyObject().(client.Object) // a copy of a client.Object is one
	object.follow(a)
	asked := rs.asked(a, object.spec().Asked.At)
	if object.due() {
		asked = asked.Beside(object.spec().Asked)
	}
	object.ask(asked)
	object.click(a)
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := rs.Client.Patch(ctx, object.Object, patch, manager); err != nil {
		return fmt.Errorf("patching %s: %w", name, err)
	}
	return nil
}

// asked is the next request after the one before. Clocks of replicas differ, so a later one may have to be made up.
func (rs Resources) asked(a Ask, before metav1.MicroTime) slipway.Asked {
	now := time.Now
	if rs.Now != nil {
		now = rs.Now
	}
	at := now().UTC().Truncate(time.Microsecond)
	if !at.After(before.Time) {
		at = before.Time.Add(time.Microsecond)
	}
	return slipway.Asked{At: metav1.NewMicroTime(at), Delivery: a.Delivery, SHA: a.SHA, Reason: a.Reason}
}

// resource is either kind of resource, whose specs have the same beginnings.
type resource struct{ client.Object }

func (rs Resources) resource(a Ask) resource {
	spec := slipway.RepositorySpec{
		Forge: string(a.Repository.Forge), Host: a.Repository.Host, Installation: a.Repository.Installation, Repository: reference(a.Repository),
	}
	if a.Number == 0 {
		return resource{&slipway.Repository{
			ObjectMeta: metav1.ObjectMeta{Namespace: rs.Namespace, Name: slipway.RepositoryName(a.Repository.Host, a.Repository.ID)}, Spec: spec,
		}}
	}
	return resource{&slipway.PullRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: rs.Namespace, Name: slipway.PullRequestName(a.Repository.Host, a.Repository.ID, a.Number)},
		Spec: slipway.PullRequestSpec{
			Forge: spec.Forge, Host: spec.Host, Installation: spec.Installation, Repository: spec.Repository, Number: a.Number,
		},
	}}
}

func reference(r forge.Repository) slipway.RepositoryRef {
	return slipway.RepositoryRef{ID: r.ID, Owner: r.Owner, Name: r.Name, CloneURL: r.CloneURL}
}

func (r resource) name() string { return r.GetNamespace() + "/" + r.GetName() }

// spec is a copy of what both kinds have.
func (r resource) spec() slipway.RepositorySpec {
	switch o := r.Object.(type) {
	case *slipway.PullRequest:
		return slipway.RepositorySpec{Forge: o.Spec.Forge, Host: o.Spec.Host, Installation: o.Spec.Installation, Repository: o.Spec.Repository, Asked: o.Spec.Asked}
	case *slipway.Repository:
		return o.Spec
	}
	return slipway.RepositorySpec{}
}

// due says whether what was asked before is still to be looked into.
func (r resource) due() bool {
	switch o := r.Object.(type) {
	case *slipway.PullRequest:
		return o.Due()
	case *slipway.Repository:
		return o.Due()
	}
	return false
}

func (r resource) ask(asked slipway.Asked) {
	switch o := r.Object.(type) {
	case *slipway.PullRequest:
		o.Spec.Asked = asked
	case *slipway.Repository:
		o.Spec.Asked = asked
	}
}

// click keeps a button that was pressed, once for each delivery.
func (r resource) click(a Ask) {
	pull, ok := r.Object.(*slipway.PullRequest)
	if !ok || a.Click == nil || slices.ContainsFunc(pull.Spec.Clicks, func(c slipway.Click) bool { return c.Delivery == a.Delivery }) {
		return
	}
	pull.Spec.Clicks = append(pull.Spec.Clicks, slipway.Click{
		Delivery: a.Delivery, Button: a.Click.Button, Head: a.Click.Head, User: a.Click.User.Login, UserID: a.Click.User.ID, At: pull.Spec.Asked.At,
	})
	if over := len(pull.Spec.Clicks) - slipway.MaxClicks; over > 0 {
		pull.Spec.Clicks = slices.Clone(pull.Spec.Clicks[over:])
	}
}

// follow takes over a new name, owner or installation of the repository. Its id, which names the resource, is the same.
func (r resource) follow(a Ask) {
	installation, ref := r.spec().Installation, reference(a.Repository)
	if a.Repository.Installation != 0 {
		installation = a.Repository.Installation
	}
	switch o := r.Object.(type) {
	case *slipway.PullRequest:
		o.Spec.Installation, o.Spec.Repository = installation, ref
	case *slipway.Repository:
		o.Spec.Installation, o.Spec.Repository = installation, ref
	}
}
