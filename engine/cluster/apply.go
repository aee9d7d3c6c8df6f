package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// ApplyOptions says how an object is applied. The zero value is server-side apply, validated, in place, after client-side
// managers were taken over. Conflicts over fields are always decided in our favour: the repository says what is wanted.
type ApplyOptions struct {
	// DryRun has the server answer without changing anything.
	DryRun bool
	// Recalled takes the server's answer to the same dry run, by the same account on the same live object, in the place of another one
	// where it was given within the last minute. It comes without the warnings.
	Recalled bool
	// Manager is the field manager; empty is compare.Manager.
	Manager string
	// ClientSide applies as kubectl does without --server-side.
	ClientSide bool
	// Replace puts the object in the place of the live one, whoever owns its fields.
	Replace bool
	// Force deletes and creates again what cannot be changed in place.
	Force bool
	// SkipValidation leaves out the check for unknown and repeated fields where the server can.
	SkipValidation bool
	// KeepManagers leaves fields with the managers of earlier client-side applies; TakeOver names further ones to be taken over.
	KeepManagers bool
	TakeOver     []string
}

func (o ApplyOptions) manager() string {
	if o.Manager == "" {
		return compare.Manager
	}
	return o.Manager
}

func (o ApplyOptions) dryRun() []string {
	if o.DryRun {
		return []string{metav1.DryRunAll}
	}
	return nil
}

func (o ApplyOptions) validation() string {
	if o.SkipValidation {
		return metav1.FieldValidationIgnore
	}
	return metav1.FieldValidationStrict
}

// Applied is what came of applying an object.
type Applied struct {
	// Object is the object as it is now, or, of a dry run, as it would be.
	Object *unstructured.Unstructured
	// Message is kubectl's line: "deployment.apps/web serverside-applied".
	Message string
	// Warnings are the server's, and our own when it was done in another way than asked.
	Warnings []string
	verb     string
}

// serverSideApplied is kubectl's verb for what went as it should.
const serverSideApplied = "serverside-applied"

// Apply brings the object about. It can be called again after any failure. Of an object without a name (generateName) each call
// makes another. The error keeps the server's in its chain; that of a Secret does not quote it.
func (c *Cluster) Apply(ctx context.Context, u *unstructured.Unstructured, o ApplyOptions) (Applied, error) {
	id := object.IDOf(u)
	r, err := c.lookup(ctx, id.GroupKind(), u.GroupVersionKind().Version)
	if err != nil {
		return Applied{}, err
	}
	ctx, said := collectWarnings(ctx)
	a := application{Cluster: c, ApplyOptions: o, resource: r, wanted: compare.Prepare(u)}
	if !r.Namespaced {
		a.wanted.SetNamespace("")
	}
	verb := serverSideApplied
	if a.result = a.recall(u); a.result == nil {
		if verb, err = a.apply(ctx); err != nil {
			return Applied{}, discreet(id, err)
		}
	}
	if !o.DryRun {
		c.cache.recent.note(object.IDOf(a.result), a.result)
		a.settle(ctx)
	}
	message := kindName(r.GroupVersionKind) + "/" + a.result.GetName() + " " + verb
	if o.DryRun {
		message += " (server dry run)"
	}
	return Applied{Object: a.result, Message: message, Warnings: append(a.warnings, said.all()...), verb: verb}, nil
}

// application is one object being applied.
type application struct {
	*Cluster
	ApplyOptions
	resource resource
	wanted   *unstructured.Unstructured
	result   *unstructured.Unstructured
	warnings []string
}

// apply does it in the way asked for, and in another if that one cannot hold the object. The verb is kubectl's.
func (a *application) apply(ctx context.Context) (verb string, err error) {
	switch {
	case a.wanted.GetName() == "":
		return "created", a.create(ctx)
	case a.Replace:
		verb, err = a.replace(ctx)
	case a.ClientSide:
		verb, err = a.clientSide(ctx)
	default:
		verb, err = serverSideApplied, a.serverSide(ctx)
		if err != nil && (compare.RefusesServerSide(err) || a.SkipValidation && isUndeclared(err) || apierrors.IsUnsupportedMediaType(err)) {
			a.warnings = append(a.warnings, "applied client-side, because server-side apply refuses the object: "+discreet(object.IDOf(a.wanted), err).Error())
			verb, err = a.clientSide(ctx)
		}
	}
	if err != nil && a.Force && !a.DryRun && apierrors.IsInvalid(err) {
		return "replaced", a.recreate(ctx)
	}
	if err != nil && a.bindsAnother(err) {
		return "reconciled", a.rebind(ctx)
	}
	return verb, err
}

func (a *application) id() object.ID { return object.IDOf(a.wanted) }

func (a *application) live(ctx context.Context) (*unstructured.Unstructured, error) {
	u, err := a.read(ctx, a.resource, a.id())
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return u, err
}

func (a *application) serverSide(ctx context.Context) (err error) {
	if !a.DryRun && !a.KeepManagers {
		if err := a.takeOver(ctx); err != nil {
			return err
		}
	}
	body, err := json.Marshal(a.wanted)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", a.id(), err)
	}
	force := true
	a.result, err = a.patch(ctx, types.ApplyPatchType, body, metav1.PatchOptions{Force: &force})
	return err
}

func (a *application) patch(ctx context.Context, kind types.PatchType, body []byte, o metav1.PatchOptions) (*unstructured.Unstructured, error) {
	o.FieldManager, o.DryRun, o.FieldValidation = a.manager(), a.dryRun(), a.validation()
	return retried(ctx, changeTimeout, func(ctx context.Context) (*unstructured.Unstructured, error) {
		return a.objects(a.resource, a.wanted.GetNamespace()).Patch(ctx, a.wanted.GetName(), kind, body, o)
	})
}

// takeOverAttempts bounds how often the taking over is tried against somebody who keeps changing the object: controllers write the status of
// a workload that has just been changed many times within a second.
const takeOverAttempts = 12

// yield lets others change an object first, for longer each time that they did.
func yield(ctx context.Context, attempt int) error {
	timer := time.NewTimer(time.Duration(attempt) * (10*time.Millisecond + rand.N(10*time.Millisecond)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takeOver makes ours what client-side applies own, so that what was removed from the repository goes. Where the cache shows that there is
// nothing to take over, the server is not asked.
func (a *application) takeOver(ctx context.Context) error {
	if u, ok := a.glimpse(a.resource, a.id()); ok && (u == nil || !compare.YetToBeTakenOver(u, a.TakeOver...)) {
		return nil
	} else if ok {
		changed, err := compare.TakeOver(u.DeepCopy(), a.Schema(), a.TakeOver...)
		if err == nil && !changed {
			return nil
		}
	}
	for attempt := range takeOverAttempts {
		if err := yield(ctx, attempt); err != nil {
			return err
		}
		live, err := a.live(ctx)
		if err != nil || live == nil {
			return err
		}
		a.loadSchemas(ctx, map[schema.GroupVersion]bool{a.resource.GroupVersion(): true})
		changed, err := compare.TakeOver(live, a.Schema(), a.TakeOver...)
		if err != nil {
			a.warnings = append(a.warnings, discreet(a.id(), err).Error())
			return nil
		}
		if !changed {
			return nil
		}
		body, err := json.Marshal([]map[string]any{
			{"op": "replace", "path": "/metadata/managedFields", "value": live.GetManagedFields()},
			// Replaced, not tested, so that a change in between is a conflict and not an invalid patch.
			{"op": "replace", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
		})
		if err != nil {
			return fmt.Errorf("encoding the owners of %s: %w", a.id(), err)
		}
		_, err = a.patch(ctx, types.JSONPatchType, body, metav1.PatchOptions{})
		if !apierrors.IsConflict(err) {
			return err
		}
	}
	return fmt.Errorf("taking over %s: it keeps changing", a.id())
}

func (a *application) clientSide(ctx context.Context) (verb string, err error) {
	live, err := a.live(ctx)
	if err != nil {
		return "", err
	}
	if live == nil {
		a.wanted, err = compare.WithLastApplied(a.wanted)
		if err != nil {
			return "", err
		}
		return "created", a.create(ctx)
	}
	kind, body, err := compare.ClientSidePatch(a.wanted, live)
	if err != nil {
		return "", err
	}
	if string(body) == "{}" {
		a.result = live
		return "unchanged", nil
	}
	a.result, err = a.patch(ctx, kind, body, metav1.PatchOptions{})
	return "configured", err
}

// create is not repeated when the connection broke: it may have been done.
func (a *application) create(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	a.result, err = a.objects(a.resource, a.wanted.GetNamespace()).Create(ctx, a.wanted,
		metav1.CreateOptions{FieldManager: a.manager(), DryRun: a.dryRun(), FieldValidation: a.validation()})
	return err
}

func (a *application) replace(ctx context.Context) (verb string, err error) {
	for attempt := range takeOverAttempts {
		if err := yield(ctx, attempt); err != nil {
			return "", err
		}
		live, err := a.live(ctx)
		switch {
		case err != nil:
			return "", err
		case live == nil:
			return "created", a.create(ctx)
		case a.Force && !a.DryRun:
			return "replaced", a.recreate(ctx)
		}
		next := a.wanted.DeepCopy()
		next.SetResourceVersion(live.GetResourceVersion())
		a.result, err = retried(ctx, changeTimeout, func(ctx context.Context) (*unstructured.Unstructured, error) {
			return a.objects(a.resource, next.GetNamespace()).Update(ctx, next,
				metav1.UpdateOptions{FieldManager: a.manager(), DryRun: a.dryRun(), FieldValidation: a.validation()})
		})
		if !apierrors.IsConflict(err) {
			return "replaced", err
		}
	}
	return "", fmt.Errorf("replacing %s: it keeps changing", a.id())
}

// isUndeclared reports whether server-side apply, which has to know each field's owner, stumbled on a field that its kind does not have.
// Nothing but a client-side apply drops such a field.
func isUndeclared(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && strings.Contains(status.Status().Message, "field not declared in schema")
}

// kindName is how kubectl names a kind: "deployment.apps", "service".
func kindName(gvk schema.GroupVersionKind) string {
	name := strings.ToLower(gvk.Kind)
	if gvk.Group != "" {
		name += "." + gvk.Group
	}
	return name
}
