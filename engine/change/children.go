package change

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// children are the applications that an application declares, before and after the merge, as far as the merge may matter to them.
// Only what a known application renders is looked at; an Application manifest elsewhere in the tree is a stray file.
func (w *walk) children(ctx context.Context, o outcome) []unit {
	if !inCluster(o.app().Spec.Destination) {
		return nil // they live in another control plane
	}
	before, after := declared(o.beforeTarget.Objects), declared(o.afterTarget.Objects)
	if o.afterTarget.Fault != nil {
		after = before // what cannot be rendered removes nothing
	}
	var units []unit
	for _, k := range sortedKeys(before, after) {
		if w.visited[key{name: k.name}] && w.in.Proposed != nil {
			continue // a manifest that leaves the namespace to whoever applies it
		}
		u := w.child(ctx, o, k, before[k], after[k])
		if u.respecified || u.after != nil && w.follows(u.after) {
			units = append(units, u)
		}
	}
	return append(units, w.childSets(ctx, o)...)
}

// child pairs the two specifications of one declared application. What the base means is taken from the cluster where the
// application is there already: it may have been changed on the way.
func (w *walk) child(ctx context.Context, parent outcome, k key, before, after *argo.Application) unit {
	u := unit{parent: parent.app().Name, verb: "declares", depth: parent.depth + 1, live: w.live[k]}
	if u.live != nil && !w.claims(parent.app(), before, u.live) {
		return w.taken(u, parent.app(), before, after)
	}
	u.before = before
	if u.live != nil {
		u.before = u.live
	}
	switch {
	case after == nil:
		u.respecified = true
	case before != nil && reflect.DeepEqual(before.Spec, after.Spec):
		u.after = u.before
	default:
		u.respecified = true
		w.judge(ctx, &u, parent.app(), after, nil)
	}
	return u
}

// claims says whether a live application is one that the parent may speak of: it rendered it, or the application has a source in
// this repository, or the base declares it with the project and the sources that it has. Anybody can write down a name; what stands
// behind one that is somebody else's, another repository and what is live of it, is not for this pull request to show.
func (w *walk) claims(parent, base, live *argo.Application) bool {
	if owner, tracked := parentOf(live); tracked {
		return owner == w.p.Instance(parent) || w.moves(live)
	}
	if w.moves(live) || live.Labels[compare.InstanceLabel] == w.p.Instance(parent) {
		return true
	}
	return base != nil && base.Spec.ProjectName() == live.Spec.ProjectName() && names(base, live)
}

// names says whether all sources of b are of repositories and charts that a has a source of.
func names(a, b *argo.Application) bool {
	known := map[string]bool{}
	for _, src := range a.Spec.SourceList() {
		known[sourceKey(src)] = true
	}
	return !slices.ContainsFunc(b.Spec.SourceList(), func(src argo.ApplicationSource) bool { return !known[sourceKey(src)] })
}

// taken is a declared application whose name is somebody else's. Where the head is what declares it, that is said; nothing of it is
// rendered or read.
func (w *walk) taken(u unit, parent, before, after *argo.Application) unit {
	u.live = nil
	if after == nil || before != nil && reflect.DeepEqual(before.Spec, after.Spec) {
		return u // neither side: it is left out
	}
	u.respecified = true
	u.after = after.DeepCopy()
	u.after.Spec.Project = parent.Spec.Project
	u.after.Spec.Destination = parent.Spec.Destination
	keep(u.after, parent)
	u.fault = &object.Fault{Message: "an Application of this name exists, and is not one that " + parent.Name + " declares",
		Hint: "give it another name, or have those whose it is hand it over first"}
	return u
}

// moves says whether the change reaches any source of the application.
func (w *walk) moves(app *argo.Application) bool {
	if app == nil {
		return false
	}
	for _, src := range app.Spec.SourceList() {
		if src.Chart == "" && w.in.Scope.Same(src.RepoURL) {
			return true
		}
	}
	return false
}

// declared are the Applications among rendered objects. One that does not decode is left to the API server to refuse.
func declared(s *object.Set) map[key]*argo.Application {
	apps := map[key]*argo.Application{}
	for _, o := range s.All() {
		if !isApplication(o.ID()) {
			continue
		}
		app := new(argo.Application)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Unstructured.Object, app); err == nil && app.Name != "" {
			apps[keyOf(app)] = app
		}
	}
	return apps
}

// parentOf is the application that renders this one, by its tracking annotation.
func parentOf(app *argo.Application) (string, bool) { return ownerOf("Application", app.ObjectMeta) }

// inCluster says whether a destination is the control plane's own cluster.
func inCluster(d argo.ApplicationDestination) bool {
	return d.Name == "in-cluster" || strings.TrimSuffix(d.Server, "/") == "https://kubernetes.default.svc"
}

func clusterName(d argo.ApplicationDestination) string {
	if d.Name != "" {
		return d.Name
	}
	if inCluster(d) {
		return "in-cluster"
	}
	return strings.TrimPrefix(strings.TrimPrefix(d.Server, "https://"), "http://")
}

// sourceKey names what a source fetches, and whether credentials go to other hosts for it, for telling whether the base names it already.
func sourceKey(s argo.ApplicationSource) string {
	return fmt.Sprintf("%q %q %t", s.RepoURL, s.Chart, passesCredentials(s))
}

func passesCredentials(s argo.ApplicationSource) bool { return s.Helm != nil && s.Helm.PassCredentials }
