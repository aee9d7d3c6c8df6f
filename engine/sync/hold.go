package sync

import (
	"fmt"
	"slices"
	"strings"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
	slipway "github.com/slipway-cd/slipway/engine/api/slipway/v1alpha1"
)

// HeldSources are the sources of a held application: those of the newest entry of its history with the hold's revisions, else the
// specification's, at these revisions. The error tells a person what is wrong with the annotation.
func HeldSources(app *argo.Application, h slipway.Hold) ([]argo.ApplicationSource, error) {
	sources := slices.Clone(app.Spec.SourceList())
	if len(sources) != len(h.Revisions) {
		return nil, fmt.Errorf("annotation %s names %d revisions where the application's sources are %d: name one for each, separated by commas",
			slipway.HoldAnnotation, len(h.Revisions), len(sources))
	}
	at := h.Revisions
	for _, entry := range slices.Backward(app.Status.History) {
		of := entry.Sources
		if len(of) == 0 {
			of = argo.ApplicationSources{entry.Source}
		}
		if len(of) == len(sources) && slices.EqualFunc(entry.RevisionList(), h.Revisions, abbreviates) {
			sources, at = slices.Clone([]argo.ApplicationSource(of)), entry.RevisionList()
			break
		}
	}
	for i := range sources {
		sources[i].TargetRevision, sources[i].TagPrefix = at[i], ""
	}
	return sources, nil
}

// abbreviates reports whether short is a revision or the beginning of a commit's name.
func abbreviates(revision, short string) bool {
	return revision == short || len(revision) >= 40 && len(short) >= 7 && strings.HasPrefix(revision, short)
}

// HoldOfRequest is the hold that the request of app.Operation brings with it: by whoever has an application with automated sync go back to
// a revision of its history, or to another one while it is held. Without the hold automated sync would undo at once what was asked for.
// Requests that say by their Info that they are ours bring theirs themselves.
func HoldOfRequest(app *argo.Application) (h slipway.Hold, holds bool) {
	op := app.Operation
	if op == nil || op.Sync == nil || op.InitiatedBy.Automated || op.Sync.DryRun || len(op.Sync.Resources) > 0 || len(op.Sync.Manifests) > 0 ||
		!app.Spec.SyncPolicy.IsAutomated() || slices.ContainsFunc(op.Info, func(i argo.Info) bool { return strings.HasPrefix(i.Name, "slipway.dev/") }) {
		return h, false
	}
	to := op.Sync.RevisionList()
	before, held := slipway.HoldOf(app.Annotations)
	known := held || slices.ContainsFunc(app.Status.History, func(e argo.RevisionHistory) bool { return slices.Equal(e.RevisionList(), to) })
	if len(to) == 0 || len(to) != len(app.Spec.SourceList()) || !known || slices.Equal(to, before.Revisions) ||
		!held && slices.Equal(to, app.Status.Sync.RevisionList()) {
		return h, false
	}
	return slipway.Hold{Revisions: to, By: op.InitiatedBy.Username, Reason: "rolled back"}, true
}
