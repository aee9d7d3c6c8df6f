package health

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/object"
)

func parse(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(b); err != nil {
		t.Fatal(err)
	}
	return u
}

// Each case is the kind's head, the rest of the object, and the health as "Status message", or "" for none.
func TestOf(t *testing.T) {
	const (
		deploy   = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, generation: 2}, "
		stateful = "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, generation: 2}, "
		daemon   = "{apiVersion: apps/v1, kind: DaemonSet, metadata: {name: agent, generation: 2}, "
		replica  = "{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: rs, generation: 2}, "
		aPod     = "{apiVersion: v1, kind: Pod, metadata: {name: p}, "
		aJob     = "{apiVersion: batch/v1, kind: Job, metadata: {name: j}, "
		cron     = "{apiVersion: batch/v1, kind: CronJob, metadata: {name: c}, "
		hpa      = "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: h}, "
		custom   = "{apiVersion: example.com/v1, kind: Thing, metadata: {name: t, generation: 2}, "
		always   = "spec: {restartPolicy: Always}, "
	)
	for name, c := range map[string]struct{ text, want string }{
		"deployment paused":           {deploy + "spec: {paused: true}}", "Suspended Deployment is paused"},
		"deployment not observed":     {deploy + "spec: {replicas: 1}, status: {observedGeneration: 1}}", "Progressing Waiting for rollout to finish: observed deployment generation less than desired generation"},
		"deployment deadline":         {deploy + "spec: {replicas: 1}, status: {observedGeneration: 2, conditions: [{type: Progressing, reason: ProgressDeadlineExceeded}]}}", `Degraded Deployment "web" exceeded its progress deadline`},
		"deployment updating":         {deploy + "spec: {replicas: 2}, status: {observedGeneration: 2, updatedReplicas: 1}}", "Progressing Waiting for rollout to finish: 1 out of 2 new replicas have been updated..."},
		"deployment old left":         {deploy + "spec: {replicas: 2}, status: {observedGeneration: 2, updatedReplicas: 2, replicas: 3}}", "Progressing Waiting for rollout to finish: 1 old replicas are pending termination..."},
		"deployment unavailable":      {deploy + "spec: {replicas: 2}, status: {observedGeneration: 2, updatedReplicas: 2, replicas: 2, availableReplicas: 1}}", "Progressing Waiting for rollout to finish: 1 of 2 updated replicas are available..."},
		"deployment healthy":          {deploy + "spec: {replicas: 2}, status: {observedGeneration: 2, updatedReplicas: 2, replicas: 2, availableReplicas: 2}}", "Healthy "},
		"deployment of none":          {deploy + "spec: {replicas: 0}, status: {observedGeneration: 2}}", "Healthy "},
		"deployment old version":      {"{apiVersion: extensions/v1beta1, kind: Deployment, metadata: {name: a}}", "Unknown unsupported Deployment GVK: extensions/v1beta1, Kind=Deployment"},
		"deployment malformed":        {deploy + "spec: {replicas: many}, status: {observedGeneration: 2}}", "Unknown failed to convert unstructured Deployment to typed: "},
		"stateful not observed":       {stateful + "spec: {replicas: 1}}", "Progressing Waiting for statefulset spec update to be observed..."},
		"stateful not ready":          {stateful + "spec: {replicas: 3}, status: {observedGeneration: 2, readyReplicas: 1}}", "Progressing Waiting for 2 pods to be ready..."},
		"stateful partition":          {stateful + "spec: {replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}}, status: {observedGeneration: 2, readyReplicas: 3, updatedReplicas: 1}}", "Progressing Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated..."},
		"stateful partition done":     {stateful + "spec: {replicas: 3, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}}, status: {observedGeneration: 2, readyReplicas: 3, updatedReplicas: 2, currentRevision: a, updateRevision: b}}", "Healthy partitioned roll out complete: 2 new pods have been updated..."},
		"stateful on delete":          {stateful + "spec: {replicas: 1, updateStrategy: {type: OnDelete}}, status: {observedGeneration: 2, readyReplicas: 1}}", "Healthy statefulset has 1 ready pods"},
		"stateful revisions":          {stateful + "spec: {replicas: 1, updateStrategy: {type: RollingUpdate}}, status: {observedGeneration: 2, readyReplicas: 1, updatedReplicas: 0, currentRevision: a, updateRevision: b}}", "Progressing waiting for statefulset rolling update to complete 0 pods at revision b..."},
		"daemon not observed":         {daemon + "status: {observedGeneration: 1}}", "Progressing Waiting for rollout to finish: observed daemon set generation less than desired generation"},
		"daemon updating":             {daemon + "status: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 1}}", `Progressing Waiting for daemon set "agent" rollout to finish: 1 out of 2 new pods have been updated...`},
		"daemon unavailable":          {daemon + "status: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1}}", `Progressing Waiting for daemon set "agent" rollout to finish: 1 of 2 updated pods are available...`},
		"daemon healthy":              {daemon + "status: {observedGeneration: 2, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}}", "Healthy "},
		"replicaset failure":          {replica + "status: {observedGeneration: 2, conditions: [{type: ReplicaFailure, status: 'True', message: quota}]}}", "Degraded quota"},
		"replicaset waiting":          {replica + "spec: {replicas: 2}, status: {observedGeneration: 2, availableReplicas: 1}}", "Progressing Waiting for rollout to finish: 1 out of 2 new replicas are available..."},
		"pod cannot pull":             {aPod + always + "status: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ImagePullBackOff, message: no such image}}}]}}", "Degraded no such image"},
		"pod of a job cannot pull":    {aPod + "spec: {restartPolicy: Never}, status: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ImagePullBackOff}}}]}}", "Progressing "},
		"pod creating":                {aPod + always + "status: {phase: Pending, containerStatuses: [{name: a, state: {waiting: {reason: ContainerCreating}}}]}}", "Progressing "},
		"pod ready":                   {aPod + always + "status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}}", "Healthy "},
		"pod not ready":               {aPod + always + "status: {phase: Running}}", "Progressing "},
		"pod restarted, not ready":    {aPod + always + "status: {phase: Running, containerStatuses: [{name: a, lastState: {terminated: {exitCode: 1}}}]}}", "Degraded "},
		"pod once, running":           {aPod + "spec: {restartPolicy: Never}, status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}}", "Progressing "},
		"pod ignoring its policy":     {"{apiVersion: v1, kind: Pod, metadata: {name: p, annotations: {argocd.argoproj.io/ignore-restart-policy: 'true'}}, spec: {restartPolicy: Never}, status: {phase: Running, conditions: [{type: Ready, status: 'True'}]}}", "Healthy "},
		"pod failed, a word":          {aPod + "spec: {restartPolicy: Never, containers: [{name: b}]}, status: {phase: Failed, containerStatuses: [{name: b, state: {terminated: {exitCode: 3, message: no disk}}}]}}", "Degraded no disk"},
		"pod failed, its log":         {aPod + "spec: {restartPolicy: Never, containers: [{name: b, terminationMessagePolicy: FallbackToLogsOnError}]}, status: {phase: Failed, containerStatuses: [{name: b, state: {terminated: {exitCode: 3, message: password is hunter2}}}]}}", `Degraded container "b" failed with exit code 3`},
		"pod failed":                  {aPod + "spec: {restartPolicy: Never}, status: {phase: Failed, containerStatuses: [{name: a, state: {terminated: {exitCode: 0}}}, {name: b, state: {terminated: {exitCode: 3}}}]}}", `Degraded container "b" failed with exit code 3`},
		"pod out of memory":           {aPod + "spec: {restartPolicy: Never}, status: {phase: Failed, containerStatuses: [{name: b, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}}", "Degraded OOMKilled"},
		"pod succeeded":               {aPod + "status: {phase: Succeeded}}", "Healthy "},
		"job failed":                  {aJob + "status: {conditions: [{type: Failed, status: 'True', message: backoff limit}]}}", "Degraded backoff limit"},
		"job complete":                {aJob + "status: {conditions: [{type: Complete, status: 'True'}]}}", "Healthy "},
		"job suspended":               {aJob + "status: {conditions: [{type: Suspended, status: 'True', message: Job suspended}]}}", "Suspended Job suspended"},
		"job resumed":                 {aJob + "status: {conditions: [{type: Suspended, status: 'False'}]}}", "Progressing "},
		"job running":                 {aJob + "status: {active: 1}}", "Progressing "},
		"cron suspended":              {cron + "spec: {suspend: true}}", "Healthy CronJob is Suspended"},
		"cron failed":                 {cron + "status: {lastScheduleTime: '2024-01-02T00:00:00Z', lastSuccessfulTime: '2024-01-01T00:00:00Z'}}", "Degraded CronJob has not completed its last execution successfully"},
		"cron active":                 {cron + "status: {lastScheduleTime: '2024-01-02T00:00:00Z', lastSuccessfulTime: '2024-01-01T00:00:00Z', active: [{name: a}]}}", "Healthy The job is running. Its last execution may not have been successful"},
		"cron succeeded":              {cron + "status: {lastScheduleTime: '2024-01-02T00:00:00Z', lastSuccessfulTime: '2024-01-02T00:00:01Z'}}", "Healthy CronJob has completed its last execution successfully"},
		"claim pending":               {"{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, status: {phase: Pending}}", "Progressing "},
		"claim lost":                  {"{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, status: {phase: Lost}}", "Degraded "},
		"claim bound":                 {"{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}, status: {phase: Bound}}", "Healthy "},
		"service waiting":             {"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: LoadBalancer}}", "Progressing Waiting for the load balancer's address"},
		"service":                     {"{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {type: ClusterIP}}", "Healthy "},
		"ingress waiting":             {"{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}}", "Progressing Waiting for the ingress controller to set an address"},
		"ingress":                     {"{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, status: {loadBalancer: {ingress: [{ip: 1.2.3.4}]}}}", "Healthy "},
		"autoscaler new":              {hpa + "spec: {}}", "Progressing Waiting to Autoscale"},
		"autoscaler without metrics":  {hpa + "status: {conditions: [{type: AbleToScale, status: 'True'}, {type: ScalingActive, status: 'False', reason: FailedGetResourceMetric, message: no metrics}]}}", "Degraded no metrics"},
		"autoscaler":                  {hpa + "status: {conditions: [{type: AbleToScale, status: 'True', message: ready}]}}", "Healthy ready"},
		"autoscaler v1":               {"{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: h, annotations: {autoscaling.alpha.kubernetes.io/conditions: '[{\"type\":\"AbleToScale\",\"status\":\"True\",\"message\":\"ok\"}]'}}}", "Healthy ok"},
		"apiservice":                  {"{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: a}, status: {conditions: [{type: Available, status: 'True', reason: Passed, message: ok}]}}", "Healthy Passed: ok"},
		"apiservice down":             {"{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: a}, status: {conditions: [{type: Available, status: 'False', reason: Missing, message: gone}]}}", "Progressing Missing: gone"},
		"definition":                  {"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a}, status: {conditions: [{type: Established, status: 'True'}]}}", "Healthy CRD is healthy"},
		"definition new":              {"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a}}", "Progressing Status conditions not found"},
		"workflow":                    {"{apiVersion: argoproj.io/v1alpha1, kind: Workflow, metadata: {name: a}, status: {phase: Error, message: x}}", "Degraded x"},
		"rollout paused":              {"{apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: {name: a}, status: {phase: Paused, message: canary}}", "Suspended canary"},
		"child application":           {"{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: a}, status: {health: {status: Degraded}, conditions: [{type: Failed, status: 'True'}]}}", ""},
		"config":                      {"{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}", ""},
		"node, built in without rule": {"{apiVersion: v1, kind: Node, metadata: {name: a}, status: {conditions: [{type: Ready, status: 'False'}]}}", ""},
		"custom without status":       {custom + "spec: {}}", ""},
		"custom not observed":         {custom + "status: {observedGeneration: 1, conditions: [{type: Ready, status: 'True'}]}}", "Progressing Waiting for the spec update to be observed"},
		"custom ready":                {custom + "status: {observedGeneration: 2, conditions: [{type: Ready, status: 'True', message: ok}]}}", "Healthy ok"},
		"custom failing":              {custom + "status: {conditions: [{type: Ready, status: 'False', reason: InstallFailed, message: broken}]}}", "Degraded InstallFailed: broken"},
		"custom under way":            {custom + "status: {conditions: [{type: Ready, status: 'False', reason: Issuing, message: soon}]}}", "Progressing Issuing: soon"},
		"custom stalled":              {custom + "status: {conditions: [{type: Ready, status: 'True'}, {type: Stalled, status: 'True', reason: X}]}}", "Degraded X"},
		"custom reconciling":          {custom + "status: {conditions: [{type: Ready, status: 'True'}, {type: Reconciling, status: 'True', reason: X}]}}", "Progressing X"},
		"custom available":            {custom + "status: {conditions: [{type: Available, status: 'True'}]}}", "Healthy "},
		"custom, odd conditions":      {custom + "status: {conditions: [5, {type: Odd, status: 'True'}]}}", ""},
		"going":                       {"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, deletionTimestamp: '2024-01-01T00:00:00Z'}}", "Progressing Pending deletion"},
		"going, a finished hook":      {"{apiVersion: batch/v1, kind: Job, metadata: {name: a, deletionTimestamp: '2024-01-01T00:00:00Z', finalizers: [argocd.argoproj.io/hook-finalizer]}, status: {conditions: [{type: Complete, status: 'True'}]}}", "Healthy "},
	} {
		t.Run(name, func(t *testing.T) {
			h := Of(parse(t, c.text))
			got := ""
			if h != nil {
				got = string(h.Status) + " " + h.Message
			}
			if got != c.want && !(strings.HasSuffix(c.want, ": ") && strings.HasPrefix(got, c.want)) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if Of(nil) != nil {
		t.Error("nothing has health")
	}
}

func TestApplication(t *testing.T) {
	of := func(kind string, s Status) Resource {
		return Resource{ID: object.ID{Group: "g", Kind: kind, Namespace: "ns", Name: "x"}, Wanted: true, Live: true, Health: &Health{Status: s}}
	}
	missing := Resource{ID: object.ID{Kind: "Gone", Name: "g"}, Wanted: true}
	child := Resource{ID: object.ID{Group: "argoproj.io", Kind: "Application"}, Wanted: true, Live: true, Health: &Health{Status: Unknown}}
	none := Resource{ID: object.ID{Kind: "ConfigMap"}, Wanted: true, Live: true}
	extra := of("Extra", Degraded)
	extra.Wanted = false
	for name, c := range map[string]struct {
		resources []Resource
		want      Health
	}{
		"nothing":                    {nil, Health{Healthy, ""}},
		"no health":                  {[]Resource{none}, Health{Healthy, ""}},
		"the worst":                  {[]Resource{of("A", Healthy), of("B", Degraded), of("C", Progressing), of("D", Degraded)}, Health{Degraded, "Caused by g/B:ns/x, g/D:ns/x"}},
		"many":                       {[]Resource{of("A", Degraded), of("B", Degraded), of("C", Degraded), of("D", Degraded)}, Health{Degraded, "Caused by g/A:ns/x, g/B:ns/x, g/C:ns/x, and 1 more"}},
		"suspended or progressing":   {[]Resource{of("A", Suspended), of("B", Progressing)}, Health{Progressing, "Caused by g/B:ns/x"}},
		"unknown is worst":           {[]Resource{of("A", Unknown), of("B", Degraded)}, Health{Unknown, "Caused by g/A:ns/x"}},
		"missing does not count":     {[]Resource{missing, of("A", Healthy)}, Health{Healthy, ""}},
		"all missing":                {[]Resource{missing, missing}, Health{Missing, "Caused by Gone:g, Gone:g"}},
		"extra objects count":        {[]Resource{extra, none}, Health{Degraded, "Caused by g/Extra:ns/x"}},
		"unknown children":           {[]Resource{child, of("A", Progressing)}, Health{Progressing, "Caused by g/A:ns/x"}},
		"a check that says missing":  {[]Resource{of("A", Missing), of("B", Healthy)}, Health{Missing, "Caused by g/A:ns/x"}},
		"missing and without health": {[]Resource{missing, none}, Health{Healthy, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Application(c.resources)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWorst(t *testing.T) {
	order := []Status{Healthy, Suspended, Progressing, Missing, Degraded, Unknown}
	for i, a := range order {
		for j, b := range order {
			if got := Worst(a, b); got != order[max(i, j)] {
				t.Errorf("Worst(%s, %s) = %s", a, b, got)
			}
		}
	}
}
