package cluster

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/slipway-cd/slipway/engine/compare"
)

// livePod is a pod as the server stores it: 6 KB of JSON with its managed fields.
const livePod = `
apiVersion: v1
kind: Pod
metadata:
  name: NAME
  namespace: shop
  uid: UID
  resourceVersion: "VERSION"
  creationTimestamp: "2026-01-01T00:00:00Z"
  generateName: web-5d8f9c7b6d-
  labels: {app: web, pod-template-hash: 5d8f9c7b6d, app.kubernetes.io/name: web, app.kubernetes.io/instance: web, app.kubernetes.io/managed-by: Helm, helm.sh/chart: web-1.2.3}
  annotations: {checksum/config: 0f3c1b0a9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a, prometheus.io/scrape: "true", prometheus.io/port: "9090"}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d8f9c7b6d, uid: OWNER, controller: true, blockOwnerDeletion: true}]
  managedFields:
  - {manager: kube-controller-manager, operation: Update, apiVersion: v1, time: "2026-01-01T00:00:00Z", fieldsType: FieldsV1, fieldsV1: {"f:metadata": {"f:annotations": {".": {}, "f:checksum/config": {}, "f:prometheus.io/port": {}, "f:prometheus.io/scrape": {}}, "f:generateName": {}, "f:labels": {".": {}, "f:app": {}, "f:app.kubernetes.io/instance": {}, "f:app.kubernetes.io/managed-by": {}, "f:app.kubernetes.io/name": {}, "f:helm.sh/chart": {}, "f:pod-template-hash": {}}, "f:ownerReferences": {".": {}, "k:{\"uid\":\"OWNER\"}": {}}}, "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:args": {}, "f:env": {".": {}, "k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}, "k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:valueFrom": {".": {}, "f:fieldRef": {}}}}, "f:image": {}, "f:imagePullPolicy": {}, "f:livenessProbe": {".": {}, "f:failureThreshold": {}, "f:httpGet": {".": {}, "f:path": {}, "f:port": {}, "f:scheme": {}}, "f:periodSeconds": {}, "f:successThreshold": {}, "f:timeoutSeconds": {}}, "f:name": {}, "f:ports": {".": {}, "k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}}}, "f:resources": {".": {}, "f:limits": {".": {}, "f:cpu": {}, "f:memory": {}}, "f:requests": {".": {}, "f:cpu": {}, "f:memory": {}}}, "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {}, "f:volumeMounts": {".": {}, "k:{\"mountPath\":\"/etc/web\"}": {".": {}, "f:mountPath": {}, "f:name": {}}}}}, "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": {}, "f:serviceAccount": {}, "f:serviceAccountName": {}, "f:terminationGracePeriodSeconds": {}, "f:volumes": {".": {}, "k:{\"name\":\"config\"}": {".": {}, "f:configMap": {".": {}, "f:defaultMode": {}, "f:name": {}}, "f:name": {}}}}}}
  - {manager: kubelet, operation: Update, apiVersion: v1, subresource: status, time: "2026-01-01T00:00:00Z", fieldsType: FieldsV1, fieldsV1: {"f:status": {"f:conditions": {"k:{\"type\":\"ContainersReady\"}": {".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}}, "k:{\"type\":\"Initialized\"}": {".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}}, "k:{\"type\":\"Ready\"}": {".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:status": {}, "f:type": {}}}, "f:containerStatuses": {}, "f:hostIP": {}, "f:phase": {}, "f:podIP": {}, "f:podIPs": {".": {}, "k:{\"ip\":\"10.0.0.1\"}": {".": {}, "f:ip": {}}}, "f:startTime": {}}}}
spec:
  containers:
  - name: web
    image: registry.example.com/shop/web:1.2.3
    imagePullPolicy: IfNotPresent
    args: [--listen=:8080, --log=json]
    env: [{name: A, value: some value}, {name: B, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}]
    ports: [{name: http, containerPort: 8080, protocol: TCP}]
    resources: {limits: {cpu: 500m, memory: 256Mi}, requests: {cpu: 100m, memory: 128Mi}}
    livenessProbe: {httpGet: {path: /healthz, port: http, scheme: HTTP}, failureThreshold: 3, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
    volumeMounts: [{name: config, mountPath: /etc/web}, {name: kube-api-access-x, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}]
  volumes: [{name: config, configMap: {name: web, defaultMode: 420}}, {name: kube-api-access-x, projected: {defaultMode: 420, sources: [{serviceAccountToken: {expirationSeconds: 3607, path: token}}, {configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}}]}}]
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  nodeName: node-17
  preemptionPolicy: PreemptLowerPriority
  priority: 0
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  serviceAccount: web
  serviceAccountName: web
  terminationGracePeriodSeconds: 30
  tolerations: [{key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 300}, {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 300}]
status:
  phase: Running
  podIP: 10.0.0.1
  hostIP: 192.168.0.17
  startTime: "2026-01-01T00:00:00Z"
  conditions: [{type: Initialized, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z"}, {type: Ready, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z"}, {type: ContainersReady, status: "True", lastTransitionTime: "2026-01-01T00:00:00Z"}]
  containerStatuses: [{name: web, ready: true, restartCount: 0, started: true, image: "registry.example.com/shop/web:1.2.3", imageID: "registry.example.com/shop/web@sha256:0f3c1b0a9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a", containerID: "containerd://0f3c1b0a9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a", state: {running: {startedAt: "2026-01-01T00:00:00Z"}}}]
`

func podNumber(b *testing.B, i int, app string) *unstructured.Unstructured {
	b.Helper()
	uid := fmt.Sprintf("%08x-0000-4000-8000-%012x", i*7919, i)
	text, err := yaml.YAMLToJSON([]byte(strings.NewReplacer("NAME", fmt.Sprintf("web-5d8f9c7b6d-%05d", i), "UID", uid, "VERSION", fmt.Sprint(1000000+i),
		"OWNER", fmt.Sprintf("%08x-1111-4000-8000-000000000000", i/3)).Replace(livePod)))
	if err != nil {
		b.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(text); err != nil {
		b.Fatal(err)
	}
	if app != "" {
		compare.Track(u, app, "shop")
	}
	return u
}

// The memory that 20,000 live objects take, of which 5,000 are tracked by 500 applications, and what it takes to take them in and to
// look at all of them.
func BenchmarkCacheOf20000(b *testing.B) {
	const objects, tracked = 20_000, 5_000
	keeps, err := newRecorder(compare.Tracking{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	heap := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		before := heap()
		s := &store{recorder: keeps, news: func(string, *record) {}}
		for i := range objects {
			app := ""
			if i < tracked {
				app = fmt.Sprintf("app-%03d", i%500)
			}
			if err := s.put(podNumber(b, i, app)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric((heap()-before)/(1<<20), "MB/held")
		runtime.KeepAlive(s)
	}
}

func BenchmarkLookAtATrackedObject(b *testing.B) {
	keeps, err := newRecorder(compare.Tracking{}, nil)
	if err != nil {
		b.Fatal(err)
	}
	u := podNumber(b, 1, "shop")
	b.Run("take in", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o, err := keeps.record(u, false)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(o.packed)), "bytes")
		}
	})
	o, err := keeps.record(u, false)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("unpack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := keeps.unpack(o); err != nil {
				b.Fatal(err)
			}
		}
	})
}
