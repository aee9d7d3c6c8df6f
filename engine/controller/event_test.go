package controller

import (
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

func TestOperationsAreNamedInEvents(t *testing.T) {
	chosen := []argo.SyncOperationResource{{Kind: "Deployment", Name: "web"}}
	result := &argo.SyncOperationResult{Revision: "abc"}
	for want, state := range map[string]argo.OperationState{
		"Sync operation to abc":                 {Operation: argo.Operation{Sync: &argo.SyncOperation{}}, SyncResult: result},
		"Partial sync operation to abc":         {Operation: argo.Operation{Sync: &argo.SyncOperation{Resources: chosen}}, SyncResult: result},
		"Sync operation to v2":                  {Operation: argo.Operation{Sync: &argo.SyncOperation{Revision: "v2"}}},
		"Sync operation to the target revision": {Operation: argo.Operation{Sync: &argo.SyncOperation{}}},
	} {
		if got := operationText(&state); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
