// Package cluster reaches the clusters that applications are delivered to: connections, what each serves, its schemas, a cache of
// live objects kept by watches (whole only what is tracked or asked for), the tree of what belongs to an application, applying, dry
// runs, deleting, and finding out why something is not well. It is the only place where workload clusters are touched.
//
// engine/change asks it for what is live, engine/run carries steps out through it, and engine/controller is told by it what
// changed. Every call has a deadline of its own beside its caller's; errors of the API server stay in the chain.
package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/settings"
)

// Deps is what Clusters work with.
type Deps struct {
	// Settings gives the settings as they are now; nil is an installation that sets nothing.
	Settings func() settings.Settings
	// InCluster is the way to the control plane's own cluster; nil if there is none.
	InCluster *rest.Config
	// Programs are the commands that clusters' execProviderConfig may name, as it names them. Others are refused.
	Programs []string
	// Environment looks up an environment variable, by which the clouds tell who we are; nil is an empty environment.
	Environment func(name string) string
	Log         *slog.Logger
}

// Clusters finds and keeps connections. It is safe for concurrent use.
type Clusters struct {
	settings  func() settings.Settings
	ways      ways
	log       *slog.Logger
	documents *documents

	mu          sync.Mutex
	open        map[registration]*connection
	subscribers subscribers
	closed      bool
}

// registration tells connections apart. One server may be registered more than once: under several names, and for several projects, with
// rights of their own.
type registration struct{ server, name, project string }

func registrationOf(r settings.Cluster) registration {
	return registration{r.Server, r.Name, r.Project}
}

// connection is a cluster and the settings it was made from: when those change, another is made.
type connection struct {
	registered  settings.Cluster
	settings    settings.Settings
	fingerprint string // of both
	cluster     *Cluster
}

// stands says that nothing was set since. Settings that were not read anew share their memory, which makes this a matter of nanoseconds.
func (k *connection) stands(registered settings.Cluster, now settings.Settings) bool {
	return reflect.DeepEqual(k.registered, registered) && reflect.DeepEqual(k.settings, now)
}

// DestinationError says that an application's destination names no cluster that there is. It is the author's to mend.
type DestinationError struct{ Message string }

func (e *DestinationError) Error() string { return e.Message }

// NewClusters keeps no connection yet. Close ends those that it will have made.
func NewClusters(d Deps) *Clusters {
	c := &Clusters{settings: d.Settings, log: d.Log, documents: newDocuments(), open: map[registration]*connection{},
		ways: ways{inCluster: d.InCluster, programs: d.Programs, identity: newIdentity(d.Environment)}}
	if c.settings == nil {
		c.settings = settings.Defaults
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c
}

// For is the cluster of a destination, connected. The error is a *DestinationError if the destination is at fault; otherwise the
// cluster could not be reached.
func (c *Clusters) For(ctx context.Context, d argo.ApplicationDestination) (*Cluster, error) {
	now := c.settings()
	registered, err := find(now, d, c.ways.inCluster != nil)
	if err != nil {
		return nil, err
	}
	if registered.Fault != "" {
		return nil, fmt.Errorf("cluster %s: its Secret %s cannot be read: %s", registered.Name, registered.Secret, registered.Fault)
	}
	config, err := c.ways.restConfig(registered)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", registered.Name, err)
	}
	cl, err := c.connection(registered, config, now)
	if err != nil {
		return nil, err
	}
	if err := cl.connect(ctx); err != nil {
		return nil, fmt.Errorf("cluster %s (%s): %w", registered.Name, registered.Server, err)
	}
	return cl, nil
}

// Registered is what settings say of the cluster of a destination. It reaches out to nobody; its error is a *DestinationError.
func (c *Clusters) Registered(d argo.ApplicationDestination) (settings.Cluster, error) {
	return find(c.settings(), d, c.ways.inCluster != nil)
}

// connection is the one kept for this cluster, or a new one if its settings changed. It does not reach out.
func (c *Clusters) connection(registered settings.Cluster, config *rest.Config, now settings.Settings) (*Cluster, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errors.New("clusters are closed")
	}
	key := registrationOf(registered)
	if k, ok := c.open[key]; ok && k.stands(registered, now) {
		return k.cluster, nil
	}
	mark, err := fingerprint(registered, now)
	if err != nil {
		return nil, err
	}
	c.dropUnregistered(now)
	if k, ok := c.open[key]; ok {
		if k.fingerprint == mark {
			k.registered, k.settings = registered, now
			return k.cluster, nil
		}
		k.cluster.close()
		delete(c.open, key)
	}
	cl, err := newCluster(registered, config, now, c)
	if err != nil {
		return nil, fmt.Errorf("cluster %s: %w", registered.Name, err)
	}
	c.open[key] = &connection{registered: registered, settings: now, fingerprint: mark, cluster: cl}
	return cl, nil
}

// dropUnregistered ends the connections to clusters that are no longer registered: nobody asks for them again, and their watches would go on.
func (c *Clusters) dropUnregistered(now settings.Settings) {
	for key, k := range c.open {
		known := slices.ContainsFunc(now.Clusters, func(r settings.Cluster) bool { return registrationOf(r) == key })
		if key.server == settings.InClusterServer { // which is there unless a registration takes its place
			known = known || !slices.ContainsFunc(now.Clusters, func(r settings.Cluster) bool { return r.Server == key.server })
		}
		if !known {
			k.cluster.close()
			delete(c.open, key)
		}
	}
}

// fingerprint is the same for equal settings of a cluster. It is a hash because the settings hold credentials.
func fingerprint(r settings.Cluster, s settings.Settings) (string, error) {
	secrets := []string{string(r.Access.Password), string(r.Access.BearerToken)}
	if p := r.Access.Program; p != nil {
		for _, name := range slices.Sorted(keys(p.Env)) {
			secrets = append(secrets, string(p.Env[name]))
		}
	}
	b, err := json.Marshal(struct {
		Cluster  settings.Cluster
		Secrets  []string
		Key      []byte
		Tracking compare.Tracking
		Excluded [2][]settings.ResourceFilter
		NoNews   []argo.ResourceIgnoreDifferences
		Scripted []string
	}{r, secrets, []byte(r.Access.TLS.Key), trackingOf(s),
		[2][]settings.ResourceFilter{s.Exclusions, s.Inclusions}, s.IgnoredUpdates(), scriptedKinds(s)})
	if err != nil {
		return "", fmt.Errorf("cluster %s: %w", r.Name, err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// scriptedKinds are the kinds that the installation judges by scripts of its own, in order. A script that changes makes no new connection.
func scriptedKinds(s settings.Settings) []string {
	var kinds []string
	for kind, c := range s.Customizations {
		if c.Health != "" {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// scripted says whether a kind is among them; nil where there are none.
func scripted(s settings.Settings) func(schema.GroupKind) bool {
	kinds := scriptedKinds(s)
	if len(kinds) == 0 {
		return nil
	}
	custom := map[string]health.Customization{}
	for _, kind := range kinds {
		custom[kind] = health.Customization{Health: "return {}"}
	}
	rules, _ := health.New(custom, nil) // a name that is no pattern is said where the scripts are read
	return rules.Customized
}

func trackingOf(s settings.Settings) compare.Tracking {
	return compare.Tracking{Method: compare.Method(s.TrackingMethod), Label: s.InstanceLabelKey, InstallationID: s.InstallationID}
}

// Subscribe has f called whenever an object tracked by an application changes in a way that matters to it, in any cluster:
// its content, or its health. f must not block. The function returned ends the subscription.
func (c *Clusters) Subscribe(f func(cluster *Cluster, app string, id object.ID)) (cancel func()) {
	return c.subscribers.add(f)
}

// Close ends every watch. What is asked afterwards fails.
func (c *Clusters) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for key, k := range c.open {
		k.cluster.close()
		delete(c.open, key)
	}
}

// find looks a destination up among the registered clusters; the control plane's own is there without registration.
func find(s settings.Settings, d argo.ApplicationDestination, inCluster bool) (settings.Cluster, error) {
	server, name := strings.TrimRight(d.Server, "/"), d.Name
	fail := func(format string, args ...any) (settings.Cluster, error) {
		return settings.Cluster{}, &DestinationError{fmt.Sprintf(format, args...)}
	}
	if server != "" && name != "" {
		return fail("application destination can't have both name and server defined: %s %s", name, server)
	}
	if server == "" && name == "" {
		return fail("Destination server missing from app spec")
	}
	all := s.Clusters
	if inCluster && s.InCluster && !slices.ContainsFunc(all, func(c settings.Cluster) bool { return c.Server == settings.InClusterServer }) {
		all = append(slices.Clone(all), settings.Cluster{Name: settings.InClusterName, Server: settings.InClusterServer})
	}
	var found []settings.Cluster
	for _, c := range all {
		if c.Server == server || server == "" && c.Name == name {
			found = append(found, c)
		}
	}
	servers := map[string]bool{}
	for _, c := range found {
		servers[c.Server] = true
	}
	switch {
	case len(found) == 0 && s.Unread: // or what is there would be let go of as if its cluster were not registered any more
		return settings.Cluster{}, errors.New("the registered clusters could not be read yet")
	case len(found) == 0 && name != "":
		return fail("there are no clusters with this name: %s", name)
	case len(found) == 0:
		return fail("there are no clusters with this server: %s", server)
	case len(servers) > 1:
		return fail("there are %d clusters with the same name: %v", len(servers), slices.Sorted(keys(servers)))
	}
	// One server may be registered for several projects; what is for all comes first.
	slices.SortStableFunc(found, func(a, b settings.Cluster) int { return strings.Compare(a.Project, b.Project) })
	return found[0], nil
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

const (
	// callTimeout bounds one question to an API server, changeTimeout one change: admission webhooks may take their time.
	callTimeout   = 30 * time.Second
	changeTimeout = 60 * time.Second
)
