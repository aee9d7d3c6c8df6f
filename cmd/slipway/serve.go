package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/slipway-cd/slipway/bot"
	"github.com/slipway-cd/slipway/bot/webhook"
	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/controller"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/rbac"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/settings"
	"github.com/slipway-cd/slipway/engine/source"
)

func serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Take deliveries in, report on pull requests, and reconcile applications",
		Long: `Take deliveries in, report on pull requests, carry out their commands, and reconcile the Applications of the control namespace.

Every option can also stand in the file that --config names, under its name without the dashes, and in the environment, as
SLIPWAY_ALLOW_OWNER for --allow-owner. The command line goes before the environment, the environment before the file.`,
		Example: `  slipway serve --config /etc/slipway/config.yaml
  slipway serve --allow-owner acme --github-secret slipway-github --public-url https://slipway.example.com`,
		Args: arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fill(cmd, o.config); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			return serve(cmd.Context(), &o)
		},
	}
	sections(cmd, o.sections())
	completes(cmd, "engine", engineOwn, engineArgoCD)
	completes(cmd, "log-format", "json", "text")
	completes(cmd, "log-level", "debug", "info", "warn", "error")
	return cmd
}

// serve wires the parts and runs them until ctx ends.
func serve(ctx context.Context, o *serveOptions) error {
	log, err := o.logger()
	if err != nil {
		return err
	}
	ctrl.SetLogger(logr.FromSlogHandler(log.Handler()))
	klog.SetLogger(logr.FromSlogHandler(log.Handler())) // what client-go has to say
	cfg, err := kubeConfig(o.kubeconfig)
	if err != nil {
		return fmt.Errorf("finding the management cluster: %w", err)
	}
	if err := o.identify(ctx, cfg, log); err != nil {
		return err
	}
	forges, err := openForges(o, log)
	if err != nil {
		return err
	}
	if err := o.otherNamespaces(ctx, cfg); err != nil {
		return err
	}
	mgr, err := newManager(cfg, o)
	if err != nil {
		return fmt.Errorf("setting up the manager: %w", err)
	}
	engine, err := openEngine(ctx, o, engineDeps{mgr: mgr, forges: forges, log: log})
	if err != nil {
		return err
	}
	defer engine.close()
	made, err := setup(ctx, mgr, o, engine, forges, log)
	if err != nil {
		return err
	}
	pages, err := openPages(mgr, o, pagesDeps{bot: made, engine: engine, forges: forges, log: log})
	if err != nil {
		return err
	}
	if err := takeRequests(mgr, o, requests{forges: forges, pages: pages, log: log}); err != nil {
		return err
	}
	log.Info("serving", "version", version, "listen", o.listen, "control_namespace", o.namespace, "owners", o.allowOwners)
	return mgr.Start(ctx)
}

// kubeConfig is the way to the management cluster.
func kubeConfig(path string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = path
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, err
	}
	cfg.QPS = -1 // the API server's own fairness is the limit
	cfg.UserAgent = "slipway/" + version
	return cfg, nil
}

// types are the resources that are read and written in the management cluster.
func types() (*runtime.Scheme, error) {
	known := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, argo.AddToScheme, slipway.AddToScheme} {
		if err := add(known); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// newManager watches the control namespace alone, but for Applications that may be elsewhere; of Secrets, only those that are settings.
func newManager(cfg *rest.Config, o *serveOptions) (manager.Manager, error) {
	types, err := types()
	if err != nil {
		return nil, err
	}
	isSetting, err := labels.NewRequirement(settings.SecretTypeLabel, selection.Exists, nil)
	if err != nil {
		return nil, err
	}
	return ctrl.NewManager(cfg, ctrl.Options{
		Scheme: types, MapperProvider: controller.Mapper,
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{o.namespace: {}},
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Secret{}: {Label: labels.NewSelector().Add(*isSetting)},
				// Whoever makes applications in a namespace has to see those that are there.
				&argo.Application{}:    {Namespaces: watched(union(o.appNamespaces, o.setNamespaces), o.namespace)},
				&argo.ApplicationSet{}: {Namespaces: watched(o.setNamespaces, o.namespace)},
			},
		},
		Metrics:                       metricsserver.Options{BindAddress: o.metrics},
		HealthProbeBindAddress:        o.probes,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              "slipway",
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
		// A leader that dies without a word is replaced within 10 s.
		LeaseDuration: new(8 * time.Second), RenewDeadline: new(5 * time.Second), RetryPeriod: new(1500 * time.Millisecond),
		GracefulShutdownTimeout: &o.shutdown,
	})
}

// engine is the parts that render and reach clusters.
type engine struct {
	store    *git.Store
	renderer *render.Renderer
	clusters *cluster.Clusters
	pipeline *change.Pipeline
	scope    func(string) project.Scope
	health   func() *health.Rules
	access   func(context.Context, string) (*rbac.Enforcer, error)
	accounts func() project.Impersonation
	globals  func() []project.Global
	counts   func(context.Context, *argo.Application) bool
	sources  *source.Sources
	settings func(context.Context) settings.Settings
	pulls    *setForges
	answers  *controller.Answers
}

func (e engine) close() {
	e.renderer.Close()
	e.clusters.Close()
	e.store.Close()
}

// server is the address of a destination's API server for metrics, which go on where it cannot be told.
func (e engine) server(d argo.ApplicationDestination) string {
	if c, err := e.clusters.Registered(d); err == nil {
		return c.Server
	}
	return d.Server
}

type engineDeps struct {
	mgr    manager.Manager
	forges *forges
	log    *slog.Logger
}

func openEngine(ctx context.Context, o *serveOptions, d engineDeps) (engine, error) {
	out, pool, err := o.outside()
	if err != nil {
		return engine{}, err
	}
	known := &settled{client: d.mgr.GetClient(), namespace: o.namespace, log: d.log, last: unread()}
	keys, err := keyring(o, out)
	if err != nil {
		return engine{}, err
	}
	var sources *source.Sources
	store, err := git.NewStore(git.Options{Dir: filepath.Join(o.cacheDir, "git"), Log: d.log,
		Access: func(ctx context.Context, url string) git.Access { return sources.Access(ctx, url, "") },
		CAFile: o.caFile, AllowedHosts: out.check, MaxBytes: o.mirrorDisk, Partial: o.partial,
		Trust: func(ctx context.Context, host string) (git.Trust, error) {
			return source.Trust(known.read(ctx), host), nil
		}})
	if err != nil {
		return engine{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return engine{}, fmt.Errorf("finding this program, to render with: %w", err)
	}
	renderer, err := render.New(render.Options{Command: []string{self, "render-worker"}, Workers: o.workers,
		MemoryLimit: o.renderMemory, Timeout: o.renderTimeout, Log: d.log,
		CacheDir: o.rendersDir(), CacheDirBytes: o.renderCache})
	if err != nil {
		return engine{}, err
	}
	clusters := cluster.NewClusters(cluster.Deps{InCluster: d.mgr.GetConfig(), Log: d.log, Programs: o.loginPrograms, Environment: os.Getenv,
		Settings: func() settings.Settings { return known.read(ctx) }})
	sources, err = source.New(source.Deps{Store: store, Log: d.log, Signers: known.signers,
		Submodules: func(ctx context.Context) bool { return !known.read(ctx).SubmodulesDisabled },
		LFS: func(ctx context.Context, repoURL, project string) bool {
			r, _ := source.Registered(known.read(ctx), repoURL, project)
			return r.LFS
		},
		Credentials: credentials{known: known, keys: keys, forges: d.forges}.auth,
		Registered: func(ctx context.Context, repoURL, project string) source.Registration {
			return source.RegisteredCharts(known.read(ctx), repoURL, project)
		},
		Network: source.Network{AllowedHosts: out.check, Roots: pool}})
	if err != nil {
		return engine{}, err
	}
	accounts := func() project.Impersonation { return known.impersonation(ctx) }
	inherited := func() []project.Global { return known.globals(ctx) }
	askImage := sources.Image
	if !o.checkImages {
		askImage = nil
	}
	pulls, err := newSetForges(o, d)
	if err != nil {
		return engine{}, err
	}
	answers := new(controller.Answers)
	pipeline := change.New(change.Deps{PullRequests: pulls.ofServed, Answers: answers.Of, Render: renderer, Image: askImage, Impersonation: accounts, Scope: known.scope(ctx), Trees: sources, ControlNamespace: o.namespace, Log: d.log,
		Registered: func(ctx context.Context) ([]appset.Cluster, error) {
			return controller.RegisteredClusters(ctx, d.mgr.GetClient(), o.namespace)
		},
		Project: known.effective, Globals: inherited, Switches: func() render.Switches { return known.switches(ctx) },
		Repository: func(ctx context.Context, name, project string) (string, bool) {
			return source.NamedCharts(known.read(ctx), name, project)
		},
		Ignore:  func() []argo.ResourceIgnoreDifferences { return known.read(ctx).IgnoreDifferences },
		Compare: func() compare.Options { return known.comparing(ctx) },
		Health:  func() *health.Rules { return known.health(ctx) },
		Clusters: func(ctx context.Context, dest argo.ApplicationDestination) (change.Cluster, error) {
			return clusters.For(ctx, dest)
		}})
	return engine{store: store, renderer: renderer, clusters: clusters, pipeline: pipeline, scope: known.scope(ctx),
		health: func() *health.Rules { return known.health(ctx) }, access: known.access, accounts: accounts, globals: inherited, counts: known.counts(o.appNamespaces),
		sources: sources, settings: known.read, pulls: pulls, answers: answers}, nil
}

// reconcile has the manager run the controller.
func reconcile(ctx context.Context, mgr manager.Manager, o *serveOptions, e engine, log *slog.Logger) error {
	destinations, changes := controller.From(e.clusters)
	sets, err := applicationSets(mgr, o, e, log)
	if err != nil {
		return err
	}
	return controller.Setup(ctx, mgr, controller.Deps{
		Pipeline: e.pipeline, ControlNamespace: o.namespace, Log: log, Clusters: destinations, Registered: e.clusters.Registered, Changes: changes, Scope: e.scope, Globals: e.globals, Health: e.health, Impersonation: e.accounts, Sets: sets,
		Options: controller.Options{Concurrency: o.controllerWorkers, Namespaces: o.appNamespaces},
		Tune:    func(c controller.Options) controller.Options { return o.tune(c, e.settings(ctx).Timing) },
		Metrics: controller.Metrics{Registry: metrics.Registry, Clusters: e.clusters.States, Server: e.server,
			Labels: o.metricLabels, SetLabels: o.metricSetLabels, Conditions: o.metricConditions},
	})
}

// setup has the manager run the controller and the bot.
func setup(ctx context.Context, mgr manager.Manager, o *serveOptions, e engine, f *forges, log *slog.Logger) (*bot.Bot, error) {
	if o.engine == engineOwn {
		if err := reconcile(ctx, mgr, o, e, log); err != nil {
			return nil, fmt.Errorf("setting up the controller: %w", err)
		}
	} else {
		log.Info("Argo CD's controller carries syncs out; this is the bot alone")
	}
	reader := counted{mgr.GetClient(), e.counts, o.setsCount}
	outside, err := outsideOf(o, e.sources)
	if err != nil {
		return nil, err
	}
	made, err := bot.Setup(mgr, bot.Deps{
		Client: countedClient{mgr.GetClient(), reader}, Reader: counted{mgr.GetAPIReader(), e.counts, o.setsCount},
		Sites: f.sites, Pipeline: e.pipeline, Actor: e.pipeline, Mirrors: e.store, Beside: o.beside(mgr), NormalizeURL: source.NormalizeURL, Access: e.access, Log: log,
		Diagnose: e.diagnosis(func(cluster.Finding) bool { return true }), Stuck: e.diagnosis(cluster.Finding.Stuck),
		Addresses: outside, Exists: namespaces(e.clusters),
		Options: bot.Options{Namespace: o.namespace, Mentions: []string{o.githubName}, Seed: f.seed(), Version: version,
			Previews: o.previews, Page: o.page(), Follow: o.follow, Sweep: o.sweep, Workers: o.botWorkers},
	})
	if err != nil {
		return nil, fmt.Errorf("setting up the bot: %w", err)
	}
	return made, probes(mgr, o)
}

// probes say whether this process lives, and whether it can record a delivery.
func probes(mgr manager.Manager, o *serveOptions) error {
	if err := mgr.AddHealthzCheck("alive", func(*http.Request) error { return nil }); err != nil {
		return err
	}
	return mgr.AddReadyzCheck("api-server", func(r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("the caches are not filled")
		}
		var list slipway.PullRequestList
		return mgr.GetAPIReader().List(ctx, &list, client.InNamespace(o.namespace), client.Limit(1))
	})
}

// lines are findings in words, one each.
// diagnosis tells of objects of an application what a filter lets through, a line each.
func (e *engine) diagnosis(tell func(cluster.Finding) bool) func(context.Context, *argo.Application, []object.ID) ([]string, error) {
	return func(ctx context.Context, app *argo.Application, unwell []object.ID) ([]string, error) {
		found, err := e.pipeline.Diagnose(ctx, app, unwell)
		var out []string
		for _, f := range found {
			if tell(f) {
				out = append(out, fmt.Sprintf("%s %s: %s: %s", f.Object.Kind, f.Object.Name, f.Reason, f.Message))
			}
		}
		return out, err
	}
}

// requests are what is answered at --listen.
type requests struct {
	forges *forges
	pages  http.Handler // nil where none are served
	log    *slog.Logger
}

// takeRequests serves the webhook and the pages in every replica, the leader or not.
func takeRequests(mgr manager.Manager, o *serveOptions, r requests) error {
	// A cache would answer what was true before our own last write.
	direct, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return err
	}
	deliveries, err := webhook.New(webhook.Options{Recorder: webhook.Resources{Client: direct, Namespace: o.namespace},
		GitHub: r.forges.github, GitLab: r.forges.gitlab, Log: r.log})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	if mux.Handle("/webhook/", deliveries); r.pages != nil {
		mux.Handle("/", r.pages)
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	return mgr.Add(&manager.Server{Name: "webhook", Listener: listener, ShutdownTimeout: &o.shutdown,
		Server: &http.Server{Handler: o.withSetup(mux), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
			WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}})
}

// derive makes a key of its own from a secret, so that the secret itself serves one purpose.
func derive(secret []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}
