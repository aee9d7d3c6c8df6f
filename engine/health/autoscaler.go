package health

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// scalingFaults are the reasons, by condition, for which an autoscaler cannot do its work.
func scalingFaults(conditionType string) []string {
	switch conditionType {
	case "AbleToScale":
		return []string{"FailedGetScale", "FailedUpdateScale"}
	case "ScalingActive":
		return []string{"FailedGetResourceMetric", "FailedGetObjectMetric", "FailedGetPodsMetric", "FailedGetExternalMetric",
			"FailedComputeMetricsReplicas", "InvalidSelector"}
	}
	return nil
}

func autoscaler(u *unstructured.Unstructured) (*Health, error) {
	all, err := scalingConditions(u)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return progressing("Waiting to Autoscale"), nil
	}
	for _, c := range all {
		if slices.Contains(scalingFaults(c.Type), c.Reason) {
			return &Health{Degraded, c.Message}, nil
		}
	}
	for _, c := range all {
		if c.Status == "True" && (c.Type == "AbleToScale" || c.Type == "ScalingLimited") {
			return &Health{Healthy, c.Message}, nil
		}
	}
	return progressing("Waiting to Autoscale"), nil
}

// scalingConditions reads them from where the version has them: autoscaling/v1 keeps them in an annotation.
func scalingConditions(u *unstructured.Unstructured) ([]condition, error) {
	if u.GroupVersionKind().Version == "v1" {
		text := u.GetAnnotations()["autoscaling.alpha.kubernetes.io/conditions"]
		if text == "" {
			return nil, nil
		}
		var all []condition
		err := json.Unmarshal([]byte(text), &all)
		return all, err
	}
	return conditionsOf(u), nil
}
