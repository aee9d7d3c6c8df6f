package controller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/controller"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/fixtures/facts"
)

// guides are the sets that documentation shows, and one more of each generator and each way of templates: of all the cases those whose
// answers come another way on a control plane than as values.
var guides = []string{
	"guide-*", "clusters-go-template-selector", "clusters-flat-list", "clusters-values", "decision-by-name", "git-directories-exclude-first", "git-files-nested-go-template",
	"list-elements-yaml-of-file", "matrix-file-names-directories", "matrix-services-environments", "merge-overrides", "plugin-go-template", "plugin-in-matrix",
	"pulls-github-go-template", "scm-by-path", "scm-github", "selector", "template-functions", "template-override", "template-patch",
}

// answerer is a forge, and a plugin's service, that say what a case knows.
type answerer struct {
	hub
	mu    sync.Mutex
	facts facts.Facts
}

func (f *answerer) learn(known facts.Facts) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.facts = known
}

func (f *answerer) world() (w appset.World) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.facts
	known.Tell(&w)
	return w
}

func (f *answerer) PullRequests(_ context.Context, _ controller.Asking, g *argo.PullRequestGenerator) ([]appset.PullRequest, error) {
	return f.world().PullRequests(g)
}

func (f *answerer) Host(_ context.Context, _ controller.Asking, g *argo.SCMProviderGenerator) (appset.Host, error) {
	return f.world().Host(g)
}

// ServeHTTP answers at /NAME of the ConfigMap of that name.
func (f *answerer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var asked struct{ Input argo.PluginInput }
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	all, err := f.world().Plugin(name, asked.Input.Parameters)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(rw).Encode(map[string]any{"output": map[string]any{"parameters": slices.Concat([]map[string]any{}, all)}})
}

// What guides' sets make as values they make on a control plane: from its Secrets and ConfigMaps, repositories, services and forges.
func TestGuidesStandOnAControlPlane(t *testing.T) {
	w := newWorld(t)
	forge := &answerer{}
	service := httptest.NewServer(forge)
	t.Cleanup(service.Close)
	w.sets = &controller.Sets{Forges: forge, Plugins: service.Client(), Options: controller.SetOptions{Confirm: time.Second, DeleteLimit: -1}}
	w.registered = func(argo.ApplicationDestination) (settings.Cluster, error) { return settings.Cluster{}, nil }
	must(t, w.client.Create(w.ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.control, Name: "plugin-token"}, StringData: map[string]string{"key": "hush"}}))
	for _, name := range []string{"default", "platform", "special"} {
		w.project(name, func(p *argo.AppProject) { // may hold what pull requests make, too
			p.Spec.Destinations = []argo.ApplicationDestination{{Server: "*", Namespace: "preview-*"}}
			p.Spec.ClusterResourceWhitelist = nil
		})
	}
	installDecisions(t)
	w.start(options(), -1, false)
	for _, path := range guidePaths(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			must(t, err)
			of := *w
			of.T = t
			of.guide(archive, forge, service.URL)
		})
	}
}

func guidePaths(t *testing.T) []string {
	var all []string
	for _, p := range guides {
		found, err := filepath.Glob("../../fixtures/cases/appset/" + p + ".txtar")
		if must(t, err); len(found) == 0 {
			t.Fatalf("there is no case %s", p)
		}
		all = append(all, found...)
	}
	return all
}

// guide brings up what a case says there is, then its set; compares; and takes all of it away.
func (w *world) guide(archive *txtar.Archive, forge *answerer, service string) {
	t := w.T
	set, known := &argo.ApplicationSet{}, facts.Facts{}
	files := map[string]string{}
	var want []argo.Application
	stands := false
	for _, f := range archive.Files {
		text := strings.ReplaceAll(string(f.Data), "https://github.com/example/shop.git", w.repo)
		path, inTree := strings.CutPrefix(f.Name, "tree/")
		switch {
		case inTree:
			files[path] = text
		case f.Name == "set.yaml":
			must(t, yaml.UnmarshalStrict([]byte(text), set))
		case f.Name == "facts.yaml":
			must(t, yaml.UnmarshalStrict([]byte(text), &known))
		case f.Name == "applications.yaml":
			stands = true
			for _, doc := range strings.Split(text, "---\n") {
				var app argo.Application
				must(t, yaml.Unmarshal([]byte(doc), &app))
				if app.Name != "" {
					want = append(want, app)
				}
			}
		case f.Name == "world.yaml" || f.Name == "held.txt" || f.Name == "refused.txt":
			t.Skip("it is about what is set elsewhere, or about what cannot stand")
		}
	}
	if !stands || len(known.Fails) > 0 {
		t.Skip("nothing is generated")
	}
	files["README.md"] = "of " + t.Name() // so that there is something to commit
	w.commit(files)
	forge.learn(known)
	around := w.around(known, service)
	set.Namespace = w.control
	metav1.SetMetaDataAnnotation(&set.ObjectMeta, "argocd.argoproj.io/application-set-refresh", "true") // the mirror is of the last case
	must(t, w.client.Create(w.ctx, set))
	names := func(apps []argo.Application) (all []string) {
		for _, app := range apps {
			all = append(all, app.Name)
		}
		slices.Sort(all)
		return all
	}
	until := time.Now().Add(time.Minute)
	w.eventually("the applications", func() bool {
		c := conditionOf(w.setNamed(set.Name), "ErrorOccurred")
		if time.Now().After(until) {
			t.Fatalf("there are %v, wanted %v; the set says: %s", names(w.all()), names(want), c.Message)
		}
		return c.Status == "False" && slices.Equal(names(w.all()), names(want))
	})
	if diff := cmp.Diff(essence(want), essence(w.all()), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("wanted (-), there is (+):\n%s", diff)
	}
	must(t, w.client.Delete(w.ctx, set))
	for _, app := range w.all() {
		must(t, client.IgnoreNotFound(w.client.Patch(w.ctx, &app, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))))
		must(t, client.IgnoreNotFound(w.client.Delete(w.ctx, &app)))
	}
	for _, o := range around {
		must(t, w.client.Delete(w.ctx, o))
	}
	gone := map[string]string{}
	for path := range files {
		gone[path] = ""
	}
	w.commit(gone)
	w.eventually("the end of "+t.Name(), func() bool { return len(w.all()) == 0 })
}

func (w *world) all() []argo.Application {
	var list argo.ApplicationList
	must(w.T, w.client.List(w.ctx, &list, client.InNamespace(w.control)))
	return list.Items
}

func (w *world) setNamed(name string) *argo.ApplicationSet {
	set := &argo.ApplicationSet{}
	must(w.T, w.client.Get(w.ctx, client.ObjectKey{Namespace: w.control, Name: name}, set))
	return set
}

const decisions = "placementdecisions"

// installDecisions defines the kind by which Open Cluster Management says what goes where.
func installDecisions(t *testing.T) {
	api, err := apiextensions.NewForConfig(shared)
	must(t, err)
	const group = "cluster.open-cluster-management.io"
	anything := &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}
	_, err = api.ApiextensionsV1().CustomResourceDefinitions().Create(t.Context(), &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: decisions + "." + group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: group, Scope: apiextensionsv1.NamespaceScoped,
			Names:    apiextensionsv1.CustomResourceDefinitionNames{Plural: decisions, Kind: "PlacementDecision", ListKind: "PlacementDecisionList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1beta1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: anything}}}},
	}, metav1.CreateOptions{})
	must(t, err)
}

// around makes the Secrets, ConfigMaps and other objects of a case.
func (w *world) around(known facts.Facts, service string) []client.Object {
	var all []client.Object
	for i, c := range known.Clusters { // by their names as they stand in the case, which is the order of generators
		labels := map[string]string{"argocd.argoproj.io/secret-type": "cluster"}
		for k, v := range c.Labels {
			labels[k] = v
		}
		all = append(all, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("cluster-%02d", i), Labels: labels, Annotations: c.Annotations},
			StringData: map[string]string{"name": c.Name, "server": c.Server, "project": c.Project, "config": "{}"}})
	}
	for name := range known.Plugins {
		all = append(all, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"baseUrl": service + "/" + name, "token": "$plugin-token:key"}})
	}
	for name, content := range known.ConfigMaps {
		all = append(all, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: content})
	}
	for of, objects := range known.Resources {
		apiVersion, plural, _ := strings.Cut(of, " ")
		if plural != decisions {
			continue // a kind that is not defined here
		}
		for _, content := range objects {
			u := &unstructured.Unstructured{Object: content}
			u.SetAPIVersion(apiVersion)
			u.SetKind("PlacementDecision")
			all = append(all, u)
		}
	}
	for _, o := range all {
		o.SetNamespace(w.control)
		must(w.T, w.client.Create(w.ctx, o))
	}
	return all
}

// essence is what a set decides of its applications, by name, as text.
func essence(apps []argo.Application) map[string]string {
	all := map[string]string{}
	for _, app := range apps {
		annotations := map[string]string{}
		for k, v := range app.Annotations {
			if !strings.HasPrefix(k, "slipway.dev/") {
				annotations[k] = v
			}
		}
		text, err := yaml.Marshal([]any{app.Labels, annotations, app.Finalizers, app.Spec})
		if err != nil {
			text = []byte(err.Error())
		}
		all[app.Name] = string(bytes.TrimSpace(text))
	}
	return all
}
