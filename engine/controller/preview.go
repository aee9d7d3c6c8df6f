package controller

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

// depart takes finalizers off whose part is done. Before the last of them, a namespace that was made for the application's preview goes.
func (p *pass) depart(ctx context.Context, dest Destination, done func(finalizer string) bool) error {
	last := !slices.ContainsFunc(p.app.Finalizers, func(f string) bool { return isOurs(f) && !done(f) })
	if last && slipway.IsPreview(p.app.Annotations) {
		if err := p.clearAway(ctx, dest); err != nil {
			return err
		}
	}
	became := ""
	if slices.ContainsFunc(p.app.Finalizers, func(f string) bool { return isCascade(f) && done(f) }) {
		became = "deleted the application's resources"
	}
	return p.letGo(ctx, done, became)
}

// clearAway deletes the namespace of a preview, if it was made for it and nothing of others is there. What cannot be looked at stays.
func (p *pass) clearAway(ctx context.Context, dest Destination) error {
	id := object.ID{Kind: "Namespace", Name: p.app.Spec.Destination.Namespace}
	if id.Name == "" || id.Name == p.ControlNamespace {
		return nil
	}
	ns, err := dest.Get(ctx, id)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("reading namespace %s: %w", id.Name, err)
	case ns.GetDeletionTimestamp() != nil, ns.GetAnnotations()[slipway.CreatedForAnnotation] != p.Pipeline.Instance(p.app):
		return nil
	}
	residents, err := dest.Residents(ctx, id.Name)
	if err != nil {
		p.warn(eventDeleted, "Delete", fmt.Sprintf("namespace %s stays: it is not known what is in it: %v", id.Name, err))
		return nil
	}
	if others := p.others(residents); len(others) > 0 {
		p.warn(eventDeleted, "Delete", fmt.Sprintf("namespace %s stays: %s in it are not this application's", id.Name, enumerate(others)))
		return nil
	}
	if err := dest.Delete(ctx, id, ns.GetUID(), "background"); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting namespace %s: %w", id.Name, err)
	}
	p.event(eventDeleted, "Delete", "deleted namespace "+id.Name+", which was made for this application")
	return nil
}

// bookkeeping are kinds that Kubernetes keeps on behalf of others, and takes away some time after them.
var bookkeeping = []schema.GroupKind{{Kind: "Endpoints"}, {Group: "discovery.k8s.io", Kind: "EndpointSlice"}, {Group: "coordination.k8s.io", Kind: "Lease"}}

// others are the residents of a namespace without the claims of the application's StatefulSets, which outlive these, and without what
// was put up around the preview.
func (p *pass) others(residents []cluster.Node) []object.ID {
	var out []object.ID
	for _, n := range residents {
		if !p.isClaim(n.ID) && !engine.IsFence(n.ID) && !slices.Contains(bookkeeping, n.ID.GroupKind()) {
			out = append(out, n.ID)
		}
	}
	return out
}

var ordinal = regexp.MustCompile(`-[0-9]+$`)

// isClaim reports whether a PersistentVolumeClaim is named as those of a StatefulSet that the application has had.
func (p *pass) isClaim(id object.ID) bool {
	if id.Group != "" || id.Kind != "PersistentVolumeClaim" || !ordinal.MatchString(id.Name) {
		return false
	}
	owner := ordinal.ReplaceAllString(id.Name, "")
	return slices.ContainsFunc(p.everSeen(), func(o object.ID) bool {
		return o.Group == "apps" && o.Kind == "StatefulSet" && o.Namespace == id.Namespace && strings.HasSuffix(owner, "-"+o.Name)
	})
}

// named is how many objects a message names.
const named = 5

func enumerate(ids []object.ID) string {
	var names []string
	for _, id := range ids[:min(len(ids), named)] {
		names = append(names, id.Kind+" "+id.Name)
	}
	text := strings.Join(names, ", ")
	if more := len(ids) - named; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
