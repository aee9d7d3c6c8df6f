package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
)

// Cluster is one cluster that applications are delivered to. It is safe for concurrent use.
type Cluster struct {
	*shared
	// dynamic is how objects are read by name, applied, deleted and tried: as ourselves, or as account.
	dynamic dynamic.Interface
	account string // "" is ourselves
}

// shared is what a cluster has whoever acts in it.
type shared struct {
	registered settings.Cluster
	config     *rest.Config
	excluded   func(schema.GroupKind) bool
	tracking   compare.Tracking
	log        *slog.Logger
	own        dynamic.Interface // ourselves, who watch
	discovery  *discovery.DiscoveryClient
	actors     actors
	everywhere *subscribers // those of all clusters
	here       subscribers

	served      served
	schemas     schemas
	definitions definitions
	cache       cache
	answers     answers
	unowned     unowned

	// connecting holds one token: who has it connects, and the others wait for what comes of it.
	connecting chan struct{}
	mu         sync.Mutex
	failure    error
	failedAt   time.Time
}

func newCluster(r settings.Cluster, config *rest.Config, now settings.Settings, of *Clusters) (*Cluster, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("preparing the connection: %w", err)
	}
	objects, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("preparing the connection: %w", err)
	}
	kinds, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("preparing the connection: %w", err)
	}
	keeps, err := newRecorder(trackingOf(now), now.IgnoredUpdates())
	if err != nil {
		return nil, err
	}
	keeps.scripted = scripted(now)
	c := &Cluster{dynamic: objects, shared: &shared{
		registered: r, config: config, tracking: trackingOf(now), log: of.log.With("cluster", r.Name), own: objects, discovery: kinds,
		excluded:   func(gk schema.GroupKind) bool { return now.Excluded(gk, r.Server) },
		everywhere: &of.subscribers, connecting: make(chan struct{}, 1),
	}}
	c.cache.recorder, c.answers.recorder = keeps, keeps
	c.cache.loads = make(chan struct{}, loadsAtOnce)
	c.served.old = make(chan struct{}, 1)
	c.schemas.documents = of.documents
	return c, nil
}

// Name is the name it is registered under, Server its API server's URL.
func (c *Cluster) Name() string   { return c.registered.Name }
func (c *Cluster) Server() string { return c.registered.Server }

// KubeVersion is the API server's version as of the last look at what it serves, such as "v1.36.3"; empty before the first.
func (c *Cluster) KubeVersion() string {
	if now := c.served.now.Load(); now != nil {
		return now.kubeVersion
	}
	return ""
}

// Tracking is how objects in this cluster are marked.
func (c *Cluster) Tracking() compare.Tracking { return c.tracking }

// Subscribe has f called when an object tracked by an application changes: its content, or its health. f must not block.
func (c *Cluster) Subscribe(f func(app string, id object.ID)) (cancel func()) {
	return c.here.add(func(_ *Cluster, app string, id object.ID) { f(app, id) })
}

// retryConnecting is how long a cluster that could not be reached is taken to be out of reach still, so that a hundred
// applications do not each wait for it.
const retryConnecting = 5 * time.Second

// connect asks the server for its version and kinds, once; later it only sees to it that the kinds are not too old.
func (c *Cluster) connect(ctx context.Context) error {
	if c.KubeVersion() != "" {
		c.refreshIfOld(ctx)
		return nil
	}
	select {
	case c.connecting <- struct{}{}:
		defer func() { <-c.connecting }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.KubeVersion() != "" {
		return nil
	}
	c.mu.Lock()
	failure, failedAt := c.failure, c.failedAt
	c.mu.Unlock()
	if failure != nil && time.Since(failedAt) < retryConnecting {
		return failure
	}
	err := c.refresh(ctx)
	if err == nil {
		c.followKinds(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil || ctx.Err() == nil { // a caller's haste says nothing about the cluster
		c.failure, c.failedAt = err, time.Now()
	}
	return err
}

// versionOf is the version that the server goes by. One that was built without a version knows at least which it emulates.
func versionOf(info *version.Info) string {
	if strings.HasPrefix(info.GitVersion, "v0.0.0") && info.EmulationMajor != "" {
		return "v" + info.EmulationMajor + "." + info.EmulationMinor + ".0"
	}
	return info.GitVersion
}

// close ends the watches.
func (c *Cluster) close() {
	c.cache.close()
}
