package plan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/plan"
)

const shop = "https://git.example.com/acme/shop.git"

var scope = plan.Scope{Same: func(u string) bool { return u == shop }, BaseBranch: "main", DefaultBranch: "main"}

func app(name string, sources ...argo.ApplicationSource) *argo.Application {
	return &argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name}, Spec: argo.ApplicationSpec{Sources: sources}}
}

func TestSelect(t *testing.T) {
	at := func(url, revision string) argo.ApplicationSource {
		return argo.ApplicationSource{RepoURL: url, TargetRevision: revision, Path: "web"}
	}
	chart := at(shop, "main")
	chart.Chart = "web"
	for _, tc := range []struct {
		name   string
		app    *argo.Application
		scope  plan.Scope
		moved  []int
		reason string
	}{
		{name: "the branch by name", app: app("a", at(shop, "main")), scope: scope, moved: []int{0}},
		{name: "the branch as a ref", app: app("a", at(shop, "refs/heads/main")), scope: scope, moved: []int{0}},
		{name: "no revision is the default branch", app: app("a", at(shop, "")), scope: scope, moved: []int{0}},
		{name: "HEAD is the default branch", app: app("a", at(shop, "HEAD")), scope: scope, moved: []int{0}},
		{name: "HEAD when another branch moves", app: app("a", at(shop, "HEAD")),
			scope: plan.Scope{Same: scope.Same, BaseBranch: "release", DefaultBranch: "main"}, reason: "follows HEAD, not release"},
		{name: "another branch", app: app("a", at(shop, "release")), scope: scope, reason: "follows release, not main"},
		{name: "a tag with the branch's name is not the branch", app: app("a", at(shop, "refs/tags/main")), scope: scope, reason: "follows refs/tags/main, not main"},
		{name: "another repository", app: app("a", at("https://git.example.com/acme/other.git", "main")), scope: scope},
		{name: "a chart repository of the same address", app: app("a", chart), scope: scope},
		{name: "one of several sources", app: app("a", at("https://git.example.com/acme/other.git", "main"), at(shop, "main")), scope: scope, moved: []int{1}},
		{name: "two sources, one pinned", app: app("a", at(shop, "v1"), at(shop, "main")), scope: scope, moved: []int{1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			candidates, misses := plan.Select([]*argo.Application{tc.app}, tc.scope)
			var moved []int
			for _, c := range candidates {
				moved = append(moved, c.Moved...)
			}
			if diff := cmp.Diff(tc.moved, moved); diff != "" {
				t.Errorf("moved (-want +got):\n%s", diff)
			}
			reason := ""
			for _, m := range misses {
				reason = m.Reason
			}
			if reason != tc.reason {
				t.Errorf("reason %q, want %q", reason, tc.reason)
			}
		})
	}
}

func TestWhy(t *testing.T) {
	trace := []plan.Touch{
		{Path: "web/base/deployment.yaml", Access: plan.Read},
		{Path: "web/base", Access: plan.Listed},
		{Path: "web/values.yaml", Access: plan.Missed},
	}
	for _, tc := range []struct {
		name    string
		changed []plan.File
		want    []plan.Reason
	}{
		{"a file it reads", []plan.File{{Path: "web/base/deployment.yaml"}}, []plan.Reason{{File: "web/base/deployment.yaml", Text: "it reads web/base/deployment.yaml", Names: []string{"web/base/deployment.yaml"}}}},
		{"a file it looked for", []plan.File{{Path: "web/values.yaml", Listed: true}}, []plan.Reason{{File: "web/values.yaml", Text: "it looked for web/values.yaml", Names: []string{"web/values.yaml"}}}},
		{"a new file in a folder it lists", []plan.File{{Path: "web/base/new.yaml", Listed: true}}, []plan.Reason{{File: "web/base/new.yaml", Text: "it lists the folder of web/base/new.yaml", Names: []string{"web/base/new.yaml"}}}},
		{"the content of a file in a folder it lists", []plan.File{{Path: "web/base/README.md"}}, nil},
		{"a file deeper than the folder it lists", []plan.File{{Path: "web/base/deep/new.yaml", Listed: true}}, nil},
		{"a file elsewhere", []plan.File{{Path: "api/deployment.yaml"}}, nil},
		{"several, in order of name", []plan.File{{Path: "web/values.yaml", Listed: true}, {Path: "web/base/deployment.yaml"}}, []plan.Reason{
			{File: "web/base/deployment.yaml", Text: "it reads web/base/deployment.yaml", Names: []string{"web/base/deployment.yaml"}}, {File: "web/values.yaml", Text: "it looked for web/values.yaml", Names: []string{"web/values.yaml"}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, plan.Why(trace, tc.changed)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			index := plan.NewIndex(tc.changed)
			near := slices.DeleteFunc(slices.Clone(trace), func(t plan.Touch) bool { return !index.Near(t.Path) })
			if diff := cmp.Diff(tc.want, plan.Why(near, tc.changed)); diff != "" {
				t.Errorf("by the index (-want +got):\n%s", diff)
			}
		})
	}
}
