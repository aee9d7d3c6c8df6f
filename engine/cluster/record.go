package cluster

import (
	"fmt"
	"hash/maphash"
	"strings"
	"unique"
	"weak"

	"github.com/klauspost/compress/zstd"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/health"
)

// record is what the cache keeps of one live object: a few hundred bytes, and the object itself, packed, only if an application
// tracks it, a script judges it or somebody asked for it. A record does not change; a store puts another in its place.
type record struct {
	namespace, name string
	uid             types.UID
	version         string // resourceVersion
	created         int64  // Unix seconds
	app             string // that tracks it
	owners          []types.UID
	links           links
	health          unique.Handle[health.Health]
	judged          bool     // whether it has a health at all
	script          *verdict // what the installation's script says of it, once asked; nil for kinds without one
	sum             uint64   // of its content without what is no news; only of tracked objects
	packed          []byte
}

// recorder makes records of what the server tells, and objects of records.
type recorder struct {
	tracking compare.Tracking
	// noNews are the fields whose changes are no reason to look at an application.
	noNews []argo.ResourceIgnoreDifferences
	// scripted are the kinds whose health the installation's own scripts judge: any change of their status may be one of it. Nil is none.
	scripted func(schema.GroupKind) bool
	seed     maphash.Seed
	encoder  *zstd.Encoder
	decoder  *zstd.Decoder
}

// mostUnpacked bounds what one packed object may become: the API server takes no larger ones.
const mostUnpacked = 64 << 20

func newRecorder(t compare.Tracking, noNews []argo.ResourceIgnoreDifferences) (*recorder, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(zstd.MinWindowSize<<7), zstd.WithEncoderDictRaw(packedWith, []byte(dictionary)))
	if err != nil {
		return nil, fmt.Errorf("preparing the cache: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(4), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(mostUnpacked),
		zstd.WithDecoderDictRaw(packedWith, []byte(dictionary)))
	if err != nil {
		return nil, fmt.Errorf("preparing the cache: %w", err)
	}
	return &recorder{tracking: t, noNews: noNews, seed: maphash.MakeSeed(), encoder: encoder, decoder: decoder}, nil
}

// record makes the record of an object; whole keeps the object although nobody tracks it.
func (r *recorder) record(u *unstructured.Unstructured, whole bool) (*record, error) {
	out := &record{
		namespace: strings.Clone(u.GetNamespace()), name: strings.Clone(u.GetName()), uid: u.GetUID(), version: u.GetResourceVersion(),
		created: u.GetCreationTimestamp().Unix(), links: linksOf(u),
	}
	for _, o := range u.GetOwnerReferences() {
		out.owners = append(out.owners, o.UID)
	}
	if h := health.Of(u); h != nil {
		out.judged, out.health = true, unique.Make(*h)
	}
	if r.scripted != nil && r.scripted(u.GroupVersionKind().GroupKind()) {
		out.script = &verdict{}
	}
	app, tracked := r.tracking.TrackedBy(u)
	if tracked {
		out.app = app
		counts := content(compare.Without(u, r.noNews))
		if out.script != nil {
			counts["status"] = u.Object["status"]
		}
		out.sum = compare.Digest(r.seed, counts)
	}
	if !whole && !tracked && out.script == nil && !r.marked(u) {
		return out, nil
	}
	var err error
	out.packed, err = r.pack(u)
	return out, err
}

func (r *recorder) pack(u *unstructured.Unstructured) ([]byte, error) {
	text, err := u.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("keeping %s %s: %w", u.GetKind(), u.GetName(), err)
	}
	packed := r.encoder.EncodeAll(text, nil)
	return append(make([]byte, 0, len(packed)), packed...), nil // without room to spare
}

// marked says that the object carries somebody's mark, be it another object's or another installation's.
func (r *recorder) marked(u *unstructured.Unstructured) bool {
	label := r.tracking.Label
	if label == "" {
		label = compare.InstanceLabel
	}
	return u.GetAnnotations()[compare.TrackingAnnotation] != "" || r.tracking.Method == compare.MethodLabel && u.GetLabels()[label] != ""
}

func (r *recorder) unpack(o *record) (*unstructured.Unstructured, error) {
	text, err := r.decoder.DecodeAll(o.packed, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the cache: %w", err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("reading the cache: %w", err)
	}
	return u, nil
}

// kept is a record in its store, with the object as long as somebody holds it or memory is plenty.
type kept struct {
	*record
	object weak.Pointer[unstructured.Unstructured]
}

func (o *record) key() string { return keyOf(o.namespace, o.name) }

func keyOf(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

func (o *record) createdAt() metav1.Time { return metav1.Unix(o.created, 0) }

// packedWith numbers the dictionary.
const packedWith = 1

// dictionary is what the text of most objects is made of.
const dictionary = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"annotations":{"argocd.argoproj.io/tracking-id":"","deployment.kubernetes.io/revision":"1",` +
	`"kubectl.kubernetes.io/last-applied-configuration":"","meta.helm.sh/release-name":""},"creationTimestamp":"2026-01-01T00:00:00Z","generation":1,` +
	`"labels":{"app":"","app.kubernetes.io/component":"","app.kubernetes.io/instance":"","app.kubernetes.io/managed-by":"Helm","app.kubernetes.io/name":"",` +
	`"app.kubernetes.io/part-of":"","app.kubernetes.io/version":"","helm.sh/chart":"","pod-template-hash":""},"managedFields":[{"apiVersion":"apps/v1",` +
	`"fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:annotations":{".":{},"f:argocd.argoproj.io/tracking-id":{}},"f:labels":{".":{},"f:app":{},` +
	`"f:app.kubernetes.io/instance":{},"f:app.kubernetes.io/managed-by":{},"f:app.kubernetes.io/name":{},"f:app.kubernetes.io/version":{},"f:helm.sh/chart":{}},` +
	`"f:ownerReferences":{}},"f:data":{".":{}},"f:spec":{"f:progressDeadlineSeconds":{},"f:replicas":{},"f:revisionHistoryLimit":{},"f:selector":{},` +
	`"f:strategy":{"f:rollingUpdate":{".":{},"f:maxSurge":{},"f:maxUnavailable":{}},"f:type":{}},"f:template":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},` +
	`"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:args":{},"f:command":{},"f:env":{".":{},"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}}},` +
	`"f:image":{},"f:imagePullPolicy":{},"f:livenessProbe":{".":{},"f:failureThreshold":{},"f:httpGet":{".":{},"f:path":{},"f:port":{},"f:scheme":{}},` +
	`"f:periodSeconds":{},"f:successThreshold":{},"f:timeoutSeconds":{}},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},` +
	`"f:containerPort":{},"f:name":{},"f:protocol":{}}},"f:resources":{".":{},"f:limits":{".":{},"f:cpu":{},"f:memory":{}},"f:requests":{".":{},"f:cpu":{},` +
	`"f:memory":{}}},"f:securityContext":{},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{},"f:volumeMounts":{}}},"f:dnsPolicy":{},` +
	`"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},"f:serviceAccountName":{},"f:terminationGracePeriodSeconds":{},"f:volumes":{}}}},` +
	`"f:status":{"f:conditions":{".":{},"k:{\"type\":\"Available\"}":{".":{},"f:lastTransitionTime":{},"f:lastUpdateTime":{},"f:message":{},"f:reason":{},"f:status":{},` +
	`"f:type":{}}}}},"manager":"argocd-controller","operation":"Apply","time":"2026-01-01T00:00:00Z"},{"manager":"kube-controller-manager","operation":"Update",` +
	`"subresource":"status"}],"name":"","namespace":"default","ownerReferences":[{"apiVersion":"apps/v1","blockOwnerDeletion":true,"controller":true,` +
	`"kind":"ReplicaSet","name":"","uid":""}],"resourceVersion":"1","uid":""},"data":{},"spec":{"clusterIP":"","ports":[{"name":"http","port":80,"protocol":"TCP",` +
	`"targetPort":8080}],"type":"ClusterIP","progressDeadlineSeconds":600,"replicas":1,"revisionHistoryLimit":10,"selector":{"matchLabels":{"app":""}},` +
	`"strategy":{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"},"type":"RollingUpdate"},"template":{"metadata":{"labels":{"app":""}},` +
	`"spec":{"containers":[{"env":[{"name":"","value":""}],"image":"","imagePullPolicy":"IfNotPresent","livenessProbe":{"failureThreshold":3,"httpGet":{"path":"/",` +
	`"port":"http","scheme":"HTTP"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1},"name":"","ports":[{"containerPort":8080,"name":"http",` +
	`"protocol":"TCP"}],"resources":{"limits":{"cpu":"100m","memory":"128Mi"},"requests":{"cpu":"100m","memory":"128Mi"}},` +
	`"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","volumeMounts":[{"mountPath":"","name":""}]}],"dnsPolicy":"ClusterFirst",` +
	`"restartPolicy":"Always","schedulerName":"default-scheduler","securityContext":{},"serviceAccountName":"default","terminationGracePeriodSeconds":30,` +
	`"volumes":[{"configMap":{"defaultMode":420,"name":""},"name":""}]}}},"status":{"availableReplicas":1,"conditions":[{"lastTransitionTime":"2026-01-01T00:00:00Z",` +
	`"lastUpdateTime":"2026-01-01T00:00:00Z","message":"","reason":"MinimumReplicasAvailable","status":"True","type":"Available"}],"observedGeneration":1,` +
	`"readyReplicas":1,"replicas":1,"updatedReplicas":1}}`
