package controller_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/controller"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

// setsWith are the parts that ApplicationSets need; nil for tests that have none.
func (w *world) setsWith(trees *source.Sources) *controller.Sets {
	if w.sets == nil {
		return nil
	}
	s := *w.sets
	s.Trees = trees
	if s.Settings == nil {
		s.Settings = func(context.Context) settings.Settings { return settings.Defaults() }
	}
	return &s
}

// hub is a forge as sets see it: what it lists may change, and fail, from one call to the next.
type hub struct {
	mu     sync.Mutex
	pulls  []appset.PullRequest
	err    error
	closed map[string]bool
}

func (h *hub) PullRequests(context.Context, controller.Asking, *argo.PullRequestGenerator) ([]appset.PullRequest, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.pulls), h.err
}

func (h *hub) Host(context.Context, controller.Asking, *argo.SCMProviderGenerator) (appset.Host, error) {
	return nil, errors.New("there are no repositories here")
}

func (h *hub) Closed(_ context.Context, p appset.Pull) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed[p.Number], nil
}

func (h *hub) lists(err error, numbers ...int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pulls, h.err = nil, err
	for _, n := range numbers {
		h.pulls = append(h.pulls, appset.PullRequest{Number: n, Title: "t", Branch: fmt.Sprintf("b%d", n), TargetBranch: "main", HeadSHA: "0123456789012345678901234567890123456789", Author: "alice"})
	}
}

// set creates an ApplicationSet whose applications are named after the test, from generators and what else its spec has.
func (w *world) set(name, text string, changes ...func(*argo.ApplicationSet)) {
	w.Helper()
	set := &argo.ApplicationSet{}
	text = strings.NewReplacer("REPO", w.repo, "TARGET", w.target, "PREFIX", w.name("")).Replace(text)
	must(w.T, yaml.UnmarshalStrict([]byte(text), &set.Spec))
	set.Name, set.Namespace = w.name(name), w.control
	for _, change := range changes {
		change(set)
	}
	must(w.T, w.client.Create(w.ctx, set))
}

func (w *world) readSet(name string) *argo.ApplicationSet {
	w.Helper()
	set := &argo.ApplicationSet{}
	must(w.T, w.client.Get(w.ctx, client.ObjectKey{Namespace: w.control, Name: w.name(name)}, set))
	return set
}

// changeSet patches a set until nobody else writes at the same time.
func (w *world) changeSet(name string, change func(*argo.ApplicationSet)) {
	w.Helper()
	for {
		set := w.readSet(name)
		old := set.DeepCopy()
		change(set)
		err := w.client.Patch(w.ctx, set, client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{}))
		if !apierrors.IsConflict(err) {
			must(w.T, err)
			return
		}
	}
}

// refresh asks a set's generators anew, and waits until that is answered.
func (w *world) refresh(name string) {
	w.Helper()
	w.changeSet(name, func(s *argo.ApplicationSet) {
		metav1.SetMetaDataAnnotation(&s.ObjectMeta, "argocd.argoproj.io/application-set-refresh", "true")
	})
	w.eventually("the refresh of "+name, func() bool {
		return w.readSet(name).Annotations["argocd.argoproj.io/application-set-refresh"] == ""
	})
}

// names are those of the control namespace's applications without what the test puts before them, in order; those that go are marked.
func (w *world) names() string {
	w.Helper()
	var list argo.ApplicationList
	must(w.T, w.client.List(w.ctx, &list, client.InNamespace(w.control)))
	var all []string
	for _, app := range list.Items {
		all = append(all, strings.TrimPrefix(app.Name, w.name("")))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (w *world) expectNames(what, want string) {
	w.Helper()
	w.eventually(fmt.Sprintf("%s: applications %q", what, want), func() bool { return w.names() == want })
}

func conditionOf(set *argo.ApplicationSet, of argo.ApplicationSetConditionType) argo.ApplicationSetCondition {
	for _, c := range set.Status.Conditions {
		if c.Type == of {
			return c
		}
	}
	return argo.ApplicationSetCondition{}
}

// left are options of applications that nobody syncs.
const left = `
template:
  metadata: {name: 'PREFIX%s'}
  spec:
    project: default
    source: {repoURL: REPO, path: '%s', targetRevision: main}
    destination: {server: https://kubernetes.default.svc, namespace: TARGET}
`

// inPreviews are applications of pull requests, in a project that may hold them.
func (w *world) inPreviews(template string) string {
	w.Helper()
	p := &argo.AppProject{ObjectMeta: metav1.ObjectMeta{Namespace: w.control, Name: "previews"}, Spec: argo.AppProjectSpec{SourceRepos: []string{"*"},
		Destinations: []argo.ApplicationDestination{{Server: "*", Namespace: w.target}}}}
	must(w.T, w.client.Create(w.ctx, p))
	return strings.Replace(template, "project: default", "project: previews", 1)
}

const pullRequests = "generators: [{pullRequest: {github: {owner: acme, repo: shop}}}]\n"

func TestSetsFollowTheirRepository(t *testing.T) {
	w := newWorld(t)
	w.sets = &controller.Sets{Options: controller.SetOptions{Confirm: time.Second}}
	w.commit(map[string]string{"apps/pay/a.yaml": configMap("pay"), "apps/web/a.yaml": configMap("web")})
	p := w.start(options(), -1, false)
	w.set("set", "generators: [{git: {repoURL: REPO, revision: main, directories: [{path: apps/*}]}}]"+fmt.Sprintf(left, "{{path.basename}}", "{{path}}"))
	w.expectNames("listed", "pay web")
	app := w.read("web")
	if o := metav1.GetControllerOf(app); o == nil || o.Kind != "ApplicationSet" || o.Name != w.name("set") {
		t.Errorf("its owner is %v", o)
	}
	if !slices.Equal(app.Finalizers, []string{"resources-finalizer.argocd.argoproj.io"}) || app.Spec.Source.Path != "apps/web" {
		t.Errorf("it is %v %v", app.Finalizers, app.Spec.Source)
	}
	w.eventually("status", func() bool {
		s := w.readSet("set")
		return conditionOf(s, "ResourcesUpToDate").Status == "True" && conditionOf(s, "ErrorOccurred").Status == "False" &&
			conditionOf(s, "ParametersGenerated").Reason == "ParametersGenerated" && s.Status.ResourcesCount == 2 && s.Status.Health.Status == "Healthy"
	})

	// Where nothing has changed, nothing is written but the answer to the request itself.
	for _, name := range []string{"pay", "web"} {
		w.until("its comparison", name, func(app *argo.Application) bool {
			return app.Status.ReconciledAt != nil && app.Status.Health.Status != ""
		})
	}
	w.refresh("set")
	version := w.readSet("set").Status
	before := p.written()
	w.refresh("set")
	if n := p.written() - before; n != 1 {
		t.Errorf("a reconcile without news made %d writes beside the answer", n-1)
	}
	if got := w.readSet("set").Status; toJSON(t, got) != toJSON(t, version) {
		t.Errorf("the status changed without news:\n%v\n%v", version, got)
	}

	w.commit(map[string]string{"apps/cart/a.yaml": configMap("cart"), "apps/pay/a.yaml": ""})
	w.refresh("set")
	w.expectNames("one came and one went", "cart web")

	// What somebody else changes comes back; what is others' to write stays.
	w.change("web", func(app *argo.Application) {
		app.Spec.Source.Path = "elsewhere"
		app.Annotations = map[string]string{"slipway.dev/mine": "yes", "foreign": "no"}
	})
	w.until("its own path", "web", func(app *argo.Application) bool {
		return app.Spec.Source.Path == "apps/web" && app.Annotations["slipway.dev/mine"] == "yes" && app.Annotations["foreign"] == ""
	})
	must(t, w.client.Delete(w.ctx, w.read("web")))
	w.eventually("the deleted application to come back", func() bool {
		app := &argo.Application{}
		err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.control, Name: w.name("web")}, app)
		return err == nil && app.DeletionTimestamp.IsZero()
	})
}

func configMap(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\ndata: {a: b}\n"
}

// A forge that fails, or answers with too little, deletes nothing.
func TestSetsDeleteNothingOnAnError(t *testing.T) {
	w := newWorld(t)
	h := &hub{closed: map[string]bool{}}
	w.sets = &controller.Sets{Forges: h, Options: controller.SetOptions{Confirm: 2 * time.Second, DeleteLimit: 3}}
	h.lists(nil, 1, 2, 3, 4, 5, 6)
	before := w.start(options(), -1, false)
	w.set("set", pullRequests+fmt.Sprintf(w.inPreviews(left), "{{number}}", "web"))
	const all = "1 2 3 4 5 6"
	w.expectNames("listed", all)

	h.lists(errors.New("502 Bad Gateway"))
	w.refresh("set")
	set := w.readSet("set")
	if c := conditionOf(set, "ErrorOccurred"); c.Status != "True" || c.Reason != "ApplicationGenerationFromParamsError" || !strings.Contains(c.Message, "502 Bad Gateway") {
		t.Errorf("it says %v", c)
	}
	if c := conditionOf(set, "ParametersGenerated"); c.Status != "False" || set.Status.Health.Status != "Degraded" || set.Status.ResourcesCount != 6 {
		t.Errorf("it says %v, %v", c, set.Status.Health)
	}

	// An answer of nothing, once.
	h.lists(nil)
	w.refresh("set")
	h.lists(nil, 1, 2, 3, 4, 5, 6)
	w.refresh("set")
	if got := w.names(); got != all {
		t.Fatalf("an empty answer left %q", got)
	}

	// Half of the pages, more than once: too many to go at once.
	h.lists(nil, 1, 2)
	w.refresh("set")
	w.eventually("a person to be asked", func() bool {
		c := conditionOf(w.readSet("set"), "ErrorOccurred")
		return c.Status == "True" && c.Reason == "DeleteApplicationError" && strings.Contains(c.Message, "4 applications are no longer generated") &&
			strings.Contains(c.Message, "slipway.dev/allow-deletions=4")
	})
	if got := w.names(); got != all {
		t.Fatalf("before a person's word there were %q", got)
	}
	w.changeSet("set", func(s *argo.ApplicationSet) {
		metav1.SetMetaDataAnnotation(&s.ObjectMeta, "slipway.dev/allow-deletions", "4")
	})
	w.expectNames("with a person's word", "1 2")
	w.eventually("the word to be used up", func() bool {
		s := w.readSet("set")
		return s.Annotations["slipway.dev/allow-deletions"] == "" && conditionOf(s, "ErrorOccurred").Status == "False" && s.Status.ResourcesCount == 2
	})

	// A pull request that is known to be closed goes at once, also one that was closed while nobody listened.
	before.stop()
	<-before.ended
	w.sets.Options.Confirm = time.Hour
	h.mu.Lock()
	h.closed["2"] = true
	h.mu.Unlock()
	h.lists(nil, 1)
	w.start(options(), -1, false)
	w.expectNames("closed", "1")
}

func TestSetsObeyTheirPolicy(t *testing.T) {
	w := newWorld(t)
	var now settings.Settings
	var mu sync.Mutex
	now = settings.Defaults()
	w.sets = &controller.Sets{Options: controller.SetOptions{Confirm: time.Second}, Settings: func(context.Context) settings.Settings {
		mu.Lock()
		defer mu.Unlock()
		return now
	}}
	w.commit(map[string]string{"web/a.yaml": configMap("web")})
	w.start(options(), -1, false)
	elements := func(names ...string) func(*argo.ApplicationSet) {
		return func(s *argo.ApplicationSet) {
			var g argo.ApplicationSetGenerator
			must(t, yaml.Unmarshal([]byte("list: {elements: [{k: "+strings.Join(names, "}, {k: ")+"}]}"), &g))
			s.Spec.Generators = []argo.ApplicationSetGenerator{g}
		}
	}
	body := "generators: [{list: {elements: [{k: a}, {k: b}]}}]" + fmt.Sprintf(left, "{{k}}", "web")
	w.set("keeps", body+"syncPolicy: {applicationsSync: create-update, preserveResourcesOnDeletion: true}\n")
	w.expectNames("made", "a b")
	if f := w.read("a").Finalizers; len(f) > 0 {
		t.Errorf("what it deployed would not be preserved: %v", f)
	}
	w.changeSet("keeps", elements("b", "c"))
	w.expectNames("one more, none less", "a b c")

	// The set's word gives way to the installation's.
	mu.Lock()
	now.Sets.Policy = argo.ApplicationsSyncPolicyCreateOnly
	mu.Unlock()
	w.changeSet("keeps", func(s *argo.ApplicationSet) {
		s.Spec.Template.Spec.Source.Path = "other"
		elements("b", "c", "d")(s)
	})
	w.expectNames("created only", "a b c d")
	if b, d := w.read("b"), w.read("d"); b.Spec.Source.Path != "web" || d.Spec.Source.Path != "other" {
		t.Errorf("b reads %s, d reads %s", b.Spec.Source.Path, d.Spec.Source.Path)
	}
	mu.Lock()
	now.Sets.Policy = ""
	mu.Unlock()
	w.changeSet("keeps", func(s *argo.ApplicationSet) {
		s.Spec.SyncPolicy.ApplicationsSync = nil
		elements("b")(s)
	})
	w.expectNames("what was taken out of the set by hand goes at once", "b")
}

func TestSetsKeepWhatIsOthers(t *testing.T) {
	w := newWorld(t)
	w.sets = &controller.Sets{}
	w.commit(map[string]string{"web/a.yaml": configMap("web")})
	w.start(options(), -1, false)
	w.set("set", "generators: [{list: {elements: [{k: a}]}}]"+fmt.Sprintf(left, "{{k}}", "web")+`
preservedFields: {annotations: [theirs], labels: [tier]}
ignoreApplicationDifferences:
- {jsonPointers: [/spec/source/targetRevision]}
- {jqPathExpressions: ['.spec.source.helm.parameters[] | select(.name == "tag")']}
`, func(s *argo.ApplicationSet) {
		s.Spec.Template.Spec.Source.Helm = &argo.ApplicationSourceHelm{Parameters: []argo.HelmParameter{{Name: "tag", Value: "v1"}, {Name: "size", Value: "1"}}}
		s.Spec.Template.Labels = map[string]string{"tier": "gold", "plain": "yes"}
	})
	w.expectNames("made", "a")
	w.change("a", func(app *argo.Application) {
		app.Spec.Source.TargetRevision = "v2"
		app.Spec.Source.Helm.Parameters[0].Value = "v9"
		app.Spec.Source.Helm.Parameters[1].Value = "9"
		app.Annotations = map[string]string{"theirs": "yes", "others": "no"}
		app.Labels = map[string]string{"tier": "silver"}
		app.Finalizers = append(app.Finalizers, "post-delete-finalizer.argocd.argoproj.io/cleanup")
	})
	app := w.until("what is the set's", "a", func(app *argo.Application) bool {
		return app.Labels["plain"] == "yes" && app.Spec.Source.Helm.Parameters[1].Value == "1" && app.Annotations["others"] == ""
	})
	if app.Spec.Source.TargetRevision != "v2" || app.Spec.Source.Helm.Parameters[0].Value != "v9" || app.Annotations["theirs"] != "yes" ||
		app.Labels["tier"] != "silver" || len(app.Finalizers) != 2 {
		t.Errorf("what was others' is %v %v %v %v", app.Spec.Source, app.Annotations, app.Labels, app.Finalizers)
	}
	w.change("a", func(app *argo.Application) { app.Finalizers = app.Finalizers[:1] })
}

func TestSetsReportWhatCannotStand(t *testing.T) {
	w := newWorld(t)
	h := &hub{}
	h.lists(nil, 1)
	w.sets = &controller.Sets{Forges: h}
	w.commit(map[string]string{"web/a.yaml": configMap("web")})
	theirs := w.application("taken", "web")
	w.start(options(), -1, false)
	w.set("set", `generators:
- list: {elements: [{k: good, project: default, to: "https://kubernetes.default.svc"}, {k: lost, project: default, to: "https://nowhere.example.com"}, {k: alien, project: missing, to: "https://kubernetes.default.svc"}, {k: good, project: default, to: x}]}
template:
  metadata: {name: 'PREFIX{{k}}'}
  spec:
    project: '{{project}}'
    source: {repoURL: REPO, path: web}
    destination: {server: '{{to}}', namespace: TARGET}
`)
	w.expectNames("only what can stand", "good taken")
	w.eventually("the reasons", func() bool {
		c := conditionOf(w.readSet("set"), "ErrorOccurred")
		return c.Reason == "ApplicationValidationError" && strings.Contains(c.Message, "(and 2 more)")
	})
	w.changeSet("set", func(s *argo.ApplicationSet) {
		must(t, yaml.Unmarshal([]byte(`[{list: {elements: [{k: alien, project: missing, to: "https://kubernetes.default.svc"}]}}]`), &s.Spec.Generators))
	})
	w.eventually("the project's name", func() bool {
		return conditionOf(w.readSet("set"), "ErrorOccurred").Message == "application references project missing which does not exist"
	})
	// A name that a pull request chooses takes nothing over.
	w.set("open", pullRequests+fmt.Sprintf(left, "open", "evil"))
	w.eventually("the refusal of a project that is open to all", func() bool {
		return strings.Contains(conditionOf(w.readSet("open"), "ErrorOccurred").Message, "lets applications into every namespace")
	})
	w.set("pulls", pullRequests+fmt.Sprintf(w.inPreviews(left), "taken", "evil"))
	w.eventually("the refusal", func() bool {
		return strings.Contains(conditionOf(w.readSet("pulls"), "ErrorOccurred").Message, "exists already, and is not of this set")
	})
	if app := w.read("taken"); app.UID != theirs.UID || app.Spec.Source.Path != "web" {
		t.Errorf("it was taken over: %v", app.Spec.Source)
	}
}
