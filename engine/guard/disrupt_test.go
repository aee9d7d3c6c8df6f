package guard_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
)

func objects(t *testing.T, documents string) *object.Set {
	t.Helper()
	s := object.NewSet()
	for doc := range strings.SplitSeq(documents, "---\n") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		s.Add(object.Object{Unstructured: u})
	}
	return s
}

const (
	web = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {selector: {matchLabels: {app: web}},
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "web:1"}]}}}}
`
	db = `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {serviceName: db, replicas: 2,
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: "db:1"}]}},
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce]}}]}}
`
	front = `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {type: LoadBalancer, selector: {app: web}}}
`
	claim = `{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data, namespace: shop}, spec: {accessModes: [ReadWriteOnce],
  storageClassName: fast, resources: {requests: {storage: 10Gi}}}}
`
)

func TestWhatDisrupts(t *testing.T) {
	long := "spec: {selector: {matchLabels: {app: web}}"
	for name, c := range map[string]struct {
		before, after string
		want          []string
	}{
		"nothing":                           {web, web, nil},
		"more replicas":                     {web, strings.Replace(web, long, "spec: {replicas: 3, selector: {matchLabels: {app: web}}", 1), nil},
		"no replicas, where one is assumed": {web, strings.Replace(web, long, "spec: {replicas: 0, selector: {matchLabels: {app: web}}", 1), []string{"warning stops: apps/Deployment shop/web is scaled from 1 to 0: nothing of it runs any more"}},
		"no replicas of two":                {db, strings.Replace(db, "replicas: 2", "replicas: 0", 1), []string{"warning stops: apps/StatefulSet shop/db is scaled from 2 to 0: nothing of it runs any more"}},
		"another image":                     {web, strings.Replace(web, "web:1", "web:2", 1), []string{"notice restarts: apps/Deployment shop/web replaces its pods"}},
		"another image, paused":             {web, strings.Replace(strings.Replace(web, "web:1", "web:2", 1), long, "spec: {paused: true, selector: {matchLabels: {app: web}}", 1), nil},
		"another image, all at once": {web, strings.Replace(strings.Replace(web, "web:1", "web:2", 1), long, "spec: {strategy: {type: Recreate}, selector: {matchLabels: {app: web}}", 1),
			[]string{"warning restarts: apps/Deployment shop/web stops all its pods before it starts new ones (strategy Recreate)"}},
		"another image, when somebody deletes the pods": {db, strings.Replace(strings.Replace(db, "db:1", "db:2", 1), "replicas: 2", "replicas: 2, updateStrategy: {type: OnDelete}", 1), nil},
		"a Deployment's selector": {web, strings.ReplaceAll(web, "matchLabels: {app: web}", "matchLabels: {app: www}"),
			[]string{"warning immutable: apps/Deployment shop/web: spec.selector cannot be changed once it is there, so the API server will refuse it"}},
		"a StatefulSet's claims": {db, strings.Replace(db, "name: data", "name: files", 1),
			[]string{"warning immutable: apps/StatefulSet shop/db: spec.volumeClaimTemplates cannot be changed once it is there, so the API server will refuse it"}},
		"a StatefulSet's claims, with leave to replace it": {db, strings.Replace(strings.Replace(db, "name: data", "name: files", 1), "namespace: shop", "namespace: shop, annotations: {argocd.argoproj.io/sync-options: \"Replace=true,Force=true\"}", 1),
			[]string{"warning immutable: apps/StatefulSet shop/db is deleted and made again, as its sync options say: spec.volumeClaimTemplates cannot be changed"}},
		"a binding's role": {"{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: shop}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}}",
			"{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: shop}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}}",
			[]string{"warning immutable: rbac.authorization.k8s.io/RoleBinding shop/b is deleted and made again, because its roleRef cannot be changed: for a moment nobody has the rights that it gives"}},
		"a default that is written": {db, strings.Replace(db, "serviceName: db", "serviceName: db, podManagementPolicy: OrderedReady", 1), nil},
		"a claim that grows":        {claim, strings.Replace(claim, "10Gi", "20Gi", 1), nil},
		"a claim that shrinks": {claim, strings.Replace(claim, "10Gi", "5Gi", 1),
			[]string{"warning immutable: PersistentVolumeClaim shop/data: spec.resources.requests.storage (from 10Gi to the smaller 5Gi) cannot be changed once it is there, so the API server will refuse it"}},
		"a claim of another class": {claim, strings.Replace(claim, "fast", "slow", 1),
			[]string{"warning immutable: PersistentVolumeClaim shop/data: spec.storageClassName cannot be changed once it is there, so the API server will refuse it"}},
		"an immutable ConfigMap": {"{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}, immutable: true, data: {a: x}}", "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}, immutable: true, data: {a: y}}",
			[]string{"warning immutable: ConfigMap shop/c: data cannot be changed once it is there, so the API server will refuse it"}},
		"a Service's selector, of pods that are there": {front + "---\n" + web, strings.Replace(front, "selector: {app: web}", "selector: {app: www}", 1) + "---\n" + strings.Replace(web, "labels: {app: web}", "labels: {app: www}", 1),
			[]string{"notice restarts: apps/Deployment shop/web replaces its pods", "warning detaches: Service shop/web gets another selector: its traffic goes to other pods as soon as it is applied"}},
		"a Service's selector, of no pods": {front + "---\n" + web, strings.Replace(front, "selector: {app: web}", "selector: {app: www}", 1) + "---\n" + web,
			[]string{"warning detaches: Service shop/web gets a selector that no workload of this application matches: it may have no endpoints"}},
		"a Service without a selector": {front, strings.Replace(front, ", selector: {app: web}", "", 1), []string{"warning detaches: Service shop/web no longer has a selector: its endpoints are not kept any more"}},
		"a Service without an address": {front, strings.Replace(front, "LoadBalancer", "ClusterIP", 1), []string{"warning changes-type: Service shop/web is no longer a LoadBalancer: its outside address is given up"}},
		"a claim that goes":            {claim, "", []string{"warning destroys: PersistentVolumeClaim shop/data is removed: its data may go with it"}},
		"a database that goes":         {"{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, metadata: {name: orders, namespace: shop}}", "", []string{"warning destroys: postgresql.cnpg.io/Cluster shop/orders is removed: its databases and their claims go with it"}},
		"a claim under another name":   {claim, strings.Replace(claim, "name: data", "name: files", 1), []string{"warning renames: PersistentVolumeClaim shop/data is renamed to files: the new claim is empty, and the data of the old one may go with it"}},
		"a Deployment under another name": {web, strings.Replace(web, "name: web, namespace", "name: website, namespace", 1),
			[]string{"warning renames: apps/Deployment shop/web is renamed to website: all its pods are new, and the old ones go when it is pruned"}},
		"a hook's template": {hook("1"), hook("2"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := objects(t, c.before), objects(t, c.after)
			var got []string
			for _, f := range guard.Check(guard.Facts{Differences: compare.Sets(before, after), Before: before, After: after}) {
				got = append(got, string(f.Severity)+" "+f.Check+": "+f.Message)
			}
			sorted := cmp.Transformer("sorted", func(in []string) map[string]int {
				out := map[string]int{}
				for _, s := range in {
					out[s]++
				}
				return out
			})
			if diff := cmp.Diff(c.want, got, sorted); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func hook(image string) string {
	return `{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, namespace: shop, annotations: {argocd.argoproj.io/hook: PreSync}},
  spec: {template: {spec: {containers: [{name: m, image: "m:` + image + `"}]}}}}`
}
