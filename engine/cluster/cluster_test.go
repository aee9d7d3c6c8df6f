package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/fixtures/sandbox"
)

// The sandbox cluster that all tests of this package share, each in a namespace of its own.
var shared *rest.Config

// sharedFiles is the folder of its files, which its processes' command lines name.
var sharedFiles string

func TestMain(m *testing.M) {
	if credential := os.Getenv(asLoginProgram); credential != "" {
		fmt.Println(credential) // this test binary is the program that a cluster's registration names
		os.Exit(0)
	}
	os.Exit(func() int {
		up, err := sandbox.Start(context.Background(), sandbox.Options{Name: "cluster-test"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer up.Stop()
		sharedFiles = filepath.Dir(up.Kubeconfig())
		if shared, err = up.Config(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// deadline is long: it is there so that a test that hangs ends, and is never what is tested.
const deadline = 3 * time.Minute

type world struct {
	*testing.T
	ctx       context.Context
	clusters  *cluster.Clusters
	c         *cluster.Cluster
	namespace string
	kube      kubernetes.Interface
	dynamic   dynamic.Interface
}

func begin(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	clusters := cluster.NewClusters(cluster.Deps{InCluster: shared})
	t.Cleanup(clusters.Close)
	c, err := clusters.For(ctx, argo.ApplicationDestination{Server: settings.InClusterServer + "/"})
	if err != nil {
		t.Fatal(err)
	}
	kube, err := kubernetes.NewForConfig(shared)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := dynamic.NewForConfig(shared)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, ctx: ctx, clusters: clusters, c: c, namespace: strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())), kube: kube, dynamic: objects}
	if len(w.namespace) > 60 {
		w.namespace = w.namespace[:60]
	}
	w.apply(fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", w.namespace), cluster.ApplyOptions{})
	return w
}

func (w *world) parse(text string) *unstructured.Unstructured {
	b, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(text, "NAMESPACE", w.namespace)))
	if err != nil {
		panic(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(b); err != nil {
		panic(err)
	}
	return u
}

func (w *world) apply(text string, o cluster.ApplyOptions) cluster.Applied {
	w.Helper()
	a, err := w.c.Apply(w.ctx, w.parse(text), o)
	if err != nil {
		w.Fatalf("%v in\n%s", err, text)
	}
	return a
}

// until waits for something that the cluster does in its own time.
func (w *world) until(what string, done func() bool) {
	w.Helper()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-w.ctx.Done():
			w.Fatalf("waited in vain for %s", what)
		}
	}
}

const config = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: NAMESPACE}
data: {a: "1", b: "2"}
`

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAMESPACE}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "registry.example/web:1", resources: {requests: {cpu: 1000m}}, ports: [{containerPort: 80}]}
`

func TestAClusterSaysWhatItServes(t *testing.T) {
	w := begin(t)
	if v := w.c.KubeVersion(); !strings.HasPrefix(v, "v1.") {
		t.Errorf("version %q", v)
	}
	all := strings.Join(w.c.APIVersions(), " ")
	for _, want := range []string{"apps/v1", "apps/v1/Deployment", "v1", "v1/ConfigMap"} {
		if !strings.Contains(" "+all+" ", " "+want+" ") {
			t.Errorf("no %s in %s", want, all)
		}
	}
	for kind, want := range map[schema.GroupKind][2]bool{
		{Group: "apps", Kind: "Deployment"}: {true, true},
		{Kind: "Namespace"}:                 {false, true},
		{Group: "x.y", Kind: "Thing"}:       {false, false},
	} {
		if namespaced, known := w.c.Namespaced(kind); [2]bool{namespaced, known} != want {
			t.Errorf("%s: namespaced %v, known %v", kind, namespaced, known)
		}
	}
}

const asLoginProgram = "SLIPWAY_TEST_AS_LOGIN_PROGRAM"

// A cluster whose token a program gives is reached only where the operator allows that program.
func TestAProgramLogsIn(t *testing.T) {
	w := begin(t)
	w.apply("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot, namespace: NAMESPACE}\n", cluster.ApplyOptions{})
	answer, err := w.kube.CoreV1().ServiceAccounts(w.namespace).CreateToken(w.ctx, "robot", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf(`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":%q}}`, answer.Status.Token)
	registered := settings.Defaults()
	registered.Clusters = []settings.Cluster{{Name: "remote", Server: shared.Host, Access: settings.Access{TLS: settings.TLS{CA: shared.CAData},
		Program: &settings.Program{Command: os.Args[0], APIVersion: "client.authentication.k8s.io/v1", Env: map[string]settings.Hidden{asLoginProgram: settings.Hidden(said)}}}}}
	for _, allowed := range []bool{true, false} {
		d := cluster.Deps{Settings: func() settings.Settings { return registered }}
		if allowed {
			d.Programs = []string{os.Args[0]}
		}
		clusters := cluster.NewClusters(d)
		defer clusters.Close()
		_, err := clusters.For(w.ctx, argo.ApplicationDestination{Name: "remote"})
		if (err == nil) != allowed || err != nil && !strings.Contains(err.Error(), "does not allow the program") {
			t.Errorf("allowed %v: %v", allowed, err)
		}
	}
}

func TestDestinations(t *testing.T) {
	registered := settings.Defaults()
	registered.Clusters = []settings.Cluster{
		{Name: "twice", Server: "https://a"}, {Name: "twice", Server: "https://b"},
		{Name: "wrong", Server: "https://d", Secret: "cluster-d", Fault: "config is not the JSON of a cluster's access"},
		{Name: "exec", Server: "https://c", Access: settings.Access{Program: &settings.Program{Command: "sh"}}},
	}
	clusters := cluster.NewClusters(cluster.Deps{InCluster: shared, Settings: func() settings.Settings { return registered }})
	defer clusters.Close()
	for name, c := range map[string]struct {
		d     argo.ApplicationDestination
		want  string
		fault bool
	}{
		"both":                    {argo.ApplicationDestination{Server: "https://a", Name: "a"}, "can't have both name and server defined", true},
		"neither":                 {argo.ApplicationDestination{}, "Destination server missing from app spec", true},
		"unknown":                 {argo.ApplicationDestination{Name: "x"}, "there are no clusters with this name: x", true},
		"no such":                 {argo.ApplicationDestination{Server: "https://x"}, "there are no clusters with this server: https://x", true},
		"twice":                   {argo.ApplicationDestination{Name: "twice"}, "there are 2 clusters with the same name: [https://a https://b]", true},
		"a Secret with a mistake": {argo.ApplicationDestination{Name: "wrong"}, "its Secret cluster-d cannot be read: config is not", false},
		"program":                 {argo.ApplicationDestination{Name: "exec"}, "does not allow the program \"sh\"", false},
	} {
		_, err := clusters.For(t.Context(), c.d)
		var fault *cluster.DestinationError
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &fault) != c.fault {
			t.Errorf("%s: %v", name, err)
		}
	}
	one, err := clusters.For(t.Context(), argo.ApplicationDestination{Name: "in-cluster"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := clusters.For(t.Context(), argo.ApplicationDestination{Server: settings.InClusterServer})
	if err != nil || other != one {
		t.Errorf("another connection to the same cluster, or %v", err)
	}
	registered.InstallationID = "changed"
	if renewed, err := clusters.For(t.Context(), argo.ApplicationDestination{Name: "in-cluster"}); err != nil || renewed == one {
		t.Errorf("the connection of old settings, or %v", err)
	}
}

func TestARegisteredClusterIsReachedWithItsOwnCredentials(t *testing.T) {
	registered := settings.Defaults()
	access := settings.Access{TLS: settings.TLS{CA: shared.CAData, Cert: shared.CertData, Key: shared.KeyData}, BearerToken: settings.Hidden(shared.BearerToken)}
	registered.Clusters = []settings.Cluster{{Name: "remote", Server: shared.Host, Access: access}}
	clusters := cluster.NewClusters(cluster.Deps{Settings: func() settings.Settings { return registered }})
	defer clusters.Close()
	if len(shared.CAData) == 0 {
		t.Skip("the sandbox's certificates are in files")
	}
	if _, err := clusters.For(t.Context(), argo.ApplicationDestination{Name: "remote"}); err != nil {
		t.Error(err)
	}
	registered.Clusters[0].Access.TLS.CA = nil
	if _, err := clusters.For(t.Context(), argo.ApplicationDestination{Name: "remote"}); err == nil {
		t.Error("a server that cannot be verified was trusted")
	}
}

func TestLiveFindsWantedAndTracked(t *testing.T) {
	w := begin(t)
	ours := w.parse(config)
	compare.Track(ours, "finds", w.namespace)
	extra := ours.DeepCopy()
	extra.SetName("extra")
	compare.Track(extra, "finds", w.namespace)
	copied := ours.DeepCopy()
	copied.SetName("copied") // with a mark that speaks of another object
	foreign := w.parse(strings.Replace(config, "settings", "foreign", 1))
	for _, u := range []*unstructured.Unstructured{ours, extra, copied, foreign} {
		if _, err := w.c.Apply(w.ctx, u, cluster.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	want := []object.ID{object.IDOf(ours), object.IDOf(foreign), {Kind: "ConfigMap", Namespace: w.namespace, Name: "missing"}, {Group: "x.y", Kind: "Thing", Name: "unknown"}}
	live, err := w.c.Live(w.ctx, "finds", want, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for id, u := range live {
		names = append(names, id.Name)
		if u.Object["data"] == nil {
			t.Errorf("%s is not whole", id)
		}
	}
	if len(names) != 3 || live[object.IDOf(ours)] == nil || live[object.IDOf(extra)] == nil || live[object.IDOf(foreign)] == nil {
		t.Errorf("found %v", names)
	}
}

// What was rendered before its kind was served is wanted in a namespace although it lives in none: it is the one object, and not a second
// one beside it that nobody wants and that a sync would prune.
func TestLiveGivesAClusterWideObjectOnce(t *testing.T) {
	w := begin(t)
	role := w.parse("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: NAMESPACE}\nrules: []\n")
	compare.Track(role, "once", w.namespace)
	if _, err := w.c.Apply(w.ctx, role, cluster.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	own := object.IDOf(role)
	placed := own
	placed.Namespace = w.namespace
	for name, c := range map[string]struct{ want, found []object.ID }{
		"wanted in a namespace": {[]object.ID{placed}, []object.ID{placed}},
		"wanted as it is":       {[]object.ID{own}, []object.ID{own}},
		"wanted both ways":      {[]object.ID{placed, own}, []object.ID{placed, own}},
		"not wanted":            {nil, []object.ID{own}},
	} {
		live, err := w.c.Live(w.ctx, "once", c.want, []object.ID{own})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range c.found {
			if live[id] == nil {
				t.Errorf("%s: %s is not found", name, id)
			}
		}
		if len(live) != len(c.found) {
			t.Errorf("%s: found %v", name, slices.Collect(maps.Keys(live)))
		}
	}
}

func TestLiveShowsWhatWasJustAppliedAndWhatOthersDo(t *testing.T) {
	w := begin(t)
	u := w.parse(config)
	compare.Track(u, "shop", w.namespace)
	id := object.IDOf(u)
	value := func() string {
		live, err := w.c.Live(w.ctx, "shop", []object.ID{id}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if live[id] == nil {
			return ""
		}
		s, _, _ := unstructured.NestedString(live[id].Object, "data", "a")
		return s
	}
	for _, v := range []string{"one", "two", "three"} {
		if err := unstructured.SetNestedField(u.Object, v, "data", "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.c.Apply(w.ctx, u, cluster.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := value(); got != v {
			t.Fatalf("applied %q and see %q", v, got)
		}
	}
	if _, err := w.kube.CoreV1().ConfigMaps(w.namespace).Patch(w.ctx, "settings", "application/merge-patch+json", []byte(`{"data":{"a":"theirs"}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until("somebody else's change", func() bool { return value() == "theirs" })
	if err := w.c.Delete(w.ctx, id, cluster.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until("the deletion", func() bool { return value() == "" })
	if err := w.c.Delete(w.ctx, id, cluster.DeleteOptions{}); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
}

func TestSubscribersHearOfTheirApplications(t *testing.T) {
	w := begin(t)
	heard := make(chan string, 100)
	defer w.clusters.Subscribe(func(_ *cluster.Cluster, app string, id object.ID) { heard <- app + " " + id.Name })()
	u := w.parse(config)
	compare.Track(u, "shop", w.namespace)
	if _, err := w.c.Live(w.ctx, "shop", []object.ID{object.IDOf(u)}, nil); err != nil {
		t.Fatal(err)
	}
	next := func(want string) {
		t.Helper()
		select {
		case got := <-heard:
			if got != want {
				t.Errorf("heard %q, want %q", got, want)
			}
		case <-w.ctx.Done():
			t.Fatalf("never heard %q", want)
		}
	}
	if _, err := w.c.Apply(w.ctx, u, cluster.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	next("shop settings")
	// An object that nobody tracks is nobody's news; the next thing heard is the label.
	w.apply(strings.Replace(config, "settings", "foreign", 1), cluster.ApplyOptions{})
	if _, err := w.kube.CoreV1().ConfigMaps(w.namespace).Patch(w.ctx, "settings", "application/merge-patch+json", []byte(`{"metadata":{"labels":{"x":"y"}}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	next("shop settings")
	if err := w.c.Delete(w.ctx, object.IDOf(u), cluster.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	next("shop settings")
	if len(heard) != 0 {
		t.Errorf("heard %q besides", <-heard)
	}
}

func TestWhatIsAppliedIsInSync(t *testing.T) {
	w := begin(t)
	for name, text := range map[string]string{
		"deployment": web,
		"config":     config,
		"secret":     "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: NAMESPACE}\nstringData: {k: v}\n",
		"stateful": "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: NAMESPACE}\nspec:\n  serviceName: db\n  selector: {matchLabels: {app: db}}\n  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: 'db:1', env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}]}}\n" +
			"  volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}}]\n",
		"policy":   "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: inbound, namespace: NAMESPACE}\nspec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}\n",
		"service":  "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n",
		"ingress":  "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}\n",
		"cron":     "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: c, namespace: NAMESPACE}\nspec: {schedule: '0 0 1 1 *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'c:1'}]}}}}}\n",
		"binding":  "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: NAMESPACE}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}\nsubjects: [{kind: User, name: u}]\n",
		"role":     "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: NAMESPACE}\nrules: []\n",
		"scaler":   "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: h, namespace: NAMESPACE}\nspec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]}\n",
		"job":      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, namespace: NAMESPACE}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'c:1'}]}}}\n",
		"budget":   "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: p, namespace: NAMESPACE}\nspec: {minAvailable: 1, selector: {matchLabels: {app: web}}}\n",
		"account":  "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: NAMESPACE}\n",
		"quota":    "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: NAMESPACE}\nspec: {hard: {pods: '1000', requests.cpu: 500000m}}\n",
		"daemon":   "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d, namespace: NAMESPACE}\nspec: {selector: {matchLabels: {app: d}}, template: {metadata: {labels: {app: d}}, spec: {containers: [{name: d, image: 'd:1'}], volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: t}}]}}]}}}\n",
		"priority": "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: NAMESPACE}\nvalue: 5\n",
		"definition": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.sync.example.com}\nspec: {group: sync.example.com, scope: Namespaced, names: {kind: Thing, plural: things}, " +
			"versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer, default: 3}}}}}}}]}\nstatus: {acceptedNames: {kind: '', plural: ''}, conditions: [], storedVersions: []}\n",
	} {
		t.Run(name, func(t *testing.T) {
			desired := w.parse(text)
			compare.Track(desired, "shop", w.namespace)
			id := object.IDOf(desired)
			if _, err := w.c.Apply(w.ctx, desired, cluster.ApplyOptions{}); err != nil {
				t.Fatal(err)
			}
			live, err := w.c.Live(w.ctx, "shop", []object.ID{id}, nil)
			if err != nil {
				t.Fatal(err)
			}
			s, err := compare.Drift(id, desired, live[id], compare.Options{Schema: w.c.Schema()})
			if err != nil {
				t.Fatal(err)
			}
			if s.Status != compare.Synced {
				t.Errorf("%s (%s)\n%s", s.Status, s.Reason, s.Difference.Text)
			}
			answer, err := w.c.Predict(w.ctx, desired, live[id], "")
			if err != nil {
				t.Fatal(err)
			}
			if s := compare.Predicted(id, answer, live[id], compare.Options{Schema: w.c.Schema()}); s.Status != compare.Synced {
				t.Errorf("by the server: %s (%s)\n%s", s.Status, s.Reason, s.Difference.Text)
			}
		})
	}
}

func TestKindsComeAndGo(t *testing.T) {
	w := begin(t)
	definition := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: gadgets.come.example.com}\nspec: {group: come.example.com, scope: Namespaced, names: {kind: Gadget, plural: gadgets}, " +
		"versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}}]}\n"
	gadget := "apiVersion: come.example.com/v1\nkind: Gadget\nmetadata: {name: g, namespace: NAMESPACE}\nspec: {size: 1}\n"
	id := object.IDOf(w.parse(gadget))
	if live, err := w.c.Live(w.ctx, "shop", []object.ID{id}, nil); err != nil || len(live) != 0 {
		t.Fatalf("%v %v", live, err)
	}
	w.apply(definition, cluster.ApplyOptions{})
	w.apply(gadget, cluster.ApplyOptions{})
	if namespaced, known := w.c.Namespaced(id.GroupKind()); !namespaced || !known {
		t.Error("the new kind is not known")
	}
	live, err := w.c.Live(w.ctx, "shop", []object.ID{id}, nil)
	if err != nil || live[id] == nil {
		t.Fatalf("%v %v", live, err)
	}
	s, err := compare.Drift(id, w.parse(strings.Replace(gadget, "size: 1", "size: 2", 1)), live[id], compare.Options{Schema: w.c.Schema()})
	if err != nil || s.Status != compare.OutOfSync {
		t.Errorf("%v %s (%s)", err, s.Status, s.Reason)
	}
	if err := w.c.Delete(w.ctx, object.IDOf(w.parse(definition)), cluster.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until("the kind to go", func() bool {
		live, err := w.c.Live(w.ctx, "shop", []object.ID{id}, nil)
		return err == nil && len(live) == 0
	})
}

// Somebody who may read ConfigMaps by name only, and no Secrets at all.
func TestKindsThatMayNotBeReadFailAlone(t *testing.T) {
	w := begin(t)
	w.apply(config, cluster.ApplyOptions{})
	w.apply("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reader, namespace: NAMESPACE}\n", cluster.ApplyOptions{})
	w.apply("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader, namespace: NAMESPACE}\nrules: [{apiGroups: [''], resources: [configmaps], verbs: [get]}, {apiGroups: [''], resources: [services], verbs: [list, watch, get]}]\n", cluster.ApplyOptions{})
	w.apply("apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: reader, namespace: NAMESPACE}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}\nsubjects: [{kind: ServiceAccount, name: reader, namespace: NAMESPACE}]\n", cluster.ApplyOptions{})
	w.apply("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {ports: [{port: 80}]}\n", cluster.ApplyOptions{})
	as := rest.CopyConfig(shared)
	as.Impersonate.UserName = "system:serviceaccount:" + w.namespace + ":reader"
	registered := settings.Defaults()
	registered.Clusters = []settings.Cluster{{Name: "in-cluster", Server: settings.InClusterServer, Namespaces: []string{w.namespace}}}
	clusters := cluster.NewClusters(cluster.Deps{InCluster: as, Settings: func() settings.Settings { return registered }})
	defer clusters.Close()
	c, err := clusters.For(w.ctx, argo.ApplicationDestination{Name: "in-cluster"})
	if err != nil {
		t.Fatal(err)
	}
	id := func(kind, name string) object.ID {
		return object.ID{Kind: kind, Namespace: w.namespace, Name: name}
	}
	live, err := c.Live(w.ctx, "shop", []object.ID{id("ConfigMap", "settings"), id("Service", "web"), id("Secret", "s")}, nil)
	var unreadable *cluster.UnreadableError
	if !errors.As(err, &unreadable) || len(unreadable.Kinds) != 1 || !apierrors.IsForbidden(unreadable.Kinds[schema.GroupKind{Kind: "Secret"}]) {
		t.Errorf("%v", err)
	}
	if live[id("ConfigMap", "settings")] == nil || live[id("Service", "web")] == nil {
		t.Errorf("found only %v", live)
	}
}

// Looking again at what has not changed asks the server nothing.
func TestASecondLookAsksNothing(t *testing.T) {
	w := begin(t)
	var asked atomic.Int64
	counted := rest.CopyConfig(shared)
	counted.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("watch") != "true" {
				asked.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	c := w.connected(counted)
	var all []*unstructured.Unstructured
	var ids []object.ID
	for _, text := range []string{web, config, "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"} {
		u := w.parse(text)
		compare.Track(u, "shop", w.namespace)
		if _, err := w.c.Apply(w.ctx, u, cluster.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		all, ids = append(all, u), append(ids, object.IDOf(u))
	}
	foreign := w.apply(strings.Replace(config, "settings", "foreign", 1), cluster.ApplyOptions{}).Object
	all, ids = append(all, w.parse(strings.Replace(config, "settings", "foreign", 1))), append(ids, object.IDOf(foreign))
	var memo compare.Memo
	look := func() bool {
		live, err := c.Live(w.ctx, "shop", ids, nil)
		if err != nil {
			t.Fatal(err)
		}
		synced := 0
		for i, u := range all {
			if live[ids[i]] == nil {
				continue
			}
			s, err := memo.Drift(ids[i], u, live[ids[i]], compare.Options{Schema: c.Schema()})
			if err != nil {
				t.Fatal(err)
			}
			if s.Status == compare.Synced {
				synced++
			}
		}
		return synced == len(all)
	}
	w.until("everything to be in sync", look)
	before := asked.Load()
	for range 50 {
		if !look() {
			t.Fatal("it is not in sync any more")
		}
	}
	if n := asked.Load() - before; n > 1 { // the list of schemas may have grown old meanwhile
		t.Errorf("50 looks asked the server %d times", n)
	}
	if before == 0 {
		t.Error("nothing was counted")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
