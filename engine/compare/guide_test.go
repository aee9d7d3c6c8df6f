package compare

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// What the guides to Argo CD show: each a desired object, what lives in the cluster, and what is set to be ignored.
func TestGuideExamples(t *testing.T) {
	rule := func(group, kind string, pointers ...string) []argo.ResourceIgnoreDifferences {
		return []argo.ResourceIgnoreDifferences{{Group: group, Kind: kind, JSONPointers: pointers}}
	}
	jq := func(group, kind string, expressions ...string) []argo.ResourceIgnoreDifferences {
		return []argo.ResourceIgnoreDifferences{{Group: group, Kind: kind, JQPathExpressions: expressions}}
	}
	const webhook = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: w}\nwebhooks:\n" +
		"- {name: w.example.com, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {service: {name: s, namespace: web}BUNDLE}, rules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [podsSCOPE]}]}\n"
	bundle := func(ca, scope string) string {
		return strings.NewReplacer("BUNDLE", ca, "podsSCOPE]", "pods]"+scope).Replace(webhook)
	}
	const owned = "  managedFields: [{manager: argocd-controller, operation: Apply, apiVersion: APIVERSION, fieldsType: FieldsV1, fieldsV1: FIELDS}]\n"
	ours := func(apiVersion, fields, text string) string {
		return strings.Replace(text, "metadata:\n", "metadata:\n"+strings.NewReplacer("APIVERSION", apiVersion, "FIELDS", fields).Replace(owned), 1)
	}
	for name, c := range map[string]struct {
		desired, live string
		options       Options
		want          argo.SyncStatusCode
	}{
		"replicas that an autoscaler sets, ignored": {
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {replicas: 1}\n",
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {replicas: 5}\n", Options{Ignore: rule("apps", "Deployment", "/spec/replicas")}, Synced},
		"replicas that an autoscaler sets, not ignored": {
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {replicas: 1}\n",
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {replicas: 5}\n", Options{}, OutOfSync},
		"replicas that Git leaves out": {
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {minReadySeconds: 1}\n",
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: w}\nspec: {minReadySeconds: 1, replicas: 5}\n", Options{}, Synced},
		"an injected CA bundle": {bundle("", ""), bundle(", caBundle: Yg==", ", scope: '*'"), Options{}, Synced},
		"a CA bundle that Git has another of": {bundle(", caBundle: Cg==", ""), bundle(", caBundle: Yg==", ", scope: '*'"),
			Options{}, OutOfSync},
		"a CA bundle that Git has another of, ignored": {bundle(", caBundle: Cg==", ""), bundle(", caBundle: Yg==", ", scope: '*'"),
			Options{Ignore: jq("admissionregistration.k8s.io", "*", ".webhooks[]?.clientConfig.caBundle")}, Synced},
		"a sidecar that a webhook injects": {
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: a}]}\n",
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: a}, {name: istio-proxy, image: i}]}\n", Options{}, Synced},
		"the last applied annotation": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"b\"}}'}}\ndata: {a: b}\n", Options{}, Synced},
		"removed from Git since the last apply": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"b\",\"c\":\"d\"}}'}}\ndata: {a: b, c: d}\n", Options{}, OutOfSync},
		"added by somebody else": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b, theirs: d}\n", Options{}, Synced},
		"quantities": {
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: a, resources: {limits: {cpu: 1000m, memory: 1024Mi}, requests: {cpu: '0.1', memory: 1.5Gi}}}]}\n",
			"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: a, resources: {limits: {cpu: '1', memory: 1Gi}, requests: {cpu: 100m, memory: 1536Mi}}}]}\n", Options{}, Synced},
		"a quota's quantities": {
			"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {requests.cpu: 500000m}}\n",
			"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q}\nspec: {hard: {requests.cpu: '500'}}\n", Options{}, Synced},
		"string data and data": {
			"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: v}\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: dg==}\ntype: Opaque\n", Options{}, Synced},
		"an aggregated role": {
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\nrules: [{apiGroups: [x], resources: [things], verbs: [get]}]\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n",
			Options{IgnoreAggregatedRoles: true}, Synced},
		"an aggregated role whose rules count": {
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\nrules: [{apiGroups: [x], resources: [things], verbs: [get]}]\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n",
			Options{}, OutOfSync},
		"an aggregated role that is written empty": {
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\naggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\nrules: []\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r, managedFields: [{manager: clusterrole-aggregation-controller, operation: Apply, apiVersion: rbac.authorization.k8s.io/v1, fieldsType: FieldsV1, fieldsV1: {\"f:rules\": {}}}]}\n" +
				"aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n",
			Options{Schema: builtIns}, Synced},
		"a role that is written empty": {
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules: []\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n",
			Options{Schema: builtIns}, OutOfSync},
		"a role with rules is not aggregated": {
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules: [{apiGroups: [x], resources: [things], verbs: [get]}]\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules: []\n", Options{IgnoreAggregatedRoles: true}, OutOfSync},
		"a definition that says no unknown fields": {
			"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\nspec: {group: b, preserveUnknownFields: false}\nstatus: {conditions: []}\n",
			"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\nspec: {group: b}\nstatus: {conditions: [{type: Established}]}\n", Options{Schema: nil, Status: "crd"}, Synced},
		"a status in Git": {
			"apiVersion: x.y/v1\nkind: Thing\nmetadata: {name: a}\nstatus: {a: b}\n", "apiVersion: x.y/v1\nkind: Thing\nmetadata: {name: a}\nstatus: {a: c}\n", Options{Status: "all"}, Synced},
		"a status in Git that counts": {
			"apiVersion: x.y/v1\nkind: Thing\nmetadata: {name: a}\nstatus: {a: b}\n", "apiVersion: x.y/v1\nkind: Thing\nmetadata: {name: a}\nstatus: {a: c}\n", Options{Status: "none"}, OutOfSync},
		"endpoints in another order": {
			"apiVersion: v1\nkind: Endpoints\nmetadata: {name: e}\nsubsets: [{addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}], ports: [{port: 80}]}]\n",
			"apiVersion: v1\nkind: Endpoints\nmetadata: {name: e}\nsubsets: [{addresses: [{ip: 10.0.0.2}, {ip: 10.0.0.1}], ports: [{port: 80, protocol: TCP}]}]\n", Options{}, Synced},
		"the metrics of an autoscaler": {
			"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\nspec: {maxReplicas: 3, scaleTargetRef: {kind: Deployment, name: w}, metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: 1000m}}}]}\n",
			"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\nspec: {maxReplicas: 3, minReplicas: 1, scaleTargetRef: {kind: Deployment, name: w}, metrics: [{type: Resource, resource: {name: cpu, target: {type: AverageValue, averageValue: '1'}}}]}\n", Options{}, Synced},
		"the legacy way does not see what it never applied": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
			ours("v1", `{"f:data": {"f:c": {}}}`, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata: {a: b, c: d}\n"), Options{Strategy: Legacy}, Synced},
		"ours does": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
			ours("v1", `{"f:data": {"f:c": {}}}`, "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata: {a: b, c: d}\n"), Options{}, OutOfSync},
		"a structured merge of a field that is not declared": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\nbogus: 1\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n", Options{Strategy: StructuredMerge}, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			desired := parse(t, c.desired)
			if gk := desired.GroupVersionKind().Group; gk != "x.y" && gk != "apiextensions.k8s.io" {
				c.options.Schema = builtIns
			}
			s := drift(t, desired, parse(t, c.live), c.options)
			if s.Status != c.want {
				t.Errorf("%s (%s), want %s\n%s", s.Status, s.Reason, c.want, s.Difference.Text)
			}
			if s.Status == OutOfSync && s.Difference.Text == "" && s.Reason == "" {
				t.Error("it says neither what nor why")
			}
		})
	}
}

func TestTheWayOfComparingIsChosen(t *testing.T) {
	options := func(s string) map[string]string { return map[string]string{OptionsAnnotation: s} }
	for name, c := range map[string]struct {
		from     Options
		app, own map[string]string
		want     Options
	}{
		"by default":          {Options{}, nil, nil, Options{}},
		"by the installation": {Options{Strategy: ServerSideDiff}, nil, options("IgnoreExtraneous"), Options{Strategy: ServerSideDiff}},
		"off for the application": {Options{Strategy: ServerSideDiff}, options("ServerSideDiff=false"), nil,
			Options{}},
		"on for the application":            {Options{}, options("ServerSideDiff=true,IncludeMutationWebhook=true"), nil, Options{Strategy: ServerSideDiff, IncludeMutationWebhook: true}},
		"off for the object":                {Options{}, options("ServerSideDiff=true"), options("ServerSideDiff=false"), Options{}},
		"legacy, which is no server's diff": {Options{Strategy: Legacy}, options("ServerSideDiff=false"), nil, Options{Strategy: Legacy}},
		"structured for the object":         {Options{}, nil, options("IgnoreExtraneous, StructuredMergeDiff=true"), Options{Strategy: StructuredMerge}},
	} {
		if got := c.from.Choose(c.app, c.own); got.Strategy != c.want.Strategy || got.IncludeMutationWebhook != c.want.IncludeMutationWebhook {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, c := range []struct {
		o    Options
		s    argo.SyncStatusCode
		want bool
	}{{Options{}, OutOfSync, true}, {Options{}, Synced, false}, {Options{Strategy: ServerSideDiff}, Synced, true}, {Options{Strategy: Legacy}, OutOfSync, false},
		{Options{ClientSide: true}, OutOfSync, false}} {
		if got := c.o.Asks(Sync{Status: c.s}); got != c.want {
			t.Errorf("%+v of %s: %v", c.o, c.s, got)
		}
	}
}

func TestServerSideDiffLeavesOutWhatWebhooksChange(t *testing.T) {
	const text = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: w\n" +
		"  managedFields: [{manager: argocd-controller, operation: Apply, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {\"f:spec\": {\"f:replicas\": {}, \"f:paused\": {}}}}]\n" +
		"spec: {replicas: 1, minReadySeconds: 5}\n"
	live := parse(t, text)
	for name, c := range map[string]struct {
		answer string
		o      Options
		want   argo.SyncStatusCode
	}{
		"nothing":                    {text, Options{}, Synced},
		"ours":                       {strings.Replace(text, "replicas: 1", "replicas: 2", 1), Options{}, OutOfSync},
		"a webhook's addition":       {strings.Replace(text, "minReady", "revisionHistoryLimit: 3, minReady", 1), Options{}, Synced},
		"a webhook's change":         {strings.Replace(text, "minReadySeconds: 5", "minReadySeconds: 6", 1), Options{}, Synced},
		"a webhook's removal":        {strings.Replace(text, ", minReadySeconds: 5", "", 1), Options{}, Synced},
		"a webhook's change, wanted": {strings.Replace(text, "minReadySeconds: 5", "minReadySeconds: 6", 1), Options{IncludeMutationWebhook: true}, OutOfSync},
	} {
		c.o.Strategy, c.o.Schema = ServerSideDiff, builtIns
		if s := Answered(object.IDOf(live), parse(t, c.answer), live.DeepCopy(), c.o); s.Status != c.want {
			t.Errorf("%s: %s (%s)\n%s", name, s.Status, s.Reason, s.Difference.Text)
		}
	}
}

// Applying what a comparison predicts leaves nothing to apply, whatever was there before.
func TestApplyingWhatIsPredictedIsInSync(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		desired, live := parse(t, some(r)), parse(t, some(r))
		if r.IntN(2) == 0 {
			live.SetManagedFields(nil)
		}
		predicted, err := Apply(desired, live, Options{Schema: builtIns})
		if err != nil {
			t.Fatal(err)
		}
		if s := drift(t, desired, predicted, Options{Schema: builtIns}); s.Status != Synced {
			t.Fatalf("round %d: applied and %s (%s)\n%s", round, s.Status, s.Reason, s.Difference.Text)
		}
		again, err := Apply(desired, predicted, Options{Schema: builtIns})
		if err != nil || !sameContent(predicted, again) {
			t.Fatalf("round %d: applying again changes something, or %v", round, err)
		}
		if s := drift(t, desired, live, Options{Schema: builtIns}); (s.Status == Synced) != (Predicted(object.IDOf(live), predicted, live, Options{}).Status == Synced) {
			t.Fatalf("round %d: %s, but the prediction is otherwise", round, s.Status)
		}
	}
}

// some is one of many Deployments, as it is written or as it lives.
func some(r *rand.Rand) string {
	maybe := func(text string) string {
		if r.IntN(2) == 0 {
			return ""
		}
		return text
	}
	var b strings.Builder
	b.WriteString("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: w\n  labels: {app: w" + maybe(", a: b") + maybe(", c: d") + "}\n")
	b.WriteString(maybe("  annotations: {x: z}\n"))
	b.WriteString(maybe(`  managedFields: [{manager: argocd-controller, operation: Apply, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {"f:metadata": {"f:labels": {"f:a": {}}}, "f:spec": {"f:replicas": {}, "f:paused": {}}}}]` + "\n"))
	fmt.Fprintf(&b, "spec:\n  replicas: %d\n", r.IntN(3))
	b.WriteString(maybe("  paused: true\n") + "  template:\n    spec:\n      containers:\n")
	for _, name := range []string{"a", "b", "c"} {
		b.WriteString(maybe(fmt.Sprintf("      - {name: %s, image: 'i:%d', args: [x%s]%s}\n", name, r.IntN(3), maybe(", z"), maybe(", env: [{name: E, value: '1'}, {name: F, value: '2'}]"))))
	}
	b.WriteString("      - {name: last, image: l}\n")
	return b.String()
}

func TestAMemoForgetsNothingThatMatters(t *testing.T) {
	desired, live := parse(t, desiredWeb), parse(t, ownedBy(liveWeb, Manager, "Apply"))
	id := object.IDOf(desired)
	var m Memo
	o := Options{Schema: builtIns}
	look := func(d, l *unstructured.Unstructured, o Options) argo.SyncStatusCode {
		t.Helper()
		s, err := m.Drift(id, d, l, o)
		if err != nil {
			t.Fatal(err)
		}
		return s.Status
	}
	if look(desired, live, o) != Synced || len(m.young) != 2 {
		t.Fatal("not remembered")
	}
	status := live.DeepCopy()
	status.SetResourceVersion("70")
	status.Object["status"] = map[string]any{"replicas": int64(1)}
	if look(desired, status, o) != Synced || len(m.young) != 3 {
		t.Errorf("a change of the status alone was looked at (%d)", len(m.young))
	}
	status.SetResourceVersion("71")
	status.SetLabels(map[string]string{"app": "web", "more": "theirs"})
	if look(desired, status, o) != Synced || len(m.young) != 5 {
		t.Errorf("a change beside the status was not looked at (%d)", len(m.young))
	}
	stale := live.DeepCopy()
	stale.Object["spec"] = map[string]any{"replicas": int64(9)}
	if look(desired, stale, o) != Synced {
		t.Error("the same resource version was looked at again")
	}
	stale.SetResourceVersion("8")
	if look(desired, stale, o) == Synced {
		t.Error("another resource version was not looked at")
	}
	other := desired.DeepCopy()
	other.Object["spec"].(map[string]any)["replicas"] = int64(3)
	if look(other, live, o) != OutOfSync {
		t.Error("another desired form was not looked at")
	}
	o.Ignore = []argo.ResourceIgnoreDifferences{{Group: "apps", Kind: "Deployment", JSONPointers: []string{"/spec/replicas"}}}
	if look(other, live, o) != Synced {
		t.Error("other rules were not looked at")
	}
	o.Ignore = nil
	if look(other, live, o) != OutOfSync {
		t.Error("the rules of another time count")
	}
}

func BenchmarkUnchanged(b *testing.B) {
	const objects = 10_000
	desired, live := parse(b, strings.Replace(desiredWeb, "cpu: 1000m", `cpu: "1"`, 1)), parse(b, ownedBy(liveWeb, Manager, "Apply"))
	o := Options{Schema: builtIns}
	id := object.IDOf(desired)
	lives := make([]*unstructured.Unstructured, objects)
	for i := range lives {
		lives[i] = &unstructured.Unstructured{Object: map[string]any{}}
		for k, v := range live.Object {
			lives[i].Object[k] = v
		}
		metadata := map[string]any{}
		for k, v := range live.Object["metadata"].(map[string]any) {
			metadata[k] = v
		}
		metadata["resourceVersion"] = fmt.Sprint(i)
		lives[i].Object["metadata"] = metadata
	}
	all := func(b *testing.B, drift func(object.ID, *unstructured.Unstructured, *unstructured.Unstructured, Options) (Sync, error)) {
		for _, l := range lives {
			if s, err := drift(id, desired, l, o); err != nil || s.Status != Synced {
				b.Fatal(s, err)
			}
		}
	}
	b.Run("looked at 10000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			all(b, Drift)
		}
	})
	b.Run("other status 10000", func(b *testing.B) {
		b.ReportAllocs()
		var m Memo
		for b.Loop() {
			m.young, m.old = nil, nil
			m.keep(m.key(desired, live, o, m.unmoved(live)))
			all(b, m.Drift)
		}
	})
	b.Run("remembered 10000", func(b *testing.B) {
		b.ReportAllocs()
		var m Memo
		all(b, m.Drift)
		for b.Loop() {
			all(b, m.Drift)
		}
	})
}
