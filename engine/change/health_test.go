package change_test

import (
	"context"
	"strings"
	"testing"
	"time"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
)

// The script that guides to Argo CD show, for a Certificate, judges what is wanted and what is left over, and so the application.
const certificateScript = `
hs = {}
if obj.status ~= nil then
  if obj.status.conditions ~= nil then
    for i, condition in ipairs(obj.status.conditions) do
      if condition.type == "Ready" and condition.status == "False" then
        hs.status = "Degraded"
        hs.message = condition.message
        return hs
      end
      if condition.type == "Ready" and condition.status == "True" then
        hs.status = "Healthy"
        hs.message = condition.message
        return hs
      end
    end
  end
end
hs.status = "Progressing"
hs.message = "Waiting for certificate"
return hs`

func TestInstallationsScriptsJudge(t *testing.T) {
	const issuing = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: NAME, namespace: argocd, annotations: {argocd.argoproj.io/tracking-id: 'web:cert-manager.io/Certificate:argocd/NAME'}}\n" +
		"status: {conditions: [{type: Ready, status: 'False', message: no secret}, {type: Issuing, status: 'True', message: issuing}]}\n"
	for name, c := range map[string]struct {
		custom map[string]health.Customization
		want   health.Status
	}{
		"ours":                {nil, health.Progressing},
		"the installation's":  {map[string]health.Customization{"cert-manager.io/Certificate": {Health: certificateScript}}, health.Degraded},
		"one that is no good": {map[string]health.Customization{"cert-manager.io/*": {Health: "return obj.x.y"}}, health.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rules, errs := health.New(c.custom, time.Now)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			for _, certificate := range []string{"wanted", "left"} {
				w.live = append(w.live, strings.ReplaceAll(issuing, "NAME", certificate))
			}
			p := change.New(change.Deps{Render: w, Trees: w, ControlNamespace: "argocd", Health: func() *health.Rules { return rules },
				Clusters: func(context.Context, argo.ApplicationDestination) (change.Cluster, error) { return here{w}, nil }})
			proj, _ := project("shop")
			target := change.Target{Objects: object.NewSet(object.Object{Unstructured: w.parse(w.live[0])})}
			got, err := p.Compare(t.Context(), app("web", shop, "web", nil), proj, target)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Resources) != 2 || got.Health != c.want {
				t.Fatalf("%d resources, %s: %s", len(got.Resources), got.Health, got.HealthMessage)
			}
			for _, r := range got.Resources {
				if r.Health == nil || r.Health.Status != c.want {
					t.Errorf("%s: %v, want %s", r.ID, r.Health, c.want)
				}
			}
		})
	}
}

// Guides to Argo CD have child Applications judged by a script. An application that manages itself is none of its own children.
func TestAnApplicationDoesNotJudgeItself(t *testing.T) {
	const root = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: NAME, namespace: argocd, uid: uid-NAME, annotations: {argocd.argoproj.io/tracking-id: 'web:argoproj.io/Application:argocd/NAME'}}\n"
	script := map[string]health.Customization{"argoproj.io/Application": {Health: "return {status = 'Degraded', message = 'as it was'}"}}
	for name, want := range map[string]health.Status{"web": health.Healthy, "child": health.Degraded} {
		w := newWorld(t)
		rules, errs := health.New(script, time.Now)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		w.live = append(w.live, strings.ReplaceAll(root, "NAME", name))
		p := change.New(change.Deps{Render: w, Trees: w, ControlNamespace: "argocd", Health: func() *health.Rules { return rules },
			Clusters: func(context.Context, argo.ApplicationDestination) (change.Cluster, error) { return here{w}, nil }})
		proj, _ := project("shop")
		itself := app("web", shop, "web", nil)
		itself.UID = "uid-web"
		target := change.Target{Objects: object.NewSet(object.Object{Unstructured: w.parse(w.live[0])})}
		got, err := p.Compare(t.Context(), itself, proj, target)
		if err != nil {
			t.Fatal(err)
		}
		if got.Health != want || len(got.Resources) != 1 || got.Resources[0].Health == nil {
			t.Errorf("with %s among its objects it is %s: %s", name, got.Health, got.HealthMessage)
		}
	}
}
