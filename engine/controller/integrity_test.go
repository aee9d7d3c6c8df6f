package controller_test

import (
	"strings"
	"testing"

	argo "github.com/slipway-cd/slipway/engine/api/argo/v1alpha1"
)

// Nothing of an unsigned commit reaches the cluster where the project asks for signatures: it is not compared, not synced by itself, and
// not synced when somebody asks, at any revision.
func TestUnsignedCommitsAreNotDelivered(t *testing.T) {
	w := newWorld(t)
	w.project("signed", func(p *argo.AppProject) { p.Spec.SignatureKeys = []argo.SignatureKey{{KeyID: "4AEE18F83AFDEB23"}} })
	sha := w.commit(map[string]string{"app/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n"})
	w.application("app", "app", func(app *argo.Application) {
		app.Spec.Project = "signed"
		app.Spec.SyncPolicy = &argo.SyncPolicy{Automated: &argo.SyncPolicyAutomated{}}
	})
	w.start(options(), -1, false)
	const says = "unsigned (key_id=)"
	app := w.until("the condition", "app", hasCondition(argo.ApplicationConditionComparisonError, "GIT/GPG: Failed verifying revision "+sha))
	if app.Status.Sync.Status != argo.SyncStatusCodeUnknown || !hasCondition(argo.ApplicationConditionComparisonError, says)(app) {
		t.Errorf("status:\n%s", told(app))
	}
	for _, revision := range []string{"", "main", sha} {
		if phase, text := w.ends("app", argo.SyncOperation{Revision: revision}); phase != argo.OperationError || !strings.Contains(text, says) {
			t.Errorf("a sync to %q ended in %s: %s", revision, phase, text)
		}
	}
	if w.live("v1", "ConfigMap", "m") != nil {
		t.Error("it was delivered")
	}
}
