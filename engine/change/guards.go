package change

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/guard"
	"github.com/slipway-cd/slipway/engine/object"
)

// Questions is what the guards ask of a destination. *cluster.Cluster answers them; a Cluster that does not is not asked.
type Questions interface {
	// Versions are those in which a kind is served, preferred first.
	Versions(gk schema.GroupKind) []string
	// Definition is the CustomResourceDefinition of a kind, or nil.
	Definition(ctx context.Context, gk schema.GroupKind) (*unstructured.Unstructured, error)
	// OpenAPI finds the document of a group version: its address, which changes with its content, and a way to read it.
	OpenAPI(ctx context.Context, gv schema.GroupVersion) (address string, read func(context.Context) ([]byte, error))
	// Try asks, by a dry run, whether an object would be taken that is applied as an account, empty for our own.
	Try(ctx context.Context, u *unstructured.Unstructured, account string, o cluster.ApplyOptions) (warnings []string, err error)
}

// broughtTo is what a change brings to each destination, by the cluster's name.
func broughtTo(outcomes []outcome) map[string]*guard.Brought {
	all := map[string]*guard.Brought{}
	for _, o := range outcomes {
		if o.after == nil || o.afterTarget.Objects == nil {
			continue
		}
		d := o.after.Spec.Destination
		b := all[clusterName(d)]
		if b == nil {
			b = &guard.Brought{}
			all[clusterName(d)] = b
		}
		b.Add(o.afterTarget.Objects)
		if d.Namespace != "" && o.after.Spec.SyncPolicy.Options().Has("CreateNamespace=true") {
			b.AddNamespace(d.Namespace)
		}
	}
	return all
}

// guarded gathers what the guards decide from, for one application.
func (p *Pipeline) guarded(ctx context.Context, in Input, o outcome, a *Application) guard.Facts {
	app := o.app()
	f := guard.Facts{
		Subject: guard.Subject{Namespace: a.Namespace, Name: a.Name, Project: a.Project, Environment: a.Environment, Cluster: a.Cluster,
			Destination: a.Destination, Labels: app.Labels},
		Differences: a.Differences, Before: o.beforeTarget.Objects, After: o.afterTarget.Objects, Version: in.KubeVersion,
	}
	if a.Moves != "" {
		f.Before = object.NewSet() // nothing of it is there
	}
	if in.Guards != nil {
		f.Policy = in.Guards(a.Environment)
	}
	to := app
	if o.after != nil {
		to = o.after
	}
	if b := in.brought[clusterName(to.Spec.Destination)]; b != nil {
		f.Brought = *b
	}
	dest, err := p.cluster(ctx, to.Spec.Destination)
	if err != nil || dest == nil {
		f.Shapes = withoutCluster(in)
		return f
	}
	if in.Project != nil {
		f.Permits = p.explains(in, to, dest)
	}
	f.Version = dest.KubeVersion()
	if q, ok := dest.(Questions); ok {
		f.Serves, f.Defined = q.Versions, p.defined(ctx, q, f)
		f.Shapes = func(gvk schema.GroupVersionKind) guard.Shape { return p.shapes.of(ctx, q, gvk, p.deps.Log) }
	}
	return f
}

// withoutCluster describes the kinds of the release that is known here, if the caller names a release to be held against at all.
func withoutCluster(in Input) func(schema.GroupVersionKind) guard.Shape {
	known, err := guard.Kubernetes()
	if in.KubeVersion == "" || err != nil {
		return nil
	}
	return func(gvk schema.GroupVersionKind) guard.Shape {
		s, _ := known.Kind(gvk)
		return s
	}
}

// located moves findings to the lines of their fields, where the files of this repository show them.
func (in Input) located(found []guard.Finding) []guard.Finding {
	for i, f := range found {
		if f.Field == "" || f.File == "" || in.MergedTree == nil {
			continue
		}
		if text, err := in.MergedTree.ReadFile(f.File); err == nil { // a file of another repository is not there
			found[i] = f.Locate(text)
		}
	}
	return found
}

// explains says what of the application's project does not permit an object.
func (p *Pipeline) explains(in Input, app *argo.Application, dest Cluster) func(object.ID) guard.Denial {
	proj, ok := in.Project(app.Spec.ProjectName())
	if !ok {
		return nil // the application's own fault, which is told once
	}
	rules, where := p.rules(proj), known(app.Spec.Destination, dest)
	return func(id object.ID) guard.Denial {
		return guard.Denial(rules.Explain(id, namespaced(dest, id.GroupKind()), where))
	}
}

// defined reads the definitions of the kinds that the change writes. One that cannot be read says nothing.
func (p *Pipeline) defined(ctx context.Context, q Questions, f guard.Facts) map[schema.GroupKind][]guard.DefinedVersion {
	all := map[schema.GroupKind][]guard.DefinedVersion{}
	for _, d := range f.Differences {
		gk := d.ID.GroupKind()
		if _, have := all[gk]; have {
			continue
		}
		all[gk] = nil
		u, err := q.Definition(ctx, gk)
		if err != nil {
			p.deps.Log.Debug("a definition cannot be read", "kind", gk.String(), "error", err)
		} else if u != nil {
			_, all[gk] = guard.Definition(u)
		}
	}
	return all
}
