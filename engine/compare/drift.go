package compare

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// The verdicts of a comparison, in Argo CD's words.
const (
	Synced    = argo.SyncStatusCodeSynced
	OutOfSync = argo.SyncStatusCodeOutOfSync
	Unknown   = argo.SyncStatusCodeUnknown
)

// Sync says whether an object is as desired.
type Sync struct {
	Status argo.SyncStatusCode
	// Reason says why it is OutOfSync where the difference does not, or why it is Unknown.
	Reason string
	// Difference is from live to what applying would make of it. It is Unchanged when the object is Synced or Unknown.
	Difference Difference
}

// Drift holds live against desired by predicting the apply. Nil live is an object that is missing, nil desired one that is extra.
// Whatever stands in the way of the comparison makes this object Unknown with the reason; the error is for a caller who
// gives objects of other identities than id, or none.
//
// The prediction knows neither all of the server's defaults nor its webhooks, so "OutOfSync" can be wrong where "Synced" is not:
// a server's dry run settles it, by Predicted.
func Drift(id object.ID, desired, live *unstructured.Unstructured, o Options) (Sync, error) {
	if desired == nil && live == nil {
		return Sync{}, fmt.Errorf("comparing %s: there is neither a desired nor a live object", id)
	}
	for _, u := range []*unstructured.Unstructured{desired, live} {
		if u != nil && (object.IDOf(u).GroupKind() != id.GroupKind() || u.GetName() != id.Name) {
			return Sync{}, fmt.Errorf("comparing %s: given %s", id, object.IDOf(u))
		}
	}
	if desired != nil && desired.GetName() == "" {
		// An object that gets its name from the server is made anew by each sync, and is never compared.
		return Sync{Status: Synced, Difference: Difference{ID: id, Kind: Unchanged}}, nil
	}
	if desired == nil {
		return Sync{Status: OutOfSync, Reason: "not in the repository", Difference: Resource(id, live, nil, o.Hide...)}, nil
	}
	if live == nil {
		return Sync{Status: OutOfSync, Reason: "missing from the cluster", Difference: Resource(id, nil, Prepare(desired), o.Hide...)}, nil
	}
	if nothingToApply(desired, live, o) {
		return Predicted(id, live, live, o), nil
	}
	predicted, err := Apply(desired, live, o)
	if err != nil {
		return unknown(id, err), nil
	}
	if wanted, has := desired.Object["status"]; has && o.status(id) {
		predicted.Object["status"] = wanted
	}
	return Predicted(id, predicted, live, o), nil
}

// Predicted holds live against what applying makes of it, be it Apply's prediction or the server's answer to a dry run.
func Predicted(id object.ID, predicted, live *unstructured.Unstructured, o Options) Sync {
	if !sameContent(predicted, live) || o.status(id) {
		after, before := canonicalPair(predicted, live)
		o.Known.alike(after, before)
		if o.IgnoreAggregatedRoles {
			dropAggregated(after)
			dropAggregated(before)
		}
		if err := ignoring(id, after, before, o); err != nil {
			return unknown(id, err)
		}
		if d := Resource(id, before, after, o.Hide...); document(tidy(before)) != document(tidy(after)) {
			return Sync{Status: OutOfSync, Difference: d}
		}
		if o.status(id) && !same(before.Object["status"], after.Object["status"]) {
			return Sync{Status: OutOfSync, Reason: "the status differs", Difference: Difference{ID: id, Kind: Changed, Fields: []string{"status"}}}
		}
		predicted, live = after, before
	}
	d := Difference{ID: id, Kind: Unchanged, Hook: hookOf(live, predicted)}
	if markOf(live) != markOf(predicted) {
		return Sync{Status: OutOfSync, Reason: "not marked as this application's", Difference: d}
	}
	return Sync{Status: Synced, Difference: d}
}

// status says whether the status field of an object counts.
func (o Options) status(id object.ID) bool {
	return o.Status == "none" || o.Status == "crd" && (id.Group != "apiextensions.k8s.io" || id.Kind != "CustomResourceDefinition")
}

func unknown(id object.ID, err error) Sync {
	return Sync{Status: Unknown, Reason: reasonOf(id, err), Difference: Difference{ID: id, Kind: Unchanged}}
}

// reasonOf never quotes what a Secret holds: the merge machinery's errors tell the values they stumble on.
func reasonOf(id object.ID, err error) string {
	if id.Group == "" && (id.Kind == "Secret" || id.Kind == "SecretList") {
		return "the Secret is not valid (its content is not shown)"
	}
	return err.Error()
}

// markOf is what of the object says whose it is.
func markOf(u *unstructured.Unstructured) [2]string {
	annotations := u.GetAnnotations()
	return [2]string{annotations[TrackingAnnotation], annotations[InstallationAnnotation]}
}
