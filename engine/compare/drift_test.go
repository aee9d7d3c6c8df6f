package compare

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	applyconfigurations "k8s.io/client-go/applyconfigurations"
	"k8s.io/client-go/kubernetes/scheme"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

var builtIns = applyconfigurations.NewTypeConverter(scheme.Scheme)

const desiredWeb = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web:1
        ports: [{containerPort: 80}]
        resources: {limits: {cpu: 1000m}}
        env: [{name: A, value: "1"}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
`

// What the API server makes of desiredWeb, with somebody else's annotation and sidecar.
const liveWeb = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  uid: u
  resourceVersion: "7"
  generation: 1
  creationTimestamp: "2024-01-01T00:00:00Z"
  labels: {app: web}
  annotations: {deployment.kubernetes.io/revision: "1", team: theirs}
  managedFields:
  - {manager: MANAGER, operation: OPERATION, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:replicas": {}, "f:selector": {}, "f:template": {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:name": {}, "f:image": {}, "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}, "f:resources": {"f:limits": {"f:cpu": {}}}, "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}}, "k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:valueFrom": {"f:fieldRef": {}}}}}}}}}}}
  - {manager: someone, operation: Update, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {"f:metadata": {"f:annotations": {"f:team": {}}}, "f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"sidecar\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}}}
spec:
  progressDeadlineSeconds: 600
  replicas: 2
  revisionHistoryLimit: 10
  selector: {matchLabels: {app: web}}
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 25%}, type: RollingUpdate}
  template:
    metadata: {creationTimestamp: null, labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web:1
        imagePullPolicy: IfNotPresent
        ports: [{containerPort: 80, protocol: TCP}]
        resources: {limits: {cpu: "1"}}
        env: [{name: A, value: "1"}, {name: B, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}]
        terminationMessagePath: /dev/termination-log
      - name: sidecar
        image: side:1
        resources: {}
      dnsPolicy: ClusterFirst
      restartPolicy: Always
status: {replicas: 2}
`

func ownedBy(text, manager, operation string) string {
	return strings.NewReplacer("MANAGER", manager, "OPERATION", operation).Replace(text)
}

func drift(t *testing.T, desired, live *unstructured.Unstructured, o Options) Sync {
	t.Helper()
	id := object.IDOf(desired)
	before := live.DeepCopy()
	s, err := Drift(id, desired, live, o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.Object, live.Object); diff != "" {
		t.Errorf("live was changed: %s", diff)
	}
	return s
}

func TestDriftSeesWhatApplyingWouldChange(t *testing.T) {
	ours := ownedBy(liveWeb, Manager, "Apply")
	replace := func(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }
	for name, c := range map[string]struct {
		desired, live string
		want          argo.SyncStatusCode
		lines         []string // that the difference must hold
	}{
		"as the server stores it":        {desiredWeb, ours, "Synced", nil},
		"applied by kubectl":             {desiredWeb, ownedBy(liveWeb, "kubectl-client-side-apply", "Update"), "Synced", nil},
		"changed in the repository":      {replace(desiredWeb, "web:1", "web:2"), ours, "OutOfSync", []string{"-        image: web:1", "+        image: web:2"}},
		"changed by hand":                {desiredWeb, replace(ours, "replicas: 2\n  rev", "replicas: 5\n  rev"), "OutOfSync", []string{"-  replicas: 5", "+  replicas: 2"}},
		"removed, applied by us":         {replace(desiredWeb, `{name: A, value: "1"}, `, ""), ours, "OutOfSync", []string{"-        - name: A"}},
		"removed, applied by kubectl":    {replace(desiredWeb, `{name: A, value: "1"}, `, ""), ownedBy(liveWeb, "kubectl-client-side-apply", "Update"), "OutOfSync", []string{"-        - name: A"}},
		"removed, applied by Argo CD":    {replace(desiredWeb, `{name: A, value: "1"}, `, ""), ownedBy(liveWeb, "argocd-controller", "Update"), "OutOfSync", []string{"-        - name: A"}},
		"never ours":                     {replace(desiredWeb, "replicas: 2", "replicas: 2"), replace(ours, "manager: someone", "manager: hpa"), "Synced", nil},
		"left to an autoscaler":          {replace(desiredWeb, "  replicas: 2\n", ""), replace(ours, `"f:replicas": {}, `, "", "replicas: 2\n  rev", "replicas: 9\n  rev"), "Synced", nil},
		"written with nulls and a state": {desiredWeb + "  strategy: null\nstatus: {replicas: 77}\n", ours, "Synced", nil},
		"a field that does not exist":    {desiredWeb + "  replicaCount: 3\n", ours, "Unknown", nil},
		"a value of the wrong type":      {replace(desiredWeb, "replicas: 2", "replicas: two"), ours, "Unknown", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := drift(t, parse(t, c.desired), parse(t, c.live), Options{Schema: builtIns})
			if s.Status != c.want {
				t.Fatalf("%s (%s)\n%s", s.Status, s.Reason, s.Difference.Text)
			}
			if (s.Status == "Unknown") != (s.Reason != "") {
				t.Errorf("reason %q", s.Reason)
			}
			for _, l := range c.lines {
				if !strings.Contains(s.Difference.Text, l+"\n") {
					t.Errorf("no line %q in\n%s", l, s.Difference.Text)
				}
			}
			if strings.Contains(s.Difference.Text, "sidecar") && strings.Contains(s.Difference.Text, "-      - name: sidecar") {
				t.Error("somebody else's container is removed")
			}
		})
	}
}

func TestDriftTakesOverTheLastAppliedAnnotation(t *testing.T) {
	live := parse(t, ownedBy(liveWeb, "vpa-recommender", "Update"))
	annotations := live.GetAnnotations()
	annotations[lastApplied] = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"revisionHistoryLimit":10}}`
	live.SetAnnotations(annotations)
	s := drift(t, parse(t, desiredWeb), live, Options{Schema: builtIns})
	if s.Status != "OutOfSync" || !strings.Contains(s.Difference.Text, "-  revisionHistoryLimit: 10\n") {
		t.Errorf("%s\n%s", s.Status, s.Difference.Text)
	}
}

func TestDefaultsInAtomicListsAreNoDrift(t *testing.T) {
	for name, c := range map[string]struct{ desired, live string }{
		"network policy": {
			"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}\n",
			"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: n}\nspec: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: 80, protocol: TCP}]}]}\n"},
		"claims of a stateful set": {
			"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: n}\nspec: {volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}]}\n",
			"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: n}\nspec: {volumeClaimTemplates: [{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: d, creationTimestamp: null}, spec: {accessModes: [ReadWriteOnce], volumeMode: Filesystem, resources: {requests: {storage: 1Gi}}}, status: {phase: Pending}}]}\n"},
		"subjects": {
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: n}\nroleRef: {kind: Role, name: r}\nsubjects: [{kind: User, name: u}, {kind: ServiceAccount, name: s, namespace: a}]\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: n}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\nsubjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: u}, {kind: ServiceAccount, name: s, namespace: a}]\n"},
		"no rules": {
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: n}\nrules: []\n",
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: n}\nrules: null\n"},
		"string data": {
			"apiVersion: v1\nkind: Secret\nmetadata: {name: n}\nstringData: {a: b, c: null}\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: n}\ntype: Opaque\ndata: {a: Yg==, c: ''}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if s := drift(t, parse(t, c.desired), parse(t, c.live), Options{Schema: builtIns}); s.Status != "Synced" {
				t.Errorf("%s (%s)\n%s", s.Status, s.Reason, s.Difference.Text)
			}
		})
	}
}

func TestIgnoreDifferences(t *testing.T) {
	live := ownedBy(strings.Replace(liveWeb, "replicas: 2\n  rev", "replicas: 5\n  rev", 1), Manager, "Apply")
	hpa := strings.Replace(live, "manager: someone, operation: Update, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {", `manager: hpa, operation: Update, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {"f:spec": {"f:replicas": {}}}}`+"\n"+`  - {manager: someone, operation: Update, apiVersion: apps/v1, fieldsType: FieldsV1, fieldsV1: {`, 1)
	rule := argo.ResourceIgnoreDifferences{Group: "apps", Kind: "Deployment", JSONPointers: []string{"/spec/replicas", "/spec/nothing/here", "/metadata/labels/a~1b"}}
	other := func(change func(*argo.ResourceIgnoreDifferences)) argo.ResourceIgnoreDifferences {
		r := rule
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		live string
		rule argo.ResourceIgnoreDifferences
		want argo.SyncStatusCode
	}{
		"pointer":           {live, rule, "Synced"},
		"globs":             {live, other(func(r *argo.ResourceIgnoreDifferences) { r.Group, r.Kind = "*", "*" }), "Synced"},
		"another kind":      {live, other(func(r *argo.ResourceIgnoreDifferences) { r.Kind = "StatefulSet" }), "OutOfSync"},
		"another name":      {live, other(func(r *argo.ResourceIgnoreDifferences) { r.Name = "api" }), "OutOfSync"},
		"another namespace": {live, other(func(r *argo.ResourceIgnoreDifferences) { r.Namespace = "api" }), "OutOfSync"},
		"not a pointer":     {live, other(func(r *argo.ResourceIgnoreDifferences) { r.JSONPointers = []string{"spec.replicas"} }), "Unknown"},
		"manager":           {hpa, argo.ResourceIgnoreDifferences{Group: "apps", Kind: "Deployment", ManagedFieldsManagers: []string{"hpa"}}, "Synced"},
		"another manager":   {hpa, argo.ResourceIgnoreDifferences{Group: "apps", Kind: "Deployment", ManagedFieldsManagers: []string{"vpa"}}, "OutOfSync"},
	} {
		t.Run(name, func(t *testing.T) {
			s := drift(t, parse(t, desiredWeb), parse(t, c.live), Options{Schema: builtIns, Ignore: []argo.ResourceIgnoreDifferences{c.rule}})
			if s.Status != c.want {
				t.Errorf("%s (%s), want %s\n%s", s.Status, s.Reason, c.want, s.Difference.Text)
			}
		})
	}
}

func TestRemovePointer(t *testing.T) {
	u := parse(t, "spec: {list: [a, b, c], deep: [[x, y]], 'a/b': 1, 'c~d': 2}\n")
	for _, p := range []string{"/spec/list/1", "/spec/list/9", "/spec/list/-1", "/spec/deep/0/0", "/spec/a~1b", "/spec/c~0d", "/x/y", "/spec/list/0/z"} {
		tokens, err := parsePointer(p)
		if err != nil {
			t.Fatal(err)
		}
		removePointer(u.Object, tokens)
	}
	if diff := cmp.Diff(parse(t, "spec: {list: [a, c], deep: [[y]]}\n").Object, u.Object); diff != "" {
		t.Error(diff)
	}
}

func TestWhatServerSideApplyRefusesIsMergedByTheClient(t *testing.T) {
	twice := strings.Replace(desiredWeb, `{name: A, value: "1"}, `, `{name: A, value: "1"}, {name: A, value: "2"}, `, 1)
	live := parse(t, ownedBy(liveWeb, Manager, "Update"))
	if s := drift(t, parse(t, twice), live, Options{Schema: builtIns}); s.Status == "Unknown" {
		t.Error(s.Reason)
	}
	same := drift(t, parse(t, desiredWeb), live, Options{Schema: builtIns, ClientSide: true})
	if same.Status != "Synced" {
		t.Errorf("%s (%s)\n%s", same.Status, same.Reason, same.Difference.Text)
	}
}

func TestDriftOfAWholeObject(t *testing.T) {
	u := parse(t, desiredWeb)
	id := object.IDOf(u)
	for name, c := range map[string]struct {
		desired, live *unstructured.Unstructured
		kind          Kind
		reason        string
	}{
		"missing": {u, nil, Added, "missing from the cluster"},
		"extra":   {nil, u, Removed, "not in the repository"},
	} {
		s, err := Drift(id, c.desired, c.live, Options{})
		if err != nil || s.Status != "OutOfSync" || s.Difference.Kind != c.kind || s.Reason != c.reason {
			t.Errorf("%s: %+v %v", name, s, err)
		}
	}
	if _, err := Drift(id, nil, nil, Options{}); err == nil {
		t.Error("nothing was compared")
	}
	if _, err := Drift(object.ID{Kind: "Pod"}, u, nil, Options{}); err == nil {
		t.Error("objects of another identity were compared")
	}
}

func TestDriftSeesAMarkThatIsNotOurs(t *testing.T) {
	desired, live := parse(t, desiredWeb), parse(t, ownedBy(liveWeb, Manager, "Apply"))
	Track(desired, "shop", "shop")
	s := drift(t, desired, live, Options{Schema: builtIns})
	if s.Status != "OutOfSync" || s.Reason == "" || s.Difference.Text != "" {
		t.Errorf("%+v", s)
	}
	Track(live, "shop", "shop")
	if s := drift(t, desired, live, Options{Schema: builtIns}); s.Status != "Synced" {
		t.Errorf("%+v", s)
	}
}

func TestReasonsDoNotQuoteSecrets(t *testing.T) {
	desired := parse(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: {HUSH: HUSH}}\nHUSH: x\n")
	live := parse(t, "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: SFVTSA==}\n")
	s := drift(t, desired, live, Options{Schema: builtIns})
	if s.Status != "Unknown" || strings.Contains(s.Reason, "HUSH") {
		t.Errorf("%+v", s)
	}
}

func TestCustomResourcesWithoutSchema(t *testing.T) {
	desired := parse(t, "apiVersion: x.y/v1\nkind: Thing\nmetadata: {name: t}\nspec: {list: [1, 2], empty: {}}\n")
	live := parse(t, "apiVersion: x.y/v1\nkind: Thing\nmetadata: {name: t}\nspec: {list: [1, 2], empty: {}, defaulted: true}\n")
	if s := drift(t, desired, live, Options{}); s.Status != "Synced" {
		t.Errorf("%s (%s)\n%s", s.Status, s.Reason, s.Difference.Text)
	}
	live = parse(t, "apiVersion: x.y/v1\nkind: Thing\nmetadata: {name: t}\nspec: {list: [1, 3]}\n")
	if s := drift(t, desired, live, Options{}); s.Status != "OutOfSync" {
		t.Errorf("%s (%s)\n%s", s.Status, s.Reason, s.Difference.Text)
	}
	live.SetAPIVersion("x.y/v2")
	if s := drift(t, desired, live, Options{}); s.Status != "Unknown" {
		t.Errorf("%s (%s)\n%s", s.Status, s.Reason, s.Difference.Text)
	}
}
