package compare

import (
	"encoding/base64"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Prepare is what is sent to the API server to bring desired about, and what Apply predicts from: a copy without status and
// without what only the server writes, without nulls, and with a Secret's stringData folded into data, so that a key
// removed from it is removed from the cluster too. Empty rules of a ClusterRole that is put together from others are left to the
// controller that does so: charts write them for readers.
func Prepare(desired *unstructured.Unstructured) *unstructured.Unstructured {
	if desired == nil {
		return nil
	}
	out := desired.DeepCopy()
	delete(out.Object, "status")
	if metadata, ok := out.Object["metadata"].(map[string]any); ok {
		for _, f := range serverWritten {
			delete(metadata, f)
		}
	}
	if gvk := out.GroupVersionKind(); gvk.Group == "" && gvk.Kind == "Secret" {
		out.Object = foldStringData(out.Object)
		encodeNothing(out.Object)
	}
	dropNulls(out.Object)
	if list, ok := out.Object["rules"].([]any); ok && len(list) == 0 && aggregated(out) {
		delete(out.Object, "rules")
	}
	return out
}

// encodeNothing makes a null value the empty one, as the API server does.
func encodeNothing(secret map[string]any) {
	data, _ := secret["data"].(map[string]any)
	for k, v := range data {
		if v == nil {
			data[k] = base64.StdEncoding.EncodeToString(nil)
		}
	}
}

func dropNulls(v any) {
	switch x := v.(type) {
	case map[string]any:
		for k, v := range x {
			if v == nil {
				delete(x, k)
				continue
			}
			dropNulls(v)
		}
	case []any:
		for _, v := range x {
			dropNulls(v)
		}
	}
}
