package change

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
)

// A pull request is judged by what a project permits with what it inherits.
func TestProjectsOfPullRequestsInherit(t *testing.T) {
	all := map[string]*argo.AppProject{
		"base": {ObjectMeta: metav1.ObjectMeta{Name: "base"}, Spec: argo.AppProjectSpec{SourceRepos: []string{"https://charts.example.com"}}},
		"shop": {ObjectMeta: metav1.ObjectMeta{Name: "shop"}, Spec: argo.AppProjectSpec{SourceRepos: []string{"https://git.example.com"}}},
	}
	find := func(name string) (*argo.AppProject, bool) { return all[name], all[name] != nil }
	p := New(Deps{Globals: func() []project.Global { return []project.Global{{Project: "base", Selector: labels.Everything()}} }})
	whole := p.inheriting(find)
	if shop, ok := whole("shop"); !ok || !project.New(shop, project.Scope{}).Source("https://charts.example.com") {
		t.Errorf("shop is %v", shop)
	}
	if none, ok := whole("none"); ok || none != nil {
		t.Errorf("a project that does not exist is %v", none)
	}
	if p.inheriting(nil) != nil {
		t.Error("where nothing is judged, something is")
	}
}
