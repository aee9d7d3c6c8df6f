package cluster

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// served is what the API server serves, as of the last look.
type served struct {
	now     atomic.Pointer[catalog]
	looking sync.Mutex    // one look at a time
	triedAt atomic.Int64  // when the last look began, in Unix nanoseconds
	old     chan struct{} // asks for a look; see followKinds
	changes atomic.Int64  // how often something asked
	// followed says that definitions are watched: a kind that is not there is hardly worth a look.
	followed atomic.Bool
}

// tryAgain says whether the last look began at least that long ago, and if so notes that one begins now.
func (s *served) tryAgain(after time.Duration) bool {
	last, now := s.triedAt.Load(), time.Now()
	return now.Sub(time.Unix(0, last)) > after && s.triedAt.CompareAndSwap(last, now.UnixNano())
}

// catalog never changes once it is made.
type catalog struct {
	at          time.Time
	kubeVersion string                          // the server's own
	kinds       map[schema.GroupKind][]resource // preferred version first
	versions    []string
	down        map[string]error // groups of which a version does not answer, such as an API service whose server is down
	looks       looks
}

// looks tell whether two catalogs are of the same: what they list, and how often a definition was seen to change.
type looks struct {
	listed  uint64
	changes int64
}

// resource is one version of a kind.
type resource struct {
	schema.GroupVersionKind
	Name       string // "deployments"
	Namespaced bool
	Watchable  bool // can be listed and watched
}

func (r resource) gvr() schema.GroupVersionResource { return r.GroupVersion().WithResource(r.Name) }

const (
	// Kinds come and go with their definitions. What is known is looked at again after freshFor (if that fails, after
	// refreshAgain), and sooner, but not within seconds, when somebody asks for a kind that is not there.
	freshFor     = 5 * time.Minute
	refreshAgain = 30 * time.Second
	missAgain    = 2 * time.Second
	missFollowed = 20 * time.Second
)

// refresh looks at what is served, and by which version: clusters are upgraded. A group that does not answer (an API service that is down)
// keeps what it had.
func (c *Cluster) refresh(ctx context.Context) error {
	c.served.looking.Lock()
	defer c.served.looking.Unlock()
	info, err := retried(ctx, callTimeout, c.discovery.ServerVersionWithContext)
	if err != nil {
		return fmt.Errorf("asking for its version: %w", err)
	}
	type lists struct {
		groups    []*metav1.APIGroup
		resources []*metav1.APIResourceList
	}
	got, err := retried(ctx, callTimeout, func(ctx context.Context) (lists, error) {
		groups, resources, err := c.discovery.ServerGroupsAndResourcesWithContext(ctx)
		return lists{groups, resources}, err
	})
	var partial *discovery.ErrGroupDiscoveryFailed
	if err != nil && !errors.As(err, &partial) {
		return fmt.Errorf("asking what it serves: %w", err)
	}
	next := catalogOf(got.groups, got.resources)
	next.kubeVersion = versionOf(info)
	before := c.served.now.Load()
	if partial != nil {
		if before == nil || len(before.down) == 0 {
			c.log.Warn("a group of kinds does not answer", "error", partial)
		}
		next.keep(before, partial)
	}
	next.looks = looks{maphash.String(c.cache.seed, strings.Join(next.versions, " ")), c.served.changes.Load()}
	c.served.now.Store(next)
	c.schemas.renew()
	c.dropUnserved()
	return nil
}

func (c *Cluster) refreshIfOld(ctx context.Context) {
	if now := c.served.now.Load(); now != nil && time.Since(now.at) < freshFor || !c.served.tryAgain(refreshAgain) {
		return
	}
	if err := c.refresh(ctx); err != nil {
		c.log.Warn("cannot look at what is served", "error", err)
	}
}

// lookup finds a kind, in the version given or, with none, in the preferred one. It looks again if the kind is not there.
func (c *Cluster) lookup(ctx context.Context, gk schema.GroupKind, version string) (resource, error) {
	if r, ok := c.known(gk, version); ok {
		return r, nil
	}
	again := missAgain
	if c.served.followed.Load() {
		again = missFollowed
	}
	if c.served.tryAgain(again) {
		if err := c.refresh(ctx); err != nil {
			return resource{}, err
		}
	}
	if r, ok := c.known(gk, version); ok {
		return r, nil
	}
	if now := c.served.now.Load(); now != nil && now.down[gk.Group] != nil {
		// Nothing can be said of what the group has, least of all that it is not there.
		return resource{}, fmt.Errorf("the API group %s does not answer: %w", gk.Group, now.down[gk.Group])
	}
	noMatch := &meta.NoKindMatchError{GroupKind: gk}
	if version != "" {
		noMatch.SearchedVersions = []string{version}
	}
	return resource{}, c.explain(gk, version, noMatch)
}

// explain says whether a kind is not served at all, or in other versions.
func (c *Cluster) explain(gk schema.GroupKind, version string, err error) error {
	var others []string
	if now := c.served.now.Load(); now != nil {
		for _, r := range now.kinds[gk] {
			others = append(others, r.GroupVersion().String())
		}
	}
	wanted := schema.GroupVersion{Group: gk.Group, Version: version}.String()
	if len(others) > 0 {
		return fmt.Errorf("%s is not served in version %s, but in %v: %w", gk.Kind, wanted, others, err)
	}
	return fmt.Errorf("the kind %s is not served: make sure its CustomResourceDefinition is installed: %w", gk, err)
}

func (c *Cluster) known(gk schema.GroupKind, version string) (resource, bool) {
	now := c.served.now.Load()
	if now == nil {
		return resource{}, false
	}
	for _, r := range now.kinds[gk] {
		if version == "" || r.Version == version {
			return r, true
		}
	}
	return resource{}, false
}

// Namespaced says whether objects of a kind live in namespaces; known is false for a kind that was not served at the last look.
func (c *Cluster) Namespaced(gk schema.GroupKind) (namespaced, known bool) {
	r, ok := c.known(gk, "")
	return r.Namespaced, ok
}

// Served looks a kind up as Namespaced does, and asks the server again before it says that the kind is not served. The error is
// of the world.
func (c *Cluster) Served(ctx context.Context, gk schema.GroupKind) (namespaced, known bool, err error) {
	r, err := c.lookup(ctx, gk, "")
	if meta.IsNoMatchError(err) {
		return false, false, nil
	}
	return r.Namespaced, err == nil, err
}

// APIVersions are what is served, in the forms that Helm asks for: "apps/v1" and "apps/v1/Deployment". Sorted.
func (c *Cluster) APIVersions() []string {
	now := c.served.now.Load()
	if now == nil {
		return nil
	}
	return slices.Clone(now.versions)
}

func catalogOf(groups []*metav1.APIGroup, lists []*metav1.APIResourceList) *catalog {
	byVersion := map[string]*metav1.APIResourceList{}
	for _, l := range lists {
		byVersion[l.GroupVersion] = l
	}
	out := &catalog{at: time.Now(), kinds: map[schema.GroupKind][]resource{}}
	for _, g := range groups {
		versions := []string{g.PreferredVersion.GroupVersion}
		for _, v := range g.Versions {
			if v.GroupVersion != versions[0] {
				versions = append(versions, v.GroupVersion)
			}
		}
		for _, v := range versions {
			if l := byVersion[v]; l != nil {
				out.add(l)
			}
		}
	}
	out.list()
	return out
}

func (k *catalog) add(l *metav1.APIResourceList) {
	gv, err := schema.ParseGroupVersion(l.GroupVersion)
	if err != nil {
		return
	}
	for _, r := range l.APIResources {
		if slices.Contains([]rune(r.Name), '/') { // a subresource
			continue
		}
		gk := schema.GroupKind{Group: gv.Group, Kind: r.Kind}
		k.kinds[gk] = append(k.kinds[gk], resource{GroupVersionKind: gv.WithKind(r.Kind), Name: r.Name, Namespaced: r.Namespaced,
			Watchable: slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "watch")})
	}
}

// keep takes over, from the look before, what the groups that failed this time had.
func (k *catalog) keep(before *catalog, failed *discovery.ErrGroupDiscoveryFailed) {
	k.down = map[string]error{}
	for gv, err := range failed.Groups {
		k.down[gv.Group] = err
	}
	if before == nil {
		return
	}
	for gk, resources := range before.kinds {
		for _, r := range resources {
			if _, down := failed.Groups[r.GroupVersion()]; down {
				k.kinds[gk] = append(k.kinds[gk], r)
			}
		}
	}
	k.list()
}

func (k *catalog) list() {
	k.versions = nil
	for _, resources := range k.kinds {
		for _, r := range resources {
			k.versions = append(k.versions, r.GroupVersion().String(), r.GroupVersion().String()+"/"+r.Kind)
		}
	}
	slices.Sort(k.versions)
	k.versions = slices.Compact(k.versions)
}
