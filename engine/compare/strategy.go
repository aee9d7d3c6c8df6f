package compare

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/slipway-cd/slipway/engine/object"
)

// Strategy is a way to find out whether an object is as desired.
type Strategy string

const (
	// Confirmed predicts the apply, and has the server confirm by a dry run whatever seems to differ. It is the default.
	Confirmed Strategy = ""
	// ServerSideDiff asks the server about every object.
	ServerSideDiff Strategy = "ServerSideDiff"
	// StructuredMerge believes the prediction of a server-side apply.
	StructuredMerge Strategy = "StructuredMerge"
	// Legacy believes the prediction of a client-side apply, against the annotation that the last one left.
	Legacy Strategy = "Legacy"
)

// OptionsAnnotation holds an application's and an object's word on how it is compared.
const OptionsAnnotation = "argocd.argoproj.io/compare-options"

// Choose takes the compare-options of an application and of an object, where they have any, into account: "ServerSideDiff=true" and
// "=false", "IncludeMutationWebhook=true", and "StructuredMergeDiff=true" and "LegacyDiff=true" for Argo CD's two others. What
// comes later in the arguments has the last word.
func (o Options) Choose(annotations ...map[string]string) Options {
	for _, a := range annotations {
		for option := range strings.SplitSeq(a[OptionsAnnotation], ",") {
			switch strings.TrimSpace(option) {
			case "ServerSideDiff=true":
				o.Strategy = ServerSideDiff
			case "ServerSideDiff=false":
				if o.Strategy == ServerSideDiff {
					o.Strategy = Confirmed
				}
			case "StructuredMergeDiff=true":
				o.Strategy = StructuredMerge
			case "LegacyDiff=true":
				o.Strategy = Legacy
			case "IncludeMutationWebhook=true":
				o.IncludeMutationWebhook = true
			case "IncludeMutationWebhook=false":
				o.IncludeMutationWebhook = false
			}
		}
	}
	return o
}

// Asks says whether a verdict of Drift on an object that is there is to be settled by the server's answer to a dry run.
func (o Options) Asks(s Sync) bool {
	switch {
	case o.ClientSide:
		return false
	case o.Strategy == ServerSideDiff:
		return true
	case o.Strategy == Confirmed:
		return s.Status == OutOfSync
	}
	return false
}

// Answered holds live against the server's answer to a dry run. Under ServerSideDiff, what webhooks change beyond what was applied
// does not count, unless it is asked to.
func Answered(id object.ID, answer, live *unstructured.Unstructured, o Options) Sync {
	if o.Strategy == ServerSideDiff && !o.IncludeMutationWebhook {
		own, err := withoutMutations(answer, live, o.Schema)
		if err != nil {
			return unknown(id, err)
		}
		answer = own
	}
	return Predicted(id, answer, live, o)
}

// withoutMutations is the answer with every field as it is in live that differs from it and was not applied by us.
func withoutMutations(answer, live *unstructured.Unstructured, schema Schema) (*unstructured.Unstructured, error) {
	if schema == nil {
		return nil, fmt.Errorf("telling webhooks' changes apart needs the schema of %s", live.GroupVersionKind())
	}
	next, err := schema.ObjectToTyped(answer)
	if err != nil {
		return nil, fmt.Errorf("reading the server's answer: %w", err)
	}
	now, err := schema.ObjectToTyped(live)
	if err != nil {
		return nil, fmt.Errorf("reading the live object: %w", err)
	}
	merged, err := keepForeign(now, next, fieldsOfOurs(live), fieldsOfOurs(answer))
	if err != nil {
		return nil, err
	}
	back, err := schema.TypedToObject(merged)
	if err != nil {
		return nil, fmt.Errorf("reading the server's answer: %w", err)
	}
	u, ok := back.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("reading the server's answer gave a %T", back)
	}
	return u, nil
}

// keepForeign undoes in next what neither belongs to us after the apply nor was taken away by us.
func keepForeign(now, next *typed.TypedValue, before, after *fieldpath.Set) (*typed.TypedValue, error) {
	changes, err := now.Compare(next)
	if err != nil {
		return nil, fmt.Errorf("comparing the server's answer: %w", err)
	}
	added := changes.Added.Difference(after)
	modified := changes.Modified.Difference(after)
	taken := changes.Removed.Difference(before)
	restored := now.ExtractItems(modified.Union(taken).Leaves())
	merged, err := next.RemoveItems(added.Union(modified).Leaves()).Merge(restored)
	if err != nil {
		return nil, fmt.Errorf("comparing the server's answer: %w", err)
	}
	return merged, nil
}

// fieldsOfOurs are the fields that our apply owns; what cannot be read is none.
func fieldsOfOurs(u *unstructured.Unstructured) *fieldpath.Set {
	for _, e := range u.GetManagedFields() {
		if e.Manager == Manager && e.Operation == "Apply" && e.Subresource == "" {
			if set, err := fieldsOf(e); err == nil {
				return set
			}
		}
	}
	return fieldpath.NewSet()
}
