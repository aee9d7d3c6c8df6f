package appset

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// newSelector is a label selector over flattened parameters. Unlike the values of labels, those of parameters may be anything, such
// as the URL of a cluster. No selector selects all.
func newSelector(s *metav1.LabelSelector) (func(map[string]string) bool, error) {
	if s == nil {
		return func(map[string]string) bool { return true }, nil
	}
	for key := range s.MatchLabels {
		if err := checkKey(key); err != nil {
			return nil, err
		}
	}
	for _, e := range s.MatchExpressions {
		if err := checkExpression(e); err != nil {
			return nil, err
		}
	}
	return func(flat map[string]string) bool {
		for key, want := range s.MatchLabels {
			if have, ok := flat[key]; !ok || have != want {
				return false
			}
		}
		return !slices.ContainsFunc(s.MatchExpressions, func(e metav1.LabelSelectorRequirement) bool { return !holds(e, flat) })
	}, nil
}

func checkKey(key string) error {
	if wrong := validation.IsQualifiedName(key); len(wrong) > 0 {
		return fault("", "%q cannot be a key: %s", short(key), wrong[0])
	}
	return nil
}

func checkExpression(e metav1.LabelSelectorRequirement) error {
	switch e.Operator {
	case metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn:
		if len(e.Values) == 0 {
			return fault("", "the operator %s of %q needs values", e.Operator, e.Key)
		}
	case metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist:
		if len(e.Values) > 0 {
			return fault("", "the operator %s of %q takes no values", e.Operator, e.Key)
		}
	default:
		return fault("", "%q is no operator: In, NotIn, Exists and DoesNotExist are", e.Operator)
	}
	return checkKey(e.Key)
}

func holds(e metav1.LabelSelectorRequirement, flat map[string]string) bool {
	have, ok := flat[e.Key]
	switch e.Operator {
	case metav1.LabelSelectorOpIn:
		return ok && slices.Contains(e.Values, have)
	case metav1.LabelSelectorOpNotIn:
		return !ok || !slices.Contains(e.Values, have)
	case metav1.LabelSelectorOpExists:
		return ok
	default:
		return !ok
	}
}
