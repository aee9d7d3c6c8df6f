package change

import (
	"context"
	"log/slog"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/appset"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/render"
	"github.com/slipway-cd/slipway/engine/source"
)

// Renderer turns a source's tree into objects. engine/render is one.
type Renderer interface {
	Render(ctx context.Context, r render.Request) (render.Result, error)
}

// Trees opens repositories other than the one that changes, and all of them for the controller. engine/source is one.
type Trees interface {
	// At is the tree of the commit that a query's revision names.
	At(ctx context.Context, q source.Query) (*git.Tree, error)
}

// Cluster is what the pipeline asks of a destination. *cluster.Cluster is one.
type Cluster interface {
	Name() string
	Server() string
	// KubeVersion is the API server's version, such as "v1.36.3".
	KubeVersion() string
	// APIVersions are what it serves: "apps/v1" and "apps/v1/Deployment".
	APIVersions() []string
	// Namespaced says whether objects of a kind live in namespaces; known is false for a kind that is not served.
	Namespaced(gk schema.GroupKind) (namespaced, known bool)
	// Schema is for emulating an apply; nil when the cluster gave none.
	Schema() compare.Schema
	// Tracking is how objects are marked as an application's.
	Tracking() compare.Tracking
	// Live gives the live objects with the wanted identities, and all of those kinds, and of the hinted identities' kinds, that
	// are tracked by the application. A *cluster.UnreadableError comes beside what could be read.
	Live(ctx context.Context, app string, want, hint []object.ID) (map[object.ID]*unstructured.Unstructured, error)
	// Sight is a number that stays the same while Live would give the same for this question; not ok where that cannot be told.
	Sight(app string, want, hint []object.ID) (sum uint64, ok bool)
	// ReadAs reads an object in a version of its own.
	ReadAs(ctx context.Context, id object.ID, version string) (*unstructured.Unstructured, error)
	// Predict asks the API server, by a dry run of an account's (empty is our own), what applying would make of a live object; nil where it
	// cannot tell.
	Predict(ctx context.Context, desired, live *unstructured.Unstructured, account string) (*unstructured.Unstructured, error)
	// Diagnose explains an object that is not well, by what it owns and by events.
	Diagnose(ctx context.Context, id object.ID) ([]cluster.Finding, error)
}

// Clusters finds the cluster of a destination. A nil Clusters means offline: nothing live is compared.
type Clusters func(ctx context.Context, d argo.ApplicationDestination) (Cluster, error)

// Deps is what a Pipeline works with.
type Deps struct {
	Render   Renderer
	Trees    Trees
	Clusters Clusters
	// Ignore are the differences that no application minds, as the installation's settings have them now; nil for none.
	Ignore func() []argo.ResourceIgnoreDifferences
	// Compare is how the installation has differences found; nil for the default. Schema and Ignore of it are filled in here.
	Compare func() compare.Options
	// Health are the installation's own rules of health; nil is none.
	Health func() *health.Rules
	// Scope is what is registered for one project alone; nil means nothing is.
	Scope func(project string) project.Scope
	// Globals are the projects from which others inherit, as the installation's settings have them now; nil is none.
	Globals func() []project.Global
	// Impersonation says whether dry runs are those of the service accounts that projects name; nil is never.
	Impersonation func() project.Impersonation
	// Project finds an AppProject as it stands in the cluster, with what it inherits, by which remotes of renders are judged; a nil project does not exist. Nil, on
	// a laptop, judges nothing.
	Project func(ctx context.Context, name string) (*argo.AppProject, error)
	// Repository is the URL of the Helm repository that is registered by a name for a project; nil knows none.
	Repository func(ctx context.Context, name, project string) (url string, ok bool)
	// Registered are the clusters that generators of ApplicationSets list, for heads that are trusted; nil leaves such sets to the server.
	Registered func(ctx context.Context) ([]appset.Cluster, error)
	// PullRequests are those of the changed repository, as a generator of an ApplicationSet lists them, for heads that are trusted; nil leaves
	// such sets to the server.
	PullRequests func(ctx context.Context, g *argo.PullRequestGenerator) ([]appset.PullRequest, error)
	// Answers are what the generators of a set of the cluster were told when its controller asked last, for heads that are trusted; nil leaves
	// sets over organisations, plugins and objects of other kinds to the server.
	Answers func(set *argo.ApplicationSet) appset.Answers
	// Image asks a registry whether it has an image, with what is registered for a project; the error says why that cannot be told. Nil asks
	// none.
	Image func(ctx context.Context, reference, project string) (found bool, err error)
	// Switches are the installation's for all renders, as they are now; nil is none.
	Switches func() render.Switches
	// ControlNamespace is where Applications have plain names; elsewhere an instance is called "<namespace>_<name>".
	ControlNamespace string
	// Parallel is how many renders and comparisons run at once; the renderer and the clusters have limits of their own. 0 means 8.
	Parallel int
	Log      *slog.Logger
}

// Pipeline gathers, renders and compares. It keeps no state but its dependencies' caches, and is safe for concurrent use.
type Pipeline struct {
	deps   Deps
	synced compare.Memo
	shapes shapes
	pace   *rate.Limiter
}

// New makes a Pipeline. Render is needed; without Trees only the changed repository can be read, without Clusters nothing live.
func New(d Deps) *Pipeline {
	if d.Parallel <= 0 {
		d.Parallel = 8
	}
	if d.Ignore == nil {
		d.Ignore = func() []argo.ResourceIgnoreDifferences { return nil }
	}
	if d.Compare == nil {
		d.Compare = func() compare.Options { return compare.Options{} }
	}
	if d.Health == nil {
		d.Health = func() *health.Rules { return nil }
	}
	if d.Scope == nil {
		d.Scope = func(string) project.Scope { return project.Scope{} }
	}
	if d.Globals == nil {
		d.Globals = func() []project.Global { return nil }
	}
	if d.Impersonation == nil {
		d.Impersonation = func() project.Impersonation { return project.Impersonation{} }
	}
	if d.Switches == nil {
		d.Switches = func() render.Switches { return render.Switches{} }
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return &Pipeline{deps: d, pace: newPace()}
}

// Instance is the name that an Application's objects are tracked under.
func (p *Pipeline) Instance(app *argo.Application) string {
	if app.Namespace == "" || app.Namespace == p.deps.ControlNamespace {
		return app.Name
	}
	return app.Namespace + "_" + app.Name
}

// cluster is the destination's cluster, or nil offline.
func (p *Pipeline) cluster(ctx context.Context, d argo.ApplicationDestination) (Cluster, error) {
	if p.deps.Clusters == nil {
		return nil, nil
	}
	return p.deps.Clusters(ctx, d)
}

// known is a destination with name and server both, as projects judge it: an application says one of them.
func known(d argo.ApplicationDestination, dest Cluster) project.Destination {
	if dest == nil {
		return project.Destination{Server: d.Server, Name: d.Name, Namespace: d.Namespace}
	}
	return project.Destination{Server: dest.Server(), Name: dest.Name(), Namespace: d.Namespace}
}

// rules are what a project permits, with what is registered for it alone.
func (p *Pipeline) rules(proj *argo.AppProject) project.Permits {
	return project.New(proj, p.deps.Scope(proj.Name))
}

// tracking is how a destination marks objects; on a laptop as Argo CD does by default.
func tracking(dest Cluster) compare.Tracking {
	if dest == nil {
		return compare.Tracking{}
	}
	return dest.Tracking()
}
