package compare

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
)

// ClientSidePatch is the patch by which client-side apply brings live to desired: what changed between the annotation of the
// last apply and desired, with that annotation renewed. Kinds that Kubernetes itself defines are merged strategically. The
// patch is "{}" when there is nothing to do.
func ClientSidePatch(desired, live *unstructured.Unstructured) (types.PatchType, []byte, error) {
	wanted, err := WithLastApplied(Prepare(desired))
	if err != nil {
		return "", nil, err
	}
	modified, err := wanted.MarshalJSON()
	if err != nil {
		return "", nil, fmt.Errorf("encoding the desired object: %w", err)
	}
	current, err := live.MarshalJSON()
	if err != nil {
		return "", nil, fmt.Errorf("encoding the live object: %w", err)
	}
	original := []byte(live.GetAnnotations()[lastApplied])
	fixed := []mergepatch.PreconditionFunc{mergepatch.RequireKeyUnchanged("apiVersion"), mergepatch.RequireKeyUnchanged("kind"),
		mergepatch.RequireMetadataKeyUnchanged("name")}
	known, err := scheme.Scheme.New(desired.GroupVersionKind())
	if err != nil {
		patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, modified, current, fixed...)
		return types.MergePatchType, patch, err
	}
	lookup, err := strategicpatch.NewPatchMetaFromStruct(known)
	if err != nil {
		return "", nil, fmt.Errorf("reading how %s is merged: %w", desired.GroupVersionKind(), err)
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(original, modified, current, lookup, true, fixed...)
	return types.StrategicMergePatchType, patch, err
}

// WithLastApplied is a copy of u that carries itself in the annotation of client-side apply.
func WithLastApplied(u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	out := u.DeepCopy()
	dropLastApplied(out.Object)
	text, err := out.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encoding the desired object: %w", err)
	}
	annotate(out, lastApplied, string(text))
	return out, nil
}

// clientSide predicts a client-side apply.
func clientSide(desired, live *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	kind, patch, err := ClientSidePatch(desired, live)
	if err != nil {
		return nil, err
	}
	current, err := live.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encoding the live object: %w", err)
	}
	var merged []byte
	if kind == types.MergePatchType {
		merged, err = jsonpatch.MergePatch(current, patch)
	} else {
		known, newErr := scheme.Scheme.New(desired.GroupVersionKind())
		if newErr != nil {
			return nil, newErr
		}
		merged, err = strategicpatch.StrategicMergePatch(current, patch, known)
	}
	if err != nil {
		return nil, fmt.Errorf("merging: %w", err)
	}
	out := &unstructured.Unstructured{}
	if err := json.Unmarshal(merged, &out.Object); err != nil {
		return nil, fmt.Errorf("reading the merged object: %w", err)
	}
	return out, nil
}
