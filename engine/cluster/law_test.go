package cluster_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// What compare predicts is what the server does, whoever applied before and whatever others changed in the meantime.
func TestThePredictionIsWhatApplyingDoes(t *testing.T) {
	w := begin(t)
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	r := rand.New(rand.NewPCG(11, 12))
	before := w.parse(deployment(r))
	for i := range rounds {
		before.SetName(fmt.Sprintf("web-%d", i%4))
		first := cluster.ApplyOptions{ClientSide: r.IntN(3) == 0}
		if first.ClientSide && r.IntN(2) == 0 {
			first.Manager = "kubectl-client-side-apply"
		}
		if _, err := w.c.Apply(w.ctx, before, first); err != nil {
			t.Fatal(err)
		}
		meddle(w, r, before.GetName())
		desired := w.parse(deployment(r))
		desired.SetName(before.GetName())
		id := object.IDOf(desired)
		live, err := w.c.Get(w.ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		predicted, err := compare.Apply(desired, live, compare.Options{Schema: w.c.Schema()})
		if err != nil {
			t.Fatal(err)
		}
		applied, err := w.c.Apply(w.ctx, desired, cluster.ApplyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range []*unstructured.Unstructured{predicted, applied.Object} {
			annotations := u.GetAnnotations()
			delete(annotations, "deployment.kubernetes.io/revision") // which its controller may write at any time
			u.SetAnnotations(annotations)
		}
		for _, part := range []string{"spec", "metadata"} {
			if part == "metadata" {
				predicted.SetManagedFields(nil)
				predicted.SetResourceVersion(applied.Object.GetResourceVersion())
				predicted.SetGeneration(applied.Object.GetGeneration())
			}
			if where := differs(predicted.Object[part], applied.Object.Object[part], part); where != "" {
				t.Fatalf("round %d: predicted otherwise than done at %s\n%s\n%v %v", i, where, compare.Resource(id, applied.Object, predicted).Text, predicted.GetAnnotations(), applied.Object.GetAnnotations())
			}
		}
		// It says "different" exactly when applying changes something.
		drift, err := compare.Drift(id, desired, live, compare.Options{Schema: w.c.Schema()})
		if err != nil {
			t.Fatal(err)
		}
		if changed := compare.Predicted(id, applied.Object, live, compare.Options{}); changed.Status != drift.Status {
			t.Fatalf("round %d: said %s, and applying it was %s\n%s", i, drift.Status, changed.Status, changed.Difference.Text)
		}
		if s, err := compare.Drift(id, desired, applied.Object, compare.Options{Schema: w.c.Schema()}); err != nil || s.Status != compare.Synced {
			t.Fatalf("round %d: applied and %s (%s) %v\n%s", i, s.Status, s.Reason, err, s.Difference.Text)
		}
		before = desired
	}
}

// differs says where done is not as predicted, beyond what the server adds by default to what is there.
func differs(predicted, done any, at string) string {
	switch p := predicted.(type) {
	case map[string]any:
		d, ok := done.(map[string]any)
		if !ok {
			return at
		}
		for k, v := range p {
			if where := differs(v, d[k], at+"."+k); where != "" {
				return where
			}
		}
		last := at[strings.LastIndex(at, ".")+1:]
		if free := last == "labels" || last == "annotations" || last == "nodeSelector"; free && len(d) != len(p) {
			return at
		}
	case []any:
		d, ok := done.([]any)
		if !ok && len(p) > 0 || len(d) != len(p) {
			return at
		}
		for i := range p {
			if where := differs(p[i], d[i], fmt.Sprintf("%s[%d]", at, i)); where != "" {
				return where
			}
		}
	default:
		if predicted != nil && fmt.Sprint(predicted) != fmt.Sprint(done) && !sameQuantity(predicted, done) {
			return fmt.Sprintf("%s: %v, %v", at, predicted, done)
		}
	}
	return ""
}

func sameQuantity(a, b any) bool {
	x, errX := resource.ParseQuantity(fmt.Sprint(a))
	y, errY := resource.ParseQuantity(fmt.Sprint(b))
	return errX == nil && errY == nil && x.Cmp(y) == 0
}

// deployment is one of many forms of a Deployment.
func deployment(r *rand.Rand) string {
	some := func(text string) string {
		if r.IntN(2) == 0 {
			return ""
		}
		return text
	}
	var b strings.Builder
	b.WriteString("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: NAMESPACE\n  labels: {app: web")
	b.WriteString(some(", tier: front") + some(fmt.Sprintf(", build: b%d", r.IntN(3))) + "}\n")
	b.WriteString(some(fmt.Sprintf("  annotations: {note: n%d}\n", r.IntN(3))))
	b.WriteString("spec:\n  selector: {matchLabels: {app: web}}\n" + some(fmt.Sprintf("  replicas: %d\n", r.IntN(3))) + some("  minReadySeconds: 1\n"))
	b.WriteString("  template:\n    metadata: {labels: {app: web" + some(", v: x") + "}}\n    spec:\n")
	b.WriteString(some("      nodeSelector: {disk: ssd}\n") + some("      tolerations: [{key: a, operator: Exists}]\n"))
	b.WriteString(some("      volumes: [{name: v, emptyDir: {}}" + some(", {name: c, configMap: {name: c}}") + "]\n"))
	b.WriteString(fmt.Sprintf("      containers:\n      - name: web\n        image: web:%d\n", r.IntN(3)))
	b.WriteString("        env: [" + some("{name: A, value: '1'},") + some(fmt.Sprintf("{name: B, value: '%d'},", r.IntN(3))) + some("{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}") + "]\n")
	b.WriteString(some("        ports: [{containerPort: 80}"+some(", {containerPort: 53, protocol: UDP}")+"]\n") +
		some("        args: ["+some("-v,")+" serve]\n") + some("        resources: {requests: {cpu: 1000m, memory: 0.5Gi}}\n") +
		some("        readinessProbe: {httpGet: {path: /, port: 80}}\n"))
	b.WriteString(some("      - {name: side, image: 'side:1'}\n"))
	return b.String()
}

// meddle changes the live object as other people and controllers do.
func meddle(w *world, r *rand.Rand, name string) {
	w.Helper()
	for _, patch := range []string{
		`{"spec":{"replicas":5}}`,
		`{"metadata":{"annotations":{"note":"theirs","other":"theirs"}}}`,
		`{"spec":{"template":{"metadata":{"annotations":{"restartedAt":"now"}}}}}`,
		`{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"THEIRS","value":"x"},{"name":"A","value":"theirs"}]}]}}}}`,
		`{"spec":{"template":{"spec":{"containers":[{"name":"injected","image":"i:1"}]}}}}`,
	} {
		if r.IntN(3) != 0 {
			continue
		}
		manager := []string{"kubectl-edit", "injector"}[r.IntN(2)]
		if _, err := w.kube.AppsV1().Deployments(w.namespace).Patch(w.ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager}); err != nil {
			w.Fatal(err)
		}
	}
}

// A connection that breaks, and a server that is away for a while, are lived through.
func TestTheCacheOutlivesItsConnection(t *testing.T) {
	w := begin(t)
	gate := newGate(t, shared.Host)
	through := rest.CopyConfig(shared)
	through.Host = "https://" + gate.address
	clusters := cluster.NewClusters(cluster.Deps{InCluster: through})
	defer clusters.Close()
	c, err := clusters.For(w.ctx, argo.ApplicationDestination{Name: "in-cluster"})
	if err != nil {
		t.Fatal(err)
	}
	u := w.parse(config)
	compare.Track(u, "shop", w.namespace)
	if _, err := w.c.Apply(w.ctx, u, cluster.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	id := object.IDOf(u)
	value := func() string {
		live, err := c.Live(w.ctx, "shop", []object.ID{id}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if live[id] == nil {
			return ""
		}
		s, _, _ := unstructured.NestedString(live[id].Object, "data", "a")
		return s
	}
	w.until("the object", func() bool { return value() == "1" })
	gate.shut()
	if err := unstructured.SetNestedField(u.Object, "while away", "data", "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.c.Apply(w.ctx, u, cluster.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := value(); got != "1" {
		t.Errorf("the gate is not shut: %q", got)
	}
	gate.open()
	w.until("what happened meanwhile", func() bool { return value() == "while away" })
}

// gate is a way to a server that can be shut: then connections break, and new ones are refused.
type gate struct {
	t               *testing.T
	address, server string
	mu              sync.Mutex
	isShut          bool
	connections     []net.Conn
}

func newGate(t *testing.T, host string) *gate {
	t.Helper()
	u, err := url.Parse(host)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, address: listener.Addr().String(), server: u.Host}
	t.Cleanup(func() { listener.Close(); g.shut() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			g.pass(from)
		}
	}()
	return g
}

func (g *gate) pass(from net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isShut {
		from.Close()
		return
	}
	to, err := net.Dial("tcp", g.server)
	if err != nil {
		from.Close()
		return
	}
	g.connections = append(g.connections, from, to)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			_, _ = io.Copy(way[1], way[0]) // ends when either side does
			way[1].Close()
		}()
	}
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = true
	for _, c := range g.connections {
		c.Close()
	}
	g.connections = nil
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = false
}
