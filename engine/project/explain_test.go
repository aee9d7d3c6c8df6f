package project_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
)

func TestADenialNamesItsRule(t *testing.T) {
	deployment := object.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	role := object.ID{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "admin"}
	here := []argo.ApplicationDestination{{Server: "*", Namespace: "shop"}}
	for name, c := range map[string]struct {
		spec       argo.AppProjectSpec
		id         object.ID
		namespaced bool
		want       project.Denial
	}{
		"permitted": {argo.AppProjectSpec{Destinations: here}, deployment, true, project.Denial{}},
		"a kind that is taken away": {argo.AppProjectSpec{Destinations: here, NamespaceResourceBlacklist: []metav1.GroupKind{{Kind: "Secret"}, {Group: "apps", Kind: "*"}}}, deployment, true,
			project.Denial{Message: "resource apps:Deployment is not permitted in project shop", Rule: "spec.namespaceResourceBlacklist[1] is apps:*"}},
		"a kind that is not listed": {argo.AppProjectSpec{Destinations: here, NamespaceResourceWhitelist: []metav1.GroupKind{{Kind: "Secret"}}}, deployment, true,
			project.Denial{Message: "resource apps:Deployment is not permitted in project shop", Rule: "spec.namespaceResourceWhitelist does not list it"}},
		"of the cluster, not listed": {argo.AppProjectSpec{Destinations: here}, role, false,
			project.Denial{Message: "resource rbac.authorization.k8s.io:ClusterRole is not permitted in project shop", Rule: "spec.clusterResourceWhitelist does not list it"}},
		"of the cluster, taken away by name": {argo.AppProjectSpec{ClusterResourceWhitelist: []argo.ClusterResourceRestrictionItem{{Group: "*", Kind: "*"}},
			ClusterResourceBlacklist: []argo.ClusterResourceRestrictionItem{{Group: "*", Kind: "ClusterRole", Name: "adm*"}}}, role, false,
			project.Denial{Message: "resource rbac.authorization.k8s.io:ClusterRole is not permitted in project shop", Rule: "spec.clusterResourceBlacklist[0] is *:ClusterRole adm*"}},
		"a namespace elsewhere": {argo.AppProjectSpec{Destinations: []argo.ApplicationDestination{{Server: "*", Namespace: "other"}}}, deployment, true,
			project.Denial{Message: "namespace shop is not permitted in project 'shop'", Rule: "none of spec.destinations permits it"}},
		"a namespace that is denied": {argo.AppProjectSpec{Destinations: []argo.ApplicationDestination{{Server: "*", Namespace: "*"}, {Server: "*", Namespace: "!shop"}}}, deployment, true,
			project.Denial{Message: "namespace shop is not permitted in project 'shop'", Rule: "spec.destinations[1] denies it"}},
		"another project's cluster": {argo.AppProjectSpec{Destinations: here, PermitOnlyProjectScopedClusters: true}, deployment, true,
			project.Denial{Message: "namespace shop is not permitted in project 'shop'", Rule: "spec.permitOnlyProjectScopedClusters is set, and the cluster is not registered for the project"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Spec: c.spec}
			got := project.New(p, project.Scope{}).Explain(c.id, c.namespaced, project.Destination{Server: "https://kubernetes.default.svc", Name: "in-cluster"})
			if got != c.want {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}
