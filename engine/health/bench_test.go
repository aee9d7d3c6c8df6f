package health

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// thousands are what a cluster holds: mostly pods and workloads, and some custom resources.
func thousands(b *testing.B, n int) []*unstructured.Unstructured {
	b.Helper()
	container := `{name: app, image: 'registry.example.com/app:v1', env: [{name: A, value: b}, {name: C, value: d}], resources: {requests: {cpu: 100m, memory: 64Mi}}, ports: [{containerPort: 8080}], volumeMounts: [{name: data, mountPath: /data}]}`
	template := `{metadata: {labels: {app: web}}, spec: {containers: [` + container + `, ` + container + `], volumes: [{name: data, emptyDir: {}}]}}`
	kinds := []string{
		`{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: web}}, spec: {restartPolicy: Always, containers: [` + container + `], volumes: [{name: data, emptyDir: {}}]}, status: {phase: Running, conditions: [{type: Ready, status: 'True'}], containerStatuses: [{name: app, ready: true, restartCount: 0, image: x, imageID: y, state: {running: {startedAt: '2026-01-01T00:00:00Z'}}}]}}`,
		`{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: r, generation: 1}, spec: {replicas: 1, template: ` + template + `}, status: {observedGeneration: 1, availableReplicas: 1, replicas: 1}}`,
		`{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, generation: 1}, spec: {replicas: 1, template: ` + template + `}, status: {observedGeneration: 1, updatedReplicas: 1, availableReplicas: 1, replicas: 1}}`,
		`{apiVersion: v1, kind: Service, metadata: {name: s}, spec: {type: ClusterIP, ports: [{port: 80}]}}`,
		`{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: b}}`,
		`{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: c, generation: 1}, status: {conditions: [{type: Ready, status: 'True', message: fine}]}}`,
		`{apiVersion: s3.aws.upbound.io/v1beta1, kind: Bucket, metadata: {name: b}, spec: {forProvider: {}}, status: {conditions: [{type: Synced, status: 'True'}, {type: Ready, status: 'True'}]}}`,
		`{apiVersion: example.com/v1, kind: Thing, metadata: {name: t, generation: 1}, status: {observedGeneration: 1, conditions: [{type: Ready, status: 'True'}]}}`,
	}
	var all []*unstructured.Unstructured
	for i := range n {
		all = append(all, parse(b, kinds[i%len(kinds)]))
	}
	return all
}

func BenchmarkOf(b *testing.B) {
	all := thousands(b, 20_000)
	b.Run("20000 objects", func(b *testing.B) {
		for b.Loop() {
			for _, u := range all {
				Of(u)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/object")
	})
	for _, u := range all[:8] {
		b.Run(u.GetKind(), func(b *testing.B) {
			for b.Loop() {
				Of(u)
			}
		})
	}
}

func BenchmarkScript(b *testing.B) {
	text, err := os.ReadFile("testdata/custom.yaml")
	if err != nil {
		b.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n---\n")
	u := parse(b, first)
	r, errs := New(map[string]Customization{"cert-manager.io/Certificate": {Health: `
		local hs = {status = "Progressing", message = "Waiting"}
		if obj.status ~= nil and obj.status.conditions ~= nil then
		  for i, c in ipairs(obj.status.conditions) do
		    if c.type == "Ready" then hs.status = c.status == "True" and "Healthy" or "Degraded"; hs.message = c.message end
		  end
		end
		return hs`}}, at)
	if len(errs) > 0 {
		b.Fatal(errs)
	}
	for b.Loop() {
		if h := r.Of(b.Context(), u); h == nil || h.Status == Unknown {
			b.Fatal(fmt.Sprint(h))
		}
	}
}
