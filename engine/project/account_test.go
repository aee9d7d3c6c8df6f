package project_test

import (
	"strings"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/project"
)

func TestActAs(t *testing.T) {
	entry := func(server, namespace, account string) argo.ApplicationDestinationServiceAccount {
		return argo.ApplicationDestinationServiceAccount{Server: server, Namespace: namespace, DefaultServiceAccount: account}
	}
	on := project.Impersonation{Enabled: true, Enforced: true}
	type entries = []argo.ApplicationDestinationServiceAccount
	for name, c := range map[string]struct {
		entries   entries
		namespace string
		how       project.Impersonation
		want      string
		fails     string
	}{
		"switched off":                          {entries{entry("*", "*", "d")}, "shop", project.Impersonation{}, "", ""},
		"the first that matches":                {entries{entry("https://b", "*", "b"), entry("https://a*", "sh?p", "a"), entry("*", "*", "c")}, "shop", on, "system:serviceaccount:shop:a", ""},
		"with a slash at the end":               {entries{entry("https://a.example/", "*", "a")}, "shop", on, "system:serviceaccount:shop:a", ""},
		"stars cross everything":                {entries{entry("https://*example", "*", "a")}, "shop", on, "system:serviceaccount:shop:a", ""},
		"of another namespace":                  {entries{entry("*", "*", "accounts:a")}, "shop", on, "system:serviceaccount:accounts:a", ""},
		"without a destination namespace":       {entries{entry("*", "", "a")}, "", on, "system:serviceaccount:apps:a", ""},
		"none, where one is needed":             {entries{entry("*", "bank", "a")}, "shop", on, "", "no matching service account found for destination server https://a.example and namespace shop"},
		"none, where one is not needed":         {entries{entry("*", "bank", "a")}, "shop", project.Impersonation{Enabled: true}, "", ""},
		"a denial decides nothing":              {entries{entry("!https://b", "*", "a"), entry("*", "*", "c")}, "shop", on, "", "server has an invalid format"},
		"a denied namespace decides nothing":    {entries{entry("*", "!shop", "a"), entry("*", "*", "c")}, "bank", on, "", "namespace has an invalid format"},
		"what is no glob decides nothing":       {entries{entry("[", "*", "a"), entry("*", "*", "c")}, "shop", on, "", "invalid glob pattern for destination server"},
		"no name":                               {entries{entry("*", "*", " ")}, "shop", on, "", "default service account contains invalid chars"},
		"a glob is no account":                  {entries{entry("*", "*", "sa-*")}, "shop", on, "", "default service account contains invalid chars 'sa-*'"},
		"neither are two colons":                {entries{entry("*", "*", "a:b:c")}, "shop", on, "", "default service account contains invalid chars"},
		"nor is a namespace without an account": {entries{entry("*", "*", "kube-system:")}, "shop", on, "", "default service account contains invalid chars"},
	} {
		t.Run(name, func(t *testing.T) {
			proj, app := &argo.AppProject{}, &argo.Application{}
			proj.Spec.DestinationServiceAccounts = c.entries
			app.Namespace, app.Spec.Destination.Namespace = "apps", c.namespace
			got, err := project.New(proj, project.Scope{}).ActAs(app, "https://a.example", c.how)
			switch {
			case c.fails == "" && (err != nil || got != c.want):
				t.Errorf("%q, %v; want %q", got, err, c.want)
			case c.fails != "" && (err == nil || got != "" || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("%q, %v; want an error with %q", got, err, c.fails)
			}
		})
	}
}
