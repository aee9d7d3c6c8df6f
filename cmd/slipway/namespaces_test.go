package main

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

func TestWatchedNamespaces(t *testing.T) {
	for patterns, want := range map[string][]string{
		"": {"argocd"}, "team-a": {"argocd", "team-a"}, "team-*": {""}, "/^team-/": {""}, "{a,b}": {""},
	} {
		var list []string
		if patterns != "" {
			list = []string{"plain", patterns}
			if want[0] != "" {
				list = list[1:]
			}
		}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(watched(list, "argocd")))); diff != "" {
			t.Errorf("%q: %s", patterns, diff)
		}
	}
}

// shelf is a store of applications and projects that answers as an API server.
type shelf struct {
	client.Reader
	apps     []argo.Application
	projects map[string]argo.AppProject
}

func (s shelf) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	missing := apierrors.NewNotFound(argo.SchemeGroupVersion.WithResource("x").GroupResource(), key.Name)
	switch o := into.(type) {
	case *argo.AppProject:
		p, ok := s.projects[key.Name]
		if !ok || key.Namespace != "argocd" {
			return missing
		}
		p.DeepCopyInto(o)
		return nil
	case *argo.Application:
		for _, app := range s.apps {
			if client.ObjectKeyFromObject(&app) == key {
				app.DeepCopyInto(o)
				return nil
			}
		}
	}
	return missing
}

func (s shelf) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	switch o := into.(type) {
	case *argo.ApplicationList:
		o.Items = slices.Clone(s.apps)
	case *argo.ApplicationSetList:
		for _, ns := range []string{"argocd", "team-a", "stranger"} {
			o.Items = append(o.Items, argo.ApplicationSet{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "set"}})
		}
	}
	return nil
}

// What somebody writes into a namespace that is not served, or under a project that does not take it, is not there for people: a pull
// request shows nothing of it, and no command reaches it.
func TestApplicationsThatDoNotCountAreNotSeen(t *testing.T) {
	app := func(namespace, name, project string) argo.Application {
		return argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: argo.ApplicationSpec{Project: project}}
	}
	all := shelf{apps: []argo.Application{
		app("argocd", "control", "shut"), app("team-a", "permitted", "open"), app("team-a", "thief", "shut"), app("team-a", "nowhere", "missing"),
		app("stranger", "foreign", "open"),
	}, projects: map[string]argo.AppProject{
		"open": {Spec: argo.AppProjectSpec{SourceNamespaces: []string{"*"}}}, "shut": {},
	}}
	s := &settled{client: all, namespace: "argocd"}
	reader := counted{all, s.counts([]string{"team-*"}), (&serveOptions{namespace: "argocd", setNamespaces: []string{"/^team-/"}}).setsCount}
	var list argo.ApplicationList
	if err := reader.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range list.Items {
		names = append(names, a.Name)
	}
	if diff := cmp.Diff([]string{"control", "permitted"}, names); diff != "" {
		t.Error(diff)
	}
	var sets argo.ApplicationSetList
	if err := reader.List(t.Context(), &sets); err != nil || len(sets.Items) != 2 || sets.Items[1].Namespace != "team-a" {
		t.Errorf("sets %v, %v", sets.Items, err)
	}
	for _, a := range all.apps {
		err := reader.Get(t.Context(), client.ObjectKeyFromObject(&a), &argo.Application{})
		if found := slices.Contains(names, a.Name); found != (err == nil) || !found && !apierrors.IsNotFound(err) {
			t.Errorf("%s: %v", a.Name, err)
		}
	}
}
