package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// pullKey is what AnnotationPullRequest says of an application that was made of this pull request.
func pullKey(p *slipway.PullRequest) string {
	return fmt.Sprintf("%s/%s#%d", p.Spec.Host, p.Spec.Repository.FullName(), p.Spec.Number)
}

// isOf says whether an application was made of a pull request.
func isOf(app client.Object, p *slipway.PullRequest) bool {
	made := app.GetAnnotations()[slipway.AnnotationPullRequest]
	return made != "" && strings.EqualFold(made, pullKey(p))
}

// observe reads how far the environment is from its applications.
func (v *visit) observe(ctx context.Context, e *slipway.PreviewEnvironment) error {
	list := &argo.ApplicationList{}
	if err := v.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing the environment's applications: %w", err)
	}
	var apps []*argo.Application
	for i := range list.Items {
		if isOf(&list.Items[i], v.res) {
			apps = append(apps, &list.Items[i])
		}
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
	e.Phase, e.Reason = v.progressOf(ctx, e, apps)
	if e.Phase != slipway.PreviewReady {
		v.again(soon)
	}
	behind := func(app *argo.Application) bool { return app.Annotations[slipway.AnnotationPullRequestHead] != e.SHA }
	if e.Phase == slipway.PreviewDeploying && (len(apps) == 0 || slices.ContainsFunc(apps, behind)) {
		return v.askSets(ctx) // a set that was just answering another question takes that for this one
	}
	return nil
}

// progressOf is the phase of an environment that is to be there.
func (v *visit) progressOf(ctx context.Context, e *slipway.PreviewEnvironment, apps []*argo.Application) (slipway.PreviewPhase, string) {
	if len(apps) == 0 {
		return slipway.PreviewDeploying, v.refusalOf(ctx)
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
		return slipway.PreviewDeploying, at("is being synced")
	}
	switch h := app.Status.Health; h.Status {
	case argo.HealthStatusHealthy, argo.HealthStatusSuspended:
		return slipway.PreviewReady, ""
	case argo.HealthStatusDegraded:
		lines := v.diagnose(ctx, app)
		return slipway.PreviewFailed, at(strings.Join(append([]string{"Degraded"}, lines[:min(len(lines), 3)]...), "; "))
	default:
		return slipway.PreviewDeploying, at(strings.TrimSpace(string(h.Status) + " " + clip(h.Message, 200)))
	}
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
	return "the ApplicationSet was asked"
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
		v.again(soon)
		return v.askSets(ctx)
	}
	left := slices.Clone(e.Namespaces)
	if v.Exists != nil {
		for _, where := range e.Namespaces {
			there, err := v.Exists(ctx, destination(where))
			if err != nil {
				v.log.Warn("whether a namespace is gone cannot be told", "namespace", where, "error", err)
				v.again(queueSpacing)
				return nil
			}
			if !there {
				left = slices.DeleteFunc(left, func(l string) bool { return l == where })
			}
		}
		e.Namespaces = left
	}
	if v.Exists != nil && len(left) > 0 {
		e.Reason = "the namespace " + strings.Join(left, ", ") + " is still there"
		v.again(soon)
		return nil
	}
	e.Phase, e.Reason, e.Namespaces = slipway.PreviewGone, "", nil
	if err := v.Mirrors.Mirror(v.repo.CloneURL).Release(ctx, v.keptAs()); err != nil {
		v.log.Warn("a commit that was kept cannot be let go", "error", err)
	}
	v.log.Info("an environment is gone")
	return nil
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
