package v1alpha1

import (
	"maps"
	"strings"
)

// Annotations of an Application that is held at a revision.
const (
	// HoldAnnotation names the revision, or the revisions separated by commas, one for each source.
	HoldAnnotation = "slipway.dev/hold"
	// HoldByAnnotation is who holds it, such as github:alice.
	HoldByAnnotation = "slipway.dev/hold-by"
	// HoldReasonAnnotation is why, for people.
	HoldReasonAnnotation = "slipway.dev/hold-reason"
)

// Hold keeps an Application at a revision, most often one that it was rolled back to, until the annotation is taken away. Meanwhile it is
// compared with that revision, automated sync and self-heal go there and to no newer one, and nothing is pruned by them. The sources are those
// of the entry of status.history with these revisions, or else the specification's, which is never written.
//
// A rollback is one merge patch, bound to the resourceVersion that was read: the annotations of Annotate, and as operation what
// (*argo.Application).RollbackTo gives. Where only the operation is written, as by Argo CD's command line, the controller adds the hold
// itself if the application has automated sync. A release is a patch with the annotations of Released.
//
// +kubebuilder:object:generate=false
type Hold struct {
	// Revisions are commits, or versions of charts: one for each source.
	Revisions []string
	// By is who holds it; Reason says why. Both may be empty.
	By, Reason string
}

// HoldOf reads the hold from an Application's annotations; held is false if there is none.
func HoldOf(annotations map[string]string) (h Hold, held bool) {
	for r := range strings.SplitSeq(annotations[HoldAnnotation], ",") {
		if r = strings.TrimSpace(r); r != "" {
			h.Revisions = append(h.Revisions, r)
		}
	}
	h.By, h.Reason = annotations[HoldByAnnotation], annotations[HoldReasonAnnotation]
	return h, len(h.Revisions) > 0
}

// Annotate gives annotations with the hold in the place of any other.
func (h Hold) Annotate(annotations map[string]string) map[string]string {
	out := Released(annotations)
	for k, v := range map[string]string{HoldAnnotation: strings.Join(h.Revisions, ","), HoldByAnnotation: h.By, HoldReasonAnnotation: h.Reason} {
		if v != "" {
			out[k] = v
		}
	}
	return out
}

// Released gives annotations without a hold.
func Released(annotations map[string]string) map[string]string {
	out := maps.Clone(annotations)
	if out == nil {
		out = map[string]string{}
	}
	for _, k := range []string{HoldAnnotation, HoldByAnnotation, HoldReasonAnnotation} {
		delete(out, k)
	}
	return out
}

// String says who holds what, and how to release it.
func (h Hold) String() string {
	text := "held at " + strings.Join(h.Revisions, ", ")
	if h.By != "" {
		text += " by " + h.By
	}
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	return text + "; automated sync and self-heal use that revision until the annotation " + HoldAnnotation + " is removed"
}
