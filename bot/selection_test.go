package bot

import (
	"strings"
	"testing"

	"github.com/slipway-cd/slipway/bot/command"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

func TestWhichApplicationsASelectionIsOf(t *testing.T) {
	intents := func() intent {
		web := aim{reach: reach{app: application("web", nil)}, objects: []object.ID{{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}, {Kind: "Service", Namespace: "shop", Name: "web"}}}
		api := aim{reach: reach{app: application("api", func(a *argo.Application) {
			a.Status.Resources = []argo.ResourceStatus{{Kind: "ConfigMap", Namespace: "shop", Name: "old"}}
		})}, objects: []object.ID{{Kind: "Service", Namespace: "shop", Name: "api"}}}
		return intent{apps: []aim{web, api}}
	}
	for line, want := range map[string]struct{ apps, refusal string }{
		"/sync dev":                                                         {apps: "web api"},
		"/sync dev --resource :Service:web":                                 {apps: "web"},
		"/sync dev --resource :Service:shop/web":                            {apps: "web"},
		"/sync dev --resource :Service:web --resource :Service:api":         {apps: "web api"},
		"/sync dev --resource :ConfigMap:old":                               {apps: "api"}, // it is there, and no longer wanted
		"/sync dev --resource :Service:other/web":                           {refusal: ":Service:api, :Service:web, apps:Deployment:web"},
		"/sync dev --resource extensions:Deployment:web":                    {refusal: "apps:Deployment:web"},
		"/sync dev --resource :Service:web --resource batch:CronJob:backup": {refusal: `"batch:CronJob:backup" is none of the objects of web, api`},
	} {
		in := intents()
		in.pick(command.Parse(line, command.Options{})[0].Resources)
		if want.refusal != "" {
			if !strings.Contains(in.refusal, want.refusal) {
				t.Errorf("%s: refused with %q, want %q", line, in.refusal, want.refusal)
			}
			continue
		}
		var names []string
		for _, a := range in.apps {
			names = append(names, a.app.Name)
		}
		if got := strings.Join(names, " "); got != want.apps || in.refusal != "" {
			t.Errorf("%s: %q, %q; want %q", line, got, in.refusal, want.apps)
		}
	}
}
