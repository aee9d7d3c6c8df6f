package change

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/sync"
)

// What is tried before the merge is what a sync does after it, whoever says what of an object.
func TestWhatIsTriedIsWhatIsApplied(t *testing.T) {
	for _, option := range []string{"Replace", "Force", "Validate", "ServerSideApply", "ClientSideApplyMigration"} {
		for _, app := range []string{"", option + "=true", option + "=false"} {
			for _, own := range []string{"", option + "=true", option + "=false"} {
				u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "x", "namespace": "shop"}}}
				if own != "" {
					u.SetAnnotations(map[string]string{sync.OptionsAnnotation: own})
				}
				o := object.Object{Unstructured: u}
				var options argo.SyncOptions
				if app != "" {
					options = argo.SyncOptions{app}
				}
				plan := sync.Next(sync.Input{Desired: object.NewSet(o), Options: options, Tried: sync.Tried{DryRun: true}})
				if plan.Step == nil {
					t.Fatalf("%q, %q: nothing is applied: %s", app, own, plan.Message)
				}
				does := plan.Step.Groups[0][0].Apply
				want := cluster.ApplyOptions{Replace: does.Replace, Force: does.Force, SkipValidation: does.SkipValidation, KeepManagers: does.KeepManagers,
					ClientSide: !does.ServerSide && !does.Replace}
				got := applying(&argo.Application{Spec: argo.ApplicationSpec{SyncPolicy: &argo.SyncPolicy{SyncOptions: options}}})(o)
				got.ClientSide = got.ClientSide && !got.Replace // which goes before it
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("the application says %q, the object %q (-applied +tried):\n%s", app, own, diff)
				}
			}
		}
	}
}
