package controller_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/slipway-cd/slipway/deploy"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/controller"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
	"github.com/slipway-cd/slipway/fixtures/forge"
	"github.com/slipway-cd/slipway/fixtures/forge/store"
	"github.com/slipway-cd/slipway/fixtures/sandbox"
	"github.com/slipway-cd/slipway/fixtures/soak"
)

// shared is the sandbox cluster of all tests of this package, which is control plane and destination in one. Each test has namespaces
// of its own.
var (
	shared *rest.Config
	scheme = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "render-worker" {
		if err := render.Worker(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(func() int {
		ctrl.SetLogger(logr.Discard())
		up, err := sandbox.Start(context.Background(), sandbox.Options{Name: "controller-test"})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer up.Stop()
		if shared, err = up.Config(); err == nil {
			err = errors.Join(clientgoscheme.AddToScheme(scheme), argo.AddToScheme(scheme), slipway.AddToScheme(scheme), installDefinitions(shared))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func installDefinitions(cfg *rest.Config) error {
	api, err := apiextensions.NewForConfig(cfg)
	if err != nil {
		return err
	}
	crds, err := deploy.CRDs()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for _, crd := range crds {
		if _, err := api.ApiextensionsV1().CustomResourceDefinitions().Create(ctx, crd, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	for _, crd := range crds {
		for established := false; !established; time.Sleep(20 * time.Millisecond) {
			now, err := api.ApiextensionsV1().CustomResourceDefinitions().Get(ctx, crd.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, c := range now.Status.Conditions {
				established = established || c.Type == "Established" && c.Status == "True"
			}
		}
	}
	return nil
}

// deadline is long: it is there so that a test that hangs ends, and is never what is tested.
const deadline = 2 * time.Minute

// world is a control namespace, a destination namespace, a repository, and the parts around the controller.
type world struct {
	*testing.T
	ctx      context.Context
	client   client.Client
	control  string
	target   string
	forge    *forge.Server
	repo     string
	store    *git.Store
	renderer *render.Renderer
	sets     *controller.Sets // what is special about ApplicationSets; nil leaves them alone
	metrics  controller.Metrics

	// impersonation is what the installation says of service accounts; elsewhere are further namespaces whose Applications it knows.
	impersonation project.Impersonation
	elsewhere     []string
	// registered finds clusters; nil are those of the controller's own settings.
	registered func(argo.ApplicationDestination) (settings.Cluster, error)
	// tune gives options as the installation sets them while the controller runs; nil leaves them.
	tune func(controller.Options) controller.Options
	// rules are the installation's own of health; pipeline is that of the last controller that was started.
	rules    func() *health.Rules
	globals  func() []project.Global
	pipeline *change.Pipeline
}

func newWorld(t *testing.T) *world {
	t.Helper()
	patience := deadline
	if soak.Full(t) {
		patience *= 10
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	c, err := client.New(shared, client.Options{Scheme: scheme})
	must(t, err)
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(strings.TrimPrefix(t.Name(), "Test")))
	if len(name) > 50 {
		name = name[:50]
	}
	w := &world{T: t, ctx: ctx, client: c, control: "c-" + name, target: "t-" + name}
	for _, ns := range []string{w.control, w.target} {
		u := &unstructured.Unstructured{}
		u.SetAPIVersion("v1")
		u.SetKind("Namespace")
		u.SetName(ns)
		must(t, c.Create(ctx, u))
	}
	w.serveRepository()
	w.renderer, err = render.New(render.Options{Command: []string{executable(t), "render-worker"}, Workers: 1})
	must(t, err)
	t.Cleanup(w.renderer.Close)
	return w
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	must(t, err)
	return path
}

func (w *world) serveRepository() {
	w.Helper()
	dir := w.TempDir()
	f, err := forge.Start(w.ctx, forge.Options{Dir: filepath.Join(dir, "forge")})
	must(w.T, err)
	w.Cleanup(f.Close)
	_, err = f.Org("acme", "alice")
	must(w.T, err)
	_, err = f.Repo(w.ctx, store.NewRepo{Owner: "acme", Name: "shop"})
	must(w.T, err)
	ca := filepath.Join(dir, "ca.pem")
	must(w.T, os.WriteFile(ca, f.CA(), 0o600))
	w.store, err = git.NewStore(git.Options{Dir: filepath.Join(dir, "mirrors"), CAFile: ca})
	must(w.T, err)
	w.forge, w.repo = f, f.CloneURL("acme/shop", "")
}

// commit writes files, of which "" content deletes, and gives the commit.
func (w *world) commit(files map[string]string) string {
	w.Helper()
	c := store.FileCommit{Branch: "main", Message: "change", Files: map[string]string{}}
	for path, content := range files {
		if content == "" {
			c.Delete = append(c.Delete, path)
			continue
		}
		c.Files[path] = strings.ReplaceAll(content, "NAMESPACE", w.target)
	}
	sha, err := w.forge.As("alice").Commit(w.ctx, "acme/shop", c)
	must(w.T, err)
	return sha
}

// options are quick, so that tests need not wait for the clock.
func options() controller.Options {
	return controller.Options{Period: time.Hour, WaveDelay: -1, Debounce: 50 * time.Millisecond, Concurrency: 2, Grace: -1}
}

// process is a running controller with connections of its own.
type process struct {
	w     *world
	stop  context.CancelFunc
	ended chan struct{}
	mu    sync.Mutex
	// budget is how many writes it may still make; it dies with the one after. Negative is unbounded.
	budget int
	before bool // it dies before the last write, not after it
	dead   bool
	writes int
}

// start runs a controller that dies with its budget-th write.
func (w *world) start(o controller.Options, budget int, before bool) *process {
	w.Helper()
	ctx, stop := context.WithCancel(w.ctx)
	p := &process{w: w, stop: stop, ended: make(chan struct{}), budget: budget, before: before}
	cfg := rest.CopyConfig(shared)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return mortal{p, next} })
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}, HealthProbeBindAddress: "0", Logger: logr.Discard(),
		Cache:      cache.Options{DefaultNamespaces: w.watched()},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	must(w.T, err)
	clusters := cluster.NewClusters(cluster.Deps{InCluster: cfg, Settings: settings.Defaults})
	sources, err := source.New(source.Deps{Store: w.store})
	must(w.T, err)
	log := slog.New(slog.NewTextHandler(w.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	impersonation := func() project.Impersonation { return w.impersonation }
	pipeline := change.New(change.Deps{
		Render: w.renderer, Trees: sources, ControlNamespace: w.control, Log: log, Impersonation: impersonation, Health: w.rules,
		Project: func(ctx context.Context, name string) (*argo.AppProject, error) {
			proj := &argo.AppProject{}
			err := w.client.Get(ctx, client.ObjectKey{Namespace: w.control, Name: name}, proj)
			return proj, client.IgnoreNotFound(err)
		},
		Clusters: func(ctx context.Context, d argo.ApplicationDestination) (change.Cluster, error) {
			return clusters.For(ctx, d)
		},
	})
	w.pipeline = pipeline
	destinations, changes := controller.From(clusters)
	registered := clusters.Registered
	if w.registered != nil {
		registered = w.registered
	}
	must(w.T, controller.Setup(ctx, mgr, controller.Deps{
		Pipeline: pipeline, Clusters: destinations, Registered: registered, Changes: changes, ControlNamespace: w.control, Log: log, Options: o, Impersonation: impersonation,
		Sets: w.setsWith(sources), Tune: w.tune, Health: w.rules, Globals: w.globals, Metrics: w.metricsOf(clusters),
	}))
	go func() {
		defer close(p.ended)
		defer clusters.Close()
		if err := mgr.Start(ctx); err != nil && ctx.Err() == nil {
			w.Errorf("the manager ended: %v", err)
		}
	}()
	w.Cleanup(p.kill)
	return p
}

// watched are the namespaces that a controller's cache has.
func (w *world) watched() map[string]cache.Config {
	all := map[string]cache.Config{w.control: {}}
	for _, ns := range w.elsewhere {
		all[ns] = cache.Config{}
	}
	return all
}

// kill ends the process as SIGKILL would: from now on nothing of it reaches the API server.
func (p *process) kill() {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.stop()
	<-p.ended
}

// written is how many writes it has made.
func (p *process) written() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

var errDead = errors.New("the process is dead")

// mortal lets a process write until it dies.
type mortal struct {
	*process
	next http.RoundTripper
}

func (m mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	write := r.Method != http.MethodGet && r.URL.Query().Get("dryRun") == "" && !strings.Contains(r.URL.Path, "/events")
	m.mu.Lock()
	if write && !m.dead {
		m.writes++
		if m.budget >= 0 && m.writes > m.budget {
			m.dead = true
			m.stop()
			if !m.before {
				m.mu.Unlock()
				resp, err := m.next.RoundTrip(r)
				if err == nil {
					resp.Body.Close()
				}
				return nil, errDead
			}
		}
	}
	dead := m.dead
	m.mu.Unlock()
	if dead {
		return nil, errDead
	}
	return m.next.RoundTrip(r)
}

// name is an application's: objects are tracked by it, so in one cluster no two tests may have the same.
func (w *world) name(short string) string { return strings.TrimPrefix(w.control, "c-") + "-" + short }

// application makes an Application of a folder of the repository.
func (w *world) application(name, path string, changes ...func(*argo.Application)) *argo.Application {
	w.Helper()
	app := &argo.Application{Spec: argo.ApplicationSpec{
		Source:      &argo.ApplicationSource{RepoURL: w.repo, Path: path, TargetRevision: "main"},
		Destination: argo.ApplicationDestination{Server: settings.InClusterServer, Namespace: w.target},
		Project:     "default",
	}}
	app.Name, app.Namespace = w.name(name), w.control
	for _, change := range changes {
		change(app)
	}
	must(w.T, w.client.Create(w.ctx, app))
	return app
}

func (w *world) read(name string) *argo.Application {
	w.Helper()
	app := &argo.Application{}
	if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.control, Name: w.name(name)}, app); err != nil {
		w.Fatal(err)
	}
	return app
}

// change patches an application until no one else writes at the same time.
func (w *world) change(name string, change func(*argo.Application)) {
	w.Helper()
	for {
		app := w.read(name)
		old := app.DeepCopy()
		change(app)
		err := w.client.Patch(w.ctx, app, client.MergeFromWithOptions(old, client.MergeFromWithOptimisticLock{}))
		if err == nil {
			return
		}
		if !apierrors.IsConflict(err) {
			w.Fatal(err)
		}
	}
}

func (w *world) sync(name string, sync argo.SyncOperation) {
	w.Helper()
	w.change(name, func(app *argo.Application) {
		app.Operation = &argo.Operation{Sync: &sync, InitiatedBy: argo.OperationInitiator{Username: "github:alice"}}
	})
}

// until waits for an application to be as wanted.
func (w *world) until(what, name string, done func(*argo.Application) bool) *argo.Application {
	w.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	var app *argo.Application
	for {
		app = &argo.Application{}
		if err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.control, Name: w.name(name)}, app); err != nil && w.ctx.Err() == nil {
			w.Fatal(err)
		}
		if w.ctx.Err() == nil && done(app) {
			return app
		}
		select {
		case <-ticker.C:
		case <-w.ctx.Done():
			w.Fatalf("waited in vain for %s; status:\n%s", what, told(w.last(name)))
		}
	}
}

func (w *world) last(name string) *argo.Application {
	app := &argo.Application{}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := w.client.Get(ctx, client.ObjectKey{Namespace: w.control, Name: w.name(name)}, app); err != nil {
		w.Log(err)
	}
	return app
}

func told(app *argo.Application) string {
	var b strings.Builder
	s := app.Status
	fmt.Fprintf(&b, "sync %s %s health %s operation %v\n", s.Sync.Status, s.Sync.Revision, s.Health.Status, app.Operation)
	if o := s.OperationState; o != nil {
		fmt.Fprintf(&b, "operation %s %q\n", o.Phase, o.Message)
		if o.SyncResult != nil {
			for _, r := range o.SyncResult.Resources {
				fmt.Fprintf(&b, "  %s %s %s %s %s %q\n", r.SyncPhase, r.Kind, r.Name, r.Status, r.HookPhase, r.Message)
			}
		}
	}
	for _, r := range s.Resources {
		fmt.Fprintf(&b, "  %s %s %s %v prune=%v hook=%v\n", r.Kind, r.Name, r.Status, r.Health, r.RequiresPruning, r.Hook)
	}
	for _, c := range s.Conditions {
		fmt.Fprintf(&b, "  %s: %s\n", c.Type, c.Message)
	}
	return b.String()
}

// live reads an object of the destination namespace; nil if there is none.
func (w *world) live(apiVersion, kind, name string) *unstructured.Unstructured {
	w.Helper()
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	err := w.client.Get(w.ctx, client.ObjectKey{Namespace: w.target, Name: name}, u)
	if apierrors.IsNotFound(err) {
		return nil
	}
	must(w.T, err)
	return u
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ended(app *argo.Application) bool {
	return app.Operation == nil && app.Status.OperationState != nil && app.Status.OperationState.Phase.Completed()
}

func settled(app *argo.Application) bool {
	return ended(app) && app.Status.Sync.Status == argo.SyncStatusCodeSynced && app.Status.Health.Status == argo.HealthStatusHealthy
}

func hasCondition(kind, text string) func(*argo.Application) bool {
	return func(app *argo.Application) bool {
		return slices.ContainsFunc(app.Status.Conditions, func(c argo.ApplicationCondition) bool {
			return c.Type == kind && strings.Contains(c.Message, text)
		})
	}
}

// eventually waits for something that the cluster or a controller does in its own time.
func (w *world) eventually(what string, done func() bool) {
	w.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-w.ctx.Done():
			w.Fatalf("waited in vain for %s", what)
		}
	}
}

func rawMerge(patch string) client.Patch { return client.RawPatch(types.MergePatchType, []byte(patch)) }

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}
