package change

import (
	"context"
	"fmt"
	"slices"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
)

// judge fills in the head's specification of u. It stands only in a pull request, so it decides nothing about itself: project,
// environment and Slipway's own keys stay those of the cluster or the base (a new application has its parent's), its destination
// must be permitted there, and it may name no other repository than the base does, for it or for the known applications.
func (w *walk) judge(ctx context.Context, u *unit, parent, head *argo.Application, known []*argo.Application) {
	after := head.DeepCopy()
	authority := u.before
	if authority == nil {
		authority = parent
	} else {
		u.notes = append(u.notes, moved(u.before.Spec.Destination, head.Spec.Destination)...)
		known = append(slices.Clone(known), u.before)
	}
	if got, want := after.Spec.ProjectName(), authority.Spec.ProjectName(); got != want {
		u.notes = append(u.notes, fmt.Sprintf("the project becomes %s; until the merge it is judged as %s", got, want))
		after.Spec.Project = want
	}
	keep(after, authority)
	u.after = after
	if w.in.Project == nil {
		u.after = head // a laptop judges nothing
		return
	}
	if message := w.forbidden(ctx, after); message != "" {
		u.fault = &object.Fault{Message: message, Hint: "an administrator can permit it in the AppProject " + after.Spec.ProjectName()}
		return
	}
	u.unseen = w.unknownSource(known, after)
}

// moved says what becomes of what an application has deployed when it goes to another cluster: nothing, as in Argo CD.
func moved(from, to argo.ApplicationDestination) []string {
	if !elsewhere(from, to) {
		return nil
	}
	return []string{fmt.Sprintf("it moves from cluster %s to %s: what it has deployed in %s stays there, and nobody looks after it any more",
		clusterName(from), clusterName(to), clusterName(from))}
}

// elsewhere says whether two destinations name different clusters.
func elsewhere(a, b argo.ApplicationDestination) bool { return clusterName(a) != clusterName(b) }

// forbidden says in words what the project does not permit of the head's specification, or "".
func (w *walk) forbidden(ctx context.Context, after *argo.Application) string {
	name := after.Spec.ProjectName()
	proj, ok := w.in.Project(name)
	if !ok {
		return fmt.Sprintf("the AppProject %s does not exist", name)
	}
	dest, err := w.p.cluster(ctx, after.Spec.Destination)
	if err != nil {
		return err.Error()
	}
	var reasons []string
	for _, v := range w.p.rules(proj).CheckIn(after, known(after.Spec.Destination, dest)) {
		reasons = append(reasons, v.Message)
	}
	return strings.Join(reasons, "; ")
}

// unknownSource says which source of the head is another repository that the base does not name, or "". The project permits it, but
// it is only the pull request's word that it belongs here: it is not fetched with our credentials before someone has merged that.
func (w *walk) unknownSource(apps []*argo.Application, after *argo.Application) string {
	known := map[string]bool{}
	for _, app := range apps {
		for _, src := range app.Spec.SourceList() {
			known[sourceKey(src)] = true
		}
	}
	for _, src := range after.Spec.SourceList() {
		if (src.Chart != "" || !w.in.Scope.Same(src.RepoURL)) && !known[sourceKey(src)] {
			what := src.RepoURL
			if src.Chart != "" {
				what = "chart " + src.Chart + " of " + src.RepoURL
			}
			return fmt.Sprintf("its source becomes %s, which the base does not name: what that brings is not shown before the merge", what)
		}
	}
	return ""
}

// keep puts the authority's environment and Slipway keys in the place of the head's.
func keep(after, authority *argo.Application) {
	after.Labels = kept(after.Labels, authority.Labels)
	after.Annotations = kept(after.Annotations, authority.Annotations)
}

func kept(head, authority map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range head {
		if !reserved(k) {
			out[k] = v
		}
	}
	for k, v := range authority {
		if reserved(k) {
			out[k] = v
		}
	}
	return out
}

func reserved(k string) bool { return k == "environment" || strings.HasPrefix(k, "slipway.dev/") }
