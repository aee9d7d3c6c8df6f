package change

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
)

// insight is what a cluster beside tells of an application's objects. *cluster.Cluster has it.
type insight interface {
	Tree(ctx context.Context, app string, rules *health.Rules) ([]cluster.Node, error)
	Events(ctx context.Context, about map[string]map[types.UID]bool) ([]cluster.Event, error)
	Logs(ctx context.Context, namespace, pod string, o cluster.LogOptions) ([]byte, error)
}

// ErrNotOurs says that an object is not the application's, or not one that its project permits. Whether it exists is not told.
var ErrNotOurs = errors.New("the application has no such object")

// Tree gives the live objects of an application, parents before their children, as far as its project permits them: others' objects that
// say to be its own, and what belongs to those, are left out. A *cluster.UnreadableError comes beside what could be read.
func (p *Pipeline) Tree(ctx context.Context, app *argo.Application) ([]cluster.Node, error) {
	nodes, _, err := p.tree(ctx, app)
	return nodes, err
}

func (p *Pipeline) tree(ctx context.Context, app *argo.Application) ([]cluster.Node, insight, error) {
	dest, err := p.cluster(ctx, app.Spec.Destination)
	if err != nil {
		return nil, nil, fmt.Errorf("destination of %s: %w", app.Name, err)
	}
	from, ok := dest.(insight)
	if !ok {
		return nil, nil, errors.New("there is no cluster to look into")
	}
	permitted, err := p.permitted(ctx, app, dest)
	if err != nil {
		return nil, nil, err
	}
	all, err := from.Tree(ctx, p.Instance(app), p.deps.Health())
	var unreadable *cluster.UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		return nil, nil, fmt.Errorf("reading the objects of %s: %w", app.Name, err)
	}
	refused := map[object.ID]bool{}
	nodes := slices.DeleteFunc(all, func(n cluster.Node) bool {
		if refused[n.Parent] || !permitted(n) {
			refused[n.ID] = true
		}
		return refused[n.ID]
	})
	return nodes, from, err
}

// permitted says which objects the application's project lets it have. What belongs to a permitted object need only be in a permitted
// namespace: projects name the kinds that are deployed, not those that controllers make of them.
func (p *Pipeline) permitted(ctx context.Context, app *argo.Application, dest Cluster) (func(cluster.Node) bool, error) {
	if p.deps.Project == nil {
		return func(cluster.Node) bool { return false }, nil
	}
	proj, err := p.deps.Project(ctx, app.Spec.ProjectName())
	if err != nil {
		return nil, fmt.Errorf("reading the project of %s: %w", app.Name, err)
	}
	if proj == nil {
		return func(cluster.Node) bool { return false }, nil
	}
	rules, where := p.rules(proj), known(app.Spec.Destination, dest)
	return func(n cluster.Node) bool {
		if n.Parent == (object.ID{}) {
			return rules.Object(n.ID, namespaced(dest, n.ID.GroupKind()), where) == ""
		}
		if n.ID.Namespace == "" {
			return n.Parent.Namespace == ""
		}
		in := where
		in.Namespace = n.ID.Namespace
		return rules.Destination(in)
	}, nil
}

// Events are what Kubernetes noted lately about the objects of an application, the newest first.
func (p *Pipeline) Events(ctx context.Context, app *argo.Application) ([]cluster.Event, error) {
	nodes, from, err := p.tree(ctx, app)
	if from == nil {
		return nil, err
	}
	about := map[string]map[types.UID]bool{}
	for _, n := range nodes {
		if about[n.ID.Namespace] == nil {
			about[n.ID.Namespace] = map[types.UID]bool{}
		}
		about[n.ID.Namespace][n.UID] = true
	}
	return from.Events(ctx, about)
}

// Pod reads a pod that is an application's.
func (p *Pipeline) Pod(ctx context.Context, app *argo.Application, namespace, name string) (*unstructured.Unstructured, error) {
	id := object.ID{Kind: "Pod", Namespace: namespace, Name: name}
	if _, err := p.pod(ctx, app, id); err != nil {
		return nil, err
	}
	dest, err := p.cluster(ctx, app.Spec.Destination)
	if err != nil {
		return nil, fmt.Errorf("destination of %s: %w", app.Name, err)
	}
	return dest.ReadAs(ctx, id, "v1")
}

// Logs reads the end of the log of a pod that is an application's; of any other it gives ErrNotOurs.
func (p *Pipeline) Logs(ctx context.Context, app *argo.Application, namespace, pod string, o cluster.LogOptions) ([]byte, error) {
	from, err := p.pod(ctx, app, object.ID{Kind: "Pod", Namespace: namespace, Name: pod})
	if err != nil {
		return nil, err
	}
	return from.Logs(ctx, namespace, pod, o)
}

func (p *Pipeline) pod(ctx context.Context, app *argo.Application, id object.ID) (insight, error) {
	nodes, from, err := p.tree(ctx, app)
	if from == nil {
		return nil, err
	}
	if !slices.ContainsFunc(nodes, func(n cluster.Node) bool { return n.ID == id }) {
		return nil, ErrNotOurs
	}
	return from, nil
}
