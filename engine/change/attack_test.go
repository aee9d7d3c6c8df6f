package change_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/plan"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/source"
)

const shop, vault = "https://git.example.com/acme/shop.git", "https://git.example.com/payments/vault.git"

// world is what surrounds a change here: what each path holds on either side, and what was asked of it.
type world struct {
	t            *testing.T
	base, merged *git.Tree
	// holds are manifests by path; those of the head are under "head:" and the path.
	holds map[string]string
	live  []string // manifests

	mu      sync.Mutex
	renders []render.Request
	fetched []source.Query
	looked  []string // instances whose live objects were asked for
}

func newWorld(t *testing.T) *world {
	return &world{t: t, base: &git.Tree{}, merged: &git.Tree{}, holds: map[string]string{}}
}

func (w *world) Render(_ context.Context, r render.Request) (render.Result, error) {
	w.mu.Lock()
	w.renders = append(w.renders, r)
	w.mu.Unlock()
	text := w.holds[r.Source.Path]
	if head, ok := w.holds["head:"+r.Source.Path]; ok && r.Tree == w.merged {
		text = head
	}
	var all []object.Object
	for doc := range strings.SplitSeq(strings.ReplaceAll(text, "RELEASE", r.Name), "---\n") {
		if strings.TrimSpace(doc) != "" {
			all = append(all, object.Object{Unstructured: w.parse(doc)})
		}
	}
	return render.Result{Objects: all, Tool: "directory"}, nil
}

func (w *world) At(_ context.Context, q source.Query) (*git.Tree, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fetched = append(w.fetched, q)
	return &git.Tree{}, nil
}

func (w *world) parse(doc string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
		w.t.Error(err)
	}
	return u
}

// here is the cluster "in-cluster".
type here struct{ *world }

func (here) Name() string                                          { return "in-cluster" }
func (here) Server() string                                        { return "https://kubernetes.default.svc" }
func (here) KubeVersion() string                                   { return "v1.36.3" }
func (here) APIVersions() []string                                 { return nil }
func (here) Namespaced(schema.GroupKind) (namespaced, known bool)  { return true, true }
func (here) Schema() compare.Schema                                { return nil }
func (here) Tracking() compare.Tracking                            { return compare.Tracking{} }
func (here) Sight(string, []object.ID, []object.ID) (uint64, bool) { return 0, false }

func (h here) Live(_ context.Context, app string, want, _ []object.ID) (map[object.ID]*unstructured.Unstructured, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looked = append(h.looked, app)
	found := map[object.ID]*unstructured.Unstructured{}
	for _, text := range h.live {
		u := h.parse(text)
		id := object.IDOf(u)
		owner, tracked := compare.TrackedBy(u)
		for _, w := range want {
			if w == id {
				found[id] = u
			}
		}
		if tracked && owner == app {
			found[id] = u
		}
	}
	return found, nil
}

func (here) ReadAs(context.Context, object.ID, string) (*unstructured.Unstructured, error) {
	return nil, nil
}

func (here) Predict(context.Context, *unstructured.Unstructured, *unstructured.Unstructured, string) (*unstructured.Unstructured, error) {
	return nil, nil
}

func (here) Diagnose(_ context.Context, id object.ID) ([]cluster.Finding, error) {
	return []cluster.Finding{{Object: id, Reason: "Failed"}}, nil
}

func (w *world) pipeline() *change.Pipeline {
	return change.New(change.Deps{Render: w, Trees: w, ControlNamespace: "argocd",
		Clusters: func(_ context.Context, d argo.ApplicationDestination) (change.Cluster, error) {
			if d.Name != "in-cluster" {
				return nil, &cluster.DestinationError{Message: "there are no clusters with this name: " + d.Name}
			}
			return here{w}, nil
		}})
}

// project permits everything, so that nothing but the rule under attack stands in the way.
func project(name string) (*argo.AppProject, bool) {
	p := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Name: name}}
	p.Spec.SourceRepos = []string{"*"}
	p.Spec.Destinations = []argo.ApplicationDestination{{Name: "*", Server: "*", Namespace: "*"}}
	p.Spec.ClusterResourceWhitelist = []argo.ClusterResourceRestrictionItem{{Group: "*", Kind: "*"}}
	return p, true
}

func (w *world) change(apps ...*argo.Application) change.Change {
	w.t.Helper()
	c, err := w.pipeline().PullRequest(w.t.Context(), change.Input{
		Scope:    plan.Scope{Same: func(u string) bool { return u == shop }, BaseBranch: "main", DefaultBranch: "main"},
		BaseTree: w.base, MergedTree: w.merged, Applications: apps, Project: project, Trusted: false,
		Environment: func(a *argo.Application) string { return a.Labels["environment"] },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func app(name, repo, path string, edit func(*argo.Application)) *argo.Application {
	a := &argo.Application{ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: name}}
	a.Spec.Project = "shop"
	a.Spec.Source = &argo.ApplicationSource{RepoURL: repo, Path: path, TargetRevision: "main"}
	a.Spec.Destination = argo.ApplicationDestination{Name: "in-cluster", Namespace: "argocd"}
	if edit != nil {
		edit(a)
	}
	return a
}

func manifest(name, repo, path, cluster string) string {
	return fmt.Sprintf("apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: %s}\n"+
		"spec: {project: shop, source: {repoURL: %q, path: %s, targetRevision: main}, destination: {name: %s, namespace: argocd}}\n---\n", name, repo, path, cluster)
}

func find(c change.Change, name string) *change.Application {
	for i := range c.Applications {
		if c.Applications[i].Name == name {
			return &c.Applications[i]
		}
	}
	return nil
}

func (w *world) asked(instance string) bool {
	for _, r := range w.renders {
		if r.Name == instance {
			return true
		}
	}
	return false
}

// TestANameIsNoClaim has a head declare somebody else's application: neither its repository nor its live objects are touched.
func TestANameIsNoClaim(t *testing.T) {
	live := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plan, namespace: argocd, annotations: {argocd.argoproj.io/tracking-id: 'vault:/ConfigMap:argocd/plan'}}\ndata: {plan: theirs}\n"
	for name, c := range map[string]struct {
		tracked string // by whom the live application is
		base    string
		shown   bool
	}{
		"nobody tracks it":           {"", "", false},
		"another tracks it":          {"payments", "", false},
		"the base declares it apart": {"", manifest("vault", shop, "web", "in-cluster"), false},
		"another's, in the base":     {"payments", manifest("vault", vault, "live", "in-cluster"), false},
		"the base declares it so":    {"", manifest("vault", vault, "live", "in-cluster"), true},
		"the parent tracks it":       {"root", manifest("vault", vault, "live", "in-cluster"), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.live = []string{live}
			w.holds["apps"], w.holds["head:apps"] = c.base, manifest("vault", vault, "elsewhere", "in-cluster")
			theirs := app("vault", vault, "live", func(a *argo.Application) {
				a.Status.Health.Message = "their trouble"
				if c.tracked != "" {
					a.Annotations = map[string]string{compare.TrackingAnnotation: c.tracked + ":argoproj.io/Application:argocd/vault"}
				}
			})
			got := find(w.change(app("root", shop, "apps", nil), theirs), "vault")
			if got == nil {
				t.Fatal("it is not told at all")
			}
			touched := len(w.fetched) > 0 || w.asked("vault") || got.HealthMessage != "" || len(got.Drift) > 0
			if touched != c.shown || (got.After.Fault != nil) == c.shown {
				t.Errorf("fetched %v, application %+v", w.fetched, got)
			}
		})
	}
}

// TestAHeadWithoutEnd declares itself under ever new names, ten at a time.
func TestAHeadWithoutEnd(t *testing.T) {
	w := newWorld(t)
	var fan strings.Builder
	for i := range 10 {
		fan.WriteString(manifest(fmt.Sprintf("RELEASE-%d", i), shop, "apps", "in-cluster"))
	}
	w.holds["head:apps"] = fan.String()
	c := w.change(app("root", shop, "apps", nil))
	if n := len(w.renders); n > 400 {
		t.Errorf("%d renders", n)
	}
	refused := 0
	for _, a := range c.Applications {
		if a.After.Fault != nil && strings.Contains(a.After.Fault.Message, "at most") {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing says that it was cut")
	}
}

// TestAClusterThatIsNotThere hides nothing but its own application.
func TestAClusterThatIsNotThere(t *testing.T) {
	w := newWorld(t)
	w.holds["web"], w.holds["head:web"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"
	w.holds["head:apps"] = manifest("lost", shop, "web", "nowhere")
	gone := app("gone", shop, "web", func(a *argo.Application) { a.Spec.Destination.Name = "taken-away" })
	c := w.change(app("root", shop, "apps", nil), app("web", shop, "web", nil), gone)
	if lost := find(c, "lost"); lost == nil || lost.After.Fault == nil || !strings.Contains(lost.After.Fault.Message, "nowhere") {
		t.Errorf("the lost one: %+v", lost)
	}
	if web := find(c, "web"); web == nil || len(web.Differences) != 2 {
		t.Errorf("the other one: %+v", web)
	}
}

// TestOnlyTheHeadIsUntrusted: what the base holds was merged by someone who may; what the head brings is rendered apart, whatever declares it.
func TestOnlyTheHeadIsUntrusted(t *testing.T) {
	w := newWorld(t)
	w.holds["apps"], w.holds["head:apps"] = manifest("web", shop, "web", "in-cluster"), manifest("web", shop, "other", "in-cluster")+manifest("new", shop, "web", "in-cluster")
	w.change(app("root", shop, "apps", nil), app("web", shop, "web", nil))
	for _, r := range w.renders {
		if r.Trusted != (r.Tree == w.base) {
			t.Errorf("%s from %s: trusted %v", r.Name, r.Source.Path, r.Trusted)
		}
	}
	if len(w.renders) < 5 {
		t.Errorf("%d renders", len(w.renders))
	}
}

// TestDigests: two targets that a sync would carry out differently have different digests.
func TestDigests(t *testing.T) {
	const plain = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec: {x: 1}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: one}\n"
	digest := func(text string, edit func(*argo.Application)) string {
		w := newWorld(t)
		w.holds["web"] = text
		got, err := w.pipeline().Target(t.Context(), change.TargetRequest{App: app("web", shop, "web", edit)})
		if err != nil {
			t.Fatal(err)
		}
		return got.Digest
	}
	want := digest(plain, nil)
	if digest("---\n"+plain, nil) != want {
		t.Error("equal targets differ")
	}
	swap := func(old, with string) string {
		if !strings.Contains(plain, old) {
			t.Fatalf("there is no %q", old)
		}
		return strings.Replace(plain, old, with, 1)
	}
	for name, text := range map[string]string{
		"a hook":        swap("{name: a}", "{name: a, annotations: {argocd.argoproj.io/hook: PreSync}}"),
		"a helm hook":   swap("{name: a}", "{name: a, annotations: {helm.sh/hook: pre-install}}"),
		"a wave":        swap("{name: a}", "{name: a, annotations: {argocd.argoproj.io/sync-wave: '-1'}}"),
		"a sync option": swap("{name: a}", "{name: a, annotations: {argocd.argoproj.io/sync-options: 'Replace=true'}}"),
		"a namespace":   swap("{name: a}", "{name: a, namespace: kube-system}"),
		"a version":     swap("batch/v1", "batch/v1beta1"),
		"a secret":      swap("p: one", "p: two"),
		"a type":        swap("x: 1", "x: '1'"),
		"an order":      swap("x: 1", "x: [1, 2]"),
		"another":       plain + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
		"fewer":         "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: one}\n",
		"a nameless":    swap("{name: a}", "{generateName: a-}"),
	} {
		if digest(text, nil) == want {
			t.Errorf("%s changes nothing", name)
		}
	}
	for name, edit := range map[string]func(*argo.Application){
		"the destination's namespace": func(a *argo.Application) { a.Spec.Destination.Namespace = "other" },
		"the destination's address":   func(a *argo.Application) { a.Spec.Destination.Server = "https://other.example" },
		"the instance":                func(a *argo.Application) { a.Name = "other" },
	} {
		if digest(plain, edit) == want {
			t.Errorf("%s changes nothing", name)
		}
	}
}

// TestOnlyOursIsExplained: events and pods of somebody else's object are not for this application's page.
func TestOnlyOursIsExplained(t *testing.T) {
	w := newWorld(t)
	var ids []object.ID
	for name, owner := range map[string]string{"ours": "web", "theirs": "api", "nobodys": ""} {
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": name, "namespace": "shop"}}}
		if owner != "" {
			compare.Track(u, owner, "shop")
		}
		text, err := yaml.Marshal(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		w.live, ids = append(w.live, string(text)), append(ids, object.IDOf(u))
	}
	found, err := w.pipeline().Diagnose(t.Context(), app("web", shop, "web", nil), append(ids, object.ID{Kind: "Pod", Namespace: "shop", Name: "gone"}))
	if err != nil || len(found) != 1 || found[0].Object.Name != "ours" {
		t.Errorf("%v %v", found, err)
	}
}

// TestLiveObjectsOfOthersAreNotShown: an object that is there and not this application's is named, and nothing of it is shown, whatever its
// marks say of other objects.
func TestLiveObjectsOfOthersAreNotShown(t *testing.T) {
	for name, mark := range map[string]string{
		"nobody's": "", "another's": "api:/ConfigMap:argocd/a", "a copy of ours": "web:/ConfigMap:argocd/b", "nonsense": "web:",
		"one of our name elsewhere": "team_web:/ConfigMap:argocd/a",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.live = []string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: argocd, annotations: {argocd.argoproj.io/tracking-id: '" + mark + "'}}\ndata: {plan: theirs}\n"}
			w.holds["web"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {plan: ours}\n"
			w.holds["head:web"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {plan: new}\n"
			web := find(w.change(app("web", shop, "web", nil)), "web")
			if web == nil || len(web.Foreign) != 1 || len(web.Drift) != 0 {
				t.Fatalf("%+v", web)
			}
			if strings.Contains(fmt.Sprintf("%+v", web), "theirs") {
				t.Errorf("it shows what is live: %+v", web)
			}
		})
	}
}
