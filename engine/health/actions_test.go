package health

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// offered lists the actions of an object; those that are disabled in brackets, parameters after a colon.
func offered(t *testing.T, r *Rules, u *unstructured.Unstructured) string {
	t.Helper()
	all, err := r.Actions(t.Context(), u)
	if err != nil {
		return "error: " + err.Error()
	}
	var names []string
	for _, a := range all {
		name := a.Name
		for _, p := range a.Params {
			name += ":" + p.Name + "=" + p.Default
		}
		if a.Disabled {
			name = "(" + name + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func TestActionsOffered(t *testing.T) {
	r := rulesOf(t, nil)
	for text, want := range map[string]string{
		"{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 3}}":                                          "pause restart (resume) scale:replicas=3",
		"{apiVersion: apps/v1, kind: Deployment, spec: {paused: true}}":                                         "(pause) restart resume scale:replicas=",
		"{apiVersion: apps/v1, kind: StatefulSet}":                                                              "restart scale:replicas=",
		"{apiVersion: apps/v1, kind: DaemonSet}":                                                                "restart",
		"{apiVersion: apps/v1, kind: ReplicaSet}":                                                               "",
		"{apiVersion: v1, kind: ConfigMap}":                                                                     "",
		"{apiVersion: batch/v1, kind: CronJob, spec: {suspend: false}}":                                         "create-job suspend",
		"{apiVersion: batch/v1, kind: CronJob, spec: {suspend: true}}":                                          "create-job resume",
		"{apiVersion: batch/v1, kind: Job, spec: {}, status: {active: 1}}":                                      "suspend terminate",
		"{apiVersion: batch/v1, kind: Job, spec: {suspend: true}}":                                              "resume",
		"{apiVersion: batch/v1, kind: Job, status: {conditions: [{type: SuccessCriteriaMet, status: 'True'}]}}": "",
		"{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {generation: 1}, spec: {strategy: {canary: {steps: [{}, {}]}}}, status: {currentPodHash: b, stableRS: a, observedGeneration: '1', currentStepIndex: 1, pauseConditions: [{}]}}": "abort pause promote-full restart resume (retry) skip-current-step",
		"{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {generation: 1}, spec: {strategy: {canary: {}}}, status: {currentPodHash: a, stableRS: a, observedGeneration: '1'}}":                                                            "(abort) (pause) (promote-full) restart (resume) (retry) (skip-current-step)",
		"{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {generation: 1}, spec: {strategy: {canary: {}}}, status: {currentPodHash: b, stableRS: a, observedGeneration: '1', abort: true}}":                                               "(abort) (pause) promote-full restart (resume) retry (skip-current-step)",
		"{apiVersion: argoproj.io/v1alpha1, kind: AnalysisRun, status: {phase: Failed}}":                                                                                                                                                             "(terminate)",
		"{apiVersion: argoproj.io/v1alpha1, kind: Application, spec: {}}":                                                                                                                                                                            "toggle-auto-sync",
		"{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, spec: {suspend: true}}":                                                                                                                                                   "(reconcile) resume (suspend)",
		"{apiVersion: notification.toolkit.fluxcd.io/v1, kind: Alert, spec: {}}":                                                                                                                                                                     "(resume) suspend",
		"{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {annotations: {autoscaling.keda.sh/paused-replicas: '4'}}}":                                                                                                                    "(pause) paused-replicas:replicas=4 resume",
		"{apiVersion: external-secrets.io/v1, kind: ExternalSecret, spec: {refreshInterval: 0s}}":                                                                                                                                                    "(refresh)",
		"{apiVersion: external-secrets.io/v1, kind: ExternalSecret, spec: {refreshInterval: 10s}}":                                                                                                                                                   "refresh",
		"{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, status: {instancesStatus: {healthy: [a, b]}}}":                                                                                                                                           "promote:instance=any reload restart suspend",
		"{apiVersion: numaflow.numaproj.io/v1alpha1, kind: Pipeline, spec: {lifecycle: {desiredPhase: Paused}, metadata: {annotations: {numaflow.numaproj.io/allowed-resume-strategies: fast}}}}":                                                    "(delete) (force-promote) (pause) unpause-fast (unpause-gradual)",
	} {
		if got := offered(t, r, parse(t, text)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// Each case is an object, an action, and the object that comes of it.
func TestActs(t *testing.T) {
	const stamp = "2026-03-01T12:30:05Z"
	r := rulesOf(t, nil)
	for name, c := range map[string]struct {
		object, action, want string
		params               map[string]string
		create               bool
	}{
		"restart": {object: "{apiVersion: apps/v1, kind: Deployment, spec: {template: {metadata: {labels: {a: b}}}}}", action: "restart",
			want: "{apiVersion: apps/v1, kind: Deployment, spec: {template: {metadata: {labels: {a: b}, annotations: {kubectl.kubernetes.io/restartedAt: '" + stamp + "'}}}}}"},
		"restart with empty annotations": {object: "{apiVersion: apps/v1, kind: DaemonSet, spec: {template: {metadata: {annotations: null}}}}", action: "restart",
			want: "{apiVersion: apps/v1, kind: DaemonSet, spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: '" + stamp + "'}}}}}"},
		"scale": {object: "{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 1}}", action: "scale", params: map[string]string{"replicas": "4"},
			want: "{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 4}}"},
		"scale to no number":      {object: "{apiVersion: apps/v1, kind: StatefulSet}", action: "scale", params: map[string]string{"replicas": "many"}, want: "error: invalid number: many"},
		"scale to less than none": {object: "{apiVersion: apps/v1, kind: StatefulSet}", action: "scale", params: map[string]string{"replicas": "-1"}, want: "error: invalid number: -1"},
		"resume a deployment":     {object: "{apiVersion: apps/v1, kind: Deployment, spec: {paused: true}}", action: "resume", want: "{apiVersion: apps/v1, kind: Deployment, spec: {}}"},
		"abort":                   {object: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, status: {}}", action: "abort", want: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, status: {abort: true}}"},
		"resume a rollout": {object: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, spec: {paused: true}, status: {pauseConditions: [{}]}}", action: "resume",
			want: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, spec: {paused: false}, status: {}}"},
		"promote": {object: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {generation: 2}, status: {observedGeneration: '2'}}", action: "promote-full",
			want: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {generation: 2}, status: {observedGeneration: '2', promoteFull: true}}"},
		"skip a step": {object: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, spec: {strategy: {canary: {steps: [{}, {}]}}}, status: {currentStepIndex: 0, pauseConditions: [{}]}}", action: "skip-current-step",
			want: "{apiVersion: argoproj.io/v1alpha1, kind: Rollout, spec: {strategy: {canary: {steps: [{}, {}]}}}, status: {currentStepIndex: 1}}"},
		"toggle on":  {object: "{apiVersion: argoproj.io/v1alpha1, kind: Application, spec: {}}", action: "toggle-auto-sync", want: "{apiVersion: argoproj.io/v1alpha1, kind: Application, spec: {syncPolicy: {automated: {enabled: true}}}}"},
		"toggle off": {object: "{apiVersion: argoproj.io/v1alpha1, kind: Application, spec: {syncPolicy: {automated: {prune: true}}}}", action: "toggle-auto-sync", want: "{apiVersion: argoproj.io/v1alpha1, kind: Application, spec: {syncPolicy: {automated: {prune: true, enabled: false}}}}"},
		"create a job": {object: "{apiVersion: batch/v1, kind: CronJob, metadata: {name: backup, namespace: ns, uid: u}, spec: {jobTemplate: {metadata: {labels: {a: b}}, spec: {template: {}}}}}", action: "create-job", create: true,
			want: "{apiVersion: batch/v1, kind: Job, metadata: {name: backup-2603011230, namespace: ns, labels: {a: b}, annotations: {cronjob.kubernetes.io/instantiate: manual}, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: backup, uid: u, controller: true, blockOwnerDeletion: true}]}, spec: {template: {}}}"},
		"terminate": {object: "{apiVersion: batch/v1, kind: Job, status: {active: 1}}", action: "terminate",
			want: "{apiVersion: batch/v1, kind: Job, status: {active: 1, conditions: [{type: FailureTarget, status: 'True', reason: ManuallyTerminated, message: Job was terminated explicitly through Argo CD, lastTransitionTime: '" + stamp + "'}]}}"},
		"terminate what is over": {object: "{apiVersion: batch/v1, kind: Job, status: {conditions: [{type: Complete, status: 'True'}]}}", action: "terminate",
			want: "{apiVersion: batch/v1, kind: Job, status: {conditions: [{type: Complete, status: 'True'}]}}"},
		"create a workflow": {object: "{apiVersion: argoproj.io/v1alpha1, kind: WorkflowTemplate, metadata: {name: build, namespace: ns}}", action: "create-workflow", create: true,
			want: "{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: build-202603011230, namespace: ns, labels: {workflows.argoproj.io/workflow-template: build}, ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: WorkflowTemplate, name: build}]}, spec: {workflowTemplateRef: {name: build}}}"},
		"reconcile": {object: "{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository, metadata: {name: x}}", action: "reconcile",
			want: "{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository, metadata: {name: x, annotations: {reconcile.fluxcd.io/requestedAt: 'By Slipway at: " + stamp + "'}}}"},
		"promote the next": {object: "{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, metadata: {name: pg}, status: {currentPrimary: pg-2, instancesStatus: {healthy: [pg-1, pg-2]}}}", action: "promote", params: map[string]string{"instance": "any"},
			want: "{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, metadata: {name: pg}, status: {currentPrimary: pg-2, instancesStatus: {healthy: [pg-1, pg-2]}, targetPrimary: pg-1, targetPrimaryTimestamp: '" + stamp + "', phase: Switchover in progress, phaseReason: Switching over to pg-1}}"},
		"promote a stranger": {object: "{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, metadata: {name: pg}}", action: "promote", params: map[string]string{"instance": "9"}, want: "error: could not find a healthy instance matching the criteria: 9"},
		"a field in the way": {object: "{apiVersion: apps/v1, kind: Deployment, spec: odd}", action: "restart", want: "error: .spec is no object"},
	} {
		t.Run(name, func(t *testing.T) {
			u := parse(t, c.object)
			before := u.DeepCopy()
			got, err := r.Act(t.Context(), u, c.action, c.params)
			if diff := cmp.Diff(before.Object, u.Object); diff != "" {
				t.Errorf("the object was changed:\n%s", diff)
			}
			if err != nil || strings.HasPrefix(c.want, "error") {
				if fmt.Sprintf("error: %v", err) != c.want {
					t.Errorf("got error %v, want %s", err, c.want)
				}
				return
			}
			operation := Patch
			if c.create {
				operation = Create
			}
			if diff := cmp.Diff([]Impact{{operation, parse(t, c.want)}}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if _, err := r.Act(t.Context(), parse(t, "{apiVersion: apps/v1, kind: Deployment}"), "explode", nil); !errors.Is(err, ErrNoAction) {
		t.Errorf("an unknown action: %v", err)
	}
}

// actions is a customization as it stands in argocd-cm.
const actions = `
discovery.lua: |
  local actions = {}
  actions["hello"] = {}
  actions["scale"] = {disabled = obj.spec.replicas == 3, displayName = "Say", iconClass = "fa", params = {{name = "n", default = "1"}}}
  return actions
definitions:
- name: hello
  action.lua: |
    obj.metadata.annotations = {said = actionParams["word"]}
    return obj
- name: both
  action.lua: |
    local made = {apiVersion = "v1", kind = "ConfigMap", metadata = {name = obj.metadata.name, labels = {}}}
    obj.spec.count = 2
    return {{operation = "create", resource = made}, {operation = "patch", resource = obj}}
- name: odd
  action.lua: return {{operation = "delete", resource = obj}}
- name: bare
  action.lua: return {spec = {}}
- name: none
  action.lua: local x = 1
`

func TestActionsOfAnInstallation(t *testing.T) {
	u := parse(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 3, selector: {}, list: [], deep: [{empty: {}}]}}")
	own := rulesOf(t, map[string]Customization{"apps/Deployment": {Actions: actions}})
	merged := rulesOf(t, map[string]Customization{"apps/Deployment": {Actions: actions + "mergeBuiltinActions: true\n"}})
	if got := offered(t, own, u); got != "hello (scale:n=1)" {
		t.Errorf("own actions: %s", got)
	}
	if got := offered(t, merged, u); got != "hello pause restart (resume) (scale:n=1)" {
		t.Errorf("merged actions: %s", got)
	}
	if _, err := own.Act(t.Context(), u, "restart", nil); !errors.Is(err, ErrNoAction) {
		t.Errorf("an action that its own replaced: %v", err)
	}
	if _, err := merged.Act(t.Context(), u, "restart", nil); err != nil {
		t.Errorf("an action that was merged: %v", err)
	}

	got, err := own.Act(t.Context(), u, "hello", map[string]string{"word": "hi"})
	want := u.DeepCopy()
	want.SetAnnotations(map[string]string{"said": "hi"})
	if diff := cmp.Diff([]Impact{{Patch, want}}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	got, err = own.Act(t.Context(), u, "both", nil)
	if err != nil || len(got) != 2 || got[0].Operation != Create || got[0].Object.GetKind() != "ConfigMap" || got[1].Operation != Patch {
		t.Errorf("several impacts: %v %v", got, err)
	}
	if diff := cmp.Diff(map[string]any{"name": "web"}, got[0].Object.Object["metadata"]); diff != "" {
		t.Errorf("what is created:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"replicas": int64(3), "count": int64(2), "selector": map[string]any{}, "list": []any{}, "deep": []any{map[string]any{"empty": map[string]any{}}}}, got[1].Object.Object["spec"]); diff != "" {
		t.Errorf("what is patched:\n%s", diff)
	}
	for action, text := range map[string]string{"odd": `unsupported operation: "delete"`, "bare": "without apiVersion or kind", "none": "expect table output"} {
		if _, err := own.Act(t.Context(), u, action, nil); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", action, err)
		}
	}
	for script, text := range map[string]string{"return 1": "not number", "return {'x'}": "a list", "error('no', 0)": "no", "local x": "not nil"} {
		y, err := yaml.Marshal(map[string]string{"discovery.lua": script})
		if err != nil {
			t.Fatal(err)
		}
		r := rulesOf(t, map[string]Customization{"apps/Deployment": {Actions: string(y)}})
		if got := offered(t, r, u); !strings.HasPrefix(got, "error: ") || !strings.Contains(got, text) {
			t.Errorf("%s: %s", script, got)
		}
	}
}
