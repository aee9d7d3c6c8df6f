package controller

import (
	"slices"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// withApplied are the resources of a status, and those that an operation has applied since they were listed. The next operation may want
// neither them nor their kinds, and would not know what to look for, if no comparison came in between.
func withApplied(listed []argo.ResourceStatus, results []argo.ResourceResult) []argo.ResourceStatus {
	out := slices.Clone(listed)
	for _, r := range results {
		if r.Status != argo.ResultCodeSynced || slices.ContainsFunc(out, func(s argo.ResourceStatus) bool {
			return s.Group == r.Group && s.Kind == r.Kind && s.Namespace == r.Namespace && s.Name == r.Name
		}) {
			continue
		}
		out = append(out, argo.ResourceStatus{Group: r.Group, Version: r.Version, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name,
			Status: argo.SyncStatusCodeSynced, Hook: r.HookType != ""})
	}
	return out
}
