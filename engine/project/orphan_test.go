package project_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
)

func TestOrphans(t *testing.T) {
	no := false
	for name, c := range map[string]struct {
		settings     *argo.OrphanedResourcesMonitorSettings
		looks, warns bool
	}{
		"not asked for": {nil, false, false},
		"by default":    {&argo.OrphanedResourcesMonitorSettings{}, true, true},
		"in silence":    {&argo.OrphanedResourcesMonitorSettings{Warn: &no}, true, false},
	} {
		proj := &argo.AppProject{Spec: argo.AppProjectSpec{OrphanedResources: c.settings}}
		if looks, warns := project.New(proj, project.Scope{}).Orphans(); looks != c.looks || warns != c.warns {
			t.Errorf("%s: looks %v, warns %v", name, looks, warns)
		}
	}
}

func TestOrphansToSpeakOf(t *testing.T) {
	proj := &argo.AppProject{Spec: argo.AppProjectSpec{
		Destinations:               []argo.ApplicationDestination{{Server: "*", Namespace: "shop"}},
		NamespaceResourceBlacklist: []metav1.GroupKind{{Kind: "LimitRange"}},
		OrphanedResources: &argo.OrphanedResourcesMonitorSettings{Ignore: []argo.OrphanedResourceKey{
			{Kind: "ConfigMap", Name: "leader-*"}, {Group: "apps", Kind: "*Set"}, {Name: "istio-ca-root-cert"}, {Group: "*.example.com"},
		}},
	}}
	permits := project.New(proj, project.Scope{})
	for id, want := range map[object.ID]bool{
		{Kind: "ConfigMap", Namespace: "shop", Name: "settings"}:                     true,
		{Kind: "ConfigMap", Namespace: "shop", Name: "leader-web"}:                   false,
		{Kind: "ConfigMap", Namespace: "shop", Name: "istio-ca-root-cert"}:           false,
		{Kind: "Secret", Namespace: "shop", Name: "leader-web"}:                      true,
		{Group: "apps", Kind: "ReplicaSet", Namespace: "shop", Name: "a"}:            false,
		{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "a"}:            true,
		{Group: "batch", Kind: "Job", Namespace: "shop", Name: "istio-ca-root-cert"}: true,
		{Group: "x.example.com", Kind: "Thing", Namespace: "shop", Name: "a"}:        false,
		{Kind: "LimitRange", Namespace: "shop", Name: "a"}:                           false,
		{Kind: "ConfigMap", Namespace: "bank", Name: "settings"}:                     false,
		{Kind: "Node", Name: "a"}:                                                    false,
	} {
		if got := permits.Orphan(id, project.Destination{Server: "https://a", Name: "a"}); got != want {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
}
