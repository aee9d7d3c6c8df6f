package controller_test

import (
	"fmt"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/controller"
)

// synced are applications that sync themselves.
const synced = left + "    syncPolicy: {automated: {prune: true}}\n"

// A set that goes takes its applications along, by their owner references. What these deployed goes with them, or is preserved.
func TestSetsPreserveWhatTheyDeployed(t *testing.T) {
	w := newWorld(t)
	w.sets = &controller.Sets{}
	w.commit(map[string]string{"goes/a.yaml": configMap("goes"), "stays/a.yaml": configMap("stays"), "later/a.yaml": configMap("later")})
	w.start(options(), -1, false)
	const one = "generators: [{list: {elements: [{k: %[1]s}]}}]\n"
	const preserve = "syncPolicy: {preserveResourcesOnDeletion: true}\n"
	w.set("goes", fmt.Sprintf(one, "goes")+fmt.Sprintf(synced, "{{k}}", "{{k}}"))
	w.set("stays", fmt.Sprintf(one, "stays")+fmt.Sprintf(synced, "{{k}}", "{{k}}")+preserve)
	w.set("later", fmt.Sprintf(one, "later")+fmt.Sprintf(synced, "{{k}}", "{{k}}"))
	for _, name := range []string{"goes", "stays", "later"} {
		w.eventually(name+" to be deployed", func() bool { return w.live("v1", "ConfigMap", name) != nil })
	}
	// What is preserved from now on is of applications that would have taken it along.
	w.changeSet("later", func(s *argo.ApplicationSet) {
		s.Spec.SyncPolicy = &argo.ApplicationSetSyncPolicy{PreserveResourcesOnDeletion: true}
	})
	w.until("the finalizer to be taken away", "later", func(app *argo.Application) bool { return len(app.Finalizers) == 0 })
	for _, name := range []string{"goes", "stays", "later"} {
		must(t, w.client.Delete(w.ctx, w.readSet(name)))
	}
	w.expectNames("all went with their sets", "")
	w.eventually("what was deployed to go", func() bool { return w.live("v1", "ConfigMap", "goes") == nil })
	for _, name := range []string{"stays", "later"} {
		if w.live("v1", "ConfigMap", name) == nil {
			t.Errorf("%s was deleted", name)
		}
	}
}

// A template that names a parameter which one element has not stops the whole set, with missingkey=error, and leaves everything as it is.
func TestSetsStopAtAMissingKey(t *testing.T) {
	w := newWorld(t)
	w.sets = &controller.Sets{}
	w.commit(map[string]string{"web/a.yaml": configMap("web")})
	w.start(options(), -1, false)
	w.set("set", `goTemplate: true
goTemplateOptions: [missingkey=error]
generators: [{list: {elements: [{k: a, syncs: "true"}, {k: b, syncs: "false"}]}}]
templatePatch: |
  {{- if eq .syncs "true" }}
  spec:
    syncPolicy:
      automated: {prune: true}
      syncOptions: [CreateNamespace=false]
  {{- end }}
`+fmt.Sprintf(left, "{{.k}}", "web"))
	w.expectNames("both", "a b")
	a, b := w.read("a"), w.read("b")
	if p := a.Spec.SyncPolicy; p == nil || p.Automated == nil || !p.Automated.Prune || len(p.SyncOptions) != 1 || b.Spec.SyncPolicy != nil {
		t.Errorf("the patch made %+v and %+v", a.Spec.SyncPolicy, b.Spec.SyncPolicy)
	}
	elements := func(text string) {
		w.changeSet("set", func(s *argo.ApplicationSet) {
			s.Spec.Generators[0].List.Elements = nil
			for e := range strings.SplitSeq(text, "|") {
				s.Spec.Generators[0].List.Elements = append(s.Spec.Generators[0].List.Elements, apiextensionsv1.JSON{Raw: []byte(e)})
			}
			s.Spec.Template.Labels = map[string]string{"of": fmt.Sprint(len(text))}
		})
	}
	elements(`{"k": "a"}|{"k": "c", "syncs": "true"}`)
	w.eventually("the error", func() bool {
		c := conditionOf(w.readSet("set"), "ErrorOccurred")
		return c.Status == "True" && c.Reason == "RenderTemplateParamsError" && strings.Contains(c.Message, "syncs")
	})
	if w.names() != "a b" || len(w.read("a").Labels) > 0 {
		t.Errorf("a set that cannot be generated made %s, and labels %v", w.names(), w.read("a").Labels)
	}
	elements(`{"k": "a", "syncs": "false"}|{"k": "c", "syncs": "true"}`)
	w.expectNames("mended", "a c")
	w.until("the patch to be gone", "a", func(app *argo.Application) bool { return app.Spec.SyncPolicy == nil })
}

// A step of a rolling sync waits for all of the one before it, takes no more at once than it may, and does not begin where that failed.
func TestSetsRollNoFurtherThanWhatFails(t *testing.T) {
	w := newWorld(t)
	w.sets = &controller.Sets{}
	const broken = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not-A-Name}\n"
	w.commit(map[string]string{"dev/a.yaml": configMap("dev"), "one/a.yaml": broken, "two/a.yaml": configMap("two"), "prod/a.yaml": configMap("prod"), "none/a.yaml": configMap("none")})
	w.start(options(), -1, false)
	w.set("set", `generators: [{list: {elements: [{k: dev, env: dev}, {k: one, env: qa}, {k: two, env: qa}, {k: prod, env: prod}, {k: none, env: other}]}}]
strategy:
  type: RollingSync
  rollingSync:
    steps:
    - {matchExpressions: [{key: env, operator: In, values: [dev]}]}
    - {matchExpressions: [{key: env, operator: In, values: [qa]}], maxUpdate: 50%}
    - {matchExpressions: [{key: env, operator: In, values: [prod]}]}
template:
  metadata: {name: 'PREFIX{{k}}', labels: {env: '{{env}}'}}
  spec:
    project: default
    source: {repoURL: REPO, path: '{{k}}', targetRevision: main}
    destination: {server: https://kubernetes.default.svc, namespace: TARGET}
    syncPolicy: {automated: {}, retry: {limit: 1, backoff: {duration: 100ms}}}
`)
	w.expectNames("all", "dev none one prod two")
	w.until("the failure", "one", func(app *argo.Application) bool {
		return app.Status.OperationState != nil && app.Status.OperationState.Phase.Completed()
	})
	state := func(name string) argo.ProgressiveSyncStatusCode {
		for _, s := range w.readSet("set").Status.ApplicationStatus {
			if s.Application == w.name(name) {
				return s.Status
			}
		}
		return ""
	}
	w.eventually("the rollout to stand", func() bool {
		return state("dev") == argo.ProgressiveSyncHealthy && state("one") == argo.ProgressiveSyncProgressing && state("two") == argo.ProgressiveSyncWaiting && state("prod") == argo.ProgressiveSyncWaiting
	})
	for _, name := range []string{"two", "prod", "none"} {
		if app := w.read(name); app.Status.OperationState != nil || app.Operation != nil {
			t.Errorf("%s was synced, though one before it failed, or it is in no step", name)
		}
	}
	if c := conditionOf(w.readSet("set"), "RolloutProgressing"); c.Status != "True" {
		t.Errorf("it says %v", c)
	}
	// Who mends it lets the rollout go on.
	w.commit(map[string]string{"one/a.yaml": configMap("one")})
	w.change("one", func(app *argo.Application) { app.Annotations = map[string]string{"argocd.argoproj.io/refresh": "hard"} })
	w.eventually("the rest to be deployed", func() bool {
		return w.live("v1", "ConfigMap", "two") != nil && w.live("v1", "ConfigMap", "prod") != nil
	})
	w.eventually("the rollout to end", func() bool {
		return conditionOf(w.readSet("set"), "RolloutProgressing").Status == "False" && state("prod") == argo.ProgressiveSyncHealthy
	})
	if w.live("v1", "ConfigMap", "none") != nil {
		t.Error("what is in no step was deployed")
	}
}
