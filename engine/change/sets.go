package change

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/object"
)

// generated is an ApplicationSet with its specification before and after the merge; either may be missing.
type generated struct {
	before, after *argo.ApplicationSet
	// parent is the application that declares it; nil for one of the cluster that none of the change's does.
	parent *argo.Application
	depth  int
}

// set is the side that names it.
func (g generated) set() *argo.ApplicationSet {
	if g.before != nil {
		return g.before
	}
	return g.after
}

func (g generated) name() string { return "ApplicationSet " + g.set().Name }

func keyOfSet(s *argo.ApplicationSet) key { return key{s.Namespace, s.Name} }

// rootSets are the applications of the cluster's sets that read the repository and that no candidate is known to declare.
func (w *walk) rootSets(ctx context.Context, declares func(instance string) bool) []unit {
	if w.in.Proposed != nil {
		return nil
	}
	var units []unit
	for _, set := range w.in.ApplicationSets {
		if owner, tracked := ownerOf("ApplicationSet", set.ObjectMeta); tracked && declares(owner) {
			continue
		}
		units = append(units, w.unfold(ctx, generated{before: set, after: set})...)
	}
	return units
}

// childSets are the applications of the sets that an application declares, before and after the merge.
func (w *walk) childSets(ctx context.Context, o outcome) []unit {
	before, after := declaredSets(o.beforeTarget.Objects), declaredSets(o.afterTarget.Objects)
	if o.afterTarget.Fault != nil {
		after = before // what cannot be rendered removes nothing
	}
	var units []unit
	for _, k := range sortedKeys(before, after) {
		g := generated{before: before[k], after: after[k], parent: o.app(), depth: o.depth + 1}
		if live := w.liveSet(k); live != nil {
			if !w.claimsSet(o.app(), before[k], live) {
				w.sets = append(w.sets, Set{Namespace: k.namespace, Name: k.name, Parent: o.app().Name,
					Note: "an ApplicationSet of this name exists, and is not one that " + o.app().Name + " declares"})
				continue // nothing of it is shown
			}
			if g.after != nil && g.before != nil && reflect.DeepEqual(g.before.Spec, g.after.Spec) {
				g.after = live
			}
			g.before = live
		} else if g.before != nil && g.after != nil && reflect.DeepEqual(g.before.Spec, g.after.Spec) {
			g.after = g.before
		}
		units = append(units, w.unfold(ctx, g)...)
	}
	return units
}

// claimsSet says whether a live set is one that the parent may speak of: it rendered it, or nobody is known to have and the base declares
// just this. Anybody can write down a name.
func (w *walk) claimsSet(parent *argo.Application, base, live *argo.ApplicationSet) bool {
	owner, tracked := ownerOf("ApplicationSet", live.ObjectMeta)
	if tracked || live.Labels[compare.InstanceLabel] != "" {
		return owner == w.p.Instance(parent) || live.Labels[compare.InstanceLabel] == w.p.Instance(parent)
	}
	return base != nil && reflect.DeepEqual(base.Spec, live.Spec)
}

func (w *walk) liveSet(k key) *argo.ApplicationSet {
	for _, set := range w.in.ApplicationSets {
		if keyOfSet(set) == k && w.in.Proposed == nil {
			return set
		}
	}
	return nil
}

// unfold pairs the applications that a set generates from the two trees. One of which either side cannot be generated changes nothing
// that could be shown, and is named; an error never removes an application.
func (w *walk) unfold(ctx context.Context, g generated) []unit {
	k := keyOfSet(g.set())
	if w.unfolded[k] || g.before == g.after && !w.reads(g.set()) {
		return nil
	}
	w.unfolded[k] = true
	at := lookAt{now: time.Now(), known: w.known(g), opened: named(g.before)}
	before, broken := w.generate(ctx, g, g.before, at.base(w.in.BaseTree))
	after, err := w.generate(ctx, g, g.after, at.merged(w.in.MergedTree))
	if err != nil || broken != nil && !isFault(broken) {
		w.sets = append(w.sets, unknownSet(g, broken, err))
		return nil
	}
	obey(g.after, before, after)
	var units []unit
	for _, k := range sortedKeys(before, after) {
		if u := w.made(ctx, g, k, before, after); u.respecified || w.follows(u.after) {
			units = append(units, u)
		}
	}
	return units
}

func isFault(err error) bool {
	_, ok := object.AsFault(err)
	return ok
}

// unknownSet says why a set is not looked into. A mistake that stood in the base already is not this change's.
func unknownSet(g generated, before, after error) Set {
	s := Set{Namespace: g.set().Namespace, Name: g.set().Name, Parent: name(g.parent)}
	err := cmp.Or(after, before)
	fault, ok := object.AsFault(err)
	if ok && (before == nil || before.Error() != err.Error()) {
		s.Fault = fault
		return s
	}
	if before != nil && !isFault(before) {
		err = before // the head's is no news
	}
	s.Note = err.Error()
	return s
}

func name(app *argo.Application) string {
	if app == nil {
		return ""
	}
	return app.Name
}

// obey keeps what the set's policy does not let it change or delete.
func obey(set *argo.ApplicationSet, before, after map[key]*argo.Application) {
	if set == nil || set.Spec.SyncPolicy == nil || set.Spec.SyncPolicy.ApplicationsSync == nil {
		return
	}
	policy := *set.Spec.SyncPolicy.ApplicationsSync
	for k, app := range before {
		if after[k] == nil && !policy.AllowDelete() || after[k] != nil && !policy.AllowUpdate() {
			after[k] = app
		}
	}
}

// made pairs the two specifications of one generated application. As with a declared one, what the base means is the cluster's word
// where it is there already.
func (w *walk) made(ctx context.Context, g generated, k key, before, after map[key]*argo.Application) unit {
	u := unit{parent: g.name(), verb: "generates", depth: g.depth, before: before[k], live: w.live[k]}
	head := after[k]
	authority, known := w.authority(g, before)
	if u.live != nil {
		if !ownedBySet(u.live, g.set()) && !w.unowned(u.live) {
			return w.taken(u, authority, before[k], head)
		}
		u.before = u.live
	}
	switch {
	case head == nil:
		u.respecified = true
	case before[k] != nil && reflect.DeepEqual(before[k].Spec, head.Spec):
		u.after = u.before
	case u.before == nil && authority.Spec.Project == "" && w.in.Project != nil:
		u.respecified, u.after = true, head.DeepCopy()
		keep(u.after, authority)
		u.unseen = "which project it belongs to is the pull request's word: what it brings is not shown before the merge"
	default:
		u.respecified = true
		w.judge(ctx, &u, authority, head, known)
	}
	return u
}

// unowned says whether a live application of the repository belongs to no parent and to no set: then a set may take it over.
func (w *walk) unowned(live *argo.Application) bool {
	_, tracked := parentOf(live)
	return !tracked && metav1.GetControllerOf(live) == nil && w.moves(live)
}

// authority speaks for what a set generates anew: the project, the environment and the sources that the base's template names without
// asking a file, or that all its applications agree on. Of a set that only the head has, its parent speaks.
func (w *walk) authority(g generated, siblings map[key]*argo.Application) (*argo.Application, []*argo.Application) {
	if g.before == nil && g.parent != nil {
		return g.parent, nil
	}
	known := slices.Collect(maps.Values(siblings))
	a := &argo.Application{ObjectMeta: metav1.ObjectMeta{Name: g.name(), Namespace: g.set().Namespace, Labels: map[string]string{}, Annotations: map[string]string{}},
		Spec: argo.ApplicationSpec{Destination: argo.ApplicationDestination{Name: "in-cluster"}}}
	if g.before == nil {
		return a, known
	}
	template := g.before.Spec.Template
	literal := func(s string) bool { return !strings.Contains(s, "{{") && g.before.Spec.TemplatePatch == nil }
	for _, m := range []struct{ from, to map[string]string }{{template.Labels, a.Labels}, {template.Annotations, a.Annotations}} {
		for key, v := range m.from {
			if literal(key) && literal(v) {
				m.to[key] = v
			}
		}
	}
	projects := map[string]bool{}
	for _, app := range known {
		projects[app.Spec.ProjectName()] = true
	}
	switch {
	case template.Spec.Project != "" && literal(template.Spec.Project) && !overridden(g.before):
		a.Spec.Project = template.Spec.Project
	case len(projects) == 1:
		a.Spec.Project = known[0].Spec.ProjectName()
	}
	return a, known
}

// overridden says whether a generator of the set has a template of its own.
func overridden(set *argo.ApplicationSet) bool {
	return len(valuesOf(generators(set), "template", 0)) > 0
}

// reads says whether a generator of the set lists the repository.
func (w *walk) reads(set *argo.ApplicationSet) bool { return SetReads(set, w.in.Scope.Same) }

// SetReads says whether a generator of a set lists a repository, or one that another generator names.
func SetReads(set *argo.ApplicationSet, same func(repoURL string) bool) bool {
	return slices.ContainsFunc(valuesOf(generators(set), "repoURL", 0), func(v any) bool {
		url, ok := v.(string)
		return ok && (same(url) || strings.Contains(url, "{{"))
	})
}

// generators are those of a set as plain values, for they nest in several types.
func generators(set *argo.ApplicationSet) (v any) {
	text, err := json.Marshal(set.Spec.Generators)
	if err != nil || json.Unmarshal(text, &v) != nil {
		return nil
	}
	return v
}

// declaredSets are the ApplicationSets among rendered objects. One that does not decode is left to the API server to refuse.
func declaredSets(s *object.Set) map[key]*argo.ApplicationSet {
	sets := map[key]*argo.ApplicationSet{}
	for _, o := range s.All() {
		if id := o.ID(); id.Group != argo.Group || id.Kind != "ApplicationSet" {
			continue
		}
		set := new(argo.ApplicationSet)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Unstructured.Object, set); err == nil && set.Name != "" {
			sets[keyOfSet(set)] = set
		}
	}
	return sets
}

// ownedBySet says whether a set made an application, as its owner reference says.
func ownedBySet(app *argo.Application, set *argo.ApplicationSet) bool {
	owner := metav1.GetControllerOf(app)
	return owner != nil && owner.Kind == "ApplicationSet" && owner.Name == set.Name && app.Namespace == set.Namespace
}

// ownerOf is the application that renders an object of argoproj.io, by its tracking annotation.
func ownerOf(kind string, meta metav1.ObjectMeta) (string, bool) {
	o := new(unstructured.Unstructured)
	o.SetAPIVersion(argo.SchemeGroupVersion.String())
	o.SetKind(kind)
	o.SetNamespace(meta.Namespace)
	o.SetName(meta.Name)
	o.SetAnnotations(meta.Annotations)
	return compare.TrackedBy(o)
}

func sortedKeys[V any](before, after map[key]V) []key {
	seen := map[key]bool{}
	for k := range before {
		seen[k] = true
	}
	for k := range after {
		seen[k] = true
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b key) int { return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name)) })
}

// maxNesting bounds how deep generators are looked through.
const maxNesting = 20

// valuesOf are the values under a key, at any depth.
func valuesOf(v any, key string, depth int) []any {
	if depth > maxNesting {
		return nil
	}
	var all []any
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			if k == key {
				all = append(all, item)
			}
			all = append(all, valuesOf(item, key, depth+1)...)
		}
	case []any:
		for _, item := range v {
			all = append(all, valuesOf(item, key, depth+1)...)
		}
	}
	return all
}
