package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/forge"
)

// pullKey is what AnnotationPullRequest says of an application that was made of this pull request.
func pullKey(p *slipway.PullRequest) string {
	return fmt.Sprintf("%s/%s#%d", p.Spec.Host, p.Spec.Repository.FullName(), p.Spec.Number)
}

// isOf says whether an application was made of a pull request.
func isOf(app client.Object, p *slipway.PullRequest) bool {
	made := app.GetAnnotations()[slipway.AnnotationPullRequest]
	if made == "" {
		return false
	}
	numbered := fmt.Sprintf("%s/%d#%d", p.Spec.Host, p.Spec.Repository.ID, p.Spec.Number) // GitLab's projects are named so as well
	return strings.EqualFold(made, pullKey(p)) || strings.EqualFold(made, numbered)
}

// applicationsOf are those of the environment. They are the cache's.
func (v *visit) applicationsOf(ctx context.Context) ([]*argo.Application, error) {
	list := &argo.ApplicationList{}
	if err := v.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the environment's applications: %w", err)
	}
	var apps []*argo.Application
	for i := range list.Items {
		if isOf(&list.Items[i], v.res) {
			apps = append(apps, &list.Items[i])
		}
	}
	return apps, nil
}

// observe reads how far the environment is from its applications.
func (v *visit) observe(ctx context.Context, e *slipway.PreviewEnvironment) error {
	apps, err := v.applicationsOf(ctx)
	if err != nil {
		return err
	}
	switch {
	case !e.Wanted():
		return v.ending(ctx, e, apps)
	case e.SHA == "":
		return nil // it is not its turn, or waits
	}
	e.Applications, e.URLs = nil, nil
	for _, app := range apps {
		e.Applications = append(e.Applications, app.Namespace+"/"+app.Name)
		if where := app.Spec.Destination.String(); slipway.IsPreview(app.Annotations) && !slices.Contains(e.Namespaces, where) {
			e.Namespaces = append(e.Namespaces, where)
		}
		for _, u := range app.Status.Summary.ExternalURLs {
			if !slices.Contains(e.URLs, u) {
				e.URLs = append(e.URLs, u)
			}
		}
	}
	was := e.Phase
	e.Phase, e.Reason = v.progressOf(ctx, e, apps)
	if was == slipway.PreviewReady && e.Phase != was {
		e.Began = new(metav1.NewTime(v.Now())) // what was ready has its time anew
	}
	if e.Phase == slipway.PreviewDeploying && v.lasting(e) > v.Follow {
		e.Phase, e.Reason = slipway.PreviewFailed, fmt.Sprintf("not ready after %s; %s", v.Follow, e.Reason)
	}
	if e.Phase != slipway.PreviewReady {
		v.again(v.pace(e))
	}
	behind := func(app *argo.Application) bool { return app.Annotations[slipway.AnnotationPullRequestHead] != e.SHA }
	if e.Phase != slipway.PreviewReady && (len(apps) == 0 || slices.ContainsFunc(apps, behind)) {
		return v.remindSets(ctx, e)
	}
	return nil
}

// remindSets asks the sets again: one that was just answering another question takes that for this one. The longer it takes the less often,
// as each lists the pull requests.
func (v *visit) remindSets(ctx context.Context, e *slipway.PreviewEnvironment) error {
	if v.memory.mayEdit(edit{comment: "sets of " + v.res.Name}, v.Now(), max(soon/5, v.lasting(e)/4)) > 0 {
		return nil
	}
	return v.askSets(ctx)
}

// lasting is how long ago it began to come up, or to go.
func (v *visit) lasting(e *slipway.PreviewEnvironment) time.Duration {
	if e.Began == nil {
		return 0
	}
	return v.Now().Sub(e.Began.Time)
}

// pace is the time to the next look at what no event tells of: what has just begun is looked at often, what takes long seldom.
func (v *visit) pace(e *slipway.PreviewEnvironment) time.Duration {
	switch lasting := v.lasting(e); {
	case lasting < time.Minute:
		return soon / 5
	case lasting < v.Follow:
		return soon
	}
	return queueSpacing
}

// progressOf is the phase of an environment that is to be there.
func (v *visit) progressOf(ctx context.Context, e *slipway.PreviewEnvironment, apps []*argo.Application) (slipway.PreviewPhase, string) {
	if len(apps) == 0 {
		refusal := v.refusalOf(ctx)
		switch {
		case refusal == "":
			return slipway.PreviewDeploying, "the ApplicationSet was asked"
		case v.lasting(e) < patience: // it may be of before it was asked
			return slipway.PreviewDeploying, refusal
		}
		return slipway.PreviewFailed, refusal
	}
	phase, reason := slipway.PreviewReady, ""
	for _, app := range apps {
		p, why := v.progressOfOne(ctx, e, app)
		if rank(p) > rank(phase) {
			phase, reason = p, why
		}
	}
	if phase != slipway.PreviewReady {
		return phase, reason
	}
	return v.probed(ctx, e, apps)
}

func rank(p slipway.PreviewPhase) int {
	return slices.Index([]slipway.PreviewPhase{slipway.PreviewReady, slipway.PreviewDeploying, slipway.PreviewFailed}, p)
}

func (v *visit) progressOfOne(ctx context.Context, e *slipway.PreviewEnvironment, app *argo.Application) (slipway.PreviewPhase, string) {
	at := func(text string) string { return app.Name + ": " + text }
	if app.Annotations[slipway.AnnotationPullRequestHead] != e.SHA || !comparedAsItIs(app) {
		return slipway.PreviewDeploying, at("is not at " + short(e.SHA) + " yet")
	}
	for _, c := range app.Status.Conditions {
		if strings.HasSuffix(c.Type, "Error") {
			return slipway.PreviewFailed, at(clip(c.Message, 400))
		}
	}
	if s := app.Status.OperationState; s != nil && s.Phase.Completed() && !s.Phase.Successful() && app.Operation == nil && app.Status.Sync.Status != argo.SyncStatusCodeSynced {
		return slipway.PreviewFailed, at("the sync failed: " + clip(s.Message, 400))
	}
	if app.Status.Sync.Status != argo.SyncStatusCodeSynced {
		if !app.Spec.SyncPolicy.IsAutomated() {
			return slipway.PreviewDeploying, at("is not synced, and is not automated: the set's template has no syncPolicy.automated")
		}
		return slipway.PreviewDeploying, at(v.syncingOf(ctx, e, app))
	}
	h := app.Status.Health
	if h.Status == argo.HealthStatusHealthy || h.Status == argo.HealthStatusSuspended {
		return slipway.PreviewReady, ""
	}
	how := []string{strings.TrimSpace(string(h.Status) + " " + clip(h.Message, 200))}
	if v.lasting(e) >= patience { // before, nothing can be said to be wrong
		lines := v.diagnose(ctx, app)
		how = append(how, lines[:min(len(lines), 3)]...)
	}
	fresh := app.Status.OperationState != nil && app.Status.OperationState.FinishedAt != nil && v.Now().Sub(app.Status.OperationState.FinishedAt.Time) < patience
	if h.Status == argo.HealthStatusDegraded && !fresh {
		return slipway.PreviewFailed, at(strings.Join(how, "; "))
	}
	return slipway.PreviewDeploying, at(strings.Join(how, "; "))
}

// syncingOf says how far the sync of an application is: what it waits for, and, when that takes its time, what is wrong with it.
func (v *visit) syncingOf(ctx context.Context, e *slipway.PreviewEnvironment, app *argo.Application) string {
	s := app.Status.OperationState
	if s == nil || s.Phase.Completed() || s.Message == "" {
		return "is being synced"
	}
	how := []string{"is being synced: " + clip(s.Message, 300)}
	if v.lasting(e) >= patience && s.SyncResult != nil {
		var hooks []object.ID
		for _, r := range s.SyncResult.Resources {
			if r.HookPhase == argo.OperationRunning {
				hooks = append(hooks, object.ID{Group: r.Group, Kind: r.Kind, Namespace: r.Namespace, Name: r.Name})
			}
		}
		lines := append(v.diagnoseOf(ctx, app, hooks), v.diagnose(ctx, app)...)
		how = append(how, lines[:min(len(lines), 3)]...)
	}
	return strings.Join(how, "; ")
}

// comparedAsItIs says whether the state of an application is that of its specification as it stands.
func comparedAsItIs(app *argo.Application) bool {
	c := app.Status.Sync.ComparedTo
	if app.Spec.Source != nil {
		return equality.Semantic.DeepEqual(c.Source, *app.Spec.Source)
	}
	return equality.Semantic.DeepEqual(c.Sources, app.Spec.Sources)
}

// probed asks the environment's addresses whether they answer.
func (v *visit) probed(ctx context.Context, e *slipway.PreviewEnvironment, apps []*argo.Application) (slipway.PreviewPhase, string) {
	before := v.saved.Status.Environment
	answered := before != nil && before.Phase == slipway.PreviewReady && before.SHA == e.SHA && slices.Equal(before.URLs, e.URLs)
	if v.Addresses == nil || answered {
		return slipway.PreviewReady, ""
	}
	path := ""
	for _, app := range apps {
		if p := app.Annotations[slipway.AnnotationPreviewProbe]; strings.HasPrefix(p, "/") {
			path = p
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for _, u := range e.URLs[:min(len(e.URLs), 5)] {
		if path != "" {
			u = strings.TrimSuffix(u, "/") + path
		}
		if err := v.Addresses.Answers(ctx, u, path != ""); err != nil {
			return slipway.PreviewDeploying, "everything is healthy, but " + u + " does not answer yet: " + clip(err.Error(), 200)
		}
	}
	return slipway.PreviewReady, ""
}

// refusalOf says why a set makes no application of the pull request, as far as it says so.
func (v *visit) refusalOf(ctx context.Context) string {
	makers, err := v.makers(ctx)
	if err != nil {
		return ""
	}
	for _, m := range makers {
		set := &argo.ApplicationSet{}
		if err := v.Client.Get(ctx, m.set, set); err != nil {
			continue
		}
		for _, c := range set.Status.Conditions {
			if string(c.Type) == "ErrorOccurred" && string(c.Status) == "True" {
				return "the ApplicationSet " + set.Name + " says: " + clip(c.Message, 400)
			}
		}
	}
	return ""
}

// ending waits until nothing of the environment is left, and sees for itself that its namespaces are gone.
func (v *visit) ending(ctx context.Context, e *slipway.PreviewEnvironment, apps []*argo.Application) error {
	if e.Phase.Over() {
		return nil
	}
	e.Applications, e.URLs = nil, nil
	for _, app := range apps {
		e.Applications = append(e.Applications, app.Namespace+"/"+app.Name)
	}
	if len(apps) > 0 {
		v.again(v.pace(e))
		if slices.ContainsFunc(apps, func(app *argo.Application) bool { return app.DeletionTimestamp == nil }) {
			if err := v.remindSets(ctx, e); err != nil {
				return err
			}
		}
	}
	leaves, err := v.leaving(ctx, e, apps)
	if err != nil {
		v.log.Warn("whether an environment is gone cannot be told", "error", err)
		v.again(queueSpacing)
		return nil
	}
	if len(apps) > 0 || leaves != "" {
		if e.Waits = ""; v.lasting(e) > usualEnd { // so long as all goes well, the reason for the end says enough
			e.Waits = leaves
		}
		if leaves == "" && v.lasting(e) > 2*usualEnd { // two listings without it would have been made by now
			e.Waits = cmp.Or(v.refusalOf(ctx), apps[0].Name+" is still there: its ApplicationSet has not deleted it")
		}
		v.again(v.pace(e))
		return nil
	}
	e.Phase, e.Waits, e.Namespaces = slipway.PreviewGone, stays(e.Namespaces), nil
	if v.pull.State != forge.Open {
		e.Reason = "" // everybody sees that
	}
	if err := v.Mirrors.Mirror(v.repo.CloneURL).Release(ctx, v.keptAs()); err != nil {
		v.log.Warn("a commit that was kept cannot be let go", "error", err)
	}
	v.log.Info("an environment is gone")
	return nil
}

// usualEnd is how long Kubernetes may take to delete a namespace without anybody asking why.
const usualEnd = 20 * time.Second

// stays says of namespaces that are there and do not go that they do not.
func stays(namespaces []string) string {
	if len(namespaces) == 0 {
		return ""
	}
	return "the namespace " + strings.Join(namespaces, ", ") + " stays: it was not made for the preview, or something in it is not the preview's"
}

// leaving says what of an environment is on its way out, with what holds it up, or "" when nothing is. The environment's namespaces are then
// those that are there to stay.
func (v *visit) leaving(ctx context.Context, e *slipway.PreviewEnvironment, apps []*argo.Application) (string, error) {
	for _, app := range apps {
		if app.DeletionTimestamp == nil {
			continue
		}
		for _, c := range app.Status.Conditions {
			if c.Type == argo.ApplicationConditionDeletionError {
				return clip(app.Name+" cannot be deleted: "+c.Message, 400), nil
			}
		}
		return app.Name + " is being deleted", nil
	}
	if v.Exists == nil {
		e.Namespaces = nil
		return "", nil
	}
	var there []string
	for _, where := range e.Namespaces {
		ns, err := v.Exists(ctx, destination(where))
		switch {
		case err != nil:
			return "", fmt.Errorf("looking for the namespace %s: %w", where, err)
		case ns.Leaving && ns.Why != "":
			return clip("the namespace "+where+" is still there: "+ns.Why, 400), nil
		case ns.Leaving:
			return "the namespace " + where + " is being deleted", nil
		case ns.There:
			there = append(there, where)
		}
	}
	e.Namespaces = there
	return "", nil
}

// destination reads what ApplicationDestination.String writes of one with a namespace.
func destination(where string) argo.ApplicationDestination {
	i := strings.LastIndex(where, "/")
	cluster, namespace := where[:max(i, 0)], where[i+1:]
	if strings.Contains(cluster, "://") {
		return argo.ApplicationDestination{Server: cluster, Namespace: namespace}
	}
	return argo.ApplicationDestination{Name: cluster, Namespace: namespace}
}
