package project_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
)

func TestSetsReadWhatTheirProjectPermits(t *testing.T) {
	const theirs, others = "https://git.example.com/team/shop.git", "https://git.example.com/other/vault.git"
	team := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Name: "team"}, Spec: argo.AppProjectSpec{
		SourceRepos: []string{"https://git.example.com/team/*"}, SourceNamespaces: []string{"team"}}}
	for _, c := range []struct {
		name, namespace, project, url string
		proj                          *argo.AppProject
		refused                       string
	}{
		{"the control namespace reads what it likes", "argocd", "team", others, team, ""},
		{"the control namespace needs no project", "argocd", "{{name}}", others, nil, ""},
		{"what the project permits", "team", "team", theirs, team, ""},
		{"what it does not permit", "team", "team", others, team, "is not permitted in project"},
		{"a project that does not take from there", "elsewhere", "team", theirs, team, "are not allowed to use project"},
		{"a project that is not there", "team", "none", theirs, nil, "are not allowed to use project"},
		{"a project that parameters choose", "team", "{{name}}", theirs, team, "names its project outright"},
		{"no project", "team", "", theirs, nil, "names its project outright"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := &argo.ApplicationSet{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "set"}}
			set.Spec.Template.Spec.Project = c.project
			got := project.Generates(set, c.proj, project.Scope{}, "argocd", c.url)
			switch {
			case got == nil && c.refused != "":
				t.Error("it is read")
			case got != nil && (c.refused == "" || !strings.Contains(got.Message, c.refused)):
				t.Errorf("it says %v, wanted %q", got, c.refused)
			}
		})
	}
}
