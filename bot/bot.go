// Package bot is the pull request's life: it looks at a pull request when somebody asked for it, reports what merging would do,
// carries out commands, and follows what was merged until it is healthy.
//
// It stands between the forges and the engine. A PullRequest resource says that a look is due; the bot reads the pull request from its
// forge again, has engine/change find out what it does, writes what bot/report makes of that, and asks the controller for syncs by
// writing an Application's operation. What must outlive a restart is in the PullRequest's status before anything is done about it.
package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/change"
	"github.com/slipway-cd/slipway/engine/git"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/rbac"
	"github.com/slipway-cd/slipway/forge"
)

// Forge is what the bot asks of a forge.
type Forge interface {
	forge.PullRequests
	forge.Comments
	forge.Checks
	forge.Statuses
	forge.Deployments
	forge.Contents
	forge.Repositories
}

// Members is what a forge may offer beside: who is in which team. Without it, rules that name teams let nobody in.
type Members interface {
	// Teams gives those of the named teams ("org/team") that the user is in.
	Teams(ctx context.Context, r forge.Repository, user forge.User, teams []string) ([]string, error)
}

// Site is a forge at a host.
type Site struct {
	Kind  forge.Kind
	Host  string
	Forge Forge
}

// Pipeline finds out what a change does. *change.Pipeline is one.
type Pipeline interface {
	PullRequest(ctx context.Context, in change.Input) (change.Change, error)
	Target(ctx context.Context, r change.TargetRequest) (change.Target, error)
	// Verify asks the world about a change: destinations, by dry runs, and registries.
	Verify(ctx context.Context, c change.Change) (change.Change, error)
}

// Mirrors keeps the repositories. *git.Store is one.
type Mirrors interface {
	Mirror(url string) *git.Mirror
}

// Namespace is how a namespace of a cluster is.
type Namespace struct {
	// There says that it exists; Leaving that it is being deleted, with Why it is not gone yet where the cluster says so.
	There, Leaving bool
	Why            string
}

// Deps is what the bot works with. All but Record, Diagnose, Stuck, Access and Actor are needed.
type Deps struct {
	// Client reads through the manager's cache and writes; Reader asks the API server itself, for what an act depends on.
	Client client.Client
	Reader client.Reader
	// Sites are the forges that are served.
	Sites    []Site
	Pipeline Pipeline
	Mirrors  Mirrors
	// Diagnose explains resources of an application that are not well, a line each, without secrets.
	Diagnose func(ctx context.Context, app *argo.Application, unwell []object.ID) ([]string, error)
	// Stuck is Diagnose for what is still on its way: it tells only what has gone wrong already, such as an image that cannot be pulled.
	Stuck func(ctx context.Context, app *argo.Application, unwell []object.ID) ([]string, error)
	// Access is what the installation's policy.csv lets people do, with the roles of a project, as it is now; nil asks nothing. Beside an
	// error nobody may do anything in the project.
	Access func(ctx context.Context, project string) (*rbac.Enforcer, error)
	// Actor carries out /action; nil where there are no actions.
	Actor Actor
	// Addresses asks what a preview has outside; nil asks nothing, and believes in images and addresses.
	Addresses Addresses
	// Exists says how the namespace of a destination is; nil believes that what was deleted is gone.
	Exists func(ctx context.Context, d argo.ApplicationDestination) (Namespace, error)
	// NormalizeURL makes addresses of one repository equal.
	NormalizeURL func(string) string
	// Record notes who did what as an event on an object.
	Record func(about runtime.Object, reason, message string)
	// Beside says of an application whether Argo CD carries its operations out; nil is never.
	Beside func(ctx context.Context, app *argo.Application) (bool, error)
	Log    *slog.Logger
	Now    func() time.Time
	Options
}

// Options of the bot; the zero value of each means its default.
type Options struct {
	// Namespace is where Slipway's resources and projects are: "argocd".
	Namespace string
	// Mentions are the names that commands may address us by: "slipway".
	Mentions []string
	// Seed makes random template functions repeatable in reports; secret to the installation.
	Seed []byte
	// Version is Slipway's, for the footer of reports.
	Version string
	// Page is the address under which a pull request's page is shown, with %s for the resource's name; empty when there is none.
	Page string
	// Follow is how long an application is followed after its sync until it is well: 10 minutes.
	Follow time.Duration
	// SyncTimeout is how long a sync may take, with its wait for others: 1 hour.
	SyncTimeout time.Duration
	// Sweep is the time between two searches for what was missed: 5 minutes.
	Sweep time.Duration
	// Turn is how long a lock is kept for the next of its queue: 30 minutes.
	Turn time.Duration
	// EditSpacing is the least time between two edits of one comment: 5 seconds. What people wait for is told at once: the report of a new
	// head, the end of a command or of an environment's sync, a preview that is ready or is not.
	EditSpacing time.Duration
	// Previews says that environments of pull requests are built here, so that /preview may ask for one: false.
	Previews bool
	// Tries is how often a look that fails by our fault is tried before the check says so: 6.
	Tries int
	// Workers is how many pull requests are looked at at once: 8. Many more may wait for that, their checks pending.
	Workers int
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Follow, 10*time.Minute)
	def(&o.SyncTimeout, time.Hour)
	def(&o.Sweep, 5*time.Minute)
	def(&o.Turn, 30*time.Minute)
	def(&o.EditSpacing, 5*time.Second)
	if o.Namespace == "" {
		o.Namespace = "argocd"
	}
	if len(o.Mentions) == 0 {
		o.Mentions = []string{"slipway"}
	}
	if o.Tries <= 0 {
		o.Tries = 6
	}
	if o.Workers <= 0 {
		o.Workers = 8
	}
	return o
}

// Bot looks after pull requests. Make one with New; Setup makes one and has a manager run it.
type Bot struct {
	Deps
	running *running
	memory  *memory
	// looking bounds how many pull requests are looked at at once, after their first sign of life, and goingOn in how many something is
	// carried on that does not wait for those.
	looking, goingOn chan struct{}
	// seen lets all who ask for one report at a time share its making; making bounds how many are made at once for pages.
	seen   *singleflight.Group
	making chan struct{}
}

// New checks the dependencies and makes a Bot.
func New(d Deps) (*Bot, error) {
	d.Options = d.withDefaults()
	var missing []string
	for name, have := range map[string]bool{
		"Client": d.Client != nil, "Reader": d.Reader != nil, "Pipeline": d.Pipeline != nil,
		"Mirrors": d.Mirrors != nil, "NormalizeURL": d.NormalizeURL != nil, "Sites": len(d.Sites) > 0,
	} {
		if !have {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the bot lacks %s", strings.Join(missing, ", "))
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Record == nil {
		d.Record = func(runtime.Object, string, string) {}
	}
	if d.Diagnose == nil {
		d.Diagnose = func(context.Context, *argo.Application, []object.ID) ([]string, error) { return nil, nil }
	}
	if d.Stuck == nil {
		d.Stuck = func(context.Context, *argo.Application, []object.ID) ([]string, error) { return nil, nil }
	}
	return &Bot{Deps: d, running: newRunning(), memory: newMemory(), looking: make(chan struct{}, d.Workers), goingOn: make(chan struct{}, d.Workers), seen: &singleflight.Group{}, making: make(chan struct{}, 2)}, nil
}

// errNoSite says that a resource belongs to a forge that is not served.
var errNoSite = errors.New("this forge is not served here")

// site finds the forge of a kind and host.
func (b *Bot) site(kind, host string) (Forge, error) {
	for _, s := range b.Sites {
		if string(s.Kind) == kind && strings.EqualFold(s.Host, host) {
			return s.Forge, nil
		}
	}
	return nil, fmt.Errorf("%w: %s at %s", errNoSite, kind, host)
}

// prefix is how a command begins on a forge in what we write; GitLab has commands of its own.
func prefix(kind string) string {
	if kind == string(forge.GitLab) {
		return "/slipway "
	}
	return "/"
}
