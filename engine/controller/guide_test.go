package controller_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
)

// guide is an example as guides for Argo CD show it: an archive of testdata/guides. What is under repo/ is in Git, in a folder of the guide's
// own (GUIDE); what is under a number is committed by the script. cluster.yaml is applied as a person would, argocd-cm is the ConfigMap of
// that name. APP, CONTROL, NAMESPACE and REPO stand for what differs from run to run. The script is of guideVerbs.
type guide struct {
	*world
	t         *testing.T
	name      string
	namespace string
	archive   *txtar.Archive
	kinds     map[string]schema.GroupVersionKind
}

// guideVerbs are what a script can say, one a line; each waits until it is so.
//
//	app NAME SYNC HEALTH PHASE MESSAGE   an application is so, and its last operation ended so
//	condition NAME TYPE TEXT             an application has a condition that says so
//	order NAME KIND NAME, KIND NAME...   in which its last sync did what; a name may end in *
//	url NAME URL                         an address of its summary
//	health NAME KIND NAME STATUS TEXT    one of its resources is so
//	live KIND NAME PATH VALUE            a field of an object is so
//	present|absent KIND NAME [PATH]      an object, or a field, is there, or not
//	patch KIND NAME JSON                 somebody changes an object
//	act KIND NAME ACTION                 somebody asks for an action
//	commit N                             the files under N/ are committed
//	refresh NAME                         somebody asks for a comparison
//	delete-app NAME                      somebody deletes an application, which goes
var guideVerbs = map[string]func(g *guide, words []string){
	"app": (*guide).isSo, "condition": (*guide).says, "order": (*guide).inOrder, "url": (*guide).answers, "health": (*guide).fares,
	"live": (*guide).has, "present": (*guide).present, "absent": (*guide).absent, "patch": (*guide).patch, "act": (*guide).act,
	"commit": (*guide).push, "refresh": (*guide).again, "delete-app": (*guide).deleteApp,
}

// The guides are followed side by side: most of their time is waiting for pods.
func TestTheExamplesOfGuides(t *testing.T) {
	paths, err := filepath.Glob("testdata/guides/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("there are no guides: %v", err)
	}
	w := newWorld(t)
	var guides []*guide
	config := corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: settings.ConfigMapName}, Data: map[string]string{}}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		must(t, err)
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		g := &guide{world: w, name: name, namespace: w.target + "-" + name, archive: archive, kinds: map[string]schema.GroupVersionKind{}}
		must(t, yaml.Unmarshal([]byte(g.file("argocd-cm")), &config.Data))
		guides = append(guides, g)
	}
	set, errs := settings.Decode([]corev1.ConfigMap{config}, nil)
	custom := map[string]health.Customization{}
	for kind, c := range set.Customizations {
		custom[kind] = health.Customization(c)
	}
	rules, more := health.New(custom, time.Now)
	if errs = append(errs, more...); len(errs) > 0 {
		t.Fatal(errs)
	}
	w.rules = func() *health.Rules { return rules }
	files := map[string]string{}
	for _, g := range guides {
		for path, text := range g.files("repo/") {
			files[path] = text
		}
	}
	w.commit(files)
	o := options()
	o.Concurrency = 8
	w.start(o, -1, false)
	var group sync.WaitGroup // and not t.Parallel, which runs only as many as there are cores
	for _, g := range guides {
		group.Go(func() {
			t.Run(g.name, func(t *testing.T) {
				g.t = t
				g.follow()
			})
		})
	}
	group.Wait()
}

// files are those of the archive under a prefix, as they are in Git.
func (g *guide) files(prefix string) map[string]string {
	out := map[string]string{}
	for _, f := range g.archive.Files {
		if path, ok := strings.CutPrefix(f.Name, prefix); ok {
			out[g.name+"/"+path] = g.fill(string(f.Data))
		}
	}
	return out
}

func (g *guide) fill(text string) string {
	return strings.NewReplacer("APP-", g.world.name(g.name+"-"), "CONTROL", g.control, "NAMESPACE", g.namespace, "REPO", g.repo, "GUIDE", g.name).Replace(text)
}

func (g *guide) file(name string) string {
	for _, f := range g.archive.Files {
		if f.Name == name {
			return g.fill(string(f.Data))
		}
	}
	return ""
}

func (g *guide) follow() {
	for _, f := range g.archive.Files {
		if strings.HasSuffix(f.Name, ".yaml") && !strings.Contains(f.Name, "templates/") {
			for _, u := range g.documents(g.fill(string(f.Data))) {
				g.kinds[u.GetKind()] = u.GroupVersionKind()
			}
		}
	}
	for _, u := range g.documents(g.file("cluster.yaml")) {
		must(g.t, g.client.Create(g.ctx, u))
	}
	for line := range strings.Lines(g.file("script")) {
		words := strings.Fields(line)
		verb := guideVerbs[words[0]]
		if verb == nil {
			g.t.Fatalf("script: what is %q?", line)
		}
		verb(g, words[1:])
	}
}

func (g *guide) documents(text string) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, doc := range strings.Split("\n"+text, "\n---\n") {
		u := &unstructured.Unstructured{}
		must(g.t, yaml.Unmarshal([]byte(doc), &u.Object))
		if u.GetKind() != "" {
			all = append(all, u)
		}
	}
	return all
}

// till waits for something, and says what an application was like when it never came.
func (g *guide) till(what, app string, done func() bool) {
	g.t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-g.ctx.Done():
			last := &argo.Application{}
			if app != "" {
				last = g.world.last(strings.TrimPrefix(app, g.world.name("")))
			}
			g.t.Fatalf("waited in vain for %s\n%s", what, told(last))
		}
	}
}

func (g *guide) application(name string) *argo.Application {
	app := &argo.Application{}
	if g.client.Get(g.ctx, client.ObjectKey{Namespace: g.control, Name: name}, app) != nil {
		return &argo.Application{}
	}
	return app
}

func (g *guide) isSo(words []string) {
	g.t.Helper()
	message := strings.Join(words[4:], " ")
	g.till("app "+strings.Join(words, " "), words[0], func() bool {
		app := g.application(words[0])
		s := app.Status.OperationState
		return s != nil && app.Operation == nil && string(app.Status.Sync.Status) == words[1] && string(app.Status.Health.Status) == words[2] &&
			string(s.Phase) == words[3] && s.Message == message && app.Annotations["argocd.argoproj.io/refresh"] == ""
	})
}

func (g *guide) says(words []string) {
	g.t.Helper()
	g.till("condition "+strings.Join(words, " "), words[0], func() bool {
		return hasCondition(words[1], strings.Join(words[2:], " "))(g.application(words[0]))
	})
}

func (g *guide) inOrder(words []string) {
	g.t.Helper()
	var got []string
	for _, r := range g.application(words[0]).Status.OperationState.SyncResult.Resources {
		got = append(got, r.Kind+" "+r.Name)
	}
	want := strings.Split(strings.Join(words[1:], " "), ", ")
	if !slices.EqualFunc(got, want, func(got, want string) bool {
		prefix, open := strings.CutSuffix(want, "*")
		return got == want || open && strings.HasPrefix(got, prefix)
	}) {
		g.t.Errorf("synced %s, not %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

func (g *guide) answers(words []string) {
	g.t.Helper()
	if urls := g.application(words[0]).Status.Summary.ExternalURLs; !slices.Contains(urls, words[1]) {
		g.t.Errorf("%s answers at %v", words[0], urls)
	}
}

func (g *guide) fares(words []string) {
	g.t.Helper()
	g.till("health "+strings.Join(words, " "), words[0], func() bool {
		return slices.ContainsFunc(g.application(words[0]).Status.Resources, func(r argo.ResourceStatus) bool {
			return r.Kind == words[1] && r.Name == words[2] && r.Health != nil && string(r.Health.Status) == words[3] && r.Health.Message == strings.Join(words[4:], " ")
		})
	})
}

// object reads an object that a script names; nil if there is none.
func (g *guide) object(kind, name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(g.kinds[kind])
	if kind == "Namespace" {
		u.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: kind})
	}
	key := client.ObjectKey{Namespace: g.namespace, Name: name}
	if kind == "Namespace" {
		key.Namespace = ""
	}
	if g.client.Get(g.ctx, key, u) != nil {
		return nil
	}
	return u
}

// at is a field, "spec.containers.0.image"; dots in keys are written \.
func at(u *unstructured.Unstructured, path string) (any, bool) {
	if u == nil {
		return nil, false
	}
	var v any = u.Object
	for _, key := range strings.Split(strings.ReplaceAll(path, `\.`, "\x00"), ".") {
		key = strings.ReplaceAll(key, "\x00", ".")
		switch x := v.(type) {
		case map[string]any:
			found, ok := x[key]
			if !ok {
				return nil, false
			}
			v = found
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func (g *guide) has(words []string) {
	g.t.Helper()
	g.till("live "+strings.Join(words, " "), "", func() bool {
		v, ok := at(g.object(words[0], words[1]), words[2])
		return ok && fmt.Sprint(v) == words[3]
	})
}

func (g *guide) present(words []string) {
	g.t.Helper()
	g.till("present "+strings.Join(words, " "), "", func() bool {
		_, ok := at(g.object(words[0], words[1]), append(words, "metadata")[2])
		return ok
	})
}

func (g *guide) absent(words []string) {
	g.t.Helper()
	g.till("absent "+strings.Join(words, " "), "", func() bool { return g.object(words[0], words[1]) == nil })
}

func (g *guide) patch(words []string) {
	g.t.Helper()
	u := g.object(words[0], words[1])
	if u == nil {
		g.t.Fatalf("there is no %s %s", words[0], words[1])
	}
	must(g.t, g.client.Patch(g.ctx, u, rawMerge(strings.Join(words[2:], " "))))
}

func (g *guide) act(words []string) {
	g.t.Helper()
	u := g.object(words[0], words[1])
	app, _, _ := strings.Cut(u.GetAnnotations()["argocd.argoproj.io/tracking-id"], ":")
	_, err := g.pipeline.Act(g.ctx, change.ActRequest{App: g.application(app), Object: object.IDOf(u), Name: words[2]})
	must(g.t, err)
}

func (g *guide) push(words []string) {
	g.t.Helper()
	g.world.commit(g.files(words[0] + "/"))
}

func (g *guide) again(words []string) {
	g.t.Helper()
	g.change(strings.TrimPrefix(words[0], g.world.name("")), refresh)
	g.till("a comparison of "+words[0], words[0], func() bool { return refreshed(g.application(words[0])) })
}

func (g *guide) deleteApp(words []string) {
	g.t.Helper()
	must(g.t, g.client.Delete(g.ctx, g.application(words[0])))
	g.till("the end of "+words[0], words[0], func() bool { return g.application(words[0]).Name == "" })
}
