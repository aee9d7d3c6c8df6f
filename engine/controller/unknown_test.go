package controller

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/object"
)

func TestUnknowns(t *testing.T) {
	const refused = `secrets is forbidden: User "x" cannot list resource "secrets"`
	c := &change.Comparison{Unreadable: []string{"Secret: " + refused}}
	add := func(kind, name string, status argo.SyncStatusCode, reason string) {
		c.Resources = append(c.Resources, change.Resource{ID: object.ID{Kind: kind, Name: name}, Status: status, Reason: reason})
	}
	add("Secret", "s", argo.SyncStatusCodeUnknown, refused)
	add("ConfigMap", "fine", argo.SyncStatusCodeSynced, "")
	add("ConfigMap", "differs", argo.SyncStatusCodeOutOfSync, "spec differs")
	for i := range 7 {
		add("Job", fmt.Sprint("j", i), argo.SyncStatusCodeUnknown, "the schema is broken")
	}
	add("Pod", "p", argo.SyncStatusCodeUnknown, "not permitted in project a")
	var got []string
	for _, one := range unknowns(c) {
		got = append(got, one.Type+": "+one.Message)
	}
	want := []string{
		"ComparisonError: Failed to load live state: cannot read Secret: " + refused,
		"ComparisonError: Failed to compare Job j0, Job j1, Job j2, Job j3, Job j4 and 2 more: the schema is broken",
		"ComparisonError: Failed to compare Pod p: not permitted in project a",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
