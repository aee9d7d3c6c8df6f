package source_test

import (
	"testing"

	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

func TestNamedCharts(t *testing.T) {
	s := settings.Settings{Repositories: []settings.Repository{
		{Name: "all", Type: "helm", URL: "https://charts.example.com"},
		{Name: "all", Type: "helm", URL: "https://charts.team.example.com", Project: "team"},
		{Name: "registry", Type: "helm", URL: "registry.example.com/charts", OCI: true},
		{Name: "code", Type: "git", URL: "https://git.example.com/x"},
		{Type: "helm", URL: "https://nameless.example.com"},
	}}
	for _, c := range []struct{ name, project, want string }{
		{"all", "default", "https://charts.example.com"}, {"all", "team", "https://charts.team.example.com"},
		{"registry", "team", "oci://registry.example.com/charts"}, {"code", "team", ""}, {"", "team", ""}, {"none", "team", ""},
	} {
		if got, ok := source.NamedCharts(s, c.name, c.project); got != c.want || ok != (c.want != "") {
			t.Errorf("%q for %s is %q, %v; want %q", c.name, c.project, got, ok, c.want)
		}
	}
}
