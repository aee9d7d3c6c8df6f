package sync

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/slipway-cd/slipway/engine/compare"
)

// respect gives target as it is applied under RespectIgnoreDifferences=true: what is ignored in comparisons keeps the value that it has
// in the live object. New objects are applied in full. problem names a rule that cannot be kept to; then nothing may be applied, for
// it would overwrite what was to be left alone.
func (in *Input) respect(target, live *unstructured.Unstructured) (respecting *unstructured.Unstructured, problem string) {
	if live == nil || !in.Options.Has("RespectIgnoreDifferences=true") {
		return target, ""
	}
	respecting, err := compare.Respect(target, live, in.Ignore, in.Schema)
	if err != nil {
		return target, "RespectIgnoreDifferences=true: " + err.Error()
	}
	return respecting, ""
}
