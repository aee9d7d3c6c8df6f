package health

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// judged are all kinds that have rules or actions of their own, and one that has none.
func judged() []schema.GroupKind {
	kinds := []schema.GroupKind{{Group: "example.com", Kind: "Thing"}}
	for _, name := range strings.Fields(`apps/Deployment apps/StatefulSet apps/DaemonSet apps/ReplicaSet /Pod /Service /PersistentVolumeClaim batch/Job batch/CronJob
		networking.k8s.io/Ingress autoscaling/HorizontalPodAutoscaler apiregistration.k8s.io/APIService apiextensions.k8s.io/CustomResourceDefinition
		argoproj.io/Workflow argoproj.io/Rollout apps.kruise.io/CloneSet apps.kruise.io/StatefulSet apps.kruise.io/DaemonSet game.kruise.io/GameServerSet
		promoter.argoproj.io/ChangeTransferPolicy promoter.argoproj.io/PromotionStrategy promoter.argoproj.io/GitCommitStatus flagger.app/Canary
		gateway.networking.k8s.io/HTTPRoute gateway.networking.k8s.io/Gateway gateway.networking.k8s.io/BackendTLSPolicy microgateway.airlock.com/AccessPolicy
		microgateway.airlock.com/Other gateway.solo.io/Gateway serving.knative.dev/Service operator.knative.dev/KnativeServing operator.knative.dev/KnativeEventing
		serving.kserve.io/InferenceService route.openshift.io/Route apps.openshift.io/DeploymentConfig operators.coreos.com/Subscription
		policy.open-cluster-management.io/Policy policy.open-cluster-management.io/ConfigurationPolicy cluster.x-k8s.io/MachinePool
		controlplane.cluster.x-k8s.io/AWSManagedControlPlane k8s.mariadb.com/MariaDB k8s.mariadb.com/Backup k8s.mariadb.com/SqlJob numaflow.numaproj.io/Pipeline
		work.karmada.io/ResourceBinding work.karmada.io/ClusterResourceBinding policy/PodDisruptionBudget elasticsearch.k8s.elastic.co/Elasticsearch
		external-secrets.io/ClusterExternalSecret ceph.rook.io/CephCluster cassandra.rook.io/Cluster kafka.banzaicloud.io/KafkaCluster
		platform.confluent.io/Connector solr.apache.org/SolrCloud sparkoperator.k8s.io/SparkApplication opentelemetry.io/OpenTelemetryCollector
		k8s.keycloak.org/Keycloak core.spinkube.dev/SpinApp grafana.integreatly.org/GrafanaDashboard s3.aws.upbound.io/Bucket argoproj.io/WorkflowTemplate
		numaflow.numaproj.io/MonoVertex numaflow.numaproj.io/InterStepBufferService x.crossplane.io/Y sql.cnrm.cloud.google.com/SQLInstance`) {
		group, kind, _ := strings.Cut(name, "/")
		kinds = append(kinds, schema.GroupKind{Group: group, Kind: kind})
	}
	for kind := range shipped().exact {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b schema.GroupKind) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(kinds)
}

// hostile are objects with something else where rules look for objects, lists, texts and numbers.
func hostile() []string {
	var all []string
	for _, v := range []string{`null`, `5`, `-1.5`, `"x"`, `true`, `[]`, `[null,5,"x",[],{}]`, `{}`, `{"a":null,"":{"x":[1]}}`} {
		all = append(all, `{"status":`+v+`,"spec":`+v+`,"metadata":{}}`, `{"metadata":{"annotations":`+v+`,"labels":`+v+`,"generation":`+v+`,"ownerReferences":`+v+`,"finalizers":`+v+`}}`,
			`{"status":{"conditions":`+v+`,"phase":`+v+`,"state":`+v+`,"replicas":`+v+`,"observedGeneration":`+v+`,"parents":[`+v+`],"listeners":[`+v+`],"ancestors":[`+v+`],
			"environments":[`+v+`],"status":`+v+`,"ingress":[`+v+`],"active":`+v+`,"proposed":`+v+`,"statuses":{"a":`+v+`},"racks":{"a":`+v+`},"brokersState":{"a":`+v+`},
			"solrNodes":[`+v+`],"applicationState":`+v+`,"executorState":{"a":`+v+`},"instancesStatus":{"healthy":[`+v+`]},"aggregatedStatus":[`+v+`],"scale":{"statusReplicas":`+v+`}},
			"spec":{"replicas":`+v+`,"strategy":`+v+`,"template":`+v+`,"jobTemplate":`+v+`,"clusters":`+v+`,"nodeSets":[`+v+`],"updateStrategy":`+v+`,"suspend":`+v+`,"lifecycle":`+v+`}}`,
			`{"status":{"conditions":[`+v+`,{"type":`+v+`,"status":`+v+`,"reason":`+v+`,"message":`+v+`,"lastTransitionTime":`+v+`},{"type":"Ready","status":"False","message":`+v+`}]}}`)
	}
	return all
}

func tryAll(t *testing.T, r *Rules, gk schema.GroupKind, version string, object map[string]any) {
	t.Helper()
	u := &unstructured.Unstructured{Object: object}
	u.Object["kind"], u.Object["apiVersion"] = gk.Kind, schema.GroupVersion{Group: gk.Group, Version: version}.String()
	if h := Of(u); h != nil && rank(h.Status) == 5 && h.Status != Unknown {
		t.Errorf("%s: %q is no health", gk, h.Status)
	}
	if len(deedsOf(gk)) == 0 {
		return
	}
	before := u.DeepCopy()
	all, err := r.Actions(t.Context(), u)
	if err != nil {
		t.Errorf("%s: %v", gk, err)
	}
	for _, a := range all {
		_, _ = r.Act(t.Context(), u, a.Name, map[string]string{"replicas": "3", "instance": "any"}) // may say no
	}
	if !reflect.DeepEqual(before.Object, u.Object) {
		t.Errorf("%s: an action changed what it was given", gk)
	}
}

func text(t *testing.T, u *unstructured.Unstructured) []byte {
	t.Helper()
	b, err := json.Marshal(u.Object)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Whatever stands in an object, judging it and listing and doing its actions does not panic, and says only what there is to say.
func TestHostileObjects(t *testing.T) {
	r := rulesOf(t, nil)
	var objects []map[string]any
	for _, source := range hostile() {
		object := map[string]any{}
		if err := utiljson.Unmarshal([]byte(source), &object); err != nil {
			t.Fatalf("%v in %s", err, source)
		}
		objects = append(objects, object)
	}
	for _, gk := range judged() {
		for _, object := range objects {
			version := "v1"
			if gk.Group == "autoscaling" {
				version = "v2"
			}
			tryAll(t, r, gk, version, object)
		}
	}
}

func FuzzObjects(f *testing.F) {
	kinds := judged()
	for i := range kinds {
		f.Add(uint16(i), `{"metadata":{"generation":2},"spec":{},"status":{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True"}]}}`)
	}
	f.Fuzz(func(t *testing.T, kind uint16, source string) {
		object := map[string]any{}
		if utiljson.Unmarshal([]byte(source), &object) != nil || object == nil {
			return
		}
		r, _ := New(nil, at)
		tryAll(t, r, kinds[int(kind)%len(kinds)], "v1", object)
	})
}

// Whatever a script is, it ends, and an object stays what it is.
func FuzzScripts(f *testing.F) {
	for _, s := range []string{`return {status="Healthy"}`, `return obj`, `local t = {} t[1]=obj return t`, `for k, v in pairs(obj) do obj[k] = nil end return obj`,
		`return {status=string.rep("x", 10)}`, `goto a; ::a:: return setmetatable({}, {__index = obj})`, "return " + strings.Repeat("(", 500) + "1" + strings.Repeat(")", 500),
		`obj.spec.x = obj return {{operation="patch", resource=obj}}`} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, source string, open bool) {
		r, _ := New(map[string]Customization{"ConfigMap": {Health: source, OpenLibs: open}}, at)
		object := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "spec": map[string]any{"a": []any{int64(1), nil, "x"}}}
		u := &unstructured.Unstructured{Object: object}
		before := string(text(t, u))
		r.Of(t.Context(), u)
		if string(text(t, u)) != before {
			t.Error("a script changed what it was given")
		}
	})
}

// Scripts that are deep rather than long neither end the program nor take long to be refused.
func TestDeepScripts(t *testing.T) {
	object := parse(t, "{apiVersion: v1, kind: ConfigMap}")
	const deep = 100_000
	for name, source := range map[string]string{
		"parentheses": "return " + strings.Repeat("(", deep) + "1" + strings.Repeat(")", deep),
		"tables":      "return " + strings.Repeat("{", deep) + strings.Repeat("}", deep),
		"negations":   "return " + strings.Repeat("not ", deep/2) + "1",
		"blocks":      strings.Repeat("do ", deep/16) + strings.Repeat(" end", deep/16),
		"functions":   strings.Repeat("return function() ", deep/12) + strings.Repeat(" end", deep/12),
		"values":      "local t = {}; for i = 1, 3e4 do t = {t=t} end; return t",
		"wide":        "local t = {}; for i = 1, 30 do t = {a=t, b=t} end; return t",
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := New(map[string]Customization{"ConfigMap": {Health: source}}, at)
			if h := r.Of(t.Context(), object); h != nil && h.Status != Unknown {
				t.Errorf("got %v", h)
			}
		})
	}
}
