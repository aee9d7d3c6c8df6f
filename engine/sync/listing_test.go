package sync

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

func TestListingIsInTheOrderOfASync(t *testing.T) {
	generated := job("", hook("PostSync")...)
	generated.SetGenerateName("report-")
	in := input(set(thing("apps", "Deployment", "web"), thing("", "Service", "web"), thing("", "ConfigMap", "early", wave("-1")...),
		job("check", hook("PreSync,PostSync")...), job("bury", hook("PostDelete")...), job("alarm", hook("SyncFail")...), generated))
	in.Namespace, in.Options = "shop", argo.SyncOptions{"CreateNamespace=true"}
	var got []string
	for _, a := range Listing(in) {
		got = append(got, fmt.Sprintf("%s/%d %s %s%s", a.Phase, a.Wave, a.ID.Kind, a.Object.GetName(), a.Object.GetGenerateName()))
	}
	want := []string{"PreSync/0 Namespace shop", "PreSync/0 Job check", "Sync/-1 ConfigMap early", "Sync/0 Service web", "Sync/0 Deployment web",
		"PostSync/0 Job report-", "PostSync/0 Job check", "SyncFail/0 Job alarm"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
