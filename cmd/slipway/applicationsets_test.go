package main

import (
	"strings"
	"testing"
	"testing/fstest"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/plan"
)

const shopURL = "https://github.com/example/shop.git"

// folders is a set that makes an application of each folder below services.
func folders(revision, name string) change.Manifests {
	set := &argo.ApplicationSet{}
	set.Name, set.Namespace = "services", "argocd"
	set.Spec.Template.Name = name
	set.Spec.Template.Spec.Project = "default"
	set.Spec.Generators = []argo.ApplicationSetGenerator{{Git: &argo.GitGenerator{
		RepoURL: shopURL, Revision: revision, Directories: []argo.GitDirectoryGeneratorItem{{Path: "services/*"}},
	}}}
	return change.Manifests{ApplicationSets: []*argo.ApplicationSet{set}}
}

func TestSetsAreGeneratedFromBothTrees(t *testing.T) {
	scope := plan.Scope{Same: func(u string) bool { return u == shopURL }, BaseBranch: "main", DefaultBranch: "main"}
	file := &fstest.MapFile{}
	base := fstest.MapFS{"services/cart/a.yaml": file, "services/old/a.yaml": file}
	merged := fstest.MapFS{"services/cart/a.yaml": file, "services/new/a.yaml": file}
	const name = "{{path.basename}}"
	clusters := folders("main", name)
	clusters.ApplicationSets[0].Spec.Generators = []argo.ApplicationSetGenerator{{Clusters: &argo.ClusterGenerator{}}}

	for what, c := range map[string]struct {
		base, merged  change.Manifests
		before, after string
		note          string
		broken        bool
	}{
		"both":                     {base: folders("main", name), merged: folders("HEAD", name), before: "cart old", after: "cart new"},
		"a new set":                {merged: folders("", name), after: "cart new"},
		"a set that goes":          {base: folders("main", name), before: "cart old"},
		"a fault freezes":          {base: folders("main", name), merged: folders("main", "same"), before: "cart old", after: "cart old", note: "after the merge", broken: true},
		"another branch":           {base: folders("main", name), merged: folders("v1", name), before: "cart old", after: "cart old", note: `at "v1"`},
		"clusters freeze":          {base: folders("main", name), merged: clusters, before: "cart old", after: "cart old", note: "left out: the clusters generator"},
		"clusters are not at hand": {base: clusters, merged: clusters, note: "argocd/services is left out"},
	} {
		t.Run(what, func(t *testing.T) {
			var notes strings.Builder
			s := &sets{notes: &notes}
			before, after := s.generate(scope, c.base, c.merged, base, merged)
			if got := appNames(before); got != c.before {
				t.Errorf("before: %q, want %q", got, c.before)
			}
			if got := appNames(after); got != c.after {
				t.Errorf("after: %q, want %q", got, c.after)
			}
			if (c.note == "") != (notes.Len() == 0) || !strings.Contains(notes.String(), c.note) || strings.Count(notes.String(), "\n") > 1 {
				t.Errorf("notes: %q, want one line with %q", notes.String(), c.note)
			}
			if s.broken != c.broken {
				t.Errorf("broken: %v", s.broken)
			}
		})
	}
}

func appNames(apps []*argo.Application) string {
	var names []string
	for _, app := range apps {
		names = append(names, app.Name)
	}
	return strings.Join(names, " ")
}
