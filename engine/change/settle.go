package change

import (
	"context"
	"errors"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	"github.com/slipway-cd/slipway/engine/cluster"
	"github.com/slipway-cd/slipway/engine/compare"
	"github.com/slipway-cd/slipway/engine/health"
	"github.com/slipway-cd/slipway/engine/object"
	"github.com/slipway-cd/slipway/engine/project"
)

// view is what is known of an application's live objects.
type view struct {
	dest   Cluster
	opts   compare.Options
	synced *compare.Memo
	health *health.Rules
	// clientSide says that the application's objects are applied client-side unless they say otherwise.
	clientSide bool
	// account is whose dry runs are asked for, or noAccount says why there are none.
	account   string
	noAccount error
	live      map[object.ID]*unstructured.Unstructured
	// unreadable says why some kinds could not be read; nil when all could.
	unreadable *cluster.UnreadableError
}

// look reads what is live of an application: the wanted objects, and what it tracks of their kinds and of those it had before.
func (p *Pipeline) look(ctx context.Context, dest Cluster, app *argo.Application, want, hint []object.ID) (view, error) {
	live, err := dest.Live(ctx, p.Instance(app), want, hint)
	v := view{dest: dest, live: live, synced: &p.synced, health: p.deps.Health(), clientSide: app.Spec.SyncPolicy.Options().Has("ServerSideApply=false")}
	if err != nil && !errors.As(err, &v.unreadable) {
		return v, err
	}
	// Live has loaded the schemas of these kinds.
	v.opts = p.deps.Compare().Choose(app.Annotations)
	v.opts.Schema, v.opts.Ignore = dest.Schema(), slices.Concat(p.deps.Ignore(), app.Spec.IgnoreDifferences)
	return v, nil
}

// actFor has dry runs made as the account as which an application of the project is synced.
func (v *view) actFor(rules project.Permits, app *argo.Application, i project.Impersonation) {
	v.account, v.noAccount = rules.ActAs(app, v.dest.Server(), i)
}

// options are those that one object is compared with.
func (v view) options(desired *unstructured.Unstructured) compare.Options {
	o := v.opts.Choose(desired.GetAnnotations())
	const annotation = "argocd.argoproj.io/sync-options"
	o.ClientSide = (v.clientSide || hasOption(desired, annotation, "ServerSideApply=false")) && !hasOption(desired, annotation, "ServerSideApply=true")
	return o
}

// settle compares a desired object with the live one. The local prediction is believed when it says Synced; when it says OutOfSync the
// API server is asked by a dry run, which knows its defaults and webhooks; other ways of comparing ask always or never. Whatever stands in the way makes this object Unknown.
func (v view) settle(ctx context.Context, desired, live *unstructured.Unstructured) compare.Sync {
	id := object.IDOf(desired)
	if v.unreadable != nil {
		if err := v.unreadable.Kinds[id.GroupKind()]; err != nil && live == nil {
			return unknown(err)
		}
	}
	if live != nil && live.GetAPIVersion() != desired.GetAPIVersion() {
		read, err := v.dest.ReadAs(ctx, id, desired.GroupVersionKind().Version)
		switch {
		case apierrors.IsNotFound(err):
			read = nil
		case err != nil:
			return unknown(err)
		}
		live = read
	}
	o := v.options(desired)
	s, err := v.synced.Drift(id, desired, live, o)
	if err != nil {
		return unknown(err)
	}
	if live == nil || !o.Asks(s) {
		return s
	}
	if v.noAccount != nil {
		s.Reason = v.noAccount.Error()
		return s
	}
	answer, err := v.dest.Predict(ctx, desired, live, v.account)
	switch {
	case err != nil && ctx.Err() != nil:
		return unknown(err)
	case err != nil:
		s.Reason = err.Error() // the server would refuse it; that it differs stands
	case answer != nil:
		s = compare.Answered(id, answer, live, o)
		if s.Status == compare.Synced && o.Strategy == compare.Confirmed {
			v.synced.Settled(desired, live, o)
		}
	}
	return s
}

func unknown(err error) compare.Sync {
	return compare.Sync{Status: compare.Unknown, Reason: err.Error()}
}
