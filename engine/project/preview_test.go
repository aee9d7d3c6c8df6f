package project_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
)

func TestWhichProjectsHoldPreviews(t *testing.T) {
	to := func(namespaces ...string) (out []argo.ApplicationDestination) {
		for _, n := range namespaces {
			out = append(out, argo.ApplicationDestination{Server: "*", Namespace: n})
		}
		return out
	}
	for name, c := range map[string]struct {
		spec argo.AppProjectSpec
		why  string
	}{
		"one pattern":                 {argo.AppProjectSpec{Destinations: to("preview-*")}, ""},
		"one pattern in two clusters": {argo.AppProjectSpec{Destinations: []argo.ApplicationDestination{{Name: "a", Namespace: "pr-?"}, {Name: "b", Namespace: "pr-?"}}}, ""},
		"with a denial":               {argo.AppProjectSpec{Destinations: to("preview-*", "!preview-admin")}, ""},
		"that may make namespaces":    {argo.AppProjectSpec{Destinations: to("preview-*"), ClusterResourceWhitelist: []argo.ClusterResourceRestrictionItem{{Kind: "Namespace", Name: "preview-*"}}}, ""},
		"every namespace":             {argo.AppProjectSpec{Destinations: to("*")}, "every namespace"},
		"every namespace, otherwise":  {argo.AppProjectSpec{Destinations: to("**")}, "every namespace"},
		"no namespace":                {argo.AppProjectSpec{Destinations: to("")}, "every namespace"},
		"two patterns":                {argo.AppProjectSpec{Destinations: to("preview-*", "shop")}, "preview-* and shop"},
		"nowhere":                     {argo.AppProjectSpec{}, "no destinations"},
		"a kind of the cluster":       {argo.AppProjectSpec{Destinations: to("preview-*"), ClusterResourceWhitelist: []argo.ClusterResourceRestrictionItem{{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}}}, "ClusterRole"},
		"all kinds":                   {argo.AppProjectSpec{Destinations: to("preview-*"), ClusterResourceWhitelist: []argo.ClusterResourceRestrictionItem{{Group: "*", Kind: "*"}}}, "*/*"},
	} {
		t.Run(name, func(t *testing.T) {
			why := project.New(&argo.AppProject{ObjectMeta: metav1.ObjectMeta{Name: "previews"}, Spec: c.spec}, project.Scope{}).Previews()
			if (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
				t.Errorf("%q", why)
			}
		})
	}
}
