// Package controller reconciles Applications, ApplicationSets and AppProjects: it compares what the sources say with what the cluster has, writes
// what it finds into status, syncs where the application says so, and carries operations out.
//
// It stands at the end of the river. The pipeline gathers and compares, package sync decides, package run acts; here the results
// are recorded, always before the next deed, so that a controller that is killed at any moment goes on where it was. Applications
// are written only by merge patches of the fields that are ours, each bound to the version that was read.
package controller

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
	"github.com/slipway-cd/slipway/engine/run"
	"github.com/slipway-cd/slipway/engine/settings"
	engine "github.com/slipway-cd/slipway/engine/sync"
)

// Manager is the field manager under which Applications are written.
const Manager = "slipway"

// Pipeline renders and compares. *change.Pipeline is one.
type Pipeline interface {
	// Instance is the name under which an application's objects are tracked.
	Instance(app *argo.Application) string
	// Target is what an application wants.
	Target(ctx context.Context, r change.TargetRequest) (change.Target, error)
	// Compare holds a target against the cluster.
	Compare(ctx context.Context, app *argo.Application, proj *argo.AppProject, t change.Target) (change.Comparison, error)
	// Survey is Compare without its verdicts: what is there, and what is to be pruned.
	Survey(ctx context.Context, app *argo.Application, proj *argo.AppProject, t change.Target) (change.Comparison, error)
	// Standing stays the same while the sources are at what they are at, Sight while Compare would see the same in the cluster.
	Standing(ctx context.Context, r change.TargetRequest) (string, error)
	Sight(ctx context.Context, app *argo.Application, want []object.ID) (sum uint64, ok bool)
}

// Destination is the cluster of an application.
type Destination interface {
	run.Cluster
	Name() string
	Server() string
	// Namespaced says whether objects of a kind live in namespaces; known is false for a kind that is not served.
	Namespaced(gk schema.GroupKind) (namespaced, known bool)
	// As is the cluster to carry steps out in as a user, by impersonation.
	As(account string) (run.Cluster, error)
	// Unowned gives the objects of a namespace that no other owns and no application tracks of which exists says that it is there, without a
	// call where nothing has moved. A *cluster.UnreadableError comes beside what could be read.
	Unowned(ctx context.Context, namespace string, exists func(app string) bool) ([]cluster.Node, error)
	// Live gives the objects of the wanted identities, and those of the wanted and hinted kinds that app tracks.
	Live(ctx context.Context, app string, want, hint []object.ID) (map[object.ID]*unstructured.Unstructured, error)
	// Followed says whether what Live gives of a kind is kept up to date at this moment.
	Followed(gk schema.GroupKind) bool
	// Residents gives the objects of a namespace that no other object owns.
	Residents(ctx context.Context, namespace string) ([]cluster.Node, error)
}

// Destinations finds the cluster of a destination. A *cluster.DestinationError says that there is none such.
type Destinations func(ctx context.Context, d argo.ApplicationDestination) (Destination, error)

// Changes has f called whenever an object that an application tracks changes in any cluster, until cancel.
type Changes func(f func(app string, id object.ID)) (cancel func())

// Deps is what the reconcilers work with.
type Deps struct {
	Pipeline Pipeline
	Clusters Destinations
	// Registered finds the cluster of a destination without reaching it; its error is a *cluster.DestinationError. Nil, which application sets
	// do not take, knows of no cluster that is to be left alone.
	Registered func(d argo.ApplicationDestination) (settings.Cluster, error)
	// Changes of live objects; nil means that only the clock and the sources bring news.
	Changes Changes
	// Health are the installation's own rules of health; nil is none.
	Health func() *health.Rules
	// Scope is what is registered for one project alone; nil means nothing is.
	Scope func(project string) project.Scope
	// Globals are the projects from which others inherit, as the installation's settings have them now; nil is none.
	Globals func() []project.Global
	// Impersonation says whether steps are carried out as the service accounts that projects name; nil is never.
	Impersonation func() project.Impersonation
	// ControlNamespace holds the AppProjects, the Locks, and the Applications that need no leave to be there.
	ControlNamespace string
	// Sets has ApplicationSets reconciled, too; nil leaves them alone.
	Sets    *Sets
	Log     *slog.Logger
	Options Options
	Metrics Metrics
	// Tune, if not nil, gives the options as the installation's settings have them now. It is asked often, and of what it gives only times
	// are read.
	Tune func(Options) Options
}

// Options have usable defaults.
type Options struct {
	// Concurrency is how many applications are reconciled at once; 0 means 10.
	Concurrency int
	// Namespaces are globs, or regular expressions between slashes, of further namespaces whose Applications are ours.
	Namespaces []string
	// Period is the time between comparisons that nothing else asks for, and Jitter what is added to it at most; 0 means 120 s and
	// 60 s, a negative Period switches them off. HardPeriod is the time between those for which remotes are asked first; 0 is never.
	Period, Jitter, HardPeriod time.Duration
	// WaveTimeout ends an operation whose wave does not get healthy; 0 means 20 minutes, negative never.
	WaveTimeout time.Duration
	// WaveDelay is the least time between two waves; 0 means 2 s, negative none.
	WaveDelay time.Duration
	// HookPatience is how long an automated operation that a newer revision supersedes goes on waiting for its hooks; 0 means 5 minutes,
	// negative until they end. One that waits for health gives way at once.
	HookPatience time.Duration
	// SyncTimeout ends an operation that takes longer; 0 means never.
	SyncTimeout time.Duration
	// Grace is how long a source that cannot be read leaves status as it was; 0 means 180 s, negative none.
	Grace time.Duration
	// Healing is how long to wait before the same drift is healed again.
	Healing engine.Healing
	// Patience is how long the API server that has the Applications may take for one answer; 0 means 30 s.
	Patience time.Duration
	// Debounce gathers changes of live objects; 0 means 300 ms.
	Debounce time.Duration
	// Run are the options of the runner.
	Run run.Options
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 10
	}
	if o.Jitter == 0 && o.Period == 0 {
		o.Jitter = time.Minute
	}
	set(&o.Period, 2*time.Minute)
	set(&o.WaveTimeout, 20*time.Minute)
	set(&o.WaveDelay, 2*time.Second)
	set(&o.HookPatience, 5*time.Minute)
	set(&o.Grace, 3*time.Minute)
	set(&o.Patience, 30*time.Second)
	set(&o.Debounce, 300*time.Millisecond)
	return o
}

// Setup adds the reconcilers to a manager. The manager's scheme must know the argoproj.io and slipway.dev resources, its cache the
// namespaces concerned; leader election is its affair. The context is for setting up alone.
func Setup(ctx context.Context, mgr ctrl.Manager, d Deps) error {
	switch {
	case d.Pipeline == nil:
		return errors.New("controller: no pipeline")
	case d.Clusters == nil:
		return errors.New("controller: no clusters")
	case d.ControlNamespace == "":
		return errors.New("controller: no control namespace")
	case d.Sets != nil && (d.Sets.Trees == nil || d.Registered == nil || d.Sets.Settings == nil):
		return errors.New("controller: application sets need trees, destinations and settings")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	d.Options = d.Options.withDefaults()
	ms, err := newMeters(d.Metrics)
	if err != nil {
		return err
	}
	if err := setupProjects(mgr, d); err != nil {
		return err
	}
	if d.Sets != nil {
		if err := setupSets(mgr, d, ms); err != nil {
			return err
		}
	}
	if err := collect(mgr, d); err != nil {
		return err
	}
	return setupApplications(ctx, mgr, d, ms)
}
