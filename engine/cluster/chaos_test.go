package cluster_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
)

// connected is another connection to the shared cluster.
func (w *world) connected(config *rest.Config, namespaces ...string) *cluster.Cluster {
	w.Helper()
	registered := settings.Defaults()
	registered.Clusters = []settings.Cluster{{Name: "in-cluster", Server: settings.InClusterServer, Namespaces: namespaces}}
	clusters := cluster.NewClusters(cluster.Deps{InCluster: config, Settings: func() settings.Settings { return registered }})
	w.Cleanup(clusters.Close)
	c, err := clusters.For(w.ctx, argo.ApplicationDestination{Name: "in-cluster"})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// The API server is killed, and comes back by itself.
func TestTheCacheOutlivesItsServer(t *testing.T) {
	w := begin(t)
	u := w.parse(config)
	compare.Track(u, "shop", w.namespace)
	if _, err := w.c.Apply(w.ctx, u, cluster.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	id := object.IDOf(u)
	look := func() string {
		live, err := w.c.Live(w.ctx, "shop", []object.ID{id}, nil)
		if err != nil || live[id] == nil {
			return fmt.Sprint(err)
		}
		s, _, _ := unstructured.NestedString(live[id].Object, "data", "a")
		return s
	}
	w.until("the object", func() bool { return look() == "1" })
	if err := syscall.Kill(serverProcess(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := look(); got != "1" {
		t.Errorf("with its server gone, the cache says %q", got)
	}
	patch := []byte(`{"data":{"a":"after"}}`)
	w.until("the server to come back", func() bool {
		_, err := w.kube.CoreV1().ConfigMaps(w.namespace).Patch(w.ctx, "settings", types.MergePatchType, patch, metav1.PatchOptions{})
		return err == nil
	})
	w.until("what happened since", func() bool { return look() == "after" })
	w.until("rights to be known again", func() bool { // which the server reads anew after its start
		_, err := w.c.Apply(w.ctx, u, cluster.ApplyOptions{})
		return err == nil
	})
}

// serverProcess is the shared cluster's API server.
func serverProcess(t *testing.T) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(all) == 0 {
		t.Skip("this system does not tell of its processes")
	}
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		if args := strings.Split(string(line), "\x00"); len(args) > 1 && args[1] == "kube-apiserver" && strings.Contains(string(line), sharedFiles) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("no API server is running")
	return 0
}

func TestRightsComeAndGo(t *testing.T) {
	w := begin(t)
	w.apply(config, cluster.ApplyOptions{})
	w.apply("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: reader, namespace: NAMESPACE}\n", cluster.ApplyOptions{})
	w.apply("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader, namespace: NAMESPACE}\nrules: [{apiGroups: [''], resources: [configmaps], verbs: [list, watch, get]}]\n", cluster.ApplyOptions{})
	const binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: reader, namespace: NAMESPACE}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}\nsubjects: [{kind: ServiceAccount, name: reader, namespace: NAMESPACE}]\n"
	w.apply(binding, cluster.ApplyOptions{})
	gate := newGate(t, shared.Host)
	as := rest.CopyConfig(shared)
	as.Host = "https://" + gate.address
	as.Impersonate.UserName = "system:serviceaccount:" + w.namespace + ":reader"
	c := w.connected(as, w.namespace)
	id := object.ID{Kind: "ConfigMap", Namespace: w.namespace, Name: "settings"}
	read := func() error {
		live, err := c.Live(w.ctx, "shop", []object.ID{id}, nil)
		if err == nil && live[id] == nil {
			return errors.New("it is not there")
		}
		return err
	}
	w.until("the right to read", func() bool { return read() == nil })
	if err := w.c.Delete(w.ctx, object.IDOf(w.parse(binding)), cluster.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	direct := rest.CopyConfig(shared)
	direct.Impersonate.UserName = as.Impersonate.UserName
	reader, err := kubernetes.NewForConfig(direct)
	if err != nil {
		t.Fatal(err)
	}
	w.until("the server to know", func() bool {
		_, err := reader.CoreV1().ConfigMaps(w.namespace).Get(w.ctx, "settings", metav1.GetOptions{})
		return apierrors.IsForbidden(err)
	})
	gate.shut() // a watch that stands goes on; the next one is refused
	gate.open()
	w.until("the right to be gone", func() bool {
		var unreadable *cluster.UnreadableError
		err := read()
		return errors.As(err, &unreadable) && apierrors.IsForbidden(unreadable.Kinds[schema.GroupKind{Kind: "ConfigMap"}])
	})
	if refused := c.Refused(); refused[schema.GroupKind{Kind: "ConfigMap"}] == nil {
		t.Errorf("refused are %v", refused)
	}
	w.apply(binding, cluster.ApplyOptions{})
	w.until("the right to come back", func() bool { return read() == nil })
	w.until("nothing to be refused", func() bool { return len(c.Refused()) == 0 })
}

func TestADefinitionGoesAndComesAgain(t *testing.T) {
	w := begin(t)
	const definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.again.example.com}\nspec: {group: again.example.com, scope: Namespaced, names: {kind: Widget, plural: widgets}, " +
		"versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}\n"
	widget := w.parse("apiVersion: again.example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: NAMESPACE}\nspec: {size: 1}\n")
	compare.Track(widget, "shop", w.namespace)
	id := object.IDOf(widget)
	other := w.connected(shared) // which did none of it, and has to find out
	told := make(chan object.ID, 1000)
	defer other.Subscribe(func(_ string, id object.ID) { told <- id })()
	found := func() bool {
		live, err := other.Live(w.ctx, "shop", []object.ID{id}, nil)
		return err == nil && live[id] != nil
	}
	gone := func() bool {
		live, err := other.Live(w.ctx, "shop", []object.ID{id}, nil)
		return err == nil && live[id] == nil
	}
	for round := range 2 {
		if !gone() {
			t.Fatal("the kind is there before its definition")
		}
		w.apply(definition, cluster.ApplyOptions{})
		if _, err := w.c.Apply(w.ctx, widget, cluster.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
		w.until(fmt.Sprintf("the object, for the %d. time", round+1), found)
		if err := w.c.Delete(w.ctx, object.IDOf(w.parse(definition)), cluster.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		w.until("the kind to go", gone)
		w.until("what the server serves to be known", func() bool { _, known := other.Namespaced(id.GroupKind()); return !known })
		w.until("the application to be told", func() bool {
			for len(told) > 0 {
				if <-told == id {
					return true
				}
			}
			return false
		})
	}
	if refused := other.Refused(); len(refused) != 0 {
		t.Errorf("a kind that is gone makes noise: %v", refused)
	}
}

// An API service whose server is down says nothing of its kinds, and does no harm to others.
func TestABrokenGroupHarmsOnlyItself(t *testing.T) {
	w := begin(t)
	w.apply(config, cluster.ApplyOptions{})
	w.apply("apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.broken.example.com}\nspec: {group: broken.example.com, version: v1, groupPriorityMinimum: 10, versionPriority: 10, insecureSkipTLSVerify: true, service: {namespace: NAMESPACE, name: nobody}}\n", cluster.ApplyOptions{})
	down := object.ID{Group: "broken.example.com", Kind: "Thing", Namespace: w.namespace, Name: "x"}
	mine := object.ID{Kind: "ConfigMap", Namespace: w.namespace, Name: "settings"}
	defer func() {
		id := object.ID{Group: "apiregistration.k8s.io", Kind: "APIService", Name: "v1.broken.example.com"}
		if err := w.c.Delete(w.ctx, id, cluster.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}()
	c := w.connected(shared)
	w.until("the broken group to fail alone", func() bool {
		live, err := c.Live(w.ctx, "shop", []object.ID{mine, down}, nil)
		var unreadable *cluster.UnreadableError
		return live[mine] != nil && errors.As(err, &unreadable) && len(unreadable.Kinds) == 1 && unreadable.Kinds[down.GroupKind()] != nil
	})
}

func TestTheTreeOfAnApplication(t *testing.T) {
	w := begin(t)
	stateful := w.parse("apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: NAMESPACE}\nspec:\n  serviceName: db\n  selector: {matchLabels: {app: db}}\n  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: 'db:1'}]}}\n" +
		"  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]\n")
	service := w.parse("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: NAMESPACE}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n")
	account := w.parse("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot, namespace: NAMESPACE}\n")
	token := "apiVersion: v1\nkind: Secret\nmetadata: {name: robot-token, namespace: NAMESPACE, annotations: {kubernetes.io/service-account.name: robot}}\ntype: kubernetes.io/service-account-token\n"
	for _, u := range []*unstructured.Unstructured{w.parse(web), stateful, service, account} {
		compare.Track(u, "tree", w.namespace)
		if _, err := w.c.Apply(w.ctx, u, cluster.ApplyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w.apply(token, cluster.ApplyOptions{})
	w.apply(strings.Replace(config, "settings", "nobodys", 1), cluster.ApplyOptions{})
	wanted := []string{"Deployment web <- ", "ReplicaSet web-* <- Deployment web", "Pod web-* <- ReplicaSet web-*", "StatefulSet db <- ", "Pod db-0 <- StatefulSet db",
		"PersistentVolumeClaim data-db-0 <- StatefulSet db", "PersistentVolume * <- PersistentVolumeClaim data-db-0", "Service web <- ", "Endpoints web <- Service web",
		"EndpointSlice web-* <- Service web", "ServiceAccount robot <- ", "Secret robot-token <- ServiceAccount robot"}
	var missing []string
	w.until("the tree", func() bool {
		nodes, err := w.c.Tree(w.ctx, "tree", nil)
		var unreadable *cluster.UnreadableError
		if err != nil && !errors.As(err, &unreadable) { // a group of another test may still be going
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, n := range nodes {
			got[shortened(n)] = true
			if n.ID.Name == "nobodys" {
				t.Error("somebody else's object is in the tree")
			}
		}
		missing = nil
		for _, line := range wanted {
			if !got[line] {
				missing = append(missing, line)
			}
		}
		return len(missing) == 0
	})
	unowned, err := w.c.Unowned(w.ctx, w.namespace, nil)
	var unreadable *cluster.UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		t.Fatal(err)
	}
	if len(unowned) != 1 || unowned[0].ID.Name != "nobodys" {
		t.Errorf("nobody's are %v", unowned)
	}
}

// shortened is a node and its parent, with a star for what the server makes up in names.
func shortened(n cluster.Node) string {
	short := func(id object.ID) string {
		name := id.Name
		switch {
		case id.Kind == "PersistentVolume":
			name = "*"
		case strings.HasPrefix(name, "web-"):
			name = "web-*"
		}
		return strings.TrimSpace(id.Kind + " " + name)
	}
	return short(n.ID) + " <- " + short(n.Parent)
}
