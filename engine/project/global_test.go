package project_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
)

func selecting(t *testing.T, text string) labels.Selector {
	t.Helper()
	s, err := labels.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestInherits(t *testing.T) {
	globals := []project.Global{{"base", selecting(t, "")}, {"strict", selecting(t, "tier in (prod, pci)")}, {"base", selecting(t, "team=web")}, {"web", selecting(t, "team=web")}}
	for name, c := range map[string]struct {
		labels map[string]string
		want   []string
	}{
		"shop":   {map[string]string{"tier": "prod", "team": "web"}, []string{"base", "strict", "web"}},
		"plain":  {nil, []string{"base"}},
		"base":   {map[string]string{"team": "web"}, []string{"web"}},
		"strict": {map[string]string{"tier": "pci"}, []string{"base"}},
	} {
		t.Run(name, func(t *testing.T) {
			proj := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: c.labels}}
			if diff := cmp.Diff(c.want, project.Inherits(proj, globals)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What global projects add widens and narrows what the project permits, and is seen in its version.
func TestInherit(t *testing.T) {
	everywhere := []argo.ApplicationDestination{{Server: "*", Namespace: "shop"}}
	shop := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Name: "shop", ResourceVersion: "7", Labels: map[string]string{"tier": "prod"}}, Spec: argo.AppProjectSpec{
		SourceRepos: []string{"https://git.example.com/shop"}, Destinations: everywhere}}
	base := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Name: "base", ResourceVersion: "9"}, Spec: argo.AppProjectSpec{
		SourceRepos:                []string{"https://charts.example.com"},
		Destinations:               []argo.ApplicationDestination{{Server: "*", Namespace: "shared"}, {Server: "*", Namespace: "!kube-system"}},
		ClusterResourceWhitelist:   []argo.ClusterResourceRestrictionItem{{Kind: "Namespace"}, {Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}},
		ClusterResourceBlacklist:   []argo.ClusterResourceRestrictionItem{{Group: "rbac.authorization.k8s.io", Kind: "*"}},
		NamespaceResourceBlacklist: []metav1.GroupKind{{Kind: "Secret"}},
		DestinationServiceAccounts: []argo.ApplicationDestinationServiceAccount{{Server: "*", Namespace: "*", DefaultServiceAccount: "deployer"}},
		SyncWindows:                argo.SyncWindows{{Kind: "deny", Schedule: "* * * * *", Duration: "1h", Applications: []string{"*"}}},
		Description:                "not inherited", SourceNamespaces: []string{"*"},
		Roles: []argo.ProjectRole{{Name: "not-inherited"}},
	}}
	find := func(name string) (*argo.AppProject, error) {
		if name == "base" {
			return base, nil
		}
		return nil, nil
	}
	before := shop.DeepCopy()
	whole, err := project.Inherit(shop, []project.Global{{"gone", selecting(t, "")}, {"base", selecting(t, "tier=prod")}}, find)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, shop); diff != "" {
		t.Errorf("the project itself was changed: %s", diff)
	}
	if whole.ResourceVersion != "7/9" || whole.Spec.Description != "" || len(whole.Spec.Roles) != 0 || len(whole.Spec.SourceNamespaces) != 0 || len(whole.Spec.SyncWindows) != 1 {
		t.Errorf("inherited %+v", whole)
	}
	own, all := project.New(shop, project.Scope{}), project.New(whole, project.Scope{})
	to := func(namespace string) project.Destination {
		return project.Destination{Server: "https://c", Name: "c", Namespace: namespace}
	}
	secret := object.ID{Kind: "Secret", Namespace: "shop", Name: "s"}
	namespaces, clusterRoles := schema.GroupKind{Kind: "Namespace"}, schema.GroupKind{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}
	for what, c := range map[string]struct {
		ask      func(project.Permits) bool
		own, all bool
	}{
		"its own source":               {func(p project.Permits) bool { return p.Source("https://git.example.com/shop") }, true, true},
		"an inherited source":          {func(p project.Permits) bool { return p.Source("https://charts.example.com") }, false, true},
		"an inherited place":           {func(p project.Permits) bool { return p.Destination(to("shared")) }, false, true},
		"an inherited kind":            {func(p project.Permits) bool { return p.Kind(namespaces, false, "x") }, false, true},
		"permitted there, and denied":  {func(p project.Permits) bool { return p.Kind(clusterRoles, false, "x") }, false, false},
		"permitted here, denied there": {func(p project.Permits) bool { return p.Object(secret, true, to("shop")) == "" }, true, false},
	} {
		if c.ask(own) != c.own || c.ask(all) != c.all {
			t.Errorf("%s: %v by itself, %v with what it inherits", what, c.ask(own), c.ask(all))
		}
	}
	account, err := all.ActAs(&argo.Application{Spec: argo.ApplicationSpec{Destination: argo.ApplicationDestination{Server: "https://c", Namespace: "shop"}}}, "https://c", project.Impersonation{Enabled: true})
	if err != nil || !strings.HasSuffix(account, ":shop:deployer") {
		t.Errorf("acts as %q (%v)", account, err)
	}
	if same, err := project.Inherit(shop, []project.Global{{"base", selecting(t, "tier=dev")}}, find); err != nil || same != shop {
		t.Errorf("a project that inherits nothing became %v (%v)", same, err)
	}
	down := func(string) (*argo.AppProject, error) { return nil, errors.New("down") }
	if _, err := project.Inherit(shop, []project.Global{{"base", selecting(t, "")}}, down); err == nil || !strings.Contains(err.Error(), "global project base of project shop") {
		t.Errorf("a global project that cannot be read: %v", err)
	}
}
